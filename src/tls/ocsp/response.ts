/** What a responder answers (RFC 6960 §4.2), believed only if the issuer has signed it, or whom it has charged with that. */

import { X509Certificate, verify } from "node:crypto";

import { hasIssued } from "../store/chain.ts";
import { OID, keyPurposes, readCertificate } from "../x509/certificate.ts";
import {
  DerError,
  type DerValue,
  TAG,
  childrenOf,
  readAll,
  readDer,
  readOid,
} from "../x509/der.ts";
import { readTime } from "../x509/time.ts";
import { type CertificateId, sha1 } from "./request.ts";

/** An answer that says that the certificate is good. Times are epoch milliseconds. */
export interface OcspAnswer {
  readonly ok: true;
  /** As it is sent to clients. */
  readonly der: Uint8Array;
  readonly thisUpdate: number;
  readonly nextUpdate: number;
}

/** Any other one. */
export interface OcspRefusal {
  readonly ok: false;
  /** One clause. */
  readonly reason: string;
  /** The issuer has revoked the certificate. */
  readonly revoked: boolean;
}

/** How far a responder's clock may be ahead. */
const SKEW = 5 * 60_000;

/** What responders say instead of an answer (RFC 6960 §4.2.1). */
const STATUS: Readonly<Record<number, string>> = {
  1: "it does not understand the question",
  2: "it has an internal error",
  3: "it asks to be asked later",
  5: "it wants signed questions",
  6: "it does not know this certificate",
};

/** Hashes by algorithm of signature; null: the algorithm has its own. */
const HASHES: ReadonlyMap<string, string | null> = new Map([
  ["1.2.840.113549.1.1.11", "sha256"],
  ["1.2.840.113549.1.1.12", "sha384"],
  ["1.2.840.113549.1.1.13", "sha512"],
  ["1.2.840.10045.4.3.2", "sha256"],
  ["1.2.840.10045.4.3.3", "sha384"],
  ["1.2.840.10045.4.3.4", "sha512"],
  ["1.3.101.112", null],
]);

/**
 * Reads and verifies an answer. Throws nothing.
 * @param issuer certificate of the issuer (DER)
 * @param wall epoch milliseconds
 */
export function readOcspResponse(
  bytes: Uint8Array,
  id: CertificateId,
  issuer: Uint8Array,
  wall: number,
): OcspAnswer | OcspRefusal {
  try {
    return read(bytes, id, new X509Certificate(issuer), wall);
  } catch (error) {
    return refuse(error instanceof DerError ? "its answer is no OCSP" : "its answer is damaged");
  }
}

function read(
  bytes: Uint8Array,
  id: CertificateId,
  issuer: X509Certificate,
  wall: number,
): OcspAnswer | OcspRefusal {
  const [status, wrapped] = childrenOf(readDer(bytes));
  const code = status?.tag === TAG.enumerated ? status.content[0] : undefined;
  if (code !== 0) return refuse(STATUS[code ?? -1] ?? "its answer is no OCSP");
  if (wrapped?.tag !== 0xa0) throw new DerError("no answer");
  const [type, basic] = childrenOf(readDer(wrapped.content));
  if (readOid(type) !== OID.ocspBasic || basic === undefined) throw new DerError("another kind");
  const [data, algorithm, signature, certificates] = childrenOf(readDer(basic.content));
  if (data === undefined || signature?.tag !== TAG.bits) throw new DerError("ends too early");

  const { responder, responses } = readData(data);
  const signer = findSigner(responder, certificates, issuer, wall);
  if (signer === null)
    return refuse("its answer is signed by somebody whom the issuer has not charged with that");
  const hash = HASHES.get(readOid(childrenOf(algorithm)[0]));
  if (hash === undefined)
    return refuse("its answer is signed with an algorithm that is not known, or weak");
  // The first byte of a BIT STRING says how many bits are unused.
  if (!verify(hash, data.raw, signer.publicKey, signature.content.subarray(1))) {
    return refuse("the signature of its answer is wrong");
  }
  const single = responses
    .map((response) => childrenOf(response))
    .find(([one]) => isAbout(one, id));
  if (single === undefined) return refuse("its answer is about another certificate");
  return judge(bytes, single, wall);
}

/** ResponseData: whoever answers, and the answers. */
function readData(data: DerValue): {
  readonly responder: DerValue;
  readonly responses: readonly DerValue[];
} {
  const fields = childrenOf(data);
  if (fields[0]?.tag === 0xa0) fields.shift();
  const [responder, , responses] = fields;
  if (responder === undefined) throw new DerError("ends too early");
  return { responder, responses: childrenOf(responses) };
}

/** The issuer, or a certificate of its own for this purpose (RFC 6960 §4.2.2.2), whichever the answer names. */
function findSigner(
  responder: DerValue,
  certificates: DerValue | undefined,
  issuer: X509Certificate,
  wall: number,
): X509Certificate | null {
  if (isNamed(issuer, responder)) return issuer;
  if (certificates?.tag !== 0xa0) return null;
  const delegated = childrenOf(readDer(certificates.content))
    .map(({ raw }) => new X509Certificate(raw))
    .filter((one) => isNamed(one, responder));
  return (
    delegated.find(
      (one) =>
        hasIssued(issuer, one) &&
        keyPurposes(readCertificate(one.raw))?.includes(OID.ocspSigning) === true &&
        one.validFromDate.getTime() <= wall + SKEW &&
        one.validToDate.getTime() > wall,
    ) ?? null
  );
}

/** ResponderID: [1] a name, [2] the hash of a key. */
function isNamed(certificate: X509Certificate, responder: DerValue): boolean {
  const { subject, publicKey } = readCertificate(certificate.raw);
  if (responder.tag === 0xa1) return same(responder.content, subject);
  return responder.tag === 0xa2 && same(readDer(responder.content).content, sha1(publicKey));
}

function isAbout(value: DerValue | undefined, id: CertificateId): boolean {
  const [algorithm, name, key, serial] = childrenOf(value);
  return (
    readOid(childrenOf(algorithm)[0]) === OID.sha1 &&
    same(name?.content, id.issuerName) &&
    same(key?.content, id.issuerKey) &&
    same(serial?.content, id.serial)
  );
}

/** SingleResponse: status [0] good, [1] revoked, [2] unknown; from when, and [0] until when. */
function judge(
  bytes: Uint8Array,
  [, status, from, ...rest]: readonly DerValue[],
  wall: number,
): OcspAnswer | OcspRefusal {
  if (status?.tag === 0xa1) {
    return { ok: false, reason: "the issuer has revoked the certificate", revoked: true };
  }
  if (status?.tag !== 0x80) return refuse("it does not know this certificate");
  const thisUpdate = readTime(from);
  const until = rest.find(({ tag }) => tag === 0xa0);
  // Clients do not take answers without one (RFC 5019 §2.2.4).
  if (until === undefined) return refuse("its answer does not say until when it holds");
  const nextUpdate = readTime(readAll(until.content)[0]);
  if (thisUpdate > wall + SKEW)
    return refuse("its answer is from the future, or the clock of this machine is wrong");
  if (nextUpdate <= wall)
    return refuse("its answer is out of date, or the clock of this machine is wrong");
  return { ok: true, der: bytes, thisUpdate, nextUpdate };
}

function refuse(reason: string): OcspRefusal {
  return { ok: false, reason, revoked: false };
}

function same(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && a.length === b.length && a.every((byte, i) => byte === b[i]);
}
