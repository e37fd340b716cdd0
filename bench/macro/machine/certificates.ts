/** The certificates of every peer that speaks TLS: made anew for each benchmark, the same for all. */

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { issue, type Issued } from "#tls/certificates.fixture.ts";

/** A certificate in two files. */
export interface CertificateFiles {
  /** The name that it is made out to. */
  readonly name: string;
  /** PEM of the certificate and its issuer. */
  readonly chain: string;
  /** PEM of its key, named like {@link chain} with `.key` behind it: HAProxy looks there. */
  readonly key: string;
}

/** What a peer speaks TLS with. */
export interface TlsFiles {
  /** PEM of the root, for clients. */
  readonly ca: string;
  /** The first is made out to {@link SERVER_NAME}. */
  readonly certificates: readonly CertificateFiles[];
}

/** Gives so many certificates, one at least. */
export type CertificateLibrary = (count: number) => TlsFiles;

/** Whom clients ask for. It has to lead to 127.0.0.1, since wrk and ab take name and address from the URL. */
export const SERVER_NAME = "localhost";

/** A library whose files lie in `folder`. Keys are ECDSA P-256, and leaves come with an intermediate, as from public authorities. */
export function certificateLibrary(folder: string): CertificateLibrary {
  const made: CertificateFiles[] = [];
  let authorities: { readonly root: Issued; readonly intermediate: Issued } | undefined;
  return (count) => {
    authorities ??= makeAuthorities();
    const { root, intermediate } = authorities;
    while (made.length < count) made.push(write(folder, made.length, intermediate));
    return { ca: root.pem, certificates: made.slice(0, count) };
  };
}

function makeAuthorities(): { readonly root: Issued; readonly intermediate: Issued } {
  const root = issue({ by: null, commonName: "Bench Root", authority: true });
  const by = { commonName: "Bench Intermediate", authority: true };
  return { root, intermediate: issue({ ...by, by: root }) };
}

function write(folder: string, index: number, by: Issued): CertificateFiles {
  const name = index === 0 ? SERVER_NAME : `site-${index}.bench.example`;
  const { pem, key: keyText } = issue({ by, commonName: name, names: [name] });
  const chain = join(folder, `${name}.pem`);
  const key = `${chain}.key`;
  writeFileSync(chain, pem + by.pem);
  writeFileSync(key, keyText, { mode: 0o600 });
  return { name, chain, key };
}
