/**
 * How fast each of many keys may go, counted by all workers at once: the generic cell rate algorithm (ITU-T I.371, A)
 * over a table of fixed size in shared memory.
 *
 * A key has one number: the time at which nothing would be owed any more. What lies between now and then is its *debt*. A
 * request moves that time on by the interval between two requests; one that would move it further than the burst allows
 * is refused, and moves nothing.
 *
 *     set  [ tag time ][ tag time ] … × 7  [ floor ]
 *
 * A key has an entry in one of two sets, by its hash. Where both are full, the entry with the smallest debt is taken from
 * its owner, and the floor of its set raised to what that owner owed: whoever gets an entry begins with the higher floor
 * of its two sets. So a key that was displaced and comes back owes at least what it owed, and however many keys come by,
 * none gets more than its rate. What can happen instead, with more keys under way than there is room for, is that a new
 * one begins with somebody's debt.
 *
 * Times are modulo 2³²; one that no debt can explain is long past. The unit does not depend on the rate, so that another
 * rate over the same memory finds the debts as they are. An interval is no whole number of units: what is charged is
 * rounded so that the mean is exact.
 */

import type { KeyHash } from "./key-hash.ts";

const WAYS = 7;
const WORDS = 2;
/** A set is a line of the processor's cache. */
const SET_WORDS = 16;
const ENTRIES_END = WAYS * WORDS;
const FLOOR = ENTRIES_END;
/** In the first set: the largest debt that any rate over this memory has allowed. */
const HORIZON = ENTRIES_END + 1;

/** Units of time in milliseconds. With the fine one the time goes round once in 18 hours, with the coarse one in two years. */
const FINE = 1 / 64;
const COARSE = 16;
/** The largest debt, in units. */
const MAX_DEBT = 2 ** 30;
/** How far the clocks of two workers may be apart, in milliseconds: each reads its own once per turn. */
const SKEW = 5000;
/** A burst is one of whole requests, whatever was rounded; in units. */
const ROUNDING = 8;

/** How fast is too fast. */
export interface Rate {
  /** So many requests … */
  readonly count: number;
  /** … in so many milliseconds. */
  readonly period: number;
  /** Requests at once, after a rest; at least 1. */
  readonly burst: number;
}

/** What became of a request; one record per table, valid until its next call. */
export interface RateState {
  readonly allowed: boolean;
  /** Requests that would be let through now. */
  readonly remaining: number;
  /** Milliseconds until the next one would be; 0 if it would be now. */
  readonly retryAfter: number;
  /** Milliseconds until nothing is owed. */
  readonly reset: number;
}

/** Is the burst paid off so slowly that time has to be counted in coarser units? Such rates share no memory with others. */
export function isCoarse({ count, period, burst }: Rate): boolean {
  return (burst * period) / count / FINE > MAX_DEBT;
}

/** See the head of this file. */
export class RateTable implements RateState {
  allowed = true;
  remaining = 0;
  retryAfter = 0;
  reset = 0;
  readonly #cells: Int32Array;
  readonly #setMask: number;
  readonly #unit: number;
  /** Units between two requests. */
  readonly #interval: number;
  /** The largest debt of a key. */
  readonly #limit: number;
  readonly #skew: number;
  /** What rounding has left over. */
  #rest = 0;
  /** The two sets of the key that is being counted. */
  #first = 0;
  #second = 0;

  /** @param memory `byteLength(keys)` bytes from `offset` on, zeroed before their first use */
  constructor(memory: SharedArrayBuffer, offset: number, keys: number, rate: Rate) {
    const sets = setsFor(keys);
    this.#cells = new Int32Array(memory, offset, sets * SET_WORDS);
    this.#setMask = sets - 1;
    this.#unit = isCoarse(rate) ? COARSE : FINE;
    this.#interval = rate.period / rate.count / this.#unit;
    const limit = rate.burst * this.#interval + Math.min(ROUNDING, this.#interval / 2);
    this.#limit = Math.min(limit, MAX_DEBT);
    this.#skew = SKEW / this.#unit;
    raise(this.#cells, HORIZON, Math.ceil(this.#limit), 0);
  }

  /** Bytes for so many keys: 16 to 30 each. */
  static byteLength(keys: number): number {
    return setsFor(keys) * SET_WORDS * Int32Array.BYTES_PER_ELEMENT;
  }

  /**
   * Counts a request of a key, if it may go. The state is this table's own.
   *
   * @param now milliseconds of a clock that all workers share
   */
  take(key: KeyHash, now: number): RateState {
    const cells = this.#cells;
    const tag = this.#look(key);
    const units = this.#unitsAt(now);
    const charged = this.#rest + this.#interval;
    const cost = Math.floor(charged);
    for (;;) {
      const at = this.#find(tag);
      if (at < 0) {
        this.#claim(tag, units);
        continue;
      }
      const time = Atomics.load(cells, at + 1);
      const debt = this.#debt(time, units);
      if (debt + cost > this.#limit) {
        if (debt > this.#limit + this.#skew) this.#forgive(at, time, units);
        return this.#tell(false, debt);
      }
      const next = (units + debt + cost) | 0;
      if (Atomics.compareExchange(cells, at + 1, time, next) !== time) continue;
      // The entry may have become another key's meanwhile: then that one pays as well.
      if (Atomics.load(cells, at) !== tag) continue;
      this.#rest = charged - cost;
      return this.#tell(true, debt + cost);
    }
  }

  /** What `take` would find, without counting anything. */
  peek(key: KeyHash, now: number): RateState {
    const at = this.#find(this.#look(key));
    const units = this.#unitsAt(now);
    const debt = at < 0 ? this.#owed(units) : this.#debt(Atomics.load(this.#cells, at + 1), units);
    return this.#tell(debt + this.#interval <= this.#limit, debt);
  }

  /** Chooses the sets of a key, by other bits of its hash than those that are compared. */
  #look(key: KeyHash): number {
    const { high, low } = key;
    this.#first = (high & this.#setMask) * SET_WORDS;
    this.#second = (((high >>> 16) ^ (high << 16) ^ low) & this.#setMask) * SET_WORDS;
    // 0 is the tag of an entry that belongs to nobody.
    return low | 0 || 1;
  }

  #unitsAt(now: number): number {
    return (now / this.#unit) | 0;
  }

  /** A plain look, which may be a little late: who changes something makes sure. */
  #find(tag: number): number {
    const cells = this.#cells;
    const first = this.#first;
    for (let at = first; at < first + ENTRIES_END; at += WORDS) if (cells[at] === tag) return at;
    const second = this.#second;
    for (let at = second; at < second + ENTRIES_END; at += WORDS) if (cells[at] === tag) return at;
    return -1;
  }

