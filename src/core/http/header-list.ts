/**
 * The one header list of the proxy. Its entries are offsets into one arena of bytes; the HTTP/1 parser
 * fills it by pointing at the head it has read, HPACK will by writing decoded names and values behind
 * each other. Text is made of an entry only when somebody asks for text.
 *
 * Names keep the spelling they came with; look-ups ignore case. Bytes ≥ 0x80 in values are kept as they
 * are and read as latin1.
 */

import { latin1 } from "../bytes/latin1.ts";
import { headerId, headerIdOf, LOWER_CASE, UNKNOWN_HEADER } from "./header-names.ts";

const STRIDE = 5;
const ID = 0;
const NAME_START = 1;
const NAME_END = 2;
const VALUE_START = 3;
const VALUE_END = 4;
/** Id of an entry that was deleted; its place is not reused until `reset`. */
const DELETED = -1;

const DASH = 0x2d;
const UNDERSCORE = 0x5f;

/** The name of a field that is added to many lists (`field-lines.ts`). */
export interface FieldName {
  readonly id: number;
  /** `Name: ` */
  readonly bytes: Uint8Array;
}

/** Whole lines that are added to many lists. */
export interface FieldLines {
  readonly bytes: Uint8Array;
  /** The entries, as a list has them. */
  readonly places: Int32Array;
}

/** An ordered list of header fields (RFC 9110 §5). */
export class HeaderList {
  /** The arena. The parser may swap it for the buffer that holds a received head. */
  bytes: Uint8Array;
  /** Bytes of the arena that are in use; additions go behind them. */
  used = 0;
  /** Entries, deleted ones included: the bound of index loops. */
  count = 0;
  #entries: Int32Array;
  /** A bit for each id that was added since `reset`, modulo 64: most look-ups are for fields that are not there. */
  #seenLow = 0;
  #seenHigh = 0;
  #view: DataView | null = null;
  /** The arena that it is of. */
  #viewOf: Uint8Array | null = null;

  constructor(arenaBytes = 1024, entries = 32) {
    // Whole words: the parser looks at four bytes at a time.
    this.bytes = new Uint8Array((arenaBytes + 3) & ~3);
    this.#entries = new Int32Array(entries * STRIDE);
  }

  /** Empties the list; the memory is kept. */
  reset(): void {
    this.used = 0;
    this.count = 0;
    this.#seenLow = this.#seenHigh = 0;
  }

  /** The arena by words, as it is now. */
  get view(): DataView {
    const { bytes } = this;
    if (this.#view === null || this.#viewOf !== bytes) {
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      this.#viewOf = bytes;
    }
    return this.#view;
  }

  // ── by index: for the hot path ────────────────────────────────────────────────────────────────────

