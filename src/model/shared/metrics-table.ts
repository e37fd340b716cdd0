/**
 * Counters and histograms of the workers. Each row has one writer, so an observation is a few plain additions
 * and nobody waits for anybody; whoever reads adds the rows up. Counters outlive the worker that counted.
 *
 *     row   [ failures by code ] [ process ] [ routes × 32 ] [ endpoints × 48 ] [ filters × 16 ]
 *     group requests by status class · bytes in · bytes out · histogram of durations
 *
 * A row takes 1.9 MiB of address space; the memory behind it is only used for slots that are.
 */

import { FAILURE_CODES } from "#core/errors.ts";

/** Upper bounds of the buckets of every histogram, in milliseconds; above the last there is one more bucket. */
export const BUCKETS: readonly number[] = [
  0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000, 60_000,
];

/** Classes of statuses by their index; `none` when no answer was given. */
export const STATUS_CLASSES = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"] as const;

/** How requests to endpoints end, by index: the class of the answer's status, or none came. */
export const OUTCOMES = ["failed", "1xx", "2xx", "3xx", "4xx", "5xx", "aborted"] as const;

/** What a filter does to an exchange other than letting it pass, by index. */
export const FILTER_ACTIONS = ["responded", "refused", "reset", "failed", "changed"] as const;

/** Cells of a filter: where those begin that it did, and those that it would have done. */
export const FILTER_CELLS = { enforced: 0, observed: 8, size: 16 } as const;

/** Cells of a histogram: a count per bucket, then the sum in milliseconds. */
export const HISTOGRAM_CELLS: number = BUCKETS.length + 2;

/** Cells of a route: where each quantity begins. */
export const ROUTE_CELLS = {
  /** Requests by status class. */
  requests: 0,
  bytesIn: 6,
  bytesOut: 7,
  /** Histogram. */
  duration: 8,
  size: 32,
} as const;

/** Cells of an endpoint. */
export const ENDPOINT_CELLS = {
  /** Requests by outcome. */
  requests: 0,
  attempts: 7,
  retries: 8,
  /** Histograms. */
  firstByte: 9,
  connect: 28,
  size: 48,
} as const;

/** Cells of the row itself. */
const PROCESS_CELLS = { bugs: 0, size: 8 } as const;

const ROUTES = 1024;
const ENDPOINTS = 4096;
const FILTERS = 1024;
const FAILURES_AT = 0;
/** With room for the codes to come. */
const FAILURES_SIZE = 96;
const PROCESS_AT = FAILURES_AT + FAILURES_SIZE;
const ROUTES_AT = PROCESS_AT + PROCESS_CELLS.size;
const ENDPOINTS_AT = ROUTES_AT + (ROUTES + 2) * ROUTE_CELLS.size;
const FILTERS_AT = ENDPOINTS_AT + ENDPOINTS * ENDPOINT_CELLS.size;
const ROW = FILTERS_AT + FILTERS * FILTER_CELLS.size;

/** Counters of the process. */
export class MetricsTable {
  /** Routes 0 to `ROUTES - 1` are counted each on its own; those above share the slot `OTHER_ROUTE`. */
  static readonly ROUTES: number = ROUTES;
  static readonly OTHER_ROUTE: number = ROUTES;
  /** Requests for which there was no route, or that could not be read. */
  static readonly NO_ROUTE: number = ROUTES + 1;
  static readonly ENDPOINTS: number = ENDPOINTS;
  static readonly FILTERS: number = FILTERS;

  readonly #cells: Float64Array;
  readonly #rows: number;
  readonly #own: number;

  /**
   * @param buffer at least `byteLength(workers)` bytes
   * @param workers how many workers the process has
   * @param row whose row is written: a worker's number, or `workers` for the control thread
   */
  constructor(buffer: SharedArrayBuffer, workers: number, row: number) {
    this.#cells = new Float64Array(buffer, 0, (workers + 1) * ROW);
    this.#rows = workers + 1;
    this.#own = row * ROW;
  }

  /** 1.9 MiB for each worker and the control thread. */
  static byteLength(workers: number): number {
    return (workers + 1) * ROW * Float64Array.BYTES_PER_ELEMENT;
  }