  /** Gives the key an entry: one in which nothing is owed, or that with the smallest debt. */
  #claim(tag: number, units: number): void {
    const cells = this.#cells;
    const best = this.#cheapest(units);
    const before = Atomics.load(cells, best);
    if (before === tag) return;
    const time = Atomics.load(cells, best + 1);
    const owed = (units + this.#owed(units)) | 0;
    if (this.#debt(time, units) > 0) {
      raise(cells, best - (best % SET_WORDS) + FLOOR, time, units);
    }
    // Whoever was faster may have made an entry for this key: the next look tells.
    if (Atomics.compareExchange(cells, best, before, tag) !== before) return;
    Atomics.compareExchange(cells, best + 1, time, owed);
    this.#unite(tag, units);
  }

  #cheapest(units: number): number {
    const cells = this.#cells;
    let best = this.#first;
    let least = Infinity;
    for (const set of [this.#first, this.#second]) {
      for (let at = set; at < set + ENTRIES_END && least > 0; at += WORDS) {
        const debt = this.#debt(Atomics.load(cells, at + 1), units);
        if (debt >= least) continue;
        best = at;
        least = debt;
      }
    }
    return best;
  }

  /** What a key without an entry may owe. */
  #owed(units: number): number {
    const first = this.#debt(Atomics.load(this.#cells, this.#first + FLOOR), units);
    const second = this.#debt(Atomics.load(this.#cells, this.#second + FLOOR), units);
    return Math.max(first, second);
  }

  /** Two workers may have given one key an entry each: the first one counts, with the larger debt. */
  #unite(tag: number, units: number): void {
    const cells = this.#cells;
    const first = this.#find(tag);
    for (const set of [this.#first, this.#second]) {
      for (let at = set; at < set + ENTRIES_END; at += WORDS) {
        if (at === first || Atomics.compareExchange(cells, at, tag, 0) !== tag) continue;
        raise(cells, first + 1, Atomics.load(cells, at + 1), units);
      }
    }
  }

  /** A debt from the time of a more generous rate becomes the largest that there can be now. */
  #forgive(at: number, time: number, units: number): void {
    Atomics.compareExchange(this.#cells, at + 1, time, (units + this.#limit) | 0);
  }

  #debt(time: number, units: number): number {
    const ahead = (time - units) >>> 0;
    return ahead > this.#cells[HORIZON]! + this.#skew ? 0 : ahead;
  }

  #tell(allowed: boolean, debt: number): RateState {
    this.allowed = allowed;
    this.remaining = Math.max(0, Math.floor((this.#limit - debt) / this.#interval));
    this.retryAfter = Math.max(0, debt + this.#interval - this.#limit) * this.#unit;
    this.reset = debt * this.#unit;
    return this;
  }
}

/** Moves a time on, never back; `units` is now. */
function raise(cells: Int32Array, at: number, time: number, units: number): void {
  for (;;) {
    const known = Atomics.load(cells, at);
    const isLater = (known - units) >>> 0 <= 2 * MAX_DEBT && ((known - time) | 0) >= 0;
    if (isLater || Atomics.compareExchange(cells, at, known, time) === known) return;
  }
}

function setsFor(keys: number): number {
  let sets = 1;
  // A quarter more: with two sets to choose from, hardly a key then finds both of them full.
  while (sets * WAYS < keys * 1.25) sets *= 2;
  return sets;
}
