/** Rows of shared memory: who has which, across configurations. */

/** What an allocator hands out. */
export interface SlotOptions {
  /** Rows 0 to `capacity - 1`. */
  readonly capacity: number;
  /** Milliseconds in which a row is not given to another key: requests under way still count there. */
  readonly grace: number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Is something still under way in a row? Then it is not given away, whatever the grace. */
  readonly isBusy?: (slot: number) => boolean;
  /** A row has got a key; what one before it left there has to go. */
  readonly onAssign?: (slot: number) => void;
}

/**
 * Gives each key a row and remembers it for as long as the key is configured, so that counters, health and
 * pools outlive a configuration.
 *
 * A key that has left and comes back before its row was needed finds it as it was. Rows that were never used
 * are given first, then the one that was left the longest ago.
 */
export class SlotAllocator {
  readonly #options: SlotOptions;
  readonly #slots = new Map<string, number>();
  /** When each key left; in the order in which they did. */
  readonly #left = new Map<string, number>();
  #unused = 0;

  constructor(options: SlotOptions) {
    this.#options = options;
  }

  /** The row of a key; -1 if all are taken. */
  allocate(key: string): number {
    const known = this.#slots.get(key);
    if (known !== undefined) {
      this.#left.delete(key);
      return known;
    }
    const slot = this.#unused < this.#options.capacity ? this.#unused++ : this.#reclaim();
    if (slot < 0) return -1;
    this.#slots.set(key, slot);
    this.#options.onAssign?.(slot);
    return slot;
  }

  /**
   * Says which keys are configured. To be called when a configuration has been applied, and with the keys of
   * the one that goes on when it was refused.
   */
  retain(keys: Iterable<string>): void {
    const configured = new Set(keys);
    const now = this.#options.now();
    for (const key of this.#slots.keys()) {
      if (configured.has(key)) this.#left.delete(key);
      else if (!this.#left.has(key)) this.#left.set(key, now);
    }
  }

  #reclaim(): number {
    const { grace, now, isBusy } = this.#options;
    const latest = now() - grace;
    for (const [key, left] of this.#left) {
      if (left > latest) return -1;
      const slot = this.#slots.get(key);
      if (slot === undefined || isBusy?.(slot) === true) continue;
      this.#left.delete(key);
      this.#slots.delete(key);
      return slot;
    }
    return -1;
  }
}
