/** Queues for tests, the lines that are sent through them, and a thread that writes such lines. */

import { Buffer } from "node:buffer";
import { parentPort, workerData } from "node:worker_threads";

import { ByteWriter } from "#core/bytes/writer.ts";
import { LineReader, LineWriter, type QueueSize, lineQueueBytes } from "./line-queue.ts";

/** Both sides of a queue. */
export function linesFor(
  size?: QueueSize,
  wake: () => void = () => undefined,
): { readonly writer: LineWriter; readonly reader: LineReader } {
  const buffer = new SharedArrayBuffer(lineQueueBytes(1, size));
  return {
    writer: new LineWriter(buffer, 0, wake, size),
    reader: new LineReader(buffer, 0, size),
  };
}

/** Takes everything that waits. */
export function drained(reader: LineReader): string {
  const pieces: Uint8Array[] = [];
  const count = reader.peek(pieces);
  const text = Buffer.concat(pieces).toString("utf8");
  reader.take(count);
  return text;
}

/** Writes one line. */
export function put(lines: LineWriter, writer: ByteWriter, line: string): void {
  lines.begin(writer);
  writer.utf8(line);
  lines.commit(writer);
}

/** The line of a number: as long as a number made of it says, sometimes beyond ASCII. */
export function lineOf(index: number, longest: number): string {
  const length = Math.imul(index + 1, 2_654_435_761) >>> 0;
  const letter = index % 7 === 0 ? "é" : String.fromCharCode(97 + (index % 26));
  return `${index} ${letter.repeat(length % longest)}\n`;
}

/** How many lines a thread writes; see the end of this file. */
export interface Writing {
  readonly buffer: SharedArrayBuffer;
  readonly row: number;
  readonly size: QueueSize;
  readonly longest: number;
  readonly count: number;
}

if (parentPort !== null) {
  const { buffer, row, size, longest, count } = workerData as Writing;
  const lines = new LineWriter(buffer, row, () => undefined, size);
  const writer = new ByteWriter(64);
  for (let index = 0; index < count; index++) put(lines, writer, lineOf(index, longest));
}