  /** Adds an entry whose bytes are in the arena already. */
  addEntry(
    id: number,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
  ): void {
    const at = this.count * STRIDE;
    if (at === this.#entries.length) this.#growEntries();
    const entries = this.#entries;
    entries[at] = id;
    entries[at + NAME_START] = nameStart;
    entries[at + NAME_END] = nameEnd;
    entries[at + VALUE_START] = valueStart;
    entries[at + VALUE_END] = valueEnd;
    this.count++;
    if ((id & 32) === 0) this.#seenLow |= 1 << (id & 31);
    else this.#seenHigh |= 1 << (id & 31);
  }

  /** Known id, 0 for other names, -1 for a deleted entry. */
  idAt(index: number): number {
    return this.#entries[index * STRIDE + ID]!;
  }
  nameStartAt(index: number): number {
    return this.#entries[index * STRIDE + NAME_START]!;
  }
  nameEndAt(index: number): number {
    return this.#entries[index * STRIDE + NAME_END]!;
  }
  valueStartAt(index: number): number {
    return this.#entries[index * STRIDE + VALUE_START]!;
  }
  valueEndAt(index: number): number {
    return this.#entries[index * STRIDE + VALUE_END]!;
  }

  /** The first entry of a known id at or behind index `from`, or -1. */
  indexOf(id: number, from = 0): number {
    const seen = (id & 32) === 0 ? this.#seenLow : this.#seenHigh;
    if ((seen & (1 << (id & 31))) === 0) return -1;
    const entries = this.#entries;
    const end = this.count * STRIDE;
    for (let at = from * STRIDE; at < end; at += STRIDE) {
      if (entries[at] === id) return at / STRIDE;
    }
    return -1;
  }

  /** The name as it was written. */
  nameAt(index: number): string {
    return this.#text(this.nameStartAt(index), this.nameEndAt(index));
  }
  /** The value as latin1 text. */
  valueAt(index: number): string {
    return this.#text(this.valueStartAt(index), this.valueEndAt(index));
  }
  /** Deletes one entry. */
  deleteAt(index: number): void {
    this.#entries[index * STRIDE] = DELETED;
  }
  /** Deletes every entry of a known id; tells how many. */
  deleteId(id: number): number {
    let deleted = 0;
    for (let i = this.indexOf(id); i >= 0; i = this.indexOf(id, i + 1)) {
      this.deleteAt(i);
      deleted++;
    }
    return deleted;
  }

  // ── by name: for filters and everything that is not hot ───────────────────────────────────────────

  /** The first entry of that name at or behind index `from`, or -1. `name` in lower case. */
  indexOfName(name: string, from = 0): number {
    const id = headerIdOf(name);
    if (id !== UNKNOWN_HEADER) return this.indexOf(id, from);
    for (let i = from; i < this.count; i++) {
      if (this.idAt(i) === UNKNOWN_HEADER && this.#nameEquals(i, name)) return i;
    }
    return -1;
  }

  /** Is there a field of that name? `name` in any case, here and below. */
  has(name: string): boolean {
    return this.indexOfName(name.toLowerCase()) >= 0;
  }

  /** The value; several of one name are joined by ", " (RFC 9110 §5.3). `undefined` if there is none. */
  get(name: string): string | undefined {
    const lower = name.toLowerCase();
    let index = this.indexOfName(lower);
    if (index < 0) return undefined;
    let value = this.valueAt(index);
    while ((index = this.indexOfName(lower, index + 1)) >= 0) value += ", " + this.valueAt(index);
    return value;
  }

  /** Every value of that name, in order; for fields that must not be joined, such as Set-Cookie. */
  getAll(name: string): string[] {
    const lower = name.toLowerCase();
    const values: string[] = [];
    for (let i = this.indexOfName(lower); i >= 0; i = this.indexOfName(lower, i + 1))
      values.push(this.valueAt(i));
    return values;
  }

  /** Replaces every field of that name by one. @throws TypeError on a name or value that may not be sent. */
  set(name: string, value: string): void {
    this.delete(name);
    this.append(name, value);
  }

  /** Adds one field behind the others. @throws TypeError on a name or value that may not be sent. */
  append(name: string, value: string): void {
    checkName(name);
    checkValue(value);
    this.appendUnchecked(name, value);
  }

  /**
   * Adds a field whose name and value are known to be well formed (constants of the program, checked configuration).
   * As a whole line, like what is received, so that the serializer can copy it together with its neighbours.
   */
  appendUnchecked(name: string, value: string): void {
    const nameStart = this.used;
    const nameEnd = this.#write(name);
    const valueStart = this.#write(": ");
    const valueEnd = this.#write(value);
    this.#write("\r\n");
    const id = headerId(this.bytes, nameStart, nameEnd);
    this.addEntry(id, nameStart, nameEnd, valueStart, valueEnd);
  }

  /** Adds lines that were made before. */
  appendLines(lines: FieldLines): void {
    const start = this.used;
    this.#copy(lines.bytes);
    const { places } = lines;
    for (let at = 0; at < places.length; at += STRIDE) {
      this.addEntry(
        places[at + ID]!,
        start + places[at + NAME_START]!,
        start + places[at + NAME_END]!,
        start + places[at + VALUE_START]!,
        start + places[at + VALUE_END]!,
      );
    }
  }

  /** Adds one line of a name that was made before. `value` is well formed. */
  appendNamed(name: FieldName, value: string): void {
    const start = this.used;
    this.#copy(name.bytes);
    const valueStart = this.used;
    const length = value.length;
    this.reserve(length + 2);
    const bytes = this.bytes;
    let at = valueStart;
    let seen = 0;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      seen |= code;
      bytes[at++] = code;
    }
    this.used = at;
    if (seen > 0xff) {
      this.used = valueStart;
      at = this.#writeUtf8(value);
    }
    this.#write("\r\n");
    this.addEntry(name.id, start, valueStart - 2, valueStart, at);
  }

  /** Deletes every field of that name; tells how many. */
  delete(name: string): number {
    const lower = name.toLowerCase();
    let deleted = 0;
    for (let i = this.indexOfName(lower); i >= 0; i = this.indexOfName(lower, i + 1)) {
      this.deleteAt(i);
      deleted++;
    }
    return deleted;
  }

  /**
   * Deletes every field that a CGI or WSGI backend would take for `name`: any case, `_` for `-`.
   * `name` in lower case with dashes. Tells how many.
   */
  deleteFolded(name: string): number {
    let deleted = 0;
    for (let i = 0; i < this.count; i++) {
      if (this.idAt(i) === DELETED || !this.foldsAt(i, name)) continue;
      this.deleteAt(i);
      deleted++;
    }
    return deleted;
  }

  /** Is the entry's name what a CGI or WSGI backend would take for `name` (in lower case with dashes)? */
  foldsAt(index: number, name: string): boolean {
    const start = this.nameStartAt(index);
    const length = this.nameEndAt(index) - start;
    if (length !== name.length) return false;
    for (let i = 0; i < length; i++) {
      const byte = LOWER_CASE[this.bytes[start + i]!]!;
      if ((byte === UNDERSCORE ? DASH : byte) !== name.charCodeAt(i)) return false;
    }
    return true;
  }

  /** Name and value of every field, in order. */
  *[Symbol.iterator](): Generator<[name: string, value: string]> {
    for (let i = 0; i < this.count; i++) {
      if (this.idAt(i) !== DELETED) yield [this.nameAt(i), this.valueAt(i)];
    }
  }

  /** How many fields there are. */
  get size(): number {
    let size = 0;
    for (let i = 0; i < this.count; i++) if (this.idAt(i) !== DELETED) size++;
    return size;
  }

  /** Makes this list a copy of another. */
  copyFrom(other: HeaderList): void {
    this.reset();
    this.reserve(other.used);
    this.bytes.set(other.bytes.subarray(0, other.used));
    this.used = other.used;
    for (let i = 0; i < other.count; i++) {
      if (other.idAt(i) === DELETED) continue;
      this.addEntry(
        other.idAt(i),
        other.nameStartAt(i),
        other.nameEndAt(i),
        other.valueStartAt(i),
        other.valueEndAt(i),
      );
    }
  }

  /** Makes room in the arena for `more` further bytes. */
  reserve(more: number): void {
    const needed = this.used + more;
    if (needed <= this.bytes.length) return;
    let capacity = this.bytes.length * 2;
    while (capacity < needed) capacity *= 2;
    const grown = new Uint8Array(capacity);
    grown.set(this.bytes.subarray(0, this.used));
    this.bytes = grown;
  }

  #copy(source: Uint8Array): void {
    const length = source.length;
    this.reserve(length);
    const bytes = this.bytes;
    let at = this.used;
    for (let i = 0; i < length; i++) bytes[at++] = source[i]!;
    this.used = at;
  }

