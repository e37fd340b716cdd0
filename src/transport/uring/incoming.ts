import { Buffer } from "node:buffer";
import { GARBAGE_COLLECTED, Slice } from "#core/bytes/slice.ts";
import type { Connection, ConnectionHandler } from "../contract.ts";
import type { BufferGroup, ReceiveBuffer } from "./native/buffer-group.ts";
import { CQE_BUFFER } from "./native/layout.ts";

/** Receives in a row that fill a small buffer before large ones are used. */
const FULL_RECEIVES = 2;
/** Receives in a row that a small buffer could have held before small ones are used again: streams come in fits. */
const SMALL_RECEIVES = 8;

/** Has a handler, which may change at any time. */
type Listening = Connection & { handler: ConnectionHandler };

/**
 * What a connection receives, and into which buffers.
 *
 * A connection begins with small buffers and one entry that goes on completing. When several in a row were filled, much
 * is coming: it changes to large buffers and an entry for each, until several come back that small ones could have held.
 *
 * When buffers are scarce, bytes are copied to JavaScript's heap before anybody sees them: whoever keeps them keeps no
 * buffer that others wait for.
 */
export class Incoming {
  /** Large buffers are, or will be, received into. */
  large = false;
  readonly #small: BufferGroup;
  readonly #large: BufferGroup;
  /** What the entry under way was made for. */
  #receivesLarge = false;
  /** Receives in a row that speak for the other kind of buffers. */
  #others = 0;
  /** What arrived while paused, in order. */
  #kept: Slice[] = [];

  constructor(small: BufferGroup, large: BufferGroup) {
    this.#small = small;
    this.#large = large;
  }

  get empty(): boolean {
    return this.#kept.length === 0;
  }

  /** The entry under way should be ended, to be made anew for the other group. */
  get inWrongMode(): boolean {
    return this.large && !this.#receivesLarge;
  }

  /** The group that the entry under way receives into. */
  get group(): BufferGroup {
    return this.#receivesLarge ? this.#large : this.#small;
  }

  /** Whether buffers run short. */
  get scarce(): boolean {
    return this.#small.scarce || this.#large.scarce;
  }

  /** The number of the group to receive into. */
  choose(): number {
    this.#receivesLarge = this.large;
    const group = this.large ? this.#large : this.#small;
    group.grow();
    return group.id;
  }

  /** The buffer that a completion brought; null without. */
  bufferOf(flags: number): ReceiveBuffer | null {
    if ((flags & CQE_BUFFER) === 0) return null;
    return this.group.take(flags >>> 16);
  }

  /** Shows the first `length` bytes of a buffer to the connection's handler. */
  deliver(connection: Listening, buffer: ReceiveBuffer, length: number): void {
    show(connection, this.#sliceOf(buffer, length));
  }

  /** Keeps them for later. */
  keep(buffer: ReceiveBuffer, length: number): void {
    this.#kept.push(this.#sliceOf(buffer, length));
  }

  /** Shows what was kept, until `stop`. */
  deliverKept(connection: Listening, stop: () => boolean): void {
    while (this.#kept.length > 0 && !stop()) show(connection, this.#kept.shift()!);
  }

  /** Nobody wants it any more. */
  release(): void {
    for (const slice of this.#kept.splice(0)) slice.release();
  }

  #sliceOf(buffer: ReceiveBuffer, length: number): Slice {
    const { group } = this;
    if (this.#receivesLarge) {
      if (length > this.#small.size) this.#others = 0;
      else if (++this.#others >= SMALL_RECEIVES) {
        this.large = false;
        this.#others = 0;
      }
    } else if (length < group.size) {
      this.#others = 0;
    } else if (++this.#others >= FULL_RECEIVES) {
      this.large = true;
      this.#others = 0;
    }
    if (!group.scarce) return new Slice(buffer.bytes, buffer.start, length, buffer);
    const copy = Buffer.allocUnsafeSlow(length);
    copy.set(buffer.bytes.subarray(buffer.start, buffer.start + length));
    buffer.release();
    return new Slice(copy, 0, length, GARBAGE_COLLECTED);
  }
}

function show(connection: Listening, slice: Slice): void {
  try {
    connection.handler.onData(connection, slice);
  } finally {
    slice.release();
  }
}
