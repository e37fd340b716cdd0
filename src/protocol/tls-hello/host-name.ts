/** Host names in server_name (RFC 6066, 3). */

import { latin1 } from "#core/bytes/latin1.ts";
import { parseIpv4, parseIpv6 } from "#core/collections/ip.ts";
import { MAX_HOST_NAME, MAX_LABEL } from "./limits.ts";

/** An address literal instead of a name. */
export const ADDRESS = "";

const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;

/** By byte: what it becomes in a name; 0: no name has it. `_` is no part of a host name by the book, but is in use. */
const NAME_CHARS: Uint8Array = Uint8Array.from({ length: 256 }, (_, code) =>
  /[a-z0-9\-_.]/i.test(String.fromCharCode(code)) ? lowerCase(code) : 0,
);

function lowerCase(code: number): number {
  return code >= 0x41 && code <= 0x5a ? code + 0x20 : code;
}

/** The name in lower case, and the address that was looked at; their content means nothing between calls. */
const scratch: Uint8Array = new Uint8Array(MAX_HOST_NAME);
const words: Uint32Array = new Uint32Array(4);

/**
 * Reads a name: letters, digits, `-` and `_` in labels of 1 to 63 characters, at most 253 in all, in ASCII form, without
 * a final dot.
 *
 * Address literals are not permitted, yet some clients send them. OpenSSL and Go's crypto/tls take them for names, so
 * that a server without a certificate for that "name" shows its default one. Here they count as no name, which comes
 * to the same, and the client is served.
 *
 * @returns the name in lower case; {@link ADDRESS} for an address literal; null for anything else, among it names that
 * end in a number but are no IPv4 address (`127.1`, `0x7f.1`: some resolvers take them for one; `Host` may not be
 * one either)
 */
export function readHostName(bytes: Uint8Array, start: number, end: number): string | null {
  const length = end - start;
  if (length === 0 || length > MAX_HOST_NAME) return null;
  let label = 0;
  for (let i = 0; i < length; i++) {
    const char = NAME_CHARS[bytes[start + i]!]!;
    if (char === 0) return isIpv6(bytes, start, end) ? ADDRESS : null;
    scratch[i] = char;
    if (char !== DOT) continue;
    if (i === label || i - label > MAX_LABEL) return null;
    label = i + 1;
  }
  if (length === label || length - label > MAX_LABEL) return null;
  const name = latin1(scratch, 0, length);
  const first = scratch[label]!;
  if (first < ZERO || first > NINE || !/^(?:\d+|0x[\da-f]*)$/.test(name.slice(label))) return name;
  return parseIpv4(name, 0, length) >= 0 ? ADDRESS : null;
}

/** With or without brackets. */
function isIpv6(bytes: Uint8Array, start: number, end: number): boolean {
  const text = latin1(bytes, start, end).replace(/^\[(.*)\]$/s, "$1");
  return parseIpv6(text, 0, text.length, words);
}