  /** Appends text to the arena, as latin1 or, where that cannot hold it, UTF-8; returns the end. */
  #write(text: string): number {
    this.reserve(text.length * 3);
    const bytes = this.bytes;
    let at = this.used;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0xff) return this.#writeUtf8(text);
      bytes[at++] = code;
    }
    return (this.used = at);
  }

  #writeUtf8(text: string): number {
    const encoded = new TextEncoder().encode(text);
    this.reserve(encoded.length);
    this.bytes.set(encoded, this.used);
    return (this.used += encoded.length);
  }

  #text(start: number, end: number): string {
    return latin1(this.bytes, start, end);
  }

  #nameEquals(index: number, lowerCaseName: string): boolean {
    const start = this.nameStartAt(index);
    const length = this.nameEndAt(index) - start;
    if (length !== lowerCaseName.length) return false;
    for (let i = 0; i < length; i++) {
      if (LOWER_CASE[this.bytes[start + i]!] !== lowerCaseName.charCodeAt(i)) return false;
    }
    return true;
  }

  /** The entries as they are kept, for lines that are added to many lists. */
  places(): Int32Array {
    return this.#entries.slice(0, this.count * STRIDE);
  }

  #growEntries(): void {
    const grown = new Int32Array(this.#entries.length * 2);
    grown.set(this.#entries);
    this.#entries = grown;
  }
}

const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// Visible characters, blanks inside, HTAB; never CR, LF, NUL or other controls (RFC 9110 §5.5).
const VALUE = /^[^\u0000-\u0008\u000a-\u001f\u007f]*$/;

/** May `name` be a field's name? */
export function isHeaderName(name: string): boolean {
  return NAME.test(name);
}

/** May `value` be a field's value? */
export function isHeaderValue(value: string): boolean {
  return VALUE.test(value) && !/^[ \t]|[ \t]$/.test(value);
}

function checkName(name: string): void {
  if (!isHeaderName(name)) throw new TypeError(`${JSON.stringify(name)} is not a header name`);
}

function checkValue(value: string): void {
  if (!isHeaderValue(value)) {
    throw new TypeError(
      `${JSON.stringify(value)} cannot be a header's value: it has control characters or blanks at an end`,
    );
  }
}
