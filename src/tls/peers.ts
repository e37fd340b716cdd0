/**
 * What a snapshot says of peers, looked at before it is used: the issuers of clients and backends, revocation lists, and
 * what is shown to backends. Workers make contexts of them when a connection needs one, which is too late to refuse them.
 */

import { X509Certificate, createPrivateKey } from "node:crypto";
import { createSecureContext } from "node:tls";

import type { SnapshotData } from "#model/snapshot.ts";
import type { ClientCertificatesData, ListenerTlsData, UpstreamTlsData } from "#model/tls.ts";
import { readPem } from "./store/pem.ts";

/** One sentence for each that cannot be used, with the option that names it. */
export function peerProblems({
  listeners,
  upstreams,
}: Pick<SnapshotData, "listeners" | "upstreams">): string[] {
  return [
    ...listeners.flatMap(({ tls }, index) =>
      tls === null ? [] : ofListener(tls, `listen[${index}].tls`),
    ),
    ...upstreams.flatMap(({ name, tls }) =>
      tls === null ? [] : ofUpstream(tls, `upstreams.${name}.tls`),
    ),
  ];
}

function ofListener({ policies, policyNames }: ListenerTlsData, place: string): string[] {
  return policies.flatMap(({ clientCertificates }, index) => {
    if (clientCertificates === null) return [];
    // The first policy is the listener's own, or that of a name which says the same.
    const name = index === 0 ? undefined : policyNames.find(([, policy]) => policy === index)?.[0];
    const at = name === undefined ? place : `${place}.names["${name}"]`;
    return ofClients(clientCertificates, `${at}.clientCertificates`);
  });
}

function ofClients({ ca, crl }: ClientCertificatesData, place: string): string[] {
  const list = crl === null ? null : refusedList(crl);
  return [...certificates(ca, `${place}.ca`), ...(list === null ? [] : [`${place}.crl: ${list}`])];
}

function ofUpstream({ ca, certificate }: UpstreamTlsData, place: string): string[] {
  const problems = ca === null ? [] : certificates(ca, `${place}.ca`);
  if (certificate === null) return problems;
  const shown = certificates(certificate.chain, `${place}.cert`);
  problems.push(...shown);
  try {
    const key = createPrivateKey(certificate.key);
    const first = readPem(certificate.chain).find(isCertificate);
    if (shown.length === 0 && !new X509Certificate(first!.text).checkPrivateKey(key)) {
      problems.push(
        `${place}: \`cert\` and \`key\` belong to different certificates; name the key that the certificate was requested with`,
      );
    }
  } catch (error) {
    problems.push(
      `${place}.key: the private key cannot be read (${reasonOf(error)}); it has to be in PEM and not encrypted`,
    );
  }
  return problems;
}

/** Every certificate of a bundle is to be whole: which of them are missing would show when a peer comes. */
function certificates(bundle: string, place: string): string[] {
  const blocks = readPem(bundle).filter(isCertificate);
  if (blocks.length === 0)
    return [`${place}: it holds no whole certificate; was the file cut off?`];
  return blocks.flatMap(({ text }, index) => {
    try {
      void new X509Certificate(text.replace("TRUSTED ", ""));
      return [];
    } catch (error) {
      return [
        `${place}: certificate ${index + 1} of ${blocks.length} cannot be read (${reasonOf(error)}); have the file made again`,
      ];
    }
  });
}

function isCertificate({ label }: { readonly label: string }): boolean {
  return /^(?:TRUSTED |X509 )?CERTIFICATE$/.test(label);
}

/** Why a revocation list cannot be used, or null. */
function refusedList(crl: string): string | null {
  const lists = readPem(crl).filter(({ label }) => label === "X509 CRL");
  if (lists.length === 0) return "it holds no whole revocation list; was the file cut off?";
  for (const [index, { text }] of lists.entries()) {
    try {
      createSecureContext({ crl: text });
    } catch {
      return `revocation list ${index + 1} of ${lists.length} cannot be read; fetch it again`;
    }
  }
  return null;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { reason } = error as Error & { readonly reason?: string };
  return reason ?? error.message;
}
