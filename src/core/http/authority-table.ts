/**
 * Authorities that were read before, by their bytes: the hosts of a site are few, and come with every request. What is
 * found is the same text and the same reading as if it had been made anew; the bytes are compared, not only hashed.
 */

import { latin1 } from "../bytes/latin1.ts";
import { type Authority, parseAuthority } from "./authority.ts";

/** An authority as it was sent, and as it is read. */
export interface ReadAuthority {
  readonly text: string;
  /** Null if it is not valid. */
  readonly authority: Authority | null;
}

/** A power of two. One that falls on the place of another takes it. */
const PLACES = 256;
/** Longer ones are read anew each time, so that the table stays small. */
const LONGEST = 64;

/** Reads authorities, and remembers some. */
export class AuthorityTable {
  readonly #places: (ReadAuthority | undefined)[] = Array.from({ length: PLACES });

  /** Reads the bytes `start` to `end` (exclusive). */
  read(bytes: Uint8Array, start: number, end: number): ReadAuthority {
    if (end - start > LONGEST) return readAnew(bytes, start, end);
    let hash = 0;
    for (let at = start; at < end; at++) hash = Math.imul(hash, 31) + bytes[at]!;
    const place = (hash ^ (hash >>> 8)) & (PLACES - 1);
    const known = this.#places[place];
    if (known !== undefined && isText(known.text, bytes, start, end)) return known;
    const read = readAnew(bytes, start, end);
    // Nonsense does not drive out what is of use.
    if (read.authority !== null) this.#places[place] = read;
    return read;
  }
}

function readAnew(bytes: Uint8Array, start: number, end: number): ReadAuthority {
  const text = latin1(bytes, start, end);
  return { text, authority: parseAuthority(text) };
}

function isText(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}
