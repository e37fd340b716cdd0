/** What all formats of the access log have in common. */

import type { ExchangeRecord } from "#model/record.ts";

/** Longest texts of a line, in characters: a peer must not fill a disk with one request. */
export const LIMITS = {
  /** A request target may have as much. */
  target: 8192,
  /** A header field. */
  field: 1024,
  /** Anything else that is written as it came. */
  longest: 8400,
} as const;

/** `HTTP/1.1` */
export function protocolOf(record: ExchangeRecord): string {
  if (record.version === 11) return "HTTP/1.1";
  return record.version === 20 ? "HTTP/2.0" : "HTTP/1.0";
}
