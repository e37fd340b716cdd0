/**
 * Comma-separated values over bytes (RFC 9110, 5.6.1), without making text of them:
 *
 *     for (let at = memberStart(bytes, start, end); at < end; ) {
 *       const stop = memberStop(bytes, at, end);
 *       … the member is at … trimmedEnd(bytes, at, stop) …
 *       at = memberStart(bytes, stop, end);
 *     }
 *
 * Empty members are skipped. Quoted strings are not known here: these are for lists of tokens.
 */

import { LOWER_CASE } from "./header-names.ts";

// The engine takes a constant of the module itself for one, an imported one not.
const LOWER = LOWER_CASE;

const HTAB = 0x09;
const SP = 0x20;
const COMMA = 0x2c;

/** Where the next member begins at or behind `at`: blanks and commas are skipped. `end` if there is none. */
export function memberStart(bytes: Uint8Array, at: number, end: number): number {
  while (at < end) {
    const byte = bytes[at];
    if (byte !== COMMA && byte !== SP && byte !== HTAB) break;
    at++;
  }
  return at;
}

/** The comma behind the member that begins at `at`, or `end`. */
export function memberStop(bytes: Uint8Array, at: number, end: number): number {
  while (at < end && bytes[at] !== COMMA) at++;
  return at;
}

/** `end` without the blanks before it. */
export function trimmedEnd(bytes: Uint8Array, start: number, end: number): number {
  while (end > start && (bytes[end - 1] === SP || bytes[end - 1] === HTAB)) end--;
  return end;
}

/** Do these bytes spell `lowerCase`, in any case? */
export function spellsIgnoringCase(
  bytes: Uint8Array,
  start: number,
  end: number,
  lowerCase: string,
): boolean {
  const length = end - start;
  if (length !== lowerCase.length) return false;
  for (let i = 0; i < length; i++) {
    if (LOWER[bytes[start + i]!] !== lowerCase.charCodeAt(i)) return false;
  }
  return true;
}
