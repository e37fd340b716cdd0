import type { Random } from "#core/random.ts";

/** One direction of a connection inside the network: what the sending side's system took and the receiving side has not seen. */
export class Pipe {
  /** Bytes it holds at most. May be changed at any time. */
  window: number;
  /** No byte and no end leaves it while set: a reader that stalls, or a path that went dead. */
  stalled = false;
  /** The sender's end is behind the last byte. */
  finished = false;
  /** Bytes that went in since the beginning. */
  carried = 0;
  /** The byte after this many resets the connection. */
  resetAfter: number = Infinity;
  /** The sender was reset: so is the receiver, behind the last byte. */
  broken = false;

  #held: Uint8Array[] = [];
  #length = 0;

  constructor(window: number) {
    this.window = window;
  }

  /** Bytes that wait to be received. */
  get length(): number {
    return this.#length;
  }

  /** Bytes that it takes at once now. */
  get room(): number {
    return Math.max(0, Math.min(this.window - this.#length, this.resetAfter - this.carried));
  }

  /** The byte that resets the connection would be next. */
  get exhausted(): boolean {
    return this.carried >= this.resetAfter;
  }

  /** Copies bytes in; the caller has looked at `room`. */
  put(bytes: Uint8Array): void {
    // Not `slice()`: that of a Buffer shares its memory.
    this.#held.push(new Uint8Array(bytes));
    this.#length += bytes.length;
    this.carried += bytes.length;
  }

  /** How much the next read returns: anything from one byte to all that is held. */
  pick(random: Random): number {
    return pickSize(random, this.#length);
  }

  /** Moves the first `target.length` bytes to `target`. */
  take(target: Uint8Array): void {
    let at = 0;
    while (at < target.length) {
      const first = this.#held[0];
      if (first === undefined) throw new Error("more bytes taken than held");
      const size = Math.min(first.length, target.length - at);
      target.set(first.subarray(0, size), at);
      at += size;
      if (size === first.length) this.#held.shift();
      else this.#held[0] = first.subarray(size);
    }
    this.#length -= target.length;
  }

  /** Drops what it holds. */
  clear(): void {
    this.#held = [];
    this.#length = 0;
  }
}

/** A size from 1 to `most` that is often small, often all, and sometimes in between: where the bugs are. */
export function pickSize(random: Random, most: number): number {
  const dice = random.next();
  if (dice < 0.4) return most;
  if (dice < 0.7) return 1 + random.int(Math.min(most, 16));
  return 1 + random.int(most);
}
