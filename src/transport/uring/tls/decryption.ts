import type { Slice } from "#core/bytes/slice.ts";
import type { TransportFailure } from "../../contract.ts";
import type { Outcome, Ssl } from "../native/ssl.ts";
import type { SendMemory } from "../send-memory.ts";
import { faultOf } from "./faults.ts";
import { Records } from "./records.ts";

/**
 * What is decrypted at once at the most. With a record that was carried over it fits into the largest piece of send
 * memory, decrypted.
 */
export const LARGEST_READ: number = 44 * 1024;

/** Decrypts what a connection receives, and remembers how far that went. */
export class Decryption {
  /** Why there was nothing more; null when nobody had to ask. */
  outcome: Outcome | null = null;
  /** What is at fault, if that is the outcome. */
  failure: TransportFailure | null = null;
  readonly #ssl: Ssl;
  readonly #memory: SendMemory;
  readonly #records: Records = new Records();

  /** @param memory where plain bytes are put, so that they can be sent on from there */
  constructor(ssl: Ssl, memory: SendMemory) {
    this.#ssl = ssl;
    this.#memory = memory;
  }

  /**
   * Decrypts `length` bytes from `start` bytes into a slice, {@link LARGEST_READ} at the most, and sets `outcome`. If that is
   * not null, OpenSSL may have written something.
   *
   * @returns the plain bytes of all records that are complete, to be released; it may be empty
   */
  decrypt(slice: Slice, start: number, length: number): Slice {
    const ssl = this.#ssl;
    const { carried } = this.#records;
    let left = this.#records.count(slice.bytes, slice.offset + start, length);
    // When nothing is left over and each record has brought something, there is no need to ask for more.
    if (this.#records.carried > 0) left = Infinity;
    // Decrypted, bytes become fewer.
    const out = this.#memory.cut(carried + length);
    ssl.feed(slice, start, length);
    let filled = 0;
    this.outcome = null;
    while (left > 0 && this.outcome === null) {
      const count = ssl.read(out, filled);
      if (count > 0) filled += count;
      else this.outcome = ssl.outcome(count);
      left--;
    }
    if (this.outcome === "fault") this.failure = faultOf(ssl);
    // What comes behind an end or a fault is nothing; the next connection must not find it.
    if (this.outcome === "fault" || this.outcome === "end") ssl.unread();
    out.length = filled;
    return out;
  }
}
