import assert from "node:assert/strict";
import { test } from "node:test";
import { ABUSES } from "#core/http/abuse.ts";
import { WorkerTable } from "./worker-table.ts";

function tables(workers: number): WorkerTable[] {
  const buffer = new SharedArrayBuffer(WorkerTable.byteLength(workers));
  return Array.from({ length: workers + 1 }, (_, row) => new WorkerTable(buffer, workers, row));
}

test("the limit of connections is one for the process", () => {
  const [first, second, control] = tables(2);
  assert.ok(first && second && control);
  assert.equal(first.tryReserveConnection(3), true);
  assert.equal(second.tryReserveConnection(3), true);
  assert.equal(second.tryReserveConnection(3), true);
  assert.equal(first.tryReserveConnection(3), false);
  second.releaseConnection();
  assert.equal(first.tryReserveConnection(3), true);
  const { connections, accepted, refused } = control.totals();
  assert.deepEqual({ connections, accepted, refused }, { connections: 3, accepted: 4, refused: 1 });
  assert.equal(control.connections(0), 2);
});

test("a worker that died gives back its connections and gauges; counters and epoch stay", () => {
  const [first, second, control] = tables(2);
  assert.ok(first && second && control);
  control.startWorker(0);
  assert.equal(control.state(0), "starting");
  for (const table of [first, second]) {
    table.tryReserveConnection(10);
    table.tryReserveHandshake(10);
    table.countHandshake("full");
    table.countAbuse("window_stall");
    table.addExchanges(2);
    table.addTunnels(1);
    table.addBuffered(6_000_000_000);
    table.setGeneration(7);
  }
  control.setState(0, "running");
  control.clearWorker(0);
  assert.deepEqual(control.totals(), {
    connections: 1,
    exchanges: 2,
    tunnels: 1,
    buffered: 6_000_000_000,
    accepted: 2,
    refused: 0,
    handshakes: { full: 2, resumed: 0, failed: 0, open: 1 },
    abuses: ABUSES.map((kind) => (kind === "window_stall" ? 2 : 0)),
  });
  assert.equal(control.state(0), "dead");
  assert.equal(control.generation(0), 0);
  assert.equal(control.generation(1), 7);
  control.startWorker(0);
  assert.equal(control.epoch(0), 2);
});

test("workers are counted by their state", () => {
  const control = tables(3)[3];
  assert.ok(control);
  control.setState(0, "running");
  control.setState(2, "draining");
  assert.deepEqual(control.states(), { dead: 1, starting: 0, running: 1, draining: 1 });
});

test("handshakes have a limit of their own, and one for each second that all workers share", () => {
  const [first, second] = tables(2);
  assert.ok(first && second);
  assert.deepEqual(
    [first, second, first].map((table) => table.tryReserveHandshake(2)),
    [true, true, false],
  );
  second.releaseHandshake();
  assert.equal(first.tryReserveHandshake(2), true);
  const begun = (wall: number): boolean[] =>
    [first, second, first].map((table) => table.tryBeginHandshake(2, wall));
  assert.deepEqual(begun(5_000), [true, true, false]);
  assert.deepEqual(begun(5_999), [false, false, false]);
  assert.deepEqual(begun(6_000), [true, true, false]);
});
