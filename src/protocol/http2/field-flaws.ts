/** What may be wrong with a field, by its bytes alone (RFC 9113 §8.2.1; RFC 9110 §5.5 for what goes on over HTTP/1.1). */

import { FIELD_VALUE_CHARS, TOKEN_CHARS } from "#core/http/chars.ts";

/** HTTP/2 itself forbids it: the message is malformed. */
export const FLAW_MALFORMED = 1;
/** No HTTP name or value may be so: what HTTP/1.1 answers 400 to. */
export const FLAW_REFUSED = 2;

const COLON = 0x3a;
const HTAB = 0x09;
const SP = 0x20;

const NAME_FLAWS: Uint8Array = new Uint8Array(256).map((_, byte) => {
  const forbidden = byte <= 0x20 || (byte >= 0x41 && byte <= 0x5a) || byte >= 0x7f;
  if (forbidden || byte === COLON) return FLAW_MALFORMED;
  return TOKEN_CHARS[byte] === 1 ? 0 : FLAW_REFUSED;
});

const VALUE_FLAWS: Uint8Array = new Uint8Array(256).map((_, byte) => {
  if (byte === 0x00 || byte === 0x0a || byte === 0x0d) return FLAW_MALFORMED;
  return FIELD_VALUE_CHARS[byte] === 1 ? 0 : FLAW_REFUSED;
});

/** The flaws of a field as bits; 0: none. A leading colon, of pseudo-fields, is none. */
export function flawsOf(
  bytes: Uint8Array,
  nameStart: number,
  nameEnd: number,
  start: number,
  end: number,
): number {
  let flaws = nameStart === nameEnd ? FLAW_MALFORMED : 0;
  let at = bytes[nameStart] === COLON ? nameStart + 1 : nameStart;
  for (; at < nameEnd; at++) flaws |= NAME_FLAWS[bytes[at]!]!;
  for (at = start; at < end; at++) flaws |= VALUE_FLAWS[bytes[at]!]!;
  if (end > start && (isBlank(bytes[start]!) || isBlank(bytes[end - 1]!))) flaws |= FLAW_MALFORMED;
  return flaws;
}

function isBlank(byte: number): boolean {
  return byte === SP || byte === HTAB;
}
