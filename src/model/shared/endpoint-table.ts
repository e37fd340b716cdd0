/**
 * What all threads know of endpoints: health, ejection, requests and connections under way.
 *
 *     shared, one cell per slot    health  failures  streak  ejections  connections  waiting
 *     per row and slot             in flight  connections  idle  waiting
 *
 * Row `n` belongs to worker `n` and has one writer; row `workers` belongs to the control thread. Limits of the
 * process are exact: a place is taken by compare-exchange on the shared cell and noted in the own row, so that
 * whatever a dead worker had taken can be given back.
 */

import type { EjectionData } from "../snapshot.ts";

/** What active checks say of an endpoint. `UNKNOWN`, as when none are made, may be used. */
export const HEALTH = { UNKNOWN: 0, UP: 1, DOWN: 2 } as const;
export type Health = (typeof HEALTH)[keyof typeof HEALTH];

const SLOTS = 4096;

// Shared cells, each an array of SLOTS.
const HEALTH_AT = 0;
const FAILURES_AT = SLOTS;
const STREAK_AT = 2 * SLOTS;
const EJECTIONS_AT = 3 * SLOTS;
const CONNECTIONS_AT = 4 * SLOTS;
const WAITING_AT = 5 * SLOTS;
const ROWS_AT = 6 * SLOTS;

// Within a row.
const OWN_IN_FLIGHT = 0;
const OWN_CONNECTIONS = SLOTS;
const OWN_IDLE = 2 * SLOTS;
const OWN_WAITING = 3 * SLOTS;
const ROW = 4 * SLOTS;

/** Moments do not fit into 32 bits; they stand before the cells. */
const MOMENT_BYTES = 2 * SLOTS * Float64Array.BYTES_PER_ELEMENT;

/** State of endpoints by slot. All moments are epoch milliseconds: the only time that all threads agree on. */
export class EndpointTable {
  /** There are slots 0 to `SLOTS - 1`; whoever hands them out has to see to it. */
  static readonly SLOTS: number = SLOTS;

  readonly #cells: Int32Array;
  /** Ejected while `from <= now < until`: a clock that is set back ends the pause instead of prolonging it. */
  readonly #from: Float64Array;
  readonly #until: Float64Array;
  readonly #rows: number;
  readonly #row: number;
  readonly #own: number;
  readonly #ring: (row: number) => void;

  /**
   * @param buffer at least `byteLength(workers)` bytes
   * @param workers how many workers the process has
   * @param row whose row is written: a worker's number, or `workers` for the control thread
   * @param ring wakes the worker of a row
   */
  constructor(
    buffer: SharedArrayBuffer,
    workers: number,
    row: number,
    ring: (row: number) => void,
  ) {
    this.#from = new Float64Array(buffer, 0, SLOTS);
    this.#until = new Float64Array(buffer, SLOTS * Float64Array.BYTES_PER_ELEMENT, SLOTS);
    this.#cells = new Int32Array(buffer, MOMENT_BYTES, ROWS_AT + (workers + 1) * ROW);
    this.#rows = workers + 1;
    this.#row = row;
    this.#own = ROWS_AT + row * ROW;
    this.#ring = ring;
  }

  /** 160 KiB, and 64 KiB for each worker and the control thread. */
  static byteLength(workers: number): number {
    return MOMENT_BYTES + (ROWS_AT + (workers + 1) * ROW) * Int32Array.BYTES_PER_ELEMENT;
  }

  // ── requests under way ────────────────────────────────────────────────────────────────────────────

  /** A request begins at an endpoint. */
  begin(slot: number): void {
    this.#cells[this.#own + OWN_IN_FLIGHT + slot]!++;
  }

  /** A request that began at an endpoint has ended. */
  end(slot: number): void {
    this.#cells[this.#own + OWN_IN_FLIGHT + slot]!--;
  }

  /** Requests under way, in all workers. */
  inFlight(slot: number): number {
    return this.#sum(OWN_IN_FLIGHT + slot);
  }

  // ── connections ───────────────────────────────────────────────────────────────────────────────────

  /** Takes one of at most `max` connections of the process to the endpoint (0: no limit); false if there is none. */
  tryReserveConnection(slot: number, max: number): boolean {
    return this.#take(CONNECTIONS_AT + slot, OWN_CONNECTIONS + slot, max === 0 ? UNLIMITED : max);
  }

  /** Gives it back. Whoever waits for it in another worker is woken by {@link wakeWaiter}. */
  releaseConnection(slot: number): void {
    this.#give(CONNECTIONS_AT + slot, OWN_CONNECTIONS + slot);
  }

