import { Buffer } from "node:buffer";
import { GARBAGE_COLLECTED, Slice } from "#core/bytes/slice.ts";
import type { Mapping } from "../native/mapping.ts";
import { Pinned } from "../native/pinned.ts";

/** What is encrypted at once at the most: three records of the largest size (RFC 8446 §5.1). */
export const LARGEST_WRITE: number = 48 * 1024;
/** Slices from this length on are encrypted from where they are, though others could be joined to them. */
const WORTH_A_RECORD = 16 * 1024;
/** Slices that are done with are cut off when there are so many. */
const MOST_DONE = 64;

/** What waits of a connection that has nothing to encrypt. Never pushed to. */
const NONE: Slice[] = [];

/** Memory that small slices are gathered in, to be encrypted as one record. */
export class Gathering extends Pinned {
  readonly bytes: Uint8Array;

  /** @param mapping of {@link LARGEST_WRITE} bytes */
  constructor(mapping: Mapping) {
    super(mapping);
    this.bytes = new Uint8Array(mapping.buffer);
  }

  protected override free(): void {
    // It goes when its mapping does.
  }
}

/** What a connection has to encrypt, in order. */
export class Plaintext {
  /** Bytes that wait. */
  size = 0;
  /** Where {@link next} has found bytes. */
  owner: Pinned;
  start = 0;
  readonly #gathering: Gathering;
  #queue: Slice[] = NONE;
  #first = 0;

  constructor(gathering: Gathering) {
    this.#gathering = gathering;
    this.owner = gathering;
  }

  push(slice: Slice): void {
    if (slice.length === 0) return slice.release();
    this.size += slice.length;
    if (this.#queue === NONE) this.#queue = [slice];
    else this.#queue.push(slice);
  }

  /** Finds what is to be encrypted next, and sets `owner` and `start`. There must be something. @returns bytes */
  next(): number {
    const first = this.#queue[this.#first]!;
    const alone = this.#first === this.#queue.length - 1;
    if (first.owner instanceof Pinned && (alone || first.length >= WORTH_A_RECORD)) {
      this.owner = first.owner;
      this.start = first.offset;
      return Math.min(first.length, LARGEST_WRITE);
    }
    this.owner = this.#gathering;
    this.start = 0;
    return this.#gather();
  }

  /** So many bytes from the front are encrypted. */
  settle(count: number): void {
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
    } else if (this.#first >= MOST_DONE) {
      this.#queue.splice(0, this.#first);
      this.#first = 0;
    }
  }

  /** Moves what waits out of memory that others could use. */
  moveToHeap(): void {
    for (let i = this.#first; i < this.#queue.length; i++) {
      const slice = this.#queue[i]!;
      if (!(slice.owner instanceof Pinned)) continue;
      const copy = Buffer.allocUnsafeSlow(slice.length);
      copy.set(slice.view());
      slice.release();
      this.#queue[i] = new Slice(copy, 0, copy.length, GARBAGE_COLLECTED);
    }
  }

  /** Nothing is wanted any more. */
  release(): void {
    for (let i = this.#first; i < this.#queue.length; i++) this.#queue[i]!.release();
    this.#queue = NONE;
    this.#first = 0;
    this.size = 0;
  }

  #gather(): number {
    const { bytes } = this.#gathering;
    let at = 0;
    for (let i = this.#first; i < this.#queue.length && at < LARGEST_WRITE; i++) {
      const slice = this.#queue[i]!;
      const length = Math.min(slice.length, LARGEST_WRITE - at);
      bytes.set(slice.bytes.subarray(slice.offset, slice.offset + length), at);
      at += length;
    }
    return at;
  }
}
