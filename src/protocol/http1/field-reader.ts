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

// The engine takes a constant of the module itself for one, an imported one not.
const IS_TOKEN = TOKEN_CHARS;
const IS_VALUE = FIELD_VALUE_CHARS;

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

const NO_WORDS: Int32Array = new Int32Array(0);

/** Is one of the four bytes below 0x20, or 0x7f? Exact, whatever the order of bytes. */
function hasControl(word: number): boolean {
  const del = word ^ 0x7f7f7f7f;
  return ((((word - 0x20202020) & ~word) | ((del - 0x01010101) & ~del)) & 0x80808080) !== 0;
}

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
  /** The arena by words, and which arena that is. */
  #words: Int32Array = NO_WORDS;
  #wordsOf: Uint8Array | null = null;

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

  /**
   * Reads fields up to one whose id is marked in `examined`: the index of its entry, or one of the negative answers
   * above.
   *
   * This loop is the fast path: it takes lines that are complete and in order. At the first that is not, and at the end
   * of the section, `readField` begins at that line's first byte and says what there is to say.
   */
  readUntil(examined: Uint8Array): number {
    if (this.#colon >= 0 || this.scan !== this.#lineStart) return this.readField();
    const list = this.#list;
    const arena = list.bytes;
    let start = this.scan;
    for (;;) {
      let at = start;
      while (IS_TOKEN[arena[at]!] === 1) at++;
      const colon = at;
      if (arena[colon] !== COLON || colon === start) break;
      at = this.#valueEnd(arena, colon + 1);
      if (arena[at] !== CR || arena[at + 1] !== LF) break;
      if (at > this.#maxBytes || list.count === this.#maxFields) break;
      const id = this.#append(arena, start, colon, at);
      start = at + 2;
      if (examined[id] === 1) {
        this.scan = this.#lineStart = start;
        return list.count - 1;
      }
    }
    this.scan = this.#lineStart = start;
    return this.readField();
  }

  /** Reads one field: the index of its entry, or one of the negative answers above. */
  readField(): number {
    const list = this.#list;
    const arena = list.bytes;
    const limit = list.used;
    let at = this.scan;
    if (this.#colon < 0) {
      while (IS_TOKEN[arena[at]!] === 1) at++;
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
    at = this.#valueEnd(arena, at);
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

  /** The first byte at or behind `at` that a value may not hold; the NUL behind the section at the latest. */
  #valueEnd(arena: Uint8Array, from: number): number {
    if (this.#wordsOf !== arena) this.#adopt(arena);
    const words = this.#words;
    let at = from;
    for (;;) {
      const boundary = (at + 3) & ~3;
      for (; at < boundary; at++) if (IS_VALUE[arena[at]!] !== 1) return at;
      // Four bytes at a time, as long as none of them is a control character or DEL.
      let word = at >> 2;
      while (!hasControl(words[word]!)) word++;
      at = word << 2;
      // One of these ends the value, unless what was found is a HTAB.
      for (const end = at + 4; at < end; at++) if (IS_VALUE[arena[at]!] !== 1) return at;
    }
  }

  #adopt(arena: Uint8Array): void {
    this.#wordsOf = arena;
    this.#words = new Int32Array(arena.buffer, arena.byteOffset, arena.length >> 2);
  }

  #addField(lineEnd: number): number {
    const list = this.#list;
    if (list.count === this.#maxFields) return TOO_LARGE;
    this.#append(list.bytes, this.#lineStart, this.#colon, lineEnd);
    this.scan = this.#lineStart = lineEnd + 2;
    this.#colon = -1;
    return list.count - 1;
  }

  /** Makes the entry of a line; returns the id of its name. */
  #append(arena: Uint8Array, nameStart: number, nameEnd: number, lineEnd: number): number {
    let valueStart = nameEnd + 1;
    let valueEnd = lineEnd;
    // The first loop ends at the CR at the latest; the second has a first byte of the value to stop at.
    while (arena[valueStart] === SP || arena[valueStart] === HTAB) valueStart++;
    while (valueEnd > valueStart && (arena[valueEnd - 1] === SP || arena[valueEnd - 1] === HTAB)) {
      valueEnd--;
    }
    const id = headerId(arena, nameStart, nameEnd);
    this.#list.addEntry(id, nameStart, nameEnd, valueStart, valueEnd);
    return id;
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
