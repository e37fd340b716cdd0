/**
 * `Transfer-Encoding` (RFC 9112, 6.1 and 7): a list of codings, possibly over several fields. Only
 * `chunked`, once and last, frames a body that can be passed on safely; what the others are is told apart
 * because a well-formed list is answered differently from nonsense.
 */

import { FIELD_VALUE_CHARS, TOKEN_CHARS } from "#core/http/chars.ts";
import { spellsIgnoringCase } from "#core/http/list-value.ts";

/** No coding so far. */
export const CODINGS_NONE = 0;
/** `chunked` alone. */
export const CODINGS_CHUNKED = 1;
/** Others, then `chunked`. */
export const CODINGS_OTHER_CHUNKED = 2;
/** Others, without `chunked`: nobody can tell where the body ends. */
export const CODINGS_OTHER = 3;
/** Not a list of codings, or `chunked` twice or not last. */
export const CODINGS_MALFORMED = 4;

const HTAB = 0x09;
const SP = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;

/** What the list is when the value at `start` to `end` (without blanks around it) goes on from `before`. */
export function readCodings(bytes: Uint8Array, start: number, end: number, before: number): number {
  // Fast path: the one value that is ever seen in good traffic.
  if (before === CODINGS_NONE && spellsIgnoringCase(bytes, start, end, "chunked")) {
    return CODINGS_CHUNKED;
  }
  let codings = before;
  let at = start;
  for (;;) {
    const nameEnd = tokenEnd(bytes, at, end);
    if (nameEnd === at) return CODINGS_MALFORMED;
    if (codings !== CODINGS_NONE && codings !== CODINGS_OTHER) return CODINGS_MALFORMED;
    const parametersEnd = skipParameters(bytes, nameEnd, end);
    if (parametersEnd < 0) return CODINGS_MALFORMED;
    if (!spellsIgnoringCase(bytes, at, nameEnd, "chunked")) codings = CODINGS_OTHER;
    else if (parametersEnd !== nameEnd) return CODINGS_MALFORMED;
    else codings = codings === CODINGS_NONE ? CODINGS_CHUNKED : CODINGS_OTHER_CHUNKED;
    at = skipBlanks(bytes, parametersEnd, end);
    if (at === end) return codings;
    if (bytes[at] !== COMMA) return CODINGS_MALFORMED;
    at = skipBlanks(bytes, at + 1, end);
  }
}

/** The end of `*( OWS ";" OWS token "=" ( token / quoted-string ) )`, or -1. */
function skipParameters(bytes: Uint8Array, at: number, end: number): number {
  for (;;) {
    const semicolon = skipBlanks(bytes, at, end);
    if (semicolon === end || bytes[semicolon] !== SEMICOLON) return at;
    const name = skipBlanks(bytes, semicolon + 1, end);
    const nameEnd = tokenEnd(bytes, name, end);
    if (nameEnd === name || nameEnd === end || bytes[nameEnd] !== EQUALS) return -1;
    const value = nameEnd + 1;
    at = bytes[value] === QUOTE ? quotedEnd(bytes, value, end) : tokenEnd(bytes, value, end);
    if (at <= value) return -1;
  }
}

function quotedEnd(bytes: Uint8Array, quote: number, end: number): number {
  for (let at = quote + 1; at < end; at++) {
    const byte = bytes[at]!;
    if (byte === QUOTE) return at + 1;
    if (byte === BACKSLASH) at++;
    if (at < end && FIELD_VALUE_CHARS[bytes[at]!] !== 1) return -1;
  }
  return -1;
}

function tokenEnd(bytes: Uint8Array, at: number, end: number): number {
  while (at < end && TOKEN_CHARS[bytes[at]!] === 1) at++;
  return at;
}

function skipBlanks(bytes: Uint8Array, at: number, end: number): number {
  while (at < end && (bytes[at] === SP || bytes[at] === HTAB)) at++;
  return at;
}
