/**
 * The memory store of all threads: shards, pins and counters. Whoever uses an entry outside a shard's lock has it
 * pinned, and every pin is noted in a table of its thread, so that what a dead thread had pinned is let go.
 */

import {
  AT,
  COUNTER_BYTES,
  COUNTERS,
  type Counter,
  layoutOf,
  type Layout,
  PINS,
  STATE,
} from "./layout.ts";
import { Shard } from "./shard.ts";

/** Whom the store wakes. */
export type Ring = (row: number) => void;

/** A hold on an entry: as long as it is held, its memory stays what it is. */
export interface Pin {
  readonly shard: Shard;
  readonly entry: number;
  /** Of the table of pins. */
  readonly slot: number;
}

/** Sleeps of a millisecond at most, for what has to be done. */
const MANY_NAPS = 500;

/** Words of the header: a seed for hashes. */
const SEED = 0;

/** The store as one thread sees it. */
export class Store {
  readonly shards: readonly Shard[];
  readonly rows: number;
  readonly row: number;
  readonly #layout: Layout;
  readonly #words: Int32Array;
  readonly #counters: Float64Array;
  readonly #freeSlots: number[] = [];
  readonly #pinsAt: number;
  readonly #seed: number;
  /** Entries whose last pin went while their shard was locked by another. */
  #unfreed: { readonly shard: Shard; readonly entry: number }[] = [];

  /**
   * @param buffer of `Store.byteLength` bytes, zeroed in the beginning
   * @param rows threads, the control thread included
   * @param ring wakes a thread
   */
  constructor(buffer: SharedArrayBuffer, memory: number, rows: number, row: number, ring: Ring) {
    const layout = layoutOf(memory, rows);
    if (buffer.byteLength < layout.bytes) throw new RangeError("the store has too little memory");
    this.#layout = layout;
    this.rows = rows;
    this.row = row;
    this.#words = new Int32Array(buffer);
    this.#counters = new Float64Array(buffer, layout.countersAt, (rows * COUNTER_BYTES) / 8);
    this.#pinsAt = layout.pinsAt / 4;
    this.#seed = this.#words[SEED]!;
    for (let slot = PINS - 1; slot >= 0; slot--) this.#freeSlots.push(slot);
    const wake = (waiters: number): void => {
      for (let other = 0; other < rows; other++) if ((waiters >> (other & 31)) & 1) ring(other);
    };
    const views = {
      words: this.#words,
      numbers: new Float64Array(buffer),
      bytes: new Uint8Array(buffer),
    };
    this.shards = Array.from(
      { length: layout.shards },
      (_, index) => new Shard(index, views, layout, row, wake),
    );
  }

  /** Bytes of a store of about `memory` bytes. */
  static byteLength(memory: number, rows: number): number {
    return layoutOf(memory, rows).bytes;
  }

  /** Makes a store. `seed`: a number that nobody outside can know, for hashes. */
  static allocate(memory: number, rows: number, seed: number): SharedArrayBuffer {
    const buffer = new SharedArrayBuffer(Store.byteLength(memory, rows));
    new Int32Array(buffer)[SEED] = seed;
    return buffer;
  }

