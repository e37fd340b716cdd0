/** What becomes of a backend's head on its way to the client: fields of the connection go, `Via` is added. */

import { fieldLines } from "#core/http/field-lines.ts";
import { dropNominated } from "#core/http/hop-by-hop.ts";
import { HEADER } from "#core/http/header-names.ts";
import { httpDate } from "#core/time/calendar.ts";
import type { BodyFraming, ResponseHead } from "#core/http/message.ts";
import { viaLines } from "../via.ts";

/** Edits the fields of a backend's answer, final or interim. The serializer leaves hop-by-hop fields out. */
export function prepareResponseFields(head: ResponseHead, instance: string): void {
  dropNominated(head.headers);
  head.headers.appendLines(viaLines(head.version, instance));
}

/** A final answer without a date gets the one of its arrival (RFC 9110 §6.6.1). `wall` in epoch milliseconds. */
export function addMissingDate(head: ResponseHead, wall: number): void {
  if (head.headers.indexOf(HEADER.date) < 0) head.headers.appendUnchecked("Date", httpDate(wall));
}

/** Half a year: long enough to count, short enough to be undone. */
const TRANSPORT_SECURITY = fieldLines([["Strict-Transport-Security", "max-age=15768000"]]);

/** Browsers are to come by https from now on (RFC 6797), unless the answer says something of its own about it. */
export function addTransportSecurity(head: ResponseHead): void {
  if (!head.headers.has("strict-transport-security")) head.headers.appendLines(TRANSPORT_SECURITY);
}

/**
 * How the end of the answer's body is told to a client of that HTTP version. "none": whatever body there is must not
 * be sent. A filter may have changed the status, and with it what is allowed.
 */
export function clientFraming(head: ResponseHead, method: string, version: number): BodyFraming {
  if (method === "HEAD" || head.status === 204 || head.status === 304) return "none";
  if (head.framing === "none" || head.framing === "length") return "length";
  return version === 10 ? "close" : "chunked";
}

/**
 * Bytes to announce for an answer of that framing towards the client: also for answers to HEAD and 304, which have
 * no body; -1 if they are not known.
 */
export function announcedLength(head: ResponseHead, framing: BodyFraming): number {
  // There was no body, and its absence needs no words; with the status that a filter has set, it does.
  if (framing === "length" && head.framing === "none") return 0;
  if (head.contentLength >= 0) return head.contentLength;
  const index = head.headers.indexOf(HEADER["content-length"]);
  const value = index < 0 ? "" : head.headers.valueAt(index);
  return /^\d{1,15}$/.test(value) ? Number(value) : -1;
}
