/** What proves to an issuer that a name is in one's hands (RFC 8555 §8, RFC 8737). */

import { createHash, createPublicKey, randomBytes } from "node:crypto";

import type { AcmeChallengeType, TlsChallengeData } from "#model/tls.ts";
import { writePem } from "../store/pem.ts";
import { distinguishedName, extension, signCertificate } from "../x509/builder.ts";
import { OID } from "../x509/certificate.ts";
import { TAG, der, sequence } from "../x509/der.ts";
import { base64url, keyPem, newKey } from "./jws.ts";

/** A challenge that is to be answered. */
export interface Challenge {
  readonly type: AcmeChallengeType;
  /** What is to be proved, without `*.`. */
  readonly name: string;
  readonly token: string;
  /** Token and thumbprint of the account's key (RFC 8555 §8.1). */
  readonly keyAuthorization: string;
}

/** Makes the answer to a challenge visible to the issuer. */
export interface Solver {
  /** @returns takes it away again; never rejects */
  present(challenge: Challenge): Promise<() => Promise<void>>;
}

/** Tokens are of the alphabet of base64url (RFC 8555 §8.3): nothing else becomes part of a path. */
export function isToken(text: string): boolean {
  return /^[A-Za-z0-9_-]{16,256}$/.test(text);
}

/** Where dns-01 looks. */
export function recordName(name: string): string {
  return `_acme-challenge.${name}`;
}

/** What dns-01 wants to find there (RFC 8555 §8.4). */
export function recordValue(keyAuthorization: string): string {
  return base64url(createHash("sha256").update(keyAuthorization).digest());
}

/** id-pe-acmeIdentifier (RFC 8737 §6.1). */
const ACME_IDENTIFIER = "1.3.6.1.5.5.7.1.31";
const DAY = 86_400_000;

/** The certificate that tls-alpn-01 wants to see (RFC 8737 §3). `wall`: epoch milliseconds. */
export function challengeCertificate(
  { name, keyAuthorization }: Challenge,
  wall: number,
): TlsChallengeData {
  const key = newKey();
  const subject = distinguishedName({ organisation: "Sluice ACME challenge" });
  const digest = createHash("sha256").update(keyAuthorization).digest();
  const bytes = signCertificate(
    {
      serial: randomBytes(16),
      issuer: subject,
      subject,
      notBefore: wall - DAY,
      notAfter: wall + DAY,
      publicKey: createPublicKey(key),
      extensions: [
        extension(OID.subjectAltName, sequence(der(0x82, new TextEncoder().encode(name)))),
        extension(ACME_IDENTIFIER, der(TAG.octets, digest), true),
      ],
    },
    key,
  );
  return { name, chain: writePem("CERTIFICATE", bytes), key: keyPem(key) };
}
