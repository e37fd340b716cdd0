/**
 * What all threads know of each other: state, gauges, doorbells, and the connections of the process.
 *
 *     cells    [ the process: connections, handshakes ] [ row 0: 64 bytes ] [ row 1 ] …
 *     numbers  [ row 0: 192 bytes ] [ row 1 ] …
 *
 * A row fills a line of cache, so that the busy cells of one worker do not slow another. Row `workers` belongs
 * to the control thread, which can be rung for like any worker.
 */

import { ABUSES, type Abuse } from "#core/http/abuse.ts";

/** Life of a worker. */
export const WORKER_STATES = ["dead", "starting", "running", "draining"] as const;
export type WorkerState = (typeof WORKER_STATES)[number];

const ROW = 16;

// ── of the process
const ALL_CONNECTIONS = 0;
const ALL_HANDSHAKES = 1;
/** The second that handshakes are counted in, and how many have begun in it. */
const SECOND = 2;
const BEGUN = 3;

// ── of a row
const STATE = 0;
const EPOCH = 1;
const GENERATION = 2;
const DOORBELL = 3;
const CONNECTIONS = 4;
const EXCHANGES = 5;
const TUNNELS = 6;
const HANDSHAKES = 7;

const NUMBERS = 24;
const BUFFERED = 0;
const ACCEPTED = 1;
const REFUSED = 2;
const HANDSHAKES_FULL = 3;
const HANDSHAKES_RESUMED = 4;
const HANDSHAKES_FAILED = 5;
/** One for each kind of abuse, in the order of the list. */
const FIRST_ABUSE = 8;

const OUTCOMES = {
  full: HANDSHAKES_FULL,
  resumed: HANDSHAKES_RESUMED,
  failed: HANDSHAKES_FAILED,
} as const;

/** Gauges summed over all workers. */
export interface WorkerTotals {
  /** Downstream connections that are open. */
  readonly connections: number;
  /** Requests under way. */
  readonly exchanges: number;
  /** WebSockets and other tunnels under way. */
  readonly tunnels: number;
  /** Bytes held for sockets that are slower than their source. */
  readonly buffered: number;
  /** Downstream connections accepted, and turned away over the limit, since the process began. */
  readonly accepted: number;
  readonly refused: number;
  /** TLS handshakes of clients since the process began. */
  readonly handshakes: {
    readonly full: number;
    readonly resumed: number;
    readonly failed: number;
    /** Under way. */
    readonly open: number;
  };
  /** HTTP/2: how often clients were cut off for doing too much of something, in the order of `ABUSES`. */
  readonly abuses: readonly number[];
}

/** State and gauges of workers by row. */
export class WorkerTable {
  readonly #cells: Int32Array;
  readonly #numbers: Float64Array;
  readonly #workers: number;
  /** Where the own row begins. */
  readonly #own: number;
  readonly #ownNumbers: number;

