import type { DescriptorLedger } from "./native/ring.ts";

/** Descriptors below this number are written down, which is as many as a process may have by default at the most. */
const MOST_DESCRIPTORS = 1 << 20;
/** Mappings at the most; there are as many as a worker's buffers can grow, and some. */
const MOST_MAPPINGS = 256;
const NUMBERS = 2 * MOST_MAPPINGS;
const BYTES = MOST_DESCRIPTORS / 8 + NUMBERS * 8;

/**
 * What one worker has of the system: its descriptors and its memory, in memory that all threads share. When the
 * worker dies, the control thread gives both back (`reclaim.ts`); nothing else knows of them.
 *
 *     bytes     [ a bit per descriptor ] [ address, length ] [ address, length ] …
 *
 * A descriptor is crossed out before it is closed: a worker that dies in between leaks it, while closing a number
 * twice could close somebody else's socket.
 */
export class Ledger implements DescriptorLedger {
  readonly #bits: Uint8Array;
  readonly #mappings: Float64Array;

  /** @param row the worker's, in memory for several */
  constructor(buffer: SharedArrayBuffer, row: number) {
    const start = row * BYTES;
    this.#bits = new Uint8Array(buffer, start, MOST_DESCRIPTORS / 8);
    this.#mappings = new Float64Array(buffer, start + MOST_DESCRIPTORS / 8, NUMBERS);
  }

  /** Bytes for so many workers: 132 KiB each. Pages that are never touched cost nothing. */
  static byteLength(workers: number): number {
    return workers * BYTES;
  }

  /** One that nobody else reads. */
  static alone(): Ledger {
    return new Ledger(new SharedArrayBuffer(BYTES), 0);
  }

  opened(fd: number): void {
    if (fd < MOST_DESCRIPTORS) this.#bits[fd >>> 3]! |= 1 << (fd & 7);
  }

  closing(fd: number): void {
    if (fd < MOST_DESCRIPTORS) this.#bits[fd >>> 3]! &= ~(1 << (fd & 7));
  }

  mapped(address: number, length: number): void {
    const free = this.#mappings.findIndex((value, i) => i % 2 === 0 && value === 0);
    if (free < 0) return;
    this.#mappings[free + 1] = length;
    this.#mappings[free] = address;
  }

  unmapped(address: number): void {
    const found = this.#mappings.findIndex((value, i) => i % 2 === 0 && value === address);
    if (found >= 0) this.#mappings[found] = 0;
  }

  /** All descriptors that are open. */
  *descriptors(): Generator<number> {
    for (let byte = 0; byte < this.#bits.length; byte++) {
      const bits = this.#bits[byte]!;
      if (bits === 0) continue;
      for (let bit = 0; bit < 8; bit++) {
        if ((bits & (1 << bit)) !== 0) yield byte * 8 + bit;
      }
    }
  }

  /** All memory that is mapped. */
  *memory(): Generator<{ readonly address: number; readonly length: number }> {
    for (let i = 0; i < NUMBERS; i += 2) {
      const address = this.#mappings[i]!;
      if (address !== 0) yield { address, length: this.#mappings[i + 1]! };
    }
  }
}