  /**
   * Counts a request that has ended.
   *
   * @param slot of the route; -1: there was none
   * @param status 0: no answer was given
   * @param ms duration; below 0: not to be observed
   */
  countRequest(slot: number, status: number, bytesIn: number, bytesOut: number, ms: number): void {
    const cells = this.#cells;
    const at = this.#own + ROUTES_AT + countedAs(slot) * ROUTE_CELLS.size;
    cells[at + ROUTE_CELLS.requests + statusClass(status)]!++;
    cells[at + ROUTE_CELLS.bytesIn]! += bytesIn;
    cells[at + ROUTE_CELLS.bytesOut]! += bytesOut;
    if (ms >= 0) this.#observe(at + ROUTE_CELLS.duration, ms);
  }

  /**
   * Counts what a request meant for the endpoint that it was last sent to.
   *
   * @param outcome index into `OUTCOMES`
   * @param attempts tries, whichever endpoints of the upstream they went to
   * @param firstByteMs, connectMs milliseconds; below 0: not to be observed
   */
  countEndpoint(
    slot: number,
    outcome: number,
    attempts: number,
    firstByteMs: number,
    connectMs: number,
  ): void {
    const cells = this.#cells;
    const at = this.#own + ENDPOINTS_AT + slot * ENDPOINT_CELLS.size;
    cells[at + ENDPOINT_CELLS.requests + outcome]!++;
    cells[at + ENDPOINT_CELLS.attempts]! += attempts;
    if (attempts > 1) cells[at + ENDPOINT_CELLS.retries]! += attempts - 1;
    if (firstByteMs >= 0) this.#observe(at + ENDPOINT_CELLS.firstByte, firstByteMs);
    if (connectMs >= 0) this.#observe(at + ENDPOINT_CELLS.connect, connectMs);
  }

  /** Counts what a filter did, or would have done: index into `FILTER_ACTIONS`. */
  countFilter(slot: number, action: number, observed: boolean): void {
    const from = observed ? FILTER_CELLS.observed : FILTER_CELLS.enforced;
    this.#cells[this.#own + FILTERS_AT + slot * FILTER_CELLS.size + from + action]!++;
  }

  /** Counts a fault by the place of its code in `FAILURE_CODES`. */
  countFailure(index: number): void {
    this.#cells[this.#own + FAILURES_AT + index]!++;
  }

  /** Counts something that should not have happened, and was survived. */
  countBug(): void {
    this.#cells[this.#own + PROCESS_AT + PROCESS_CELLS.bugs]!++;
  }

  /** Cells of a route, `OTHER_ROUTE` or `NO_ROUTE` as `ROUTE_CELLS` has them, summed over all rows. */
  route(slot: number): Float64Array {
    return this.#sum(ROUTES_AT + slot * ROUTE_CELLS.size, ROUTE_CELLS.size);
  }

  /** Cells of an endpoint as `ENDPOINT_CELLS` has them, summed over all rows. */
  endpoint(slot: number): Float64Array {
    return this.#sum(ENDPOINTS_AT + slot * ENDPOINT_CELLS.size, ENDPOINT_CELLS.size);
  }

  /** Cells of a filter as `FILTER_CELLS` has them, summed over all rows. */
  filter(slot: number): Float64Array {
    return this.#sum(FILTERS_AT + slot * FILTER_CELLS.size, FILTER_CELLS.size);
  }

  /** Counts of faults, by the place of their codes in `FAILURE_CODES`. */
  failures(): Float64Array {
    return this.#sum(FAILURES_AT, FAILURE_CODES.length);
  }

  bugs(): number {
    return this.#sum(PROCESS_AT + PROCESS_CELLS.bugs, 1)[0]!;
  }

  /**
   * A bucket is found by looking at one bound after the other: most observations end within the first few, and
   * sixteen comparisons cost less than a logarithm.
   */
  #observe(at: number, ms: number): void {
    let bucket = 0;
    while (bucket < BUCKETS.length && ms > BUCKETS[bucket]!) bucket++;
    this.#cells[at + bucket]!++;
    this.#cells[at + BUCKETS.length + 1]! += ms;
  }

  #sum(from: number, length: number): Float64Array {
    const sums = new Float64Array(length);
    for (let row = 0; row < this.#rows; row++) {
      for (let i = 0; i < length; i++) sums[i]! += this.#cells[row * ROW + from + i]!;
    }
    return sums;
  }
}

function countedAs(slot: number): number {
  if (slot < 0) return MetricsTable.NO_ROUTE;
  return slot < ROUTES ? slot : MetricsTable.OTHER_ROUTE;
}

function statusClass(status: number): number {
  return status >= 100 && status < 600 ? (status / 100) | 0 : 0;
}
