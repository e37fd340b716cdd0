/**
 * Signs of life in shared memory. A worker counts up; the control thread looks whether the count has moved.
 * A count and not a time, because each thread's monotonic clock has its own origin.
 */
export class Heartbeats {
  /** How often a worker beats, in milliseconds. */
  static readonly INTERVAL: number = 1000;

  readonly buffer: SharedArrayBuffer;
  readonly #counts: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#counts = new Int32Array(buffer);
  }

  /** Bytes for so many workers. */
  static byteLength(workers: number): number {
    return workers * Int32Array.BYTES_PER_ELEMENT;
  }

  /** The worker of this row is alive. */
  beat(row: number): void {
    Atomics.add(this.#counts, row, 1);
  }

  /** Beats so far, modulo 2³². */
  count(row: number): number {
    return Atomics.load(this.#counts, row);
  }
}
