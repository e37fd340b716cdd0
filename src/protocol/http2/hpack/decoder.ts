/**
 * Header blocks into lines (RFC 7541). Names and values are written as lines of HTTP/1 behind each other into the
 * arena of a header list, where whoever is told of them leaves them or takes them off again.
 */

import type { HeaderList } from "#core/http/header-list.ts";
import { headerId } from "#core/http/header-names.ts";
import { DynamicTable } from "./dynamic-table.ts";
import { decodeHuffman, mostDecoded } from "./huffman.ts";
import { STATIC_ENTRIES, STATIC_TABLE } from "./static-table.ts";

const CR = 0x0d;
const LF = 0x0a;
const SP = 0x20;
const COLON = 0x3a;

/** Static entries 1 to 7 are pseudo-fields of requests with their values, which need no bytes. */
const LAST_REQUEST_PSEUDO = 7;

/** The longest integer that is read: five bytes hold all that may occur here. */
const MOST_SHIFT = 21;

/** Is told of the fields of a block, in order. */
export interface FieldSink {
  /**
   * A field stands in the arena as a line from `nameStart` to the list's `used`; `used = nameStart` takes it off.
   * `flaws`: what `flawsOf` said of it.
   */
  onField(
    id: number,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
    flaws: number,
  ): void;
  /** It takes no more fields: what needs no decoding is passed over. */
  readonly full: boolean;
  /** A pseudo-field that is in the static table with its value. */
  onStaticPseudo(name: string, value: string): void;
  /** What is wrong with a field, as bits; kept with it in the dynamic table. */
  flawsOf(
    bytes: Uint8Array,
    nameStart: number,
    nameEnd: number,
    start: number,
    end: number,
  ): number;
}

/** Decodes the blocks of one connection, in the order of their arrival. */
export class HpackDecoder {
  readonly #table: DynamicTable;
  readonly #tableLimit: number;
  /** After a fault: what is wrong, for the log. */
  detail = "";
  /** Bytes that the fields of the last block would have as lines: much more than the block had, and it is a bomb. */
  expanded = 0;
  #bytes: Uint8Array = EMPTY;
  #at = 0;
  #end = 0;

  /** @param tableLimit what SETTINGS_HEADER_TABLE_SIZE promised the peer */
  constructor(tableLimit: number) {
    this.#tableLimit = tableLimit;
    this.#table = new DynamicTable(tableLimit);
  }

