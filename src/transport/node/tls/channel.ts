import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { Slice, type SliceOwner } from "#core/bytes/slice.ts";
import type { Connection, ConnectionHandler, TransportFailure } from "../../contract.ts";

/**
 * Bytes that may come without a plain one among them while the peer takes nothing of ours. Requests for new keys are
 * such bytes, and OpenSSL queues an answer to each (RFC 8446 §4.6.3), without a bound of its own.
 */
const MOST_FRUITLESS = 256 * 1024;

/** Who is told what becomes of the raw connection. */
export interface ChannelOwner {
  /** The peer has ended the raw connection: behind what has arrived, nothing comes any more. */
  onRawEnd(): void;
  /** The raw connection is gone. */
  onRawClose(failure: TransportFailure | null): void;
  /** Our last record, the close_notify, is queued: how the raw connection ends is to be said now. */
  onFinal(): void;
}

/**
 * A raw connection as the stream that `node:tls` takes.
 *
 * Node could also take the socket itself over, and would be faster. But then nobody but Node sees the end of the
 * raw connection, and what it reports is the same with and without the peer's close_notify: a truncated body
 * would pass for a whole one.
 */
export class Channel extends Duplex implements ConnectionHandler, SliceOwner {
  readonly #raw: Connection;
  readonly #owner: ChannelOwner;
  #paused = false;
  /** Bytes that have come since the last that were plain. */
  #fruitless = 0;
  #held = false;
  /** Chunks of the write that is under way and have not been taken. */
  #left = 0;
  #done: ((error?: Error | null) => void) | undefined;

  constructor(raw: Connection, owner: ChannelOwner) {
    super();
    this.#raw = raw;
    this.#owner = owner;
    raw.handler = this;
  }

  /** Hands over bytes that others have read from the raw connection. */
  receive(slices: readonly Slice[]): void {
    for (const slice of slices) {
      // A copy: they may lie in memory that is used again.
      if (slice.length > 0) this.push(Buffer.from(slice.view()));
      slice.release();
    }
  }

  onConnect(): void {
    throw new Error("TLS begins on a connection that is up");
  }

  onData(connection: Connection, slice: Slice): void {
    // Bytes that Node has read for this connection are never overwritten, so they are kept without a copy.
    this.#fruitless += slice.length;
    if (!this.push(slice.view())) this.#paused = true;
    if (this.#done !== undefined && this.#fruitless > MOST_FRUITLESS) this.#held = true;
    if (this.#paused || this.#held) connection.pause();
  }

  /** Something plain was among what has come. */
  bearFruit(): void {
    this.#fruitless = 0;
    this.#letGo();
  }

  onEnd(): void {
    this.#owner.onRawEnd();
  }

  onWritable(): void {}

  onClose(_: Connection, failure: TransportFailure | null): void {
    this.#owner.onRawClose(failure);
  }

  override _read(): void {
    if (!this.#paused) return;
    this.#paused = false;
    if (!this.#held) this.#raw.resume();
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#send([chunk], done);
  }

  override _writev(
    chunks: readonly { chunk: Buffer }[],
    done: (error?: Error | null) => void,
  ): void {
    this.#send(
      chunks.map((each) => each.chunk),
      done,
    );
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#owner.onFinal();
    done();
  }

  retain(): void {}

  /** The system has taken one chunk, or never will. Called by the raw connection. */
  release(): void {
    if (--this.#left > 0) return;
    const done = this.#done;
    this.#done = undefined;
    done?.();
    this.#letGo();
  }

  #letGo(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#fruitless = 0;
    if (!this.#paused) this.#raw.resume();
  }

  #send(chunks: readonly Buffer[], done: (error?: Error | null) => void): void {
    this.#left = chunks.length;
    this.#done = done;
    this.#raw.write(chunks.map((chunk) => new Slice(chunk, 0, chunk.length, this)));
  }
}
