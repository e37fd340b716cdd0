import type { Slice } from "#core/bytes/slice.ts";

/** Slices that are done with stay in the array until there are so many, or all. */
const MOST_DONE = 64;

/** What is in an empty queue, as most are most of the time. Never pushed to. */
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

  /** Queues one behind the others; without bytes it is released at once. */
  push(slice: Slice): void {
    if (slice.length === 0) return slice.release();
    this.size += slice.length;
    if (this.#slices === NONE) this.#slices = [slice];
    else this.#slices.push(slice);
  }

  /** Puts one with the same bytes in the place of that at `index`, which is released. */
  replace(index: number, slice: Slice): void {
    const at = this.#first + index;
    this.#slices[at]!.release();
    this.#slices[at] = slice;
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