  /**
   * @param buffer at least `byteLength(workers)` bytes
   * @param workers how many workers the process has
   * @param row whose row is written: a worker's number, or `workers` for the control thread
   */
  constructor(buffer: SharedArrayBuffer, workers: number, row: number) {
    const cells = (workers + 2) * ROW;
    this.#cells = new Int32Array(buffer, 0, cells);
    this.#numbers = new Float64Array(
      buffer,
      cells * Int32Array.BYTES_PER_ELEMENT,
      (workers + 1) * NUMBERS,
    );
    this.#workers = workers;
    this.#own = place(row);
    this.#ownNumbers = row * NUMBERS;
  }

  /** 256 bytes for each worker, 320 beside. */
  static byteLength(workers: number): number {
    return (
      (workers + 2) * ROW * Int32Array.BYTES_PER_ELEMENT +
      (workers + 1) * NUMBERS * Float64Array.BYTES_PER_ELEMENT
    );
  }

  // ── life ──────────────────────────────────────────────────────────────────────────────────────────

  /** A thread is about to be started in the row. */
  startWorker(row: number): void {
    Atomics.add(this.#cells, place(row) + EPOCH, 1);
    this.setState(row, "starting");
  }

  setState(row: number, state: WorkerState): void {
    Atomics.store(this.#cells, place(row) + STATE, WORKER_STATES.indexOf(state));
  }

  state(row: number): WorkerState {
    return WORKER_STATES[Atomics.load(this.#cells, place(row) + STATE)] ?? "dead";
  }

  /** How many threads the row has had. */
  epoch(row: number): number {
    return Atomics.load(this.#cells, place(row) + EPOCH);
  }

  /** The generation of the configuration that this worker runs. */
  setGeneration(generation: number): void {
    Atomics.store(this.#cells, this.#own + GENERATION, generation);
  }

  generation(row: number): number {
    return Atomics.load(this.#cells, place(row) + GENERATION);
  }

  /** How many workers are in each state. */
  states(): Record<WorkerState, number> {
    const counts: Record<WorkerState, number> = { dead: 0, starting: 0, running: 0, draining: 0 };
    for (let row = 0; row < this.#workers; row++) counts[this.state(row)]++;
    return counts;
  }

  /** Gives back what a dead worker had taken; its counters stay. To be called after its thread has ended. */
  clearWorker(row: number): void {
    const own = place(row);
    Atomics.sub(this.#cells, ALL_CONNECTIONS, this.#cells[own + CONNECTIONS]!);
    Atomics.sub(this.#cells, ALL_HANDSHAKES, this.#cells[own + HANDSHAKES]!);
    for (const cell of [CONNECTIONS, EXCHANGES, TUNNELS, HANDSHAKES, GENERATION]) {
      this.#cells[own + cell] = 0;
    }
    this.#numbers[row * NUMBERS + BUFFERED] = 0;
    this.setState(row, "dead");
  }

  // ── limits and gauges ─────────────────────────────────────────────────────────────────────────────

  /** Takes one of at most `max` downstream connections of the process; false if there is none. */
  tryReserveConnection(max: number): boolean {
    if (this.#takeOne(ALL_CONNECTIONS, max)) {
      this.#cells[this.#own + CONNECTIONS]!++;
      this.#numbers[this.#ownNumbers + ACCEPTED]!++;
      return true;
    }
    this.#numbers[this.#ownNumbers + REFUSED]!++;
    return false;
  }

  /** Adds one to a cell of the process unless it holds `max`. */
  #takeOne(cell: number, max: number): boolean {
    const cells = this.#cells;
    let taken = Atomics.load(cells, cell);
    while (taken < max) {
      const found = Atomics.compareExchange(cells, cell, taken, taken + 1);
      if (found === taken) return true;
      taken = found;
    }
    return false;
  }

  /** Gives it back. */
  releaseConnection(): void {
    Atomics.sub(this.#cells, ALL_CONNECTIONS, 1);
    this.#cells[this.#own + CONNECTIONS]!--;
  }

  /** Takes one of at most `max` TLS handshakes of the process that may be under way; false if there is none. */
  tryReserveHandshake(max: number): boolean {
    if (!this.#takeOne(ALL_HANDSHAKES, max)) return false;
    this.#cells[this.#own + HANDSHAKES]!++;
    return true;
  }

  /** Gives it back. */
  releaseHandshake(): void {
    Atomics.sub(this.#cells, ALL_HANDSHAKES, 1);
    this.#cells[this.#own + HANDSHAKES]!--;
  }

  /** Takes one of the `rate` handshakes that may begin in the second of `wall`, in epoch milliseconds. */
  tryBeginHandshake(rate: number, wall: number): boolean {
    const second = Math.floor(wall / 1000) | 0;
    const before = Atomics.load(this.#cells, SECOND);
    // Whoever changes the second starts the count; another worker may have counted in between, by one or two.
    if (
      before !== second &&
      Atomics.compareExchange(this.#cells, SECOND, before, second) === before
    ) {
      Atomics.store(this.#cells, BEGUN, 0);
    }
    return this.#takeOne(BEGUN, rate);
  }

  /** A TLS handshake of a client has ended. */
  countHandshake(outcome: "full" | "resumed" | "failed"): void {
    this.#numbers[this.#ownNumbers + OUTCOMES[outcome]]!++;
  }

  /** A client of HTTP/2 has done too much of something. */
  countAbuse(kind: Abuse): void {
    this.#numbers[this.#ownNumbers + FIRST_ABUSE + ABUSES.indexOf(kind)]!++;
  }

  /** Exchanges under way, by difference. */
  addExchanges(difference: number): void {
    this.#cells[this.#own + EXCHANGES]! += difference;
  }

  /** Tunnels under way, by difference. */
  addTunnels(difference: number): void {
    this.#cells[this.#own + TUNNELS]! += difference;
  }

  /** Bytes held in buffers, by difference. */
  addBuffered(difference: number): void {
    this.#numbers[this.#ownNumbers + BUFFERED]! += difference;
  }

  /** Downstream connections of one worker. */
  connections(row: number): number {
    return this.#cells[place(row) + CONNECTIONS]!;
  }

  /** Exchanges under way in one worker. */
  exchanges(row: number): number {
    return this.#cells[place(row) + EXCHANGES]!;
  }

  /** All rows together. */
  totals(): WorkerTotals {
    const sum = (cell: number): number => {
      let total = 0;
      for (let row = 0; row <= this.#workers; row++) total += this.#cells[place(row) + cell]!;
      return total;
    };
    const add = (number: number): number => {
      let total = 0;
      for (let row = 0; row <= this.#workers; row++)
        total += this.#numbers[row * NUMBERS + number]!;
      return total;
    };
    return {
      connections: Atomics.load(this.#cells, ALL_CONNECTIONS),
      exchanges: sum(EXCHANGES),
      tunnels: sum(TUNNELS),
      buffered: add(BUFFERED),
      accepted: add(ACCEPTED),
      refused: add(REFUSED),
      handshakes: {
        full: add(HANDSHAKES_FULL),
        resumed: add(HANDSHAKES_RESUMED),
        failed: add(HANDSHAKES_FAILED),
        open: Atomics.load(this.#cells, ALL_HANDSHAKES),
      },
      abuses: ABUSES.map((_, index) => add(FIRST_ABUSE + index)),
    };
  }

  // ── doorbells ─────────────────────────────────────────────────────────────────────────────────────

  /** Wakes the thread of a row. Rings that come before it answers are one ring. */
  readonly ring = (row: number): void => {
    const cell = place(row) + DOORBELL;
    Atomics.add(this.#cells, cell, 1);
    Atomics.notify(this.#cells, cell);
  };

  /**
   * Calls back, in a turn of its own, when somebody has rung for this row.
   *
   * @returns stops it
   */
  onRing(callback: () => void): () => void {
    const cells = this.#cells;
    const cell = this.#own + DOORBELL;
    let seen = Atomics.load(cells, cell);
    let stopped = false;
    const wait = (): void => {
      const waiting = Atomics.waitAsync(cells, cell, seen);
      const woken = waiting.async ? waiting.value : Promise.resolve();
      void woken.then(answer);
    };
    const answer = (): void => {
      if (stopped) return;
      seen = Atomics.load(cells, cell);
      callback();
      wait();
    };
    wait();
    return () => {
      stopped = true;
    };
  }
}

/** Where a row begins; the first line of cells is the process's. */
function place(row: number): number {
  return (row + 1) * ROW;
}
