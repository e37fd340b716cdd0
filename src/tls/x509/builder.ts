/** Writes certificates (RFC 5280 §4.1), signed with ECDSA on P-256: enough for a local authority. */

import { type KeyObject, createHash, sign } from "node:crypto";

import { OID } from "./certificate.ts";
import {
  TAG,
  TRUE,
  bits,
  der,
  integer,
  oid,
  readAll,
  readDer,
  sequence,
  tagged,
  utf8,
} from "./der.ts";
import { writeTime } from "./time.ts";

/** What is to be certified. */
export interface CertificateContents {
  /** Random bytes, at most 20. */
  readonly serial: Uint8Array;
  /** DER of the names. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Epoch milliseconds. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Uint8Array[];
}

/** A certificate (DER), signed with `issuerKey`, a private key on P-256. */
export function signCertificate(contents: CertificateContents, issuerKey: KeyObject): Uint8Array {
  const algorithm = sequence(oid(OID.ecdsaSha256));
  const tbs = sequence(
    tagged(0, integer(Uint8Array.of(2))),
    integer(contents.serial),
    algorithm,
    contents.issuer,
    sequence(writeTime(contents.notBefore), writeTime(contents.notAfter)),
    contents.subject,
    contents.publicKey.export({ type: "spki", format: "der" }),
    tagged(3, sequence(...contents.extensions)),
  );
  return sequence(tbs, algorithm, bits(sign("sha256", tbs, issuerKey)));
}

/** A distinguished name of organisation and common name. */
export function distinguishedName(parts: {
  readonly organisation: string;
  readonly commonName?: string | undefined;
}): Uint8Array {
  const part = (type: string, text: string): Uint8Array =>
    der(TAG.set, sequence(oid(type), utf8(text)));
  return sequence(
    part(OID.organisation, parts.organisation),
    ...(parts.commonName === undefined ? [] : [part(OID.commonName, parts.commonName)]),
  );
}

/** An extension; `critical`: who does not know it has to refuse the certificate. */
export function extension(id: string, value: Uint8Array, critical = false): Uint8Array {
  return sequence(oid(id), ...(critical ? [TRUE] : []), der(TAG.octets, value));
}

/** Identifies a key (RFC 7093 §2, method 1). */
export function keyId(publicKey: KeyObject): Uint8Array {
  const [, key] = readAll(readDer(publicKey.export({ type: "spki", format: "der" })).content);
  const digest = createHash("sha256").update(key?.content.subarray(1) ?? new Uint8Array());
  return digest.digest().subarray(0, 20);
}
