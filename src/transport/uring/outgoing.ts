import { Buffer } from "node:buffer";
import { GARBAGE_COLLECTED, Slice } from "#core/bytes/slice.ts";
import { ReceiveBuffer } from "./native/buffer-group.ts";
import { Pinned } from "./native/pinned.ts";
import type { Piece, Ring } from "./native/ring.ts";
import { LARGEST_CUT, type SendMemory } from "./send-memory.ts";

/** What is sent at once at the most. */
const LARGEST_SEND = 256 * 1024;
/** Slices that are no longer than this together are copied into one: cheaper than a vector. */
const LARGEST_COPY = 16 * 1024;
/** Slices in one send. */
const MOST_SLICES = 64;

/** What waits of a connection that has nothing to send, as most have most of the time. Never pushed to. */
const NONE: Slice[] = [];

/** The pieces of the entry that is being made; empty between calls. */
const PIECES: Piece[] = [];

/** What a connection has to send: slices in order, cut off from the front as the kernel takes them. */
export class Outgoing {
  /** Bytes that wait. */
  size = 0;
  readonly #memory: SendMemory;
  #queue: Slice[] = NONE;
  #first = 0;
  /** Copies of what the kernel cannot send from where it is, for the send under way. */
  #staging: Slice | null = null;
  /** Slices from `#first` on that go into the next send. */
  #end = 0;

  constructor(memory: SendMemory) {
    this.#memory = memory;
  }

  push(slice: Slice): void {
    if (slice.length === 0) return slice.release();
    this.size += slice.length;
    if (this.#queue === NONE) this.#queue = [slice];
    else this.#queue.push(slice);
  }

  /**
   * Chooses what goes into the next send, and copies what has to be copied. The queue must not be empty, and no
   * send be under way.
   *
   * @returns false if there is no memory for copies
   */
  prepare(): boolean {
    const queue = this.#queue;
    const copyAll = this.size <= LARGEST_COPY && queue.length - this.#first > 1;
    let copied = 0;
    let length = 0;
    let end = this.#first;
    while (end < queue.length && end - this.#first < MOST_SLICES) {
      const slice = queue[end]!;
      const copies = copyAll || !(slice.owner instanceof Pinned);
      // The first goes in part if it must.
      if (end > this.#first && length + slice.length > LARGEST_SEND) break;
      if (copies && copied > 0 && copied + slice.length > LARGEST_CUT) break;
      if (copies) copied += Math.min(slice.length, LARGEST_CUT);
      length += slice.length;
      end++;
      if (copied >= LARGEST_CUT) break;
    }
    this.#end = end;
    if (copied === 0) return true;
    const staging = this.#memory.cutPinned(copied);
    if (staging === null) return false;
    this.#staging = staging;
    this.#copy(staging, copyAll);
    return true;
  }

  /** Makes the entry for what was prepared. */
  send(ring: Ring, low: number, high: number, fd: number): void {
    const staging = this.#staging;
    const first = this.#queue[this.#first]!;
    if (this.#end === this.#first + 1 && staging === null) {
      const length = Math.min(first.length, LARGEST_SEND);
      ring.send(low, high, fd, first.owner as Pinned, first.offset, length);
    } else if (staging !== null && (this.#end === this.#first + 1 || this.size <= LARGEST_COPY)) {
      ring.send(low, high, fd, staging.owner as Pinned, staging.offset, staging.length);
    } else {
      ring.sendAll(low, high, fd, this.#pieces());
      PIECES.length = 0;
    }
  }

  /** The kernel has taken `count` bytes from the front. */
  settle(count: number): void {
    this.#staging?.release();
    this.#staging = null;
    this.size -= count;
    let left = count;
    while (left > 0) {
      const slice = this.#queue[this.#first]!;
      if (slice.length > left) {
        slice.offset += left;
        slice.length -= left;
        return;
      }
      left -= slice.length;
      this.#first++;
      slice.release();
    }
    if (this.#first === this.#queue.length) {
      // To empty an array by its length is a slow call.
      this.#queue = NONE;
      this.#first = 0;
    } else if (this.#first >= MOST_SLICES) {
      this.#queue.splice(0, this.#first);
      this.#first = 0;
    }
  }

  /** Moves what waits to JavaScript's heap: always what was cut from send memory, `received` bytes when buffers run short. */
  moveToHeap(received: boolean): void {
    for (let i = this.#first; i < this.#queue.length; i++) {
      const slice = this.#queue[i]!;
      if (!(slice.owner instanceof Pinned)) continue;
      if (slice.owner instanceof ReceiveBuffer && !received) continue;
      const copy = Buffer.allocUnsafeSlow(slice.length);
      copy.set(slice.view());
      slice.release();
      this.#queue[i] = new Slice(copy, 0, copy.length, GARBAGE_COLLECTED);
    }
  }

  /** Nothing is wanted any more. A send may be under way only if {@link settle} or this follows when it has come back. */
  release(): void {
    this.#staging?.release();
    this.#staging = null;
    for (let i = this.#first; i < this.#queue.length; i++) this.#queue[i]!.release();
    this.#queue = NONE;
    this.#first = 0;
    this.size = 0;
  }

  #copy(staging: Slice, copyAll: boolean): void {
    let at = staging.offset;
    const end = staging.offset + staging.length;
    for (let i = this.#first; i < this.#end; i++) {
      const slice = this.#queue[i]!;
      if (!copyAll && slice.owner instanceof Pinned) continue;
      const length = Math.min(slice.length, end - at);
      staging.bytes.set(slice.bytes.subarray(slice.offset, slice.offset + length), at);
      at += length;
    }
  }

  /** Where each slice of the next send is: in its own memory, or in the copy. */
  #pieces(): readonly Piece[] {
    const staging = this.#staging;
    let at = staging?.offset ?? 0;
    for (let i = this.#first; i < this.#end; i++) {
      const { owner, offset, length } = this.#queue[i]!;
      if (owner instanceof Pinned) {
        PIECES.push({ owner, offset, length });
      } else {
        const copied = Math.min(length, staging!.offset + staging!.length - at);
        PIECES.push({ owner: staging!.owner as Pinned, offset: at, length: copied });
        at += copied;
      }
    }
    return PIECES;
  }
}
