import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import type { EjectionData } from "../snapshot.ts";
import { EndpointTable, HEALTH } from "./endpoint-table.ts";

const EJECTION: EjectionData = { consecutiveFailures: 3, pause: 1000, maxPause: 4000 };

function tables(workers: number): { rows: EndpointTable[]; rung: number[] } {
  const buffer = new SharedArrayBuffer(EndpointTable.byteLength(workers));
  const rung: number[] = [];
  const rows = Array.from(
    { length: workers + 1 },
    (_, row) => new EndpointTable(buffer, workers, row, (woken) => rung.push(woken)),
  );
  return { rows, rung };
}

function row(rows: readonly EndpointTable[], index: number): EndpointTable {
  const table = rows[index];
  assert.ok(table);
  return table;
}

test("requests under way are the sum over all workers", () => {
  const { rows } = tables(3);
  row(rows, 0).begin(5);
  row(rows, 1).begin(5);
  row(rows, 2).begin(6);
  assert.equal(row(rows, 2).inFlight(5), 2);
  row(rows, 1).end(5);
  assert.equal(row(rows, 3).inFlight(5), 1);
  assert.equal(row(rows, 3).inFlight(6), 1);
});

test("a limit of 0 connections means that there is none", () => {
  const { rows } = tables(1);
  for (let i = 0; i < 100; i++) assert.equal(row(rows, 0).tryReserveConnection(0, 0), true);
  assert.equal(row(rows, 0).connections(0), 100);
});

test("a queue of 0 places takes nobody", () => {
  const { rows } = tables(1);
  assert.equal(row(rows, 0).tryReservePending(0, 0), false);
});

test("slots and their neighbours never touch each other", () => {
  const last = EndpointTable.SLOTS - 1;
  const { rows } = tables(2);
  const [first, second, control] = [row(rows, 0), row(rows, 1), row(rows, 2)];
  first.begin(last);
  first.tryReserveConnection(last, 1);
  first.addIdle(last, 1);
  first.tryReservePending(last, 1);
  control.setHealth(last, HEALTH.DOWN);
  for (const table of [first, second, control]) {
    assert.equal(table.inFlight(0) + table.connections(0) + table.idle(0) + table.pending(0), 0);
    assert.equal(table.health(0), HEALTH.UNKNOWN);
    assert.equal(table.available(0, 1), true);
  }
  assert.equal(second.inFlight(last), 1);
  assert.equal(second.idle(last), 1);
  assert.equal(second.pending(last), 1);
  assert.equal(second.health(last), HEALTH.DOWN);
});

test("a freed connection wakes a worker that waits for it, never the one that freed it", () => {
  const { rows, rung } = tables(4);
  row(rows, 1).wakeWaiter(8);
  assert.deepEqual(rung, []);
  row(rows, 1).tryReservePending(8, 10);
  row(rows, 1).wakeWaiter(8);
  assert.deepEqual(rung, []);
  row(rows, 0).tryReservePending(8, 10);
  row(rows, 3).tryReservePending(8, 10);
  row(rows, 1).wakeWaiter(8);
  row(rows, 3).wakeWaiter(8);
  row(rows, 3).wakeWaiter(9);
  assert.deepEqual(rung, [3, 0], "the next row after the own one");
  assert.equal(row(rows, 0).waitsElsewhere(8), true);
  row(rows, 1).releasePending(8);
  row(rows, 3).releasePending(8);
  assert.equal(row(rows, 0).waitsElsewhere(8), false);
});

test("a request that waits wakes a worker that keeps a connection unused", () => {
  const { rows, rung } = tables(3);
  row(rows, 2).addIdle(4, 1);
  row(rows, 2).wakeHolder(4);
  assert.deepEqual(rung, []);
  row(rows, 0).wakeHolder(4);
  assert.deepEqual(rung, [2]);
});

test("an endpoint is ejected after so many failures in a row, over all workers", () => {
  const { rows } = tables(2);
  row(rows, 0).recordFailure(1, EJECTION, 100);
  row(rows, 1).recordFailure(1, EJECTION, 100);
  row(rows, 0).recordSuccess(1);
  row(rows, 0).recordFailure(1, EJECTION, 200);
  row(rows, 1).recordFailure(1, EJECTION, 200);
  assert.equal(row(rows, 0).available(1, 200), true);
  row(rows, 0).recordFailure(1, EJECTION, 200);
  assert.equal(row(rows, 1).available(1, 200), false);
  assert.equal(row(rows, 1).available(1, 1199), false);
  assert.equal(row(rows, 1).available(1, 1200), true);
});

