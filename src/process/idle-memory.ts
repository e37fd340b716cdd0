/**
 * Memory that was needed once. JavaScript's collector comes when memory is asked for: a thread with nothing to do
 * never meets it, and would keep what a crowd left behind for as long as it is quiet. So each worker looks from time to
 * time whether it is quiet and may have something to collect (`IdleMemory`). What is freed then goes to the allocator,
 * which keeps it for the next who asks; the control thread has it give that to the system (`FreedMemory`).
 */

/** What is known of a thread, and what can be done for it. */
export interface IdleMemoryOptions {
  /** Processor time that the thread has used, in ms. */
  readonly cpu: () => number;
  /** Bytes that objects of the thread hold outside of its heap, also those that nobody refers to any more. */
  readonly held: () => number;
  /** Exchanges under way in the thread. */
  readonly exchanges: () => number;
  /**
   * Collects what nobody refers to; the thread stands still meanwhile, some 50 ms. Memory may be freed a little later.
   * @returns false if it could not be done now
   */
  readonly collect: () => boolean;
  /** What was collected some time ago has been freed. */
  readonly onFreed: () => void;
}

/** Share of a processor below which a thread is quiet: it will not be missed for a moment. */
const QUIET = 0.05;
/** Bytes that are worth it. */
const MUCH = 32 * 1024 * 1024;
/** Exchanges that can hold so much: of each, some 256 KiB wait at the most (`HIGH_MARK` and a slice). */
const CROWD = 128;

/** See the head of this file. */
export class IdleMemory {
  /** How often `look` is to be called, in ms. */
  static readonly INTERVAL: number = 10_000;

  readonly #options: IdleMemoryOptions;
  #cpu: number;
  /** The thread has worked since its last collection, also by its start. */
  #worked = true;
  /** Bytes held before the collection of the last look; -1: it had none. */
  #before = -1;
  /** Bytes that the last collection has left. */
  #left = 0;
  /** The most exchanges that were seen under way since. */
  #peak = 0;

  constructor(options: IdleMemoryOptions) {
    this.#options = options;
    this.#cpu = options.cpu();
  }

  /** Gives back what can be, if the thread is quiet. */
  look(): void {
    const { cpu, held, exchanges, collect } = this.#options;
    const used = cpu() - this.#cpu;
    this.#cpu += used;
    const now = held();
    if (this.#before >= 0) this.#settle(now);
    const underWay = exchanges();
    this.#peak = Math.max(this.#peak, underWay);
    if (used >= QUIET * IdleMemory.INTERVAL) {
      this.#worked = true;
      return;
    }
    // What many exchanges held is garbage when most of them are over, though nothing has been asked for since.
    const isLeft = now >= MUCH && this.#peak >= CROWD && underWay * 2 <= this.#peak;
    if (!this.#worked && !isLeft && now - this.#left < MUCH) return;
    if (!collect()) return;
    // A collection is work too, but none to be followed by another.
    this.#cpu = cpu();
    this.#worked = false;
    this.#before = now;
    this.#peak = underWay;
  }

  #settle(now: number): void {
    // What has come since the collection is not what it left.
    this.#left = Math.min(now, this.#before);
    this.#before = -1;
    this.#options.onFreed();
  }
}

/** What is known of a process, and what can be done for it. */
export interface FreedMemoryOptions {
  readonly workers: number;
  /** Bytes that the process has in memory. */
  readonly resident: () => number;
  /** Has the allocator give back what it keeps of memory that was freed. */
  readonly trim: () => void;
}

/** Bytes that a process takes for its start, and for each worker. */
const START = { process: 128 * 1024 * 1024, worker: 48 * 1024 * 1024 } as const;

/** See the head of this file. */
export class FreedMemory {
  readonly #options: FreedMemoryOptions;
  /** The least that the process has had. */
  #least: number;

  constructor(options: FreedMemoryOptions) {
    this.#options = options;
    this.#least = START.process + options.workers * START.worker;
  }

  /** A worker has freed what it could. If the process still has much more than it once had, the allocator may keep it. */
  onFreed(): void {
    const { resident, trim } = this.#options;
    if (resident() - this.#least >= MUCH) trim();
    this.#least = Math.min(this.#least, resident());
  }
}
