import assert from "node:assert/strict";
import { test } from "node:test";

import { FAILURES, FAILURE_CODES } from "#core/errors.ts";
import type { ExchangeRecord } from "#model/record.ts";
import { drained, linesFor } from "#model/shared/line-queue.fixture.ts";
import {
  BUCKETS,
  ENDPOINT_CELLS,
  MetricsTable,
  OUTCOMES,
  ROUTE_CELLS,
} from "#model/shared/metrics-table.ts";
import { AccessLog } from "./access-log.ts";
import { createExchangeTelemetry } from "./exchange-telemetry.ts";
import { recordWith } from "./record.fixture.ts";

function count(...records: readonly ExchangeRecord[]): { metrics: MetricsTable; lines: string } {
  const metrics = new MetricsTable(new SharedArrayBuffer(MetricsTable.byteLength(1)), 1, 0);
  const { writer, reader } = linesFor();
  const log = new AccessLog({ lines: writer, utcOffset: 0, colour: false });
  log.use("json");
  const sink = createExchangeTelemetry({ metrics, log });
  for (const record of records) sink.onExchange(record);
  return { metrics, lines: drained(reader) };
}

function outcomes(metrics: MetricsTable): Record<string, number> {
  const cells = metrics.endpoint(0);
  return Object.fromEntries(
    OUTCOMES.map((outcome, i) => [outcome, cells[i] ?? 0] as const).filter(([, n]) => n > 0),
  );
}

test("an exchange is counted and logged", () => {
  const { metrics, lines } = count(recordWith({ requestBytes: 7 }));
  const route = metrics.route(0);
  assert.equal(route[2], 1);
  assert.equal(route[ROUTE_CELLS.bytesIn], 7);
  assert.equal(route[ROUTE_CELLS.bytesOut], 5120);
  assert.equal(route[ROUTE_CELLS.duration + BUCKETS.indexOf(5)], 1);
  const endpoint = metrics.endpoint(0);
  assert.equal(endpoint[ENDPOINT_CELLS.firstByte + BUCKETS.indexOf(5)], 1);
  assert.equal(endpoint[ENDPOINT_CELLS.connect], 1);
  assert.deepEqual(outcomes(metrics), { "2xx": 1 });
  assert.equal(lines.trimEnd().split("\n").length, 1);
});

test("a reused connection is no observation of connecting", () => {
  const { metrics } = count(recordWith({ connectMs: 0 }));
  const connect = metrics.endpoint(0).subarray(ENDPOINT_CELLS.connect);
  assert.ok(connect.every((cell) => cell === 0));
});

test("an endpoint's faults are failed, a client that leaves is aborted, an upgrade is 1xx", () => {
  const { metrics } = count(
    recordWith({ status: 502, failure: "connect_refused", attempts: 2 }),
    recordWith({ status: 200, failure: "response_truncated" }),
    recordWith({ status: 499, failure: "client_gone" }),
    recordWith({ status: 101, upgrade: "websocket", failure: "tunnel_idle" }),
    recordWith({ status: 503 }),
  );
  assert.deepEqual(outcomes(metrics), { failed: 2, "1xx": 1, "5xx": 1, aborted: 1 });
  assert.equal(metrics.endpoint(0)[ENDPOINT_CELLS.retries], 1);
});

test("every failure code counts as its own, and as failed only if it is the upstream's", () => {
  for (const [index, failure] of FAILURE_CODES.entries()) {
    const { metrics } = count(recordWith({ failure, status: FAILURES[failure].status }));
    assert.equal(metrics.failures()[index], 1);
    assert.equal(
      metrics.failures().reduce((sum, n) => sum + n),
      1,
    );
    assert.equal(outcomes(metrics)["failed"] === 1, FAILURES[failure].side === "upstream", failure);
  }
});

test("an answer of the proxy's own touches no endpoint", () => {
  const { metrics } = count(
    recordWith({ routeSlot: -1, endpointSlot: -1, attempts: 0, status: 404, failure: "no_route" }),
  );
  assert.equal(metrics.route(MetricsTable.NO_ROUTE)[4], 1);
  assert.ok(metrics.endpoint(0).every((cell) => cell === 0));
});

test("a WebSocket's life is not a request's duration", () => {
  const { metrics } = count(recordWith({ status: 101, upgrade: "websocket", totalMs: 86_400_000 }));
  assert.ok(
    metrics
      .route(0)
      .subarray(ROUTE_CELLS.duration)
      .every((cell) => cell === 0),
  );
  assert.equal(metrics.route(0)[1], 1);
});
