import assert from "node:assert/strict";
import { test } from "node:test";

import { FAILURE_CODES } from "#core/errors.ts";
import {
  BUCKETS,
  ENDPOINT_CELLS,
  HISTOGRAM_CELLS,
  MetricsTable,
  OUTCOMES,
  ROUTE_CELLS,
  STATUS_CLASSES,
} from "./metrics-table.ts";

function tables(workers: number): MetricsTable[] {
  const buffer = new SharedArrayBuffer(MetricsTable.byteLength(workers));
  return Array.from({ length: workers + 1 }, (_, row) => new MetricsTable(buffer, workers, row));
}

test("the cells of a group do not overlap", () => {
  assert.ok(STATUS_CLASSES.length <= ROUTE_CELLS.bytesIn);
  assert.ok(ROUTE_CELLS.duration + HISTOGRAM_CELLS <= ROUTE_CELLS.size);
  assert.ok(OUTCOMES.length <= ENDPOINT_CELLS.attempts);
  assert.ok(ENDPOINT_CELLS.firstByte + HISTOGRAM_CELLS <= ENDPOINT_CELLS.connect);
  assert.ok(ENDPOINT_CELLS.connect + HISTOGRAM_CELLS <= ENDPOINT_CELLS.size);
});

test("counts of all workers are summed", () => {
  const [first, second, control] = tables(2);
  assert.ok(first && second && control);
  first.countRequest(3, 200, 10, 1000, 4);
  second.countRequest(3, 204, 5, 0, 4);
  second.countRequest(3, 0, 0, 0, -1);
  const cells = control.route(3);
  assert.deepEqual([...cells.subarray(0, 8)], [1, 0, 2, 0, 0, 0, 15, 1000]);
  assert.equal(cells[ROUTE_CELLS.duration + BUCKETS.indexOf(5)], 2);
  assert.equal(cells[ROUTE_CELLS.duration + BUCKETS.length + 1], 8);
  assert.ok(control.route(2).every((cell) => cell === 0));
  assert.ok(control.route(4).every((cell) => cell === 0));
});

test("an observation belongs to the first bucket whose bound is not below it", () => {
  const [table] = tables(0);
  assert.ok(table);
  const cases = [0, 0.5, 0.51, 1, 60_000, 60_001, 1e9];
  for (const ms of cases) table.countRequest(0, 200, 0, 0, ms);
  const buckets = table.route(0).subarray(ROUTE_CELLS.duration);
  assert.equal(buckets[0], 2);
  assert.equal(buckets[1], 2);
  assert.equal(buckets[BUCKETS.length - 1], 1);
  assert.equal(buckets[BUCKETS.length], 2);
  assert.ok(BUCKETS.every((bound, i) => i === 0 || bound > (BUCKETS[i - 1] ?? 0)));
});

test("routes beyond the table and requests without a route have rows of their own", () => {
  const [table] = tables(0);
  assert.ok(table);
  table.countRequest(MetricsTable.ROUTES - 1, 200, 0, 0, 1);
  table.countRequest(MetricsTable.ROUTES, 200, 0, 0, 1);
  table.countRequest(MetricsTable.ROUTES + 1, 200, 0, 0, 1);
  table.countRequest(10_000, 200, 0, 0, 1);
  table.countRequest(-1, 404, 0, 0, 1);
  assert.equal(table.route(MetricsTable.ROUTES - 1)[2], 1);
  assert.equal(table.route(MetricsTable.OTHER_ROUTE)[2], 3);
  assert.equal(table.route(MetricsTable.NO_ROUTE)[2], 0);
  assert.equal(table.route(MetricsTable.NO_ROUTE)[4], 1);
  assert.ok(table.endpoint(0).every((cell) => cell === 0));
});

test("statuses outside the classes count as none", () => {
  const [table] = tables(0);
  assert.ok(table);
  for (const status of [0, 99, 600, 999]) table.countRequest(0, status, 0, 0, -1);
  assert.equal(table.route(0)[0], 4);
});

test("an endpoint's attempts, retries, first byte and connect times are counted", () => {
  const [table] = tables(0);
  assert.ok(table);
  const last = MetricsTable.ENDPOINTS - 1;
  table.countEndpoint(last, 2, 1, 3, -1);
  table.countEndpoint(last, 0, 3, -1, 100);
  const cells = table.endpoint(last);
  assert.equal(cells[2], 1);
  assert.equal(cells[0], 1);
  assert.equal(cells[ENDPOINT_CELLS.attempts], 4);
  assert.equal(cells[ENDPOINT_CELLS.retries], 2);
  assert.equal(cells[ENDPOINT_CELLS.firstByte + BUCKETS.indexOf(5)], 1);
  assert.equal(cells[ENDPOINT_CELLS.connect + BUCKETS.indexOf(100)], 1);
  assert.ok(table.endpoint(last - 1).every((cell) => cell === 0));
});

test("every failure code has a cell of its own, and bugs are counted apart", () => {
  const [table] = tables(0);
  assert.ok(table);
  FAILURE_CODES.forEach((_, index) => {
    for (let i = 0; i <= index; i++) table.countFailure(index);
  });
  table.countBug();
  assert.deepEqual(
    [...table.failures()],
    FAILURE_CODES.map((_, index) => index + 1),
  );
  assert.equal(table.bugs(), 1);
  assert.ok(table.route(0).every((cell) => cell === 0));
});
