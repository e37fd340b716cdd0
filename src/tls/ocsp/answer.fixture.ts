/** A responder for tests, which says whatever a test wants. */

import { type KeyObject, sign } from "node:crypto";

import { DAY, type Issued } from "../certificates.fixture.ts";
import { OID, readCertificate } from "../x509/certificate.ts";
import { TAG, bits, der, integer, oid, sequence, tagged } from "../x509/der.ts";
import { certificateId, sha1 } from "./request.ts";

export interface AnswerOptions {
  /** Who signs; the issuer unless it is said. */
  readonly signer?: Issued;
  /** Certificates that come along. */
  readonly along?: readonly Uint8Array[];
  readonly key?: KeyObject;
  readonly byKey?: boolean;
  readonly status?: "good" | "revoked" | "unknown";
  readonly thisUpdate?: number;
  /** Null: none. */
  readonly nextUpdate?: number | null;
  /** Which certificate it is about, if another. */
  readonly about?: Issued;
}

/** An answer about `leaf`, issued by `issuer`. */
export function answer(leaf: Issued, issuer: Issued, options: AnswerOptions = {}): Uint8Array {
  const { signer = issuer, status = "good", about = leaf } = options;
  const { issuerName, issuerKey, serial } = certificateId(about.raw, issuer.raw);
  const now = Date.now();
  const { thisUpdate = now - DAY, nextUpdate = now + 6 * DAY } = options;
  const id = sequence(
    sequence(oid(OID.sha1), der(TAG.null)),
    der(TAG.octets, issuerName),
    der(TAG.octets, issuerKey),
    integer(serial),
  );
  const statuses = {
    good: der(0x80),
    revoked: der(0xa1, time(now - DAY)),
    unknown: der(0x82),
  };
  const single = sequence(
    id,
    statuses[status],
    time(thisUpdate),
    ...(nextUpdate === null ? [] : [tagged(0, time(nextUpdate))]),
  );
  const { subject, publicKey } = readCertificate(signer.raw);
  const responder =
    options.byKey === true ? tagged(2, der(TAG.octets, sha1(publicKey))) : tagged(1, subject);
  const data = sequence(responder, time(now), sequence(single));
  const basic = sequence(
    data,
    sequence(oid(OID.ecdsaSha256)),
    bits(sign("sha256", data, options.key ?? signer.privateKey)),
    ...(options.along === undefined ? [] : [tagged(0, sequence(...options.along))]),
  );
  return sequence(
    der(TAG.enumerated, Uint8Array.of(0)),
    tagged(0, sequence(oid(OID.ocspBasic), der(TAG.octets, basic))),
  );
}

/** OCSP takes no UTCTime. */
function time(wall: number): Uint8Array {
  const text = new Date(wall).toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  return der(TAG.generalizedTime, new TextEncoder().encode(text));
}
