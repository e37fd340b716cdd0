import { Buffer } from "node:buffer";
import type { Slice } from "#core/bytes/slice.ts";
import type { Slab } from "./slab.ts";

/** Slices that are done with stay in the array until there are so many, or all. */
const MOST_DONE = 256;

/** What is in an empty queue. Never pushed to. */
const NONE: Slice[] = [];

/** Slices that wait to be sent, first come, first served. It owns them until it releases them. */
export class SliceQueue {
  /** Bytes in it. */
  size = 0;
  #slices: Slice[] = NONE;
  /** The next to be sent; bytes that are taken are cut off its front. */
  #first = 0;

  /** Slices in it. */
  get count(): number {
    return this.#slices.length - this.#first;
  }

  /** The slice at `index` from the front. */
  at(index: number): Slice {
    return this.#slices[this.#first + index]!;
  }

  /** Queues them behind the others; those without bytes are released at once. */
  push(slices: readonly Slice[]): void {
    for (const slice of slices) {
      if (slice.length === 0) {
        slice.release();
        continue;
      }
      this.size += slice.length;
      if (this.#slices === NONE) this.#slices = [slice];
      else this.#slices.push(slice);
    }
  }

  /** A copy of the first `count` slices, which have `size` bytes. */
  gather(count: number, size: number, slab: Slab): Buffer {
    const copy = slab.cut(size);
    let at = copy.offset;
    for (let i = 0; i < count; i++) {
      const slice = this.at(i);
      copy.bytes.set(slice.view(), at);
      at += slice.length;
    }
    return bufferOf(copy, size);
  }

  /** Cuts `size` bytes off the front and releases what is used up. */
  take(size: number): void {
    this.size -= size;
    let left = size;
    while (left > 0) {
      const slice = this.#slices[this.#first]!;
      if (slice.length > left) {
        slice.offset += left;
        slice.length -= left;
        return;
      }
      left -= slice.length;
      this.#first++;
      slice.release();
    }
    if (this.#first === this.#slices.length) {
      // To empty an array by its length is a slow call.
      this.#slices = NONE;
      this.#first = 0;
    } else if (this.#first >= MOST_DONE) {
      this.#slices.splice(0, this.#first);
      this.#first = 0;
    }
  }

  /** Releases all. */
  clear(): void {
    const slices = this.#slices;
    const first = this.#first;
    this.#slices = NONE;
    this.#first = 0;
    this.size = 0;
    for (let i = first; i < slices.length; i++) slices[i]!.release();
  }
}

/** The first `length` bytes of a slice as a Buffer, which is what sockets take without a copy. */
export function bufferOf(slice: Slice, length: number): Buffer {
  const bytes = slice.bytes;
  if (length === bytes.length && bytes instanceof Buffer) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset + slice.offset, length);
}
