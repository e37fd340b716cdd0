/** Frames into bytes (RFC 9113 §6). */

import type { ByteWriter } from "#core/bytes/writer.ts";
import { FLAG, FRAME, MAX_FRAME } from "./codes.ts";

/** What stands before `length` bytes of payload. */
export function writeFrameHead(
  writer: ByteWriter,
  length: number,
  type: number,
  flags: number,
  stream: number,
): void {
  writer.reserve(9);
  const { bytes } = writer;
  const at = writer.end;
  bytes[at] = length >>> 16;
  bytes[at + 1] = length >>> 8;
  bytes[at + 2] = length;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  bytes[at + 5] = stream >>> 24;
  bytes[at + 6] = stream >>> 16;
  bytes[at + 7] = stream >>> 8;
  bytes[at + 8] = stream;
  writer.end = at + 9;
}

/** A header block in HEADERS and, if it is long, CONTINUATION frames. */
export function writeHeaders(
  writer: ByteWriter,
  stream: number,
  block: Uint8Array,
  endStream: boolean,
): void {
  let at = 0;
  let type: number = FRAME.headers;
  let flags = endStream ? FLAG.endStream : 0;
  do {
    const end = Math.min(block.length, at + MAX_FRAME);
    if (end === block.length) flags |= FLAG.endHeaders;
    writeFrameHead(writer, end - at, type, flags, stream);
    writer.copy(block, at, end);
    at = end;
    type = FRAME.continuation;
    flags = 0;
  } while (at < block.length);
}

export function writeRstStream(writer: ByteWriter, stream: number, code: number): void {
  writeFrameHead(writer, 4, FRAME.rstStream, 0, stream);
  writeUint32(writer, code);
}

export function writeSettings(
  writer: ByteWriter,
  settings: readonly (readonly [id: number, value: number])[],
): void {
  writeFrameHead(writer, settings.length * 6, FRAME.settings, 0, 0);
  for (const [id, value] of settings) {
    writer.byte(id >>> 8);
    writer.byte(id);
    writeUint32(writer, value);
  }
}

export function writeSettingsAck(writer: ByteWriter): void {
  writeFrameHead(writer, 0, FRAME.settings, FLAG.ack, 0);
}

/** `data`: eight bytes from `start` on. */
export function writePing(writer: ByteWriter, ack: boolean, data: Uint8Array, start: number): void {
  writeFrameHead(writer, 8, FRAME.ping, ack ? FLAG.ack : 0, 0);
  writer.copy(data, start, start + 8);
}

/** `lastStream`: the highest stream that is or may yet be handled. `detail`: for whoever looks at the wire. */
export function writeGoaway(
  writer: ByteWriter,
  lastStream: number,
  code: number,
  detail: string,
): void {
  writeFrameHead(writer, 8 + detail.length, FRAME.goaway, 0, 0);
  writeUint32(writer, lastStream);
  writeUint32(writer, code);
  writer.latin1(detail);
}

export function writeWindowUpdate(writer: ByteWriter, stream: number, increment: number): void {
  writeFrameHead(writer, 4, FRAME.windowUpdate, 0, stream);
  writeUint32(writer, increment);
}

function writeUint32(writer: ByteWriter, value: number): void {
  writer.byte(value >>> 24);
  writer.byte(value >>> 16);
  writer.byte(value >>> 8);
  writer.byte(value);
}
