/**
 * Collects a section of fields (a head with its start line, or trailers) in the arena of a header list and
 * cuts it into entries that point into that arena.
 *
 * Bytes are copied as they arrive, so that nothing of what was received has to be kept, and the section is
 * contiguous however it was split. Behind the last byte stands a NUL: it belongs to no class of characters,
 * so the inner loops need no bound of their own.
 */

import { TOKEN_CHARS } from "#core/http/chars.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import { headerId } from "#core/http/header-names.ts";
import { FRESH_ARENA, KEPT_ARENA } from "./limits.ts";
import { MATCH_WINDOW, MATCHED_IDS, MATCHED_LENGTHS, matchName } from "./name-matcher.ts";

// The engine takes a constant of the module itself for one, an imported one not.
const IS_TOKEN = TOKEN_CHARS;
const NAME_IDS = MATCHED_IDS;
const NAME_LENGTHS = MATCHED_LENGTHS;

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

const NO_BYTES: DataView = new DataView(new ArrayBuffer(0));

/** The high bit of each of the four bytes that is below 0x20, or 0x7f. */
function controls(word: number): number {
  const rotated = ((word & 0x7f7f7f7f) + 0x01010101) & 0x7f7f7f7f;
  return ~((rotated + 0x5f5f5f5f) | word) & 0x80808080;
}

function isBlank(byte: number | undefined): boolean {
  return byte === SP || byte === HTAB;
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
  #view: DataView = NO_BYTES;
  #viewOf: Uint8Array | null = null;

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
    if (at + MATCH_WINDOW >= list.bytes.length) list.reserve(MATCH_WINDOW + 1);
    const arena = list.bytes;
    const count = Math.min(end - start, arena.length - MATCH_WINDOW - at);
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
    if (this.#viewOf !== arena) this.#adopt(arena);
    const view = this.#view;
    let start = this.scan;
    for (;;) {
      const matched = matchName(view, start);
      let colon = start + NAME_LENGTHS[matched]!;
      let id = NAME_IDS[matched]!;
      if (matched === 0) {
        while (IS_TOKEN[arena[colon]!] === 1) colon++;
        if (arena[colon] !== COLON || colon === start) break;
        id = headerId(arena, start, colon);
      }
      let valueStart = colon + 1;
      while (arena[valueStart] === SP || arena[valueStart] === HTAB) valueStart++;
      const lineEnd = this.#valueEnd(view, valueStart);
      if (arena[lineEnd] !== CR || arena[lineEnd + 1] !== LF) break;
      if (lineEnd > this.#maxBytes || list.count === this.#maxFields) break;
      let valueEnd = lineEnd;
      while (valueEnd > valueStart && isBlank(arena[valueEnd - 1])) valueEnd--;
      list.addEntry(id, start, colon, valueStart, valueEnd);
      start = lineEnd + 2;
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
    if (this.#viewOf !== arena) this.#adopt(arena);
    at = this.#valueEnd(this.#view, at);
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

  /** The first byte at or behind `from` that a value may not hold; the NUL behind the section at the latest. */
  #valueEnd(view: DataView, from: number): number {
    let at = from;
    for (;;) {
      let found = controls(view.getInt32(at, true));
      while (found === 0) {
        at += 4;
        found = controls(view.getInt32(at, true));
      }
      // The lowest bit is of the first byte.
      at += (31 - Math.clz32(found & -found)) >> 3;
      if (view.getUint8(at) !== HTAB) return at;
      at++;
    }
  }

  #adopt(arena: Uint8Array): void {
    this.#viewOf = arena;
    this.#view = new DataView(arena.buffer, arena.byteOffset, arena.length);
  }

  #addField(lineEnd: number): number {
    const list = this.#list;
    if (list.count === this.#maxFields) return TOO_LARGE;
    this.#append(list.bytes, this.#lineStart, this.#colon, lineEnd);
    this.scan = this.#lineStart = lineEnd + 2;
    this.#colon = -1;
    return list.count - 1;
  }

  /** Makes the entry of a line. */
  #append(arena: Uint8Array, nameStart: number, nameEnd: number, lineEnd: number): void {
    let valueStart = nameEnd + 1;
    let valueEnd = lineEnd;
    // The first loop ends at the CR at the latest; the second has a first byte of the value to stop at.
    while (isBlank(arena[valueStart])) valueStart++;
    while (valueEnd > valueStart && isBlank(arena[valueEnd - 1])) valueEnd--;
    const id = headerId(arena, nameStart, nameEnd);
    this.#list.addEntry(id, nameStart, nameEnd, valueStart, valueEnd);
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
