/** Certificates for tests, of authorities that exist only in them. */

import assert from "node:assert/strict";
import { type KeyObject, X509Certificate, generateKeyPairSync, randomBytes } from "node:crypto";

import { bytesOf } from "./local/machine.ts";
import { writePem } from "./store/pem.ts";
import { distinguishedName, extension, keyId, signCertificate } from "./x509/builder.ts";
import { OID } from "./x509/certificate.ts";
import { TAG, TRUE, bits, der, integer, oid, sequence } from "./x509/der.ts";

export const DAY = 86_400_000;

/** A certificate with its key. */
export interface Issued {
  readonly pem: string;
  readonly raw: Uint8Array;
  readonly key: string;
  readonly privateKey: KeyObject;
  readonly subject: Uint8Array;
}

export interface IssueOptions {
  /** Null: it signs itself. */
  readonly by: Issued | null;
  readonly commonName?: string;
  /** Subject alternative names; null: no such extension. */
  readonly names?: readonly string[] | null;
  readonly authority?: boolean;
  readonly notBefore?: number;
  readonly notAfter?: number;
  readonly key?: "ec" | "rsa" | "rsa1024" | "ed25519" | "secp256k1";
  readonly extensions?: readonly Uint8Array[];
}

const PAIRS = {
  ec: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  secp256k1: () => generateKeyPairSync("ec", { namedCurve: "secp256k1" }),
  rsa: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
  rsa1024: () => generateKeyPairSync("rsa", { modulusLength: 1024 }),
  ed25519: () => generateKeyPairSync("ed25519"),
};

export function issue(options: IssueOptions): Issued {
  const { by, commonName, names, authority = false } = options;
  const { publicKey, privateKey } = PAIRS[options.key ?? "ec"]();
  const subject = distinguishedName({ organisation: "Test", commonName });
  const now = Date.now();
  const raw = signCertificate(
    {
      serial: randomBytes(12),
      issuer: by?.subject ?? subject,
      subject,
      notBefore: options.notBefore ?? now - DAY,
      notAfter: options.notAfter ?? now + 90 * DAY,
      publicKey,
      extensions: [
        ...(authority ? [extension(OID.basicConstraints, sequence(TRUE), true)] : []),
        ...(authority ? [extension(OID.keyUsage, bits(Uint8Array.of(6), 1), true)] : []),
        extension(OID.subjectKeyId, der(TAG.octets, keyId(publicKey))),
        ...(names === undefined || names === null
          ? []
          : [extension(OID.subjectAltName, sequence(...names.map(general)))]),
        ...(options.extensions ?? []),
      ],
    },
    by?.privateKey ?? privateKey,
  );
  const pem = writePem("CERTIFICATE", raw);
  // What cannot be read should not get further.
  assert.ok(new X509Certificate(pem).checkPrivateKey(privateKey));
  const key = String(privateKey.export({ type: "pkcs8", format: "pem" }));
  return { pem, raw, key, privateKey, subject };
}

function general(name: string): Uint8Array {
  const address = bytesOf(name);
  return address === null ? der(0x82, new TextEncoder().encode(name)) : der(0x87, address);
}

/** An authorityInfoAccess extension. */
export function access(method: string, url: string): Uint8Array {
  return extension(
    OID.authorityInfoAccess,
    sequence(sequence(oid(method), der(0x86, new TextEncoder().encode(url)))),
  );
}

/** The extension that demands OCSP answers (RFC 7633). */
export const MUST_STAPLE: Uint8Array = extension(
  OID.tlsFeature,
  sequence(integer(Uint8Array.of(5))),
);

/** A root, an intermediate authority, and a certificate for these names. */
export function hierarchy(
  names: readonly string[],
  leaf: Partial<IssueOptions> = {},
): { readonly root: Issued; readonly middle: Issued; readonly leaf: Issued } {
  const root = issue({ by: null, commonName: "Test Root", authority: true });
  const middle = issue({ by: root, commonName: "Test Middle", authority: true });
  return { root, middle, leaf: issue({ by: middle, names, ...leaf }) };
}
