/** When an issuer wants a certificate to be renewed (RFC 9773). */

import { Buffer } from "node:buffer";

import { daysFrom } from "#core/time/calendar.ts";
import { OID, readCertificate } from "../x509/certificate.ts";
import { childrenOf, readDer } from "../x509/der.ts";
import { member, textMember } from "./read.ts";

/** The time in which to renew, epoch milliseconds. */
export interface RenewalWindow {
  readonly start: number;
  readonly end: number;
  /** A page that says why, if it is unusual. */
  readonly explanation: string | null;
}

/** What the issuer knows a certificate (DER) by (RFC 9773 §4.1); null if it says nothing about its issuer's key. */
export function renewalId(certificate: Uint8Array): string | null {
  const { serial, extensions } = readCertificate(certificate);
  const authority = extensions.get(OID.authorityKeyId);
  if (authority === undefined) return null;
  // [0] of AuthorityKeyIdentifier: the key's identifier.
  const key = childrenOf(readDer(authority)).find(({ tag }) => tag === 0x80);
  if (key === undefined) return null;
  const encode = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64url");
  return `${encode(key.content)}.${encode(serial)}`;
}

/** Reads an answer; null if it makes no sense (RFC 9773 §4.2: then there is none). */
export function readWindow(answer: unknown): RenewalWindow | null {
  const window = member(answer, "suggestedWindow");
  const start = timeOf(textMember(window, "start"));
  const end = timeOf(textMember(window, "end"));
  if (start === null || end === null || end <= start) return null;
  return { start, end, explanation: textMember(answer, "explanationURL") };
}

/** RFC 3339, as epoch milliseconds. */
export function timeOf(text: string | null): number | null {
  const match =
    /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:Z|([+-])(\d\d):(\d\d))$/.exec(
      text ?? "",
    );
  if (match === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map(Number);
  const offset = (Number(match[8] ?? 0) * 60 + Number(match[9] ?? 0)) * (match[7] === "-" ? -1 : 1);
  return ((daysFrom(year, month, day) * 24 + hour) * 60 + minute - offset) * 60_000 + second * 1000;
}
