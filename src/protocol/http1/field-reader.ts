/**
 * Collects a section of fields (a head with its start line, or trailers) in the arena of a header list and
 * cuts it into entries that point into that arena.
 *
 * Bytes are copied as they arrive, so that nothing of what was received has to be kept, and the section is
 * contiguous however it was split. Behind the last byte stands a NUL: it belongs to no class of characters,
 * so the inner loops need no bound of their own.
 */

import { FIELD_VALUE_CHARS, TOKEN_CHARS } from "#core/http/chars.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import { headerId } from "#core/http/header-names.ts";
import { FRESH_ARENA, KEPT_ARENA } from "./limits.ts";

const HTAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const SP = 0x20;
const COLON = 0x3a;

/** The section goes on behind the bytes that were taken. */
export const INCOMPLETE = -1;
/** The empty line that ends the section has been read. */
export const SECTION_END = -2;
/** `detail` says what is wrong. */
export const MALFORMED = -3;
/** More bytes or fields than the section may have. */
export const TOO_LARGE = -4;

/** Reads the fields of one section after the other into one list. */
export class FieldReader {
  /** The next byte of the arena to look at. A start line is read by the owner, who moves this behind it. */
  scan = 0;
  /** What is malformed, for the log. */
  detail = "";
  readonly #list: HeaderList;
  readonly #maxBytes: number;
  readonly #maxFields: number;
  #lineStart = 0;
  #colon = -1;
  #surplus = 0;

  constructor(list: HeaderList, maxBytes: number, maxFields: number) {
    this.#list = list;
    this.#maxBytes = maxBytes;
    this.#maxFields = maxFields;
  }

  /** Empties the list and makes ready for the next section; a large arena is given back. */
  reset(): void {
    const list = this.#list;
    list.reset();
    if (list.bytes.length > KEPT_ARENA) list.bytes = new Uint8Array(FRESH_ARENA);
    this.scan = 0;
    this.#lineStart = 0;
    this.#colon = -1;
    this.#surplus = 0;
  }

  /** Copies as much as fits without growing the arena by more than one step; returns how many bytes that was. */
  take(source: Uint8Array, start: number, end: number): number {
    const list = this.#list;
    let at = list.used;
    if (at + 1 >= list.bytes.length) list.reserve(2);
    const arena = list.bytes;
    const count = Math.min(end - start, arena.length - 1 - at);
    if (count < 32) for (let i = 0; i < count; i++) arena[at++] = source[start + i]!;
    else {
      arena.set(source.subarray(start, start + count), at);
      at += count;
    }
    arena[at] = 0;
    list.used = at;
    return count;
  }

  /** After SECTION_END: bytes that were taken and stand behind the section. */
  get surplus(): number {
    return this.#surplus;
  }

  /** The start line has been read up to `scan`. */
  beginFields(): void {
    this.#lineStart = this.scan;
  }

  /** Reads one field: the index of its entry, or one of the negative answers above. */
  readField(): number {
    const list = this.#list;
    const arena = list.bytes;
    const limit = list.used;
    let at = this.scan;
    if (this.#colon < 0) {
      while (TOKEN_CHARS[arena[at]!] === 1) at++;
      this.scan = at;
      if (at > this.#maxBytes) return TOO_LARGE;
      if (at === limit) return INCOMPLETE;
      const byte = arena[at]!;
      if (at === this.#lineStart) {
        if (byte === CR) return this.#endSection(at, limit);
        this.detail = byte === SP || byte === HTAB ? "folded field line" : "empty field name";
        return MALFORMED;
      }
      if (byte !== COLON) {
        this.detail =
          byte === SP || byte === HTAB ? "blank before the colon" : "illegal byte in a field name";
        return MALFORMED;
      }
      this.#colon = at++;
    }
    while (FIELD_VALUE_CHARS[arena[at]!] === 1) at++;
    this.scan = at;
    if (at > this.#maxBytes) return TOO_LARGE;
    if (at === limit) return INCOMPLETE;
    if (arena[at] !== CR) {
      this.detail = arena[at] === LF ? "bare LF" : "control character in a field value";
      return MALFORMED;
    }
    if (at + 1 === limit) return INCOMPLETE;
    if (arena[at + 1] !== LF) {
      this.detail = "bare CR";
      return MALFORMED;
    }
    return this.#addField(at);
  }

  #addField(lineEnd: number): number {
    const list = this.#list;
    if (list.count === this.#maxFields) return TOO_LARGE;
    const arena = list.bytes;
    const nameStart = this.#lineStart;
    const nameEnd = this.#colon;
    let valueStart = nameEnd + 1;
    let valueEnd = lineEnd;
    // The first loop ends at the CR at the latest; the second has a first byte of the value to stop at.
    while (arena[valueStart] === SP || arena[valueStart] === HTAB) valueStart++;
    while (valueEnd > valueStart && (arena[valueEnd - 1] === SP || arena[valueEnd - 1] === HTAB)) {
      valueEnd--;
    }
    list.addEntry(headerId(arena, nameStart, nameEnd), nameStart, nameEnd, valueStart, valueEnd);
    this.scan = this.#lineStart = lineEnd + 2;
    this.#colon = -1;
    return list.count - 1;
  }

  #endSection(at: number, limit: number): number {
    if (at + 1 === limit) return INCOMPLETE;
    if (this.#list.bytes[at + 1] !== LF) {
      this.detail = "bare CR";
      return MALFORMED;
    }
    if (at + 2 > this.#maxBytes) return TOO_LARGE;
    this.scan = at + 2;
    this.#surplus = limit - this.scan;
    // What is added to the list stands directly behind the last line: it is sent in one piece with that.
    this.#list.used = at;
    return SECTION_END;
  }
}
