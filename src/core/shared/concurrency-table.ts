/**
 * How many things of each of many keys are under way, in all workers together, over a table of fixed size in shared
 * memory.
 *
 *     set    [ tag 20 bits | count 12 bits ] × 8        a key belongs to one set, by its hash
 *     rows   what each worker has of each count: it is given back when the worker dies
 *
 * Tag and count are one word, so that taking one is a single compare-and-exchange. An entry whose count is 0 belongs to
 * nobody. With more keys under way in a set than it has room for, keys share the entry with the smallest count: they are
 * held together to what each may have, never to more.
 */

import type { KeyHash } from "./key-hash.ts";

const WAYS = 8;
const COUNT_BITS = 12;
const COUNT_MASK = 2 ** COUNT_BITS - 1;

/** The largest limit of a key. */
export const MAX_CONCURRENCY: number = COUNT_MASK;

/** See the head of this file. */
export class ConcurrencyTable {
  readonly #cells: Uint32Array;
  readonly #own: Uint32Array;
  readonly #setMask: number;

  /**
   * @param memory the counts from `offset` on, then the rows of the workers, all zeroed before their first use
   * @param row of this worker
   */
  constructor(memory: SharedArrayBuffer, offset: number, keys: number, row: number) {
    const sets = setsFor(keys);
    const bytes = ConcurrencyTable.byteLength(keys);
    this.#setMask = sets - 1;
    this.#cells = new Uint32Array(memory, offset, sets * WAYS);
    this.#own = new Uint32Array(memory, offset + (row + 1) * bytes, sets * WAYS);
  }

  /** Bytes of the counts for so many keys, and of each worker's row: 4 for each key, rounded up to a power of two. */
  static byteLength(keys: number): number {
    return setsFor(keys) * WAYS * Uint32Array.BYTES_PER_ELEMENT;
  }

  /**
   * Takes one of at most `limit` (up to `MAX_CONCURRENCY`) of a key.
   *
   * @returns what to give back to `release`; -1 if there is none
   */
  take(key: Pick<KeyHash, "high" | "low">, limit: number): number {
    const cells = this.#cells;
    const base = (key.high & this.#setMask) * WAYS;
    const tag = key.low >>> COUNT_BITS;
    for (;;) {
      const at = this.#find(base, tag);
      const word = Atomics.load(cells, at);
      const count = word & COUNT_MASK;
      // It was somebody's a moment ago, and the look before this one saw it so.
      if (count > 0 && word >>> COUNT_BITS !== tag && this.#isFree(base)) continue;
      if (count >= limit) return -1;
      const taken = count === 0 ? ((tag << COUNT_BITS) | 1) >>> 0 : word + 1;
      if (Atomics.compareExchange(cells, at, word, taken) !== word) continue;
      this.#own[at]!++;
      // Two workers may have given the key an entry each: together they have no more.
      if (count === 0 && this.#total(base, tag) > limit) {
        this.release(at);
        return -1;
      }
      return at;
    }
  }

  /** Gives back what `take` returned. */
  release(place: number): void {
    this.#own[place]!--;
    Atomics.sub(this.#cells, place, 1);
  }

  /** The key's entry, else a free one, else the one with the smallest count. */
  #find(base: number, tag: number): number {
    const cells = this.#cells;
    let best = base;
    let least = Infinity;
    for (let at = base; at < base + WAYS; at++) {
      const word = Atomics.load(cells, at);
      const count = word & COUNT_MASK;
      if (count > 0 && word >>> COUNT_BITS === tag) return at;
      if (count >= least) continue;
      best = at;
      least = count;
    }
    return best;
  }

  #isFree(base: number): boolean {
    for (let at = base; at < base + WAYS; at++) {
      if ((Atomics.load(this.#cells, at) & COUNT_MASK) === 0) return true;
    }
    return false;
  }

  #total(base: number, tag: number): number {
    let total = 0;
    for (let at = base; at < base + WAYS; at++) {
      const word = Atomics.load(this.#cells, at);
      if (word >>> COUNT_BITS === tag) total += word & COUNT_MASK;
    }
    return total;
  }
}

function setsFor(keys: number): number {
  let sets = 1;
  while (sets * WAYS < keys) sets *= 2;
  return sets;
}
