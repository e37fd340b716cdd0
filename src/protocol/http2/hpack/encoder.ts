/**
 * Fields into header blocks (RFC 7541). Names with their values that the static table has are one byte; everything else
 * is a literal, Huffman-coded where that is shorter. No dynamic table is kept for what is sent: answers of a proxy
 * are of many sites, and the memory would be each connection's.
 */

import type { ByteWriter } from "#core/bytes/writer.ts";
import { HEADER_NAMES, LOWER_CASE } from "#core/http/header-names.ts";
import { encodedLength, encodeHuffman } from "./huffman.ts";
import { staticIndexOfName } from "./static-table.ts";

const INDEXED = 0x80;
const STATUS_NAME = 8;
const HUFFMAN = 0x80;
/** Literal without indexing; of values that nobody on the way may index, never indexed (RFC 7541 §7.1.3). */
const WITHOUT_INDEXING = 0x00;
const NEVER_INDEXED = 0x10;

/** By header id: the static table's index of the name; 0: it has none. */
const NAME_INDEX: Uint8Array = Uint8Array.from(HEADER_NAMES, staticIndexOfName);

/** By header id: 1 = the value may be a secret. */
const SECRET: Uint8Array = Uint8Array.from(HEADER_NAMES, (name) =>
  name === "set-cookie" || name === "authorization" || name === "cookie" ? 1 : 0,
);

/** By status: the static table's index of it. */
const STATUS_INDEX: ReadonlyMap<number, number> = new Map([
  [200, 8],
  [204, 9],
  [206, 10],
  [304, 11],
  [400, 12],
  [404, 13],
  [500, 14],
]);

/** The first instruction of a block after SETTINGS_HEADER_TABLE_SIZE has changed: no table is used. */
export function writeTableSizeZero(writer: ByteWriter): void {
  writer.byte(0x20);
}

/** `:status`. */
export function writeStatus(writer: ByteWriter, status: number): void {
  const index = STATUS_INDEX.get(status);
  if (index !== undefined) return writer.byte(INDEXED | index);
  writer.byte(WITHOUT_INDEXING | STATUS_NAME);
  writer.byte(3);
  writer.decimal(status);
}

/** One field; its name is written in lower case. `id`: the known header id of the name, 0 if it has none. */
export function writeField(
  writer: ByteWriter,
  id: number,
  bytes: Uint8Array,
  nameStart: number,
  nameEnd: number,
  valueStart: number,
  valueEnd: number,
): void {
  const index = NAME_INDEX[id]!;
  const kind = SECRET[id] === 1 ? NEVER_INDEXED : WITHOUT_INDEXING;
  if (index > 0) writeInteger(writer, kind, 4, index);
  else {
    writer.byte(kind);
    writeName(writer, bytes, nameStart, nameEnd);
  }
  writeString(writer, bytes, valueStart, valueEnd);
}

/** A field of a known id whose value is a number. */
export function writeNumber(writer: ByteWriter, id: number, value: number): void {
  writeInteger(writer, WITHOUT_INDEXING, 4, NAME_INDEX[id]!);
  // The length stands before the digits.
  let size = 1;
  for (let power = 10; power <= value; power *= 10) size++;
  writer.byte(size);
  writer.decimal(value);
}

function writeName(writer: ByteWriter, bytes: Uint8Array, start: number, end: number): void {
  const length = end - start;
  writeInteger(writer, 0, 7, length);
  writer.reserve(length);
  const target = writer.bytes;
  let to = writer.end;
  for (let at = start; at < end; at++) target[to++] = LOWER_CASE[bytes[at]!]!;
  writer.end = to;
}

function writeString(writer: ByteWriter, bytes: Uint8Array, start: number, end: number): void {
  const plain = end - start;
  const coded = encodedLength(bytes, start, end);
  if (coded >= plain) {
    writeInteger(writer, 0, 7, plain);
    writer.copy(bytes, start, end);
    return;
  }
  writeInteger(writer, HUFFMAN, 7, coded);
  writer.reserve(coded);
  writer.end = encodeHuffman(bytes, start, end, writer.bytes, writer.end);
}

/** An integer behind a prefix of `bits` bits (RFC 7541 §5.1), whose other bits are `kind`. */
function writeInteger(writer: ByteWriter, kind: number, bits: number, value: number): void {
  const mask = (1 << bits) - 1;
  if (value < mask) return writer.byte(kind | value);
  writer.byte(kind | mask);
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) writer.byte((rest & 0x7f) | 0x80);
  writer.byte(rest);
}