test("each pause is twice as long as the one before, up to the longest", () => {
  const { rows } = tables(1);
  const table = row(rows, 0);
  let now = 1_700_000_000_000;
  for (let i = 0; i < 2; i++) table.recordFailure(1, EJECTION, now);
  for (const pause of [1000, 2000, 4000, 4000]) {
    table.recordFailure(1, EJECTION, now);
    // What fails meanwhile does not prolong the pause.
    table.recordFailure(1, EJECTION, now + pause - 1);
    assert.equal(table.ejected(1, now + pause - 1), true);
    now += pause;
    assert.equal(table.ejected(1, now), false);
  }
  assert.equal(table.ejections(1), 4);
  table.recordSuccess(1);
  for (let i = 0; i < 3; i++) table.recordFailure(1, EJECTION, now);
  assert.equal(table.ejected(1, now + 999), true);
  assert.equal(table.ejected(1, now + 1000), false, "a success begins the doubling anew");
});

test("a clock that is set back does not prolong a pause", () => {
  const { rows } = tables(1);
  const table = row(rows, 0);
  for (let i = 0; i < 3; i++) table.recordFailure(1, EJECTION, 5_000_000);
  assert.equal(table.available(1, 5_000_000), false);
  assert.equal(table.available(1, 1_400_000), true);
});

test("with 0 failures in a row nothing is ever ejected", () => {
  const { rows } = tables(1);
  for (let i = 0; i < 50; i++) {
    row(rows, 0).recordFailure(1, { ...EJECTION, consecutiveFailures: 0 }, 1);
  }
  assert.equal(row(rows, 0).available(1, 1), true);
});

test("active checks and ejection each take an endpoint out", () => {
  const { rows } = tables(1);
  const [worker, control] = [row(rows, 0), row(rows, 1)];
  control.setHealth(2, HEALTH.DOWN);
  assert.equal(worker.available(2, 1), false);
  control.setHealth(2, HEALTH.UP);
  assert.equal(worker.available(2, 1), true);
  for (let i = 0; i < 3; i++) worker.recordFailure(2, EJECTION, 1);
  assert.equal(worker.available(2, 1), false);
  control.reset(2);
  assert.equal(worker.available(2, 1), true);
  assert.equal(worker.health(2), HEALTH.UNKNOWN);
  assert.equal(worker.ejections(2), 0);
});

test("after any history, clearing every worker leaves nothing taken", () => {
  const step = fc.record({
    worker: fc.nat(2),
    slot: fc.nat(3),
    what: fc.constantFrom("connection", "pending", "begin", "idle"),
    take: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const { rows } = tables(3);
      const held = new Map<string, number>();
      for (const { worker, slot, what, take } of steps) {
        const key = `${worker} ${slot} ${what}`;
        const count = held.get(key) ?? 0;
        if (!take && count === 0) continue;
        const table = row(rows, worker);
        let done = true;
        if (what === "connection") {
          if (take) done = table.tryReserveConnection(slot, 4);
          else table.releaseConnection(slot);
        } else if (what === "pending") {
          if (take) done = table.tryReservePending(slot, 3);
          else table.releasePending(slot);
        } else if (what === "begin") {
          if (take) table.begin(slot);
          else table.end(slot);
        } else {
          table.addIdle(slot, take ? 1 : -1);
        }
        if (done) held.set(key, count + (take ? 1 : -1));
      }
      const expected = (slot: number, what: string): number =>
        [0, 1, 2].reduce((sum, worker) => sum + (held.get(`${worker} ${slot} ${what}`) ?? 0), 0);
      const table = row(rows, 3);
      for (let slot = 0; slot < 4; slot++) {
        assert.equal(table.connections(slot), expected(slot, "connection"));
        assert.ok(table.connections(slot) <= 4);
        assert.equal(table.pending(slot), expected(slot, "pending"));
        assert.equal(table.inFlight(slot), expected(slot, "begin"));
        assert.equal(table.idle(slot), expected(slot, "idle"));
      }
      for (const worker of [0, 1, 2]) table.clearWorker(worker);
      for (let slot = 0; slot < 4; slot++) {
        assert.equal(table.connections(slot) + table.pending(slot), 0);
        assert.equal(table.inFlight(slot) + table.idle(slot), 0);
      }
    }),
    { numRuns: 60 },
  );
});
