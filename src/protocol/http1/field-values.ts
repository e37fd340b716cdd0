/** The values that the parsers themselves have to understand, read as bytes. */

import { TOKEN_CHARS } from "#core/http/chars.ts";
import { latin1 } from "#core/bytes/latin1.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import { HEADER } from "#core/http/header-names.ts";
import { memberStart, memberStop, spellsIgnoringCase, trimmedEnd } from "#core/http/list-value.ts";
import { MAX_CONNECTION_OPTIONS } from "./limits.ts";

const SLASH = 0x2f;

/** Flags of `Connection`: what its options ask for. */
export const OPTION_CLOSE = 1;
export const OPTION_KEEP_ALIVE = 2;
export const OPTION_UPGRADE = 4;

/**
 * The number that a Content-Length says: digits alone, at most 2⁵³−1. -1 for anything else, lists of equal
 * values included, because recipients differ on those.
 */
export function readContentLength(bytes: Uint8Array, start: number, end: number): number {
  if (start === end) return -1;
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
    if (value > Number.MAX_SAFE_INTEGER) return -1;
  }
  return value;
}

/** Flags of all the `Connection` fields of a head; -1 if they have more options than could mean anything. */
export function readConnectionOptions(fields: HeaderList): number {
  let flags = 0;
  let options = 0;
  for (let i = fields.indexOf(HEADER.connection); i >= 0;) {
    const bytes = fields.bytes;
    const start = fields.valueStartAt(i);
    const end = fields.valueEndAt(i);
    // Fast path: "keep-alive" alone, what nearly all peers say.
    const alone = spellsIgnoringCase(bytes, start, end, "keep-alive");
    if (alone) {
      if (++options > MAX_CONNECTION_OPTIONS) return -1;
      flags |= OPTION_KEEP_ALIVE;
    }
    for (let at = alone ? end : memberStart(bytes, start, end); at < end;) {
      if (++options > MAX_CONNECTION_OPTIONS) return -1;
      const stop = memberStop(bytes, at, end);
      flags |= optionFlag(bytes, at, trimmedEnd(bytes, at, stop));
      at = memberStart(bytes, stop, end);
    }
    i = fields.indexOf(HEADER.connection, i + 1);
  }
  return flags;
}

function optionFlag(bytes: Uint8Array, start: number, end: number): number {
  switch (end - start) {
    case 5:
      return spellsIgnoringCase(bytes, start, end, "close") ? OPTION_CLOSE : 0;
    case 7:
      return spellsIgnoringCase(bytes, start, end, "upgrade") ? OPTION_UPGRADE : 0;
    case 10:
      return spellsIgnoringCase(bytes, start, end, "keep-alive") ? OPTION_KEEP_ALIVE : 0;
    default:
      return 0;
  }
}

/** The one protocol that `Upgrade` names, in lower case; "" if there is none, or several, or nonsense. */
export function readUpgrade(fields: HeaderList): string {
  const index = fields.indexOf(HEADER.upgrade);
  if (index < 0 || fields.indexOf(HEADER.upgrade, index + 1) >= 0) return "";
  const bytes = fields.bytes;
  const start = fields.valueStartAt(index);
  const end = fields.valueEndAt(index);
  if (spellsIgnoringCase(bytes, start, end, "websocket")) return "websocket";
  let slashes = 0;
  for (let at = start; at < end; at++) {
    if (bytes[at] === SLASH && at > start && at < end - 1 && slashes === 0) slashes++;
    else if (TOKEN_CHARS[bytes[at]!] !== 1) return "";
  }
  return latin1(bytes, start, end).toLowerCase();
}

/** Does one of the `Expect` fields ask for 100 (Continue)? */
export function expectsContinue(fields: HeaderList): boolean {
  for (let i = fields.indexOf(HEADER.expect); i >= 0; i = fields.indexOf(HEADER.expect, i + 1)) {
    const { bytes } = fields;
    if (spellsIgnoringCase(bytes, fields.valueStartAt(i), fields.valueEndAt(i), "100-continue")) {
      return true;
    }
  }
  return false;
}
