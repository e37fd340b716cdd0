/** What becomes of an exchange that has ended: it is counted and logged. */

import { FAILURES, FAILURE_CODES, type FailureCode } from "#core/errors.ts";
import type { ExchangeRecord, ExchangeSink } from "#model/record.ts";
import { FILTER_ACTIONS, type MetricsTable, OUTCOMES } from "#model/shared/metrics-table.ts";
import type { AccessLog } from "./access-log.ts";

/** Where exchanges are counted and logged. */
export interface ExchangeTelemetryOptions {
  readonly metrics: MetricsTable;
  readonly log: AccessLog;
}

/** Makes the sink of a worker. */
export function createExchangeTelemetry(options: ExchangeTelemetryOptions): ExchangeSink {
  return new ExchangeTelemetry(options.metrics, options.log);
}

const FAILURE_INDEX: ReadonlyMap<FailureCode, number> = new Map(
  FAILURE_CODES.map((code, index) => [code, index]),
);

const FAILED = OUTCOMES.indexOf("failed");
const SWITCHED = OUTCOMES.indexOf("1xx");
const ABORTED = OUTCOMES.indexOf("aborted");

const NONE: readonly never[] = [];

class ExchangeTelemetry implements ExchangeSink {
  readonly #metrics: MetricsTable;
  readonly #log: AccessLog;

  constructor(metrics: MetricsTable, log: AccessLog) {
    this.#metrics = metrics;
    this.#log = log;
  }

  onExchange(record: ExchangeRecord): void {
    const metrics = this.#metrics;
    // A WebSocket that was open for a day is not a request that took a day.
    const duration = record.upgrade === "" ? record.totalMs : -1;
    metrics.countRequest(
      record.routeSlot,
      record.status,
      record.requestBytes,
      record.responseBytes,
      duration,
    );
    if (record.endpointSlot >= 0 && record.attempts > 0) {
      metrics.countEndpoint(
        record.endpointSlot,
        outcomeOf(record),
        record.attempts,
        record.firstByteMs,
        // A reused connection took no time to make, and says nothing about making one.
        record.connectMs > 0 ? record.connectMs : -1,
      );
    }
    for (const { slot, action, observed } of record.filterActions ?? NONE) {
      if (slot >= 0) metrics.countFilter(slot, FILTER_ACTIONS.indexOf(action), observed);
    }
    if (record.failure !== null) metrics.countFailure(FAILURE_INDEX.get(record.failure) ?? 0);
    if (record.failure === "internal_error") metrics.countBug();
    this.#log.write(record);
  }
}

/** What the exchange says about its endpoint: index into `OUTCOMES`. */
function outcomeOf(record: ExchangeRecord): number {
  const { failure, status } = record;
  if (failure !== null && FAILURES[failure].side === "upstream") return FAILED;
  if (record.upgrade !== "") return SWITCHED;
  if (failure !== null || status < 100 || status > 599) return ABORTED;
  return (status / 100) | 0;
}
