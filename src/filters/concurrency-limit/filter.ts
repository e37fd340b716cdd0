import {
  CONTINUE,
  ConcurrencyTable,
  type FilterEnvironment,
  type FilterKind,
  KeyHash,
  RESET,
  type Verdict,
  keyText,
  linkKey,
  refuse,
} from "#sdk/index.ts";
import type { ConcurrencyLimitOptions } from "./config.ts";

/** Places become free in other workers, too: those who wait look for themselves, so many milliseconds apart. */
const LOOK = 10;

const REFUSAL = refuse("concurrency_limit");

/** A key that is kept while others are hashed. */
interface Key {
  readonly high: number;
  readonly low: number;
}

/** What a request has taken; -1: nothing. */
interface Taken {
  place: number;
  /** Gives up waiting. */
  leave: (() => void) | null;
}

interface Waiter {
  readonly key: Key;
  readonly state: Taken;
  readonly over: (verdict: Verdict) => void;
}

/** Those of one worker who wait for a place, first come first. */
class Queue {
  readonly #table: ConcurrencyTable;
  readonly #max: number;
  readonly #size: number;
  readonly #timeout: number;
  readonly #seats: Key;
  readonly #after: FilterEnvironment["after"];
  readonly #waiters: Set<Waiter> = new Set();
  #isLooking = false;

  /** @param seats the key by which waiting itself is counted, over all workers */
  constructor(
    table: ConcurrencyTable,
    max: number,
    { size, timeout }: { readonly size: number; readonly timeout: number },
    seats: Key,
    after: FilterEnvironment["after"],
  ) {
    this.#table = table;
    this.#max = max;
    this.#size = size;
    this.#timeout = timeout;
    this.#seats = seats;
    this.#after = after;
  }

  /** Does somebody with this key wait already? Then nobody is to pass him. */
  holds({ high, low }: Key): boolean {
    for (const { key } of this.#waiters) if (key.high === high && key.low === low) return true;
    return false;
  }

  /** Waits for a place; refused at once if there are too many who do. */
  wait(key: Key, state: Taken): Verdict | Promise<Verdict> {
    const seat = this.#table.take(this.#seats, this.#size);
    if (seat < 0) return REFUSAL;
    return new Promise((resolve) => {
      const cancelTimeout = this.#after(this.#timeout, () => waiter.over(REFUSAL));
      const waiter: Waiter = {
        key,
        state,
        over: (verdict) => {
          if (!this.#waiters.delete(waiter)) return;
          cancelTimeout();
          state.leave = null;
          this.#table.release(seat);
          resolve(verdict);
        },
      };
      state.leave = () => waiter.over(RESET);
      this.#waiters.add(waiter);
      if (!this.#isLooking) this.#lookSoon();
    });
  }

  /** A place has become free. */
  next(): void {
    const full = new Set<number>();
    for (const { key, state, over } of this.#waiters) {
      if (full.has(key.low)) continue;
      state.place = this.#table.take(key, this.#max);
      if (state.place < 0) full.add(key.low);
      else over(CONTINUE);
    }
  }

  #lookSoon(): void {
    this.#isLooking = true;
    this.#after(LOOK, () => {
      this.#isLooking = false;
      this.next();
      if (this.#waiters.size > 0) this.#lookSoon();
    });
  }
}

/** Bounds how many requests are under way at once. */
export const concurrencyLimit: FilterKind<ConcurrencyLimitOptions, Taken> = {
  name: "concurrencyLimit",
  stability: "stable",
  securityPosture: "untrusted-both",
  pure: false,
  create({ max, by, keys, queue: waiting, mode }, { memory, after }) {
    const { buffer, offset, seed, row } = memory!;
    const table = new ConcurrencyTable(buffer, offset, keys, row);
    const keyOf = linkKey(by, new KeyHash(seed));
    const { high, low } = new KeyHash(seed).begin().text("seats of the queue").finish();
    // Whoever only observes makes nobody wait.
    const queue =
      waiting === null || mode === "observe"
        ? null
        : new Queue(table, max, waiting, { high, low }, after);
    return {
      start: () => ({ place: -1, leave: null }),
      onRequestHead(context) {
        const key = keyOf(context);
        const { state } = context;
        if (queue?.holds(key) !== true) state.place = table.take(key, max);
        if (state.place >= 0) return CONTINUE;
        return queue?.wait({ high: key.high, low: key.low }, state) ?? REFUSAL;
      },
      onEnd({ state }) {
        state.leave?.();
        if (state.place < 0) return;
        table.release(state.place);
        state.place = -1;
        queue?.next();
      },
    };
  },
  summary: ({ max, by, queue }) =>
    `${max} at once by ${keyText(by)}${queue === null ? "" : `, ${queue.size} may wait`}`,
};