  /**
   * Decodes one whole block into `list`. False after a fault, which is the end of the connection (COMPRESSION_ERROR):
   * nothing after it can be read.
   */
  decode(
    bytes: Uint8Array,
    start: number,
    end: number,
    list: HeaderList,
    sink: FieldSink,
  ): boolean {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.expanded = 0;
    let fieldSeen = false;
    while (this.#at < end) {
      const byte = bytes[this.#at]!;
      let fine: boolean;
      if (byte >= 0x80) fine = this.#indexed(list, sink);
      else if (byte >= 0x40) fine = this.#literal(6, true, list, sink);
      else if (byte < 0x20) fine = this.#literal(4, false, list, sink);
      else {
        if (fieldSeen) return this.#fail("table size update behind a field");
        if (!this.#resize()) return false;
        continue;
      }
      if (!fine) return false;
      fieldSeen = true;
    }
    return true;
  }

  #fail(detail: string): false {
    this.detail = detail;
    return false;
  }

  /** An integer behind a prefix of `bits` bits (RFC 7541 §5.1); -1: it is cut short or too large. */
  #integer(bits: number): number {
    const mask = (1 << bits) - 1;
    let value = this.#bytes[this.#at++]! & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= MOST_SHIFT; shift += 7) {
      if (this.#at === this.#end) break;
      const byte = this.#bytes[this.#at++]!;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    this.detail = "malformed integer";
    return -1;
  }

  #resize(): boolean {
    const size = this.#integer(5);
    if (size < 0) return false;
    if (size > this.#tableLimit) return this.#fail("table size beyond the setting");
    this.#table.resize(size);
    return true;
  }

  #indexed(list: HeaderList, sink: FieldSink): boolean {
    const index = this.#integer(7);
    if (index < 0) return false;
    if (index === 0) return this.#fail("index 0");
    if (index <= STATIC_ENTRIES) {
      const { name, value, line, nameLength, id } = STATIC_TABLE[index - 1]!;
      if (index <= LAST_REQUEST_PSEUDO && index > 1) sink.onStaticPseudo(name, value);
      else this.#copy(line, 0, nameLength, value.length, id, 0, list, sink);
      return true;
    }
    const table = this.#table;
    const at = index - STATIC_ENTRIES - 1;
    if (at >= table.count) return this.#fail("index beyond the table");
    this.#copy(
      table.bytes,
      table.startAt(at),
      table.nameLengthAt(at),
      table.valueLengthAt(at),
      table.idAt(at),
      table.noteAt(at),
      list,
      sink,
    );
    return true;
  }

  /** A line that is there already. */
  #copy(
    source: Uint8Array,
    start: number,
    nameLength: number,
    valueLength: number,
    id: number,
    flaws: number,
    list: HeaderList,
    sink: FieldSink,
  ): void {
    const length = nameLength + valueLength + 4;
    this.expanded += length;
    if (sink.full) return;
    list.reserve(length);
    const to = list.used;
    const arena = list.bytes;
    if (length < 32) for (let i = 0; i < length; i++) arena[to + i] = source[start + i]!;
    else arena.set(source.subarray(start, start + length), to);
    list.used = to + length;
    const valueStart = to + nameLength + 2;
    sink.onField(id, to, to + nameLength, valueStart, valueStart + valueLength, flaws);
  }

  #literal(prefix: number, kept: boolean, list: HeaderList, sink: FieldSink): boolean {
    const index = this.#integer(prefix);
    if (index < 0) return false;
    const start = list.used;
    let id = -1;
    if (index > 0) {
      id = this.#copyName(index, list);
      if (id < 0) return false;
    } else if (!this.#string(list)) return false;
    const nameEnd = list.used;
    list.reserve(2);
    list.bytes[nameEnd] = COLON;
    list.bytes[nameEnd + 1] = SP;
    list.used = nameEnd + 2;
    if (!this.#string(list)) return false;
    const valueEnd = list.used;
    list.reserve(2);
    const arena = list.bytes;
    arena[valueEnd] = CR;
    arena[valueEnd + 1] = LF;
    list.used = valueEnd + 2;
    this.expanded += list.used - start;
    if (id < 0) id = headerId(arena, start, nameEnd);
    const valueStart = nameEnd + 2;
    const flaws = sink.flawsOf(arena, start, nameEnd, valueStart, valueEnd);
    if (kept) {
      this.#table.add(arena, start, nameEnd - start, valueEnd - valueStart, id, flaws);
    }
    sink.onField(id, start, nameEnd, valueStart, valueEnd, flaws);
    return true;
  }

  /** The name of an entry, into the arena; returns its id, -1: there is no such entry. */
  #copyName(index: number, list: HeaderList): number {
    let source: Uint8Array;
    let start = 0;
    let length: number;
    let id: number;
    if (index <= STATIC_ENTRIES) {
      const entry = STATIC_TABLE[index - 1]!;
      source = entry.line;
      length = entry.nameLength;
      id = entry.id;
    } else {
      const table = this.#table;
      const at = index - STATIC_ENTRIES - 1;
      if (at >= table.count) {
        this.detail = "index beyond the table";
        return -1;
      }
      source = table.bytes;
      start = table.startAt(at);
      length = table.nameLengthAt(at);
      id = table.idAt(at);
    }
    list.reserve(length);
    const to = list.used;
    const arena = list.bytes;
    for (let i = 0; i < length; i++) arena[to + i] = source[start + i]!;
    list.used = to + length;
    return id;
  }

  /** A string (RFC 7541 §5.2), into the arena. */
  #string(list: HeaderList): boolean {
    if (this.#at === this.#end) return this.#fail("block cut short");
    const coded = this.#bytes[this.#at]! >= 0x80;
    const length = this.#integer(7);
    if (length < 0) return false;
    if (length > this.#end - this.#at) return this.#fail("string longer than its block");
    const from = this.#at;
    this.#at += length;
    const to = list.used;
    if (coded) {
      list.reserve(mostDecoded(length));
      const end = decodeHuffman(this.#bytes, from, from + length, list.bytes, to);
      if (end < 0) return this.#fail("malformed Huffman code");
      list.used = end;
      return true;
    }
    list.reserve(length);
    const arena = list.bytes;
    if (length < 32) {
      for (let i = 0; i < length; i++) arena[to + i] = this.#bytes[from + i]!;
    } else arena.set(this.#bytes.subarray(from, from + length), to);
    list.used = to + length;
    return true;
  }
}

const EMPTY: Uint8Array = new Uint8Array(0);
