/** The body of an entry that is being filled. Bytes are written without a lock: nobody reads beyond what is said to be there. */

import { AT, BLOCK, TOP_ORDER } from "./memory/layout.ts";
import type { Pin } from "./memory/store.ts";

/** First piece of a body whose length is not known: 4 KiB. */
const FIRST_ORDER = 4;

/** See the head of this file. */
export class BodyWriter {
  readonly #pin: Pin;
  readonly #limit: number;
  /** The piece that is written to, how much of it is in use, and its size. */
  #piece = 0;
  #used = 0;
  #size = 0;
  /** Bytes of all pieces. */
  #room = 0;
  #written = 0;

  /** @param limit bytes that the body may have */
  constructor(pin: Pin, limit: number) {
    this.#pin = pin;
    this.#limit = limit;
  }

  /** Adds bytes, and tells those who wait. False: it would be too much; nothing has been added. */
  write(bytes: Uint8Array): boolean {
    const needed = this.#written + bytes.length;
    if (needed > this.#limit || !this.#makeRoom(needed)) return false;
    const { shard, entry } = this.#pin;
    let done = 0;
    while (done < bytes.length) {
      if (this.#used === this.#size) this.#step();
      const count = Math.min(bytes.length - done, this.#size - this.#used);
      const at = shard.byteAt(this.#piece) + this.#used;
      shard.bytes.set(count === bytes.length ? bytes : bytes.subarray(done, done + count), at);
      this.#used += count;
      done += count;
    }
    this.#written = needed;
    Atomics.store(shard.words, shard.at(entry, AT.AVAILABLE), needed);
    shard.wake(entry);
    return true;
  }

  /** That was all. Under the lock. */
  finish(): void {
    const { shard, entry } = this.#pin;
    // Where the length was known, no more has been taken than that.
    const isKnown = shard.get(entry, AT.LENGTH) >= 0;
    if (!isKnown && this.#size > 0 && this.#used < this.#size) shard.trim(entry, this.#used);
    shard.set(entry, AT.LENGTH, this.#written);
  }

  #step(): void {
    const { shard, entry } = this.#pin;
    this.#piece = this.#piece === 0 ? shard.get(entry, AT.BODY_FIRST) : shard.after(this.#piece);
    this.#size = shard.sizeOf(this.#piece);
    this.#used = 0;
  }

  #makeRoom(needed: number): boolean {
    const { shard, entry } = this.#pin;
    while (this.#room < needed) {
      const length = shard.get(entry, AT.LENGTH);
      const order = length >= 0 ? orderBelow(length - this.#room) : this.#nextOrder();
      if (!shard.lock()) return false;
      const isGrown = shard.grow(entry, order);
      const size = isGrown ? shard.sizeOf(shard.get(entry, AT.BODY_LAST)) : 0;
      shard.unlock();
      if (!isGrown) return false;
      this.#room += size;
    }
    return true;
  }

  /** As much again as there is. */
  #nextOrder(): number {
    const doubled = this.#room === 0 ? FIRST_ORDER : orderBelow(this.#room);
    return Math.min(Math.max(doubled, FIRST_ORDER), TOP_ORDER);
  }
}

/** The largest piece that is not larger than so many bytes. */
function orderBelow(bytes: number): number {
  return Math.min(31 - Math.clz32(Math.max(bytes / BLOCK, 1)), TOP_ORDER);
}