  /** Connections of the process, those being made and those not in use included. */
  connections(slot: number): number {
    return Atomics.load(this.#cells, CONNECTIONS_AT + slot);
  }

  /** Unused connections kept by this worker, by difference. */
  addIdle(slot: number, difference: number): void {
    this.#cells[this.#own + OWN_IDLE + slot]! += difference;
  }

  /** Unused connections, in all workers. */
  idle(slot: number): number {
    return this.#sum(OWN_IDLE + slot);
  }

  // ── requests that wait for a connection ───────────────────────────────────────────────────────────

  /**
   * Takes one of `max` places in the endpoint's queue; false if it is full. Afterwards ask for a connection once
   * more: one that became free before this call has woken nobody.
   */
  tryReservePending(slot: number, max: number): boolean {
    return this.#take(WAITING_AT + slot, OWN_WAITING + slot, max);
  }

  /** Gives it back. A request that gives up waiting has to pass on with {@link wakeWaiter} what may have woken it. */
  releasePending(slot: number): void {
    this.#give(WAITING_AT + slot, OWN_WAITING + slot);
  }

  /** Requests that wait, in all workers. */
  pending(slot: number): number {
    return Atomics.load(this.#cells, WAITING_AT + slot);
  }

  /** Whether requests of other workers wait for a connection to the endpoint. */
  waitsElsewhere(slot: number): boolean {
    const waiting = Atomics.load(this.#cells, WAITING_AT + slot);
    return waiting > 0 && waiting > this.#cells[this.#own + OWN_WAITING + slot]!;
  }

  /** Wakes one other worker that has a request waiting for a connection to the endpoint. */
  wakeWaiter(slot: number): void {
    if (this.waitsElsewhere(slot)) this.#wake(OWN_WAITING + slot);
  }

  /** Wakes one other worker that keeps a connection to the endpoint that it does not use. */
  wakeHolder(slot: number): void {
    this.#wake(OWN_IDLE + slot);
  }

  // ── health and ejection ───────────────────────────────────────────────────────────────────────────

  /** For the active checks of the control plane. */
  setHealth(slot: number, health: Health): void {
    Atomics.store(this.#cells, HEALTH_AT + slot, health);
  }

  health(slot: number): Health {
    return Atomics.load(this.#cells, HEALTH_AT + slot) as Health;
  }

  /** Neither found to be down nor ejected at `wall`. */
  available(slot: number, wall: number): boolean {
    return this.#cells[HEALTH_AT + slot] !== HEALTH.DOWN && !this.ejected(slot, wall);
  }

  /** Left out because of failures, at `wall`. */
  ejected(slot: number, wall: number): boolean {
    return wall < this.#until[slot]! && wall >= this.#from[slot]!;
  }

  /** How often it was ejected. */
  ejections(slot: number): number {
    return Atomics.load(this.#cells, EJECTIONS_AT + slot);
  }

  /**
   * A connection to the endpoint failed, in any worker. From `consecutiveFailures` in a row on the endpoint is
   * ejected; the failure that follows a pause ejects it again at once, for twice as long.
   */
  recordFailure(slot: number, ejection: EjectionData, wall: number): void {
    const cells = this.#cells;
    const failures = Atomics.add(cells, FAILURES_AT + slot, 1) + 1;
    if (ejection.consecutiveFailures === 0 || failures < ejection.consecutiveFailures) return;
    const streak = Atomics.load(cells, STREAK_AT + slot);
    if (this.ejected(slot, wall)) return;
    const pause = Math.min(ejection.pause * 2 ** Math.min(streak, 30), ejection.maxPause);
    this.#from[slot] = wall;
    this.#until[slot] = wall + pause;
    // Several workers may come here at once and write the same; one of them counts.
    if (Atomics.compareExchange(cells, STREAK_AT + slot, streak, streak + 1) === streak) {
      Atomics.add(cells, EJECTIONS_AT + slot, 1);
    }
  }

  /** A connection to the endpoint succeeded: what failed before is forgotten, a pause under way is not. */
  recordSuccess(slot: number): void {
    // Reading first keeps the line of cache shared between workers as long as all goes well.
    if (this.#cells[FAILURES_AT + slot] !== 0) Atomics.store(this.#cells, FAILURES_AT + slot, 0);
    if (this.#cells[STREAK_AT + slot] !== 0) Atomics.store(this.#cells, STREAK_AT + slot, 0);
  }

  /** Makes the slot ready for another endpoint. Gauges stay: requests to the former one may be under way. */
  reset(slot: number): void {
    for (const at of [HEALTH_AT, FAILURES_AT, STREAK_AT, EJECTIONS_AT]) {
      Atomics.store(this.#cells, at + slot, 0);
    }
    this.#from[slot] = 0;
    this.#until[slot] = 0;
  }

  /** Gives back what a dead worker had taken. To be called after its thread has ended. */
  clearWorker(row: number): void {
    const own = ROWS_AT + row * ROW;
    for (let slot = 0; slot < SLOTS; slot++) {
      const connections = this.#cells[own + OWN_CONNECTIONS + slot]!;
      if (connections !== 0) Atomics.sub(this.#cells, CONNECTIONS_AT + slot, connections);
      const waiting = this.#cells[own + OWN_WAITING + slot]!;
      if (waiting !== 0) Atomics.sub(this.#cells, WAITING_AT + slot, waiting);
    }
    this.#cells.fill(0, own, own + ROW);
  }

  /**
   * Takes a place under a limit. A thread that is terminated stops at a loop's end or a call, never between
   * the exchange and the note in its row.
   */
  #take(shared: number, own: number, max: number): boolean {
    const cells = this.#cells;
    let taken = Atomics.load(cells, shared);
    while (taken < max) {
      const found = Atomics.compareExchange(cells, shared, taken, taken + 1);
      if (found === taken) {
        cells[this.#own + own]!++;
        return true;
      }
      taken = found;
    }
    return false;
  }

  #give(shared: number, own: number): void {
    Atomics.sub(this.#cells, shared, 1);
    this.#cells[this.#own + own]!--;
  }

  #sum(field: number): number {
    let sum = 0;
    for (let row = 0; row < this.#rows; row++) sum += this.#cells[ROWS_AT + row * ROW + field]!;
    return sum;
  }

  /** Rings at the first row after the own one whose `field` is not zero, so that no worker is preferred. */
  #wake(field: number): void {
    for (let step = 1; step < this.#rows; step++) {
      const row = (this.#row + step) % this.#rows;
      if (this.#cells[ROWS_AT + row * ROW + field]! > 0) return this.#ring(row);
    }
  }
}

const UNLIMITED = 0x7fffffff;