  /** Of text whose characters are bytes. */
  hash(text: string): number {
    let hash = this.#seed;
    for (let i = 0; i < text.length; i++) {
      hash = Math.imul(hash ^ text.charCodeAt(i), 0x5bd1e995);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    return hash ^ (hash >>> 16);
  }

  /** The shard that a hash belongs to. The upper bits decide, those below are the bucket's. */
  shardOf(hash: number): Shard {
    return this.shards[(hash >>> 24) & (this.shards.length - 1)]!;
  }

  /** Bytes that one object can have at most. */
  get largest(): number {
    return (this.#layout.blocks * 256) / 4;
  }

  /**
   * Does under a shard's lock what others rely on. Tries longer than is usual; what is not done then is lost with the
   * store, since only a thread that died keeps a lock so long (`clearRow`).
   */
  insist(shard: Shard, act: () => void): void {
    if (!shard.lock(MANY_NAPS)) return;
    try {
      act();
    } finally {
      shard.unlock();
    }
  }

  // ── pins ────────────────────────────────────────────────────────────────────────────────────────────

  /** Holds an entry; under its shard's lock. Null if this thread holds too many. */
  pin(shard: Shard, entry: number): Pin | null {
    const slot = this.#freeSlots.pop();
    if (slot === undefined) return null;
    // A thread that is terminated stops at a loop's end or a call to a function, not between these two.
    Atomics.add(this.#words, shard.at(entry, AT.PINS), 1);
    this.#words[this.#pinsAt + this.row * PINS + slot] = this.#nameOf(shard, entry);
    return { shard, entry, slot };
  }

  /** Lets it go; exactly once. Not under a lock. */
  unpin({ shard, entry, slot }: Pin): void {
    const place = shard.at(entry, AT.PINS);
    const before = Atomics.sub(this.#words, place, 1);
    this.#words[this.#pinsAt + this.row * PINS + slot] = 0;
    this.#freeSlots.push(slot);
    if (before === 1) this.#unfreed.push({ shard, entry });
    if (this.#unfreed.length > 0) this.#freeAll();
  }

  #freeAll(): void {
    const waiting = this.#unfreed;
    this.#unfreed = [];
    for (const item of waiting) {
      if (!item.shard.lock()) {
        this.#unfreed.push(item);
        continue;
      }
      item.shard.free(item.entry);
      item.shard.unlock();
    }
  }

  #nameOf(shard: Shard, entry: number): number {
    return shard.index * (this.#layout.blocks + 1) + entry;
  }

  /** Entries that this thread holds. */
  get pinned(): number {
    return PINS - this.#freeSlots.length;
  }

  // ── waiting ─────────────────────────────────────────────────────────────────────────────────────────

  /** This thread is to be woken when the pinned entry changes. What has changed before is to be looked at afterwards. */
  awaitChange({ shard, entry }: Pin): void {
    Atomics.or(this.#words, shard.at(entry, AT.WAITERS), 1 << (this.row & 31));
  }

  // ── the end of a thread ─────────────────────────────────────────────────────────────────────────────

  /**
   * Lets go what a dead thread has held: its fills are broken, and whoever waited for them is woken. To be called by the
   * control thread after the thread has ended.
   *
   * @returns false if it died under a lock: then the store cannot be relied on, and another has to take its place
   */
  clearRow(row: number): boolean {
    if (this.shards.some(({ holder }) => holder === row)) return false;
    const table = this.#pinsAt + row * PINS;
    for (let slot = 0; slot < PINS; slot++) {
      const name = this.#words[table + slot]!;
      if (name === 0) continue;
      this.#words[table + slot] = 0;
      const shard = this.shards[Math.floor(name / (this.#layout.blocks + 1))]!;
      if (!this.#release(shard, name % (this.#layout.blocks + 1), row)) return false;
    }
    return true;
  }

  #release(shard: Shard, entry: number, row: number): boolean {
    if (!shard.lock(MANY_NAPS)) return false;
    if (shard.get(entry, AT.OWNER) === row + 1) {
      shard.set(entry, AT.OWNER, 0);
      if (!shard.isSettled(entry)) {
        Atomics.store(this.#words, shard.at(entry, AT.STATE), STATE.BROKEN);
        shard.unlink(entry);
      }
      shard.wake(entry);
    }
    if (Atomics.sub(this.#words, shard.at(entry, AT.PINS), 1) === 1) shard.free(entry);
    shard.unlock();
    return true;
  }

  // ── counters ────────────────────────────────────────────────────────────────────────────────────────

  count(counter: Counter, by = 1): void {
    this.#counters[(this.row * COUNTER_BYTES) / 8 + COUNTERS.indexOf(counter)]! += by;
  }

  /** All threads together. */
  counted(): Record<Counter, number> {
    const sums = Object.fromEntries(COUNTERS.map((name) => [name, 0])) as Record<Counter, number>;
    for (let row = 0; row < this.rows; row++) {
      for (const [place, name] of COUNTERS.entries()) {
        sums[name] += this.#counters[(row * COUNTER_BYTES) / 8 + place]!;
      }
    }
    return sums;
  }

  /** What is in it now. */
  figures(): { readonly bytes: number; readonly entries: number; readonly evictions: number } {
    const sum = { bytes: 0, entries: 0, evictions: 0 };
    for (const shard of this.shards) {
      const { bytes, entries, evictions } = shard.figures();
      sum.bytes += bytes;
      sum.entries += entries;
      sum.evictions += evictions;
    }
    return sum;
  }
}
