/** Asking whether a certificate is still good (RFC 6960 §4.1, in the light form of RFC 5019). */

import { createHash } from "node:crypto";

import { OID, readCertificate } from "../x509/certificate.ts";
import { TAG, der, integer, oid, sequence } from "../x509/der.ts";

/** What a certificate is called towards a responder. */
export interface CertificateId {
  /** SHA-1 of the issuer's name and of its key: a name for it, not a proof. */
  readonly issuerName: Uint8Array;
  readonly issuerKey: Uint8Array;
  readonly serial: Uint8Array;
}

/** Names `certificate` (DER), issued by `issuer` (DER). @throws DerError */
export function certificateId(certificate: Uint8Array, issuer: Uint8Array): CertificateId {
  const authority = readCertificate(issuer);
  return {
    issuerName: sha1(authority.subject),
    issuerKey: sha1(authority.publicKey),
    serial: readCertificate(certificate).serial,
  };
}

/** The question about one certificate, without a nonce: so responders may answer from a cache. */
export function ocspRequest({ issuerName, issuerKey, serial }: CertificateId): Uint8Array {
  const id = sequence(
    sequence(oid(OID.sha1), der(TAG.null)),
    der(TAG.octets, issuerName),
    der(TAG.octets, issuerKey),
    integer(serial),
  );
  return sequence(sequence(sequence(sequence(id))));
}

/** How names and keys are named in OCSP. */
export function sha1(bytes: Uint8Array): Uint8Array {
  return createHash("sha1").update(bytes).digest();
}
