/**
 * What goes to an HTTP/2 client: the frames of one turn are gathered and leave together. Frames and small pieces of
 * bodies are copied behind each other; larger pieces stay where they are.
 *
 *     writer   [ HEADERS | DATA head ]            [ DATA head ]            [ … ]
 *     slices                          [ a body's ]             [ another's ]
 */

import type { Slice } from "#core/bytes/slice.ts";
import { ByteWriter } from "#core/bytes/writer.ts";
import { FLAG, FRAME } from "#protocol/http2/codes.ts";
import { writeFrameHead } from "#protocol/http2/frame-writer.ts";
import type { FrameOutput } from "#protocol/http2/server-session.ts";
import { HIGH_MARK, type Connection, type Transport } from "#transport/contract.ts";

/** Up to so many bytes of a body are copied: less work than to send one more piece. */
const COPIED = 2 * 1024;
/** Writers that nobody uses, per worker. */
const WRITERS: ByteWriter[] = [];
const MOST_KEPT = 64;
/** A writer that grew beyond this is not kept. */
const LARGEST_KEPT = 64 * 1024;

/** Told when what was gathered has been handed to the connection. */
export interface Http2OutputUser {
  onFlushed(): void;
}

/** See the head of this file. */
export class Http2Output implements FrameOutput {
  /** The connection has told to stop. */
  clogged = false;
  readonly #transport: Transport;
  readonly #connection: Connection;
  readonly #user: Http2OutputUser;
  readonly #task: () => void;
  #writer: ByteWriter | null = null;
  #slices: Slice[] = [];
  /** For each slice, how much of the writer comes before it. */
  #cuts: number[] = [];
  #sliceBytes = 0;
  /** The DATA head that was written last, and the stream it is of. */
  #dataHead = -1;
  #dataStream = 0;

  constructor(transport: Transport, connection: Connection, user: Http2OutputUser) {
    this.#transport = transport;
    this.#connection = connection;
    this.#user = user;
    this.#task = () => this.#flushAtEnd();
  }

  get writer(): ByteWriter {
    if (this.#writer === null) {
      this.#writer = WRITERS.pop() ?? new ByteWriter(1024);
      this.#transport.defer(this.#task);
    }
    return this.#writer;
  }

  /** Bytes that have been gathered. */
  get pending(): number {
    return this.#writer === null ? 0 : this.#writer.length + this.#sliceBytes;
  }

  /** May more of bodies be written? */
  get hasRoom(): boolean {
    return !this.clogged && this.#connection.queued + this.pending < HIGH_MARK;
  }

  /** One DATA frame; ownership of the slice passes. */
  data(stream: number, slice: Slice, endStream: boolean): void {
    const { writer } = this;
    this.#dataHead = writer.length;
    this.#dataStream = stream;
    writeFrameHead(writer, slice.length, FRAME.data, endStream ? FLAG.endStream : 0, stream);
    if (slice.length <= COPIED) {
      writer.copy(slice.bytes, slice.offset, slice.offset + slice.length);
      slice.release();
    } else {
      this.#cuts.push(writer.length);
      this.#slices.push(slice);
      this.#sliceBytes += slice.length;
    }
  }

  /** The body that was written last is complete: its last frame says so, or one without data that follows. */
  endData(stream: number): void {
    const { writer } = this;
    if (this.#dataStream === stream && this.#dataHead >= 0) {
      const flags = writer.start + this.#dataHead + 4;
      writer.bytes[flags] = writer.bytes[flags]! | FLAG.endStream;
    } else writeFrameHead(writer, 0, FRAME.data, FLAG.endStream, stream);
  }

  #flushAtEnd(): void {
    this.flush();
    this.#user.onFlushed();
  }

  /** Hands what was gathered to the connection. */
  flush(): void {
    const writer = this.#writer;
    if (writer === null) return;
    this.#writer = null;
    this.#dataHead = -1;
    if (writer.length > 0 && !this.#connection.write(this.#pieces(writer))) this.clogged = true;
    this.#slices = [];
    this.#cuts = [];
    this.#sliceBytes = 0;
    if (writer.bytes.length > LARGEST_KEPT || WRITERS.length === MOST_KEPT) return;
    writer.reset();
    WRITERS.push(writer);
  }

  #pieces(writer: ByteWriter): Slice[] {
    const frames = this.#transport.allocate(writer.length);
    frames.bytes.set(writer.view(), frames.offset);
    frames.length = writer.length;
    if (this.#slices.length === 0) return [frames];
    const pieces: Slice[] = [];
    let from = 0;
    for (const [index, slice] of this.#slices.entries()) {
      const cut = this.#cuts[index]!;
      pieces.push(frames.part(from, cut - from), slice);
      from = cut;
    }
    if (from < frames.length) pieces.push(frames.part(from, frames.length - from));
    frames.release();
    return pieces;
  }

  /** The connection is gone: so is what was gathered. */
  drop(): void {
    for (const slice of this.#slices) slice.release();
    this.#slices = [];
    this.#cuts = [];
    this.#sliceBytes = 0;
    this.#writer?.reset();
  }
}
