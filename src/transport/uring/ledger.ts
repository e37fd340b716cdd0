import type { Completions, DescriptorLedger } from "./native/ring.ts";

/** Descriptors below this number are written down, which is as many as a process may have by default at the most. */
const MOST_DESCRIPTORS = 1 << 20;
/** Mappings at the most; there are as many as a worker's buffers can grow, and some. */
const MOST_MAPPINGS = 512;
/** Numbers of a mapping, and of the place where completions arrive. */
const MAPPING = 2;
const PLACE = 6;
const NUMBERS = MAPPING * MOST_MAPPINGS + PLACE;
const BYTES = MOST_DESCRIPTORS / 8 + NUMBERS * 8;

/**
 * What one worker has of the system: its descriptors and its memory, in memory that all threads share. When the
 * worker dies, the control thread gives both back (`reclaim.ts`); nothing else knows of them.
 *
 *     bytes     [ a bit per descriptor ] [ address, length ] … [ address, length ] [ where completions arrive ]
 *
 * A descriptor is crossed out before it is closed: a worker that dies in between leaks it, while closing a number
 * twice could close somebody else's socket.
 */
export class Ledger implements DescriptorLedger {
  readonly #bits: Uint8Array;
  readonly #mappings: Float64Array;
  readonly #place: Float64Array;

  /** @param row the worker's, in memory for several */
  constructor(buffer: SharedArrayBuffer, row: number) {
    const start = row * BYTES;
    this.#bits = new Uint8Array(buffer, start, MOST_DESCRIPTORS / 8);
    const numbers = new Float64Array(buffer, start + MOST_DESCRIPTORS / 8, NUMBERS);
    this.#mappings = numbers.subarray(0, MAPPING * MOST_MAPPINGS);
    this.#place = numbers.subarray(MAPPING * MOST_MAPPINGS);
  }

  /** Bytes for so many workers: 136 KiB each. Pages that are never touched cost nothing. */
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
    if (this.#place[0] === address) this.#place[0] = 0;
  }

  completing({ address, length, head, tail, mask, first }: Completions): void {
    this.#place.set([0, length, head, tail, mask, first]);
    this.#place[0] = address;
  }

  /** Where completions arrive, while that memory is mapped. */
  get completions(): Completions | null {
    const [address = 0, length = 0, head = 0, tail = 0, mask = 0, first = 0] = this.#place;
    return address === 0 ? null : { address, length, head, tail, mask, first };
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
    for (let i = 0; i < this.#mappings.length; i += MAPPING) {
      const address = this.#mappings[i]!;
      if (address !== 0) yield { address, length: this.#mappings[i + 1]! };
    }
  }
}
