import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";

import type { Region } from "../worker.ts";
import { clearWorker, openTables, tableSizes } from "./tables.ts";

const WORKERS = 4;

function memory(): Record<Region, SharedArrayBuffer> {
  const sizes = tableSizes(WORKERS);
  return {
    endpoints: new SharedArrayBuffer(sizes.endpoints),
    workers: new SharedArrayBuffer(sizes.workers),
    metrics: new SharedArrayBuffer(sizes.metrics),
    lines: new SharedArrayBuffer(sizes.lines),
  };
}

test("a limit is exact over threads that contend for it, and dead threads give back what they held", async () => {
  const shared = memory();
  const max = 5;
  const barriers = new SharedArrayBuffer(8);
  const results = await Promise.all(
    Array.from({ length: WORKERS }, async (_, row) => {
      const worker = new Worker(new URL("./contender.fixture.ts", import.meta.url), {
        workerData: {
          memory: shared,
          workers: WORKERS,
          row,
          rounds: 20_000,
          max,
          hold: 3,
          barriers,
        },
      });
      const ended = once(worker, "exit");
      const [message] = (await once(worker, "message")) as [{ highest: number; taken: number }];
      await ended;
      return message;
    }),
  );
  for (const { highest } of results) assert.ok(highest <= max, `saw ${highest} of at most ${max}`);
  assert.ok(results.some(({ taken }) => taken > 0));
  const tables = openTables(shared, WORKERS, WORKERS);
  // In the end every thread wanted three places and gave none back.
  assert.equal(tables.endpoints.connections(7), max);
  assert.equal(tables.workers.totals().connections, max);
  assert.equal(tables.endpoints.inFlight(7), 3 * WORKERS);
  for (let row = 0; row < WORKERS; row++) clearWorker(tables, row);
  assert.equal(tables.endpoints.connections(7), 0);
  assert.equal(tables.workers.totals().connections, 0);
  assert.equal(tables.endpoints.inFlight(7), 0);
  assert.ok(tables.workers.totals().accepted > 0, "counters outlive the worker");
  // The failures of all workers were failures in a row.
  assert.equal(tables.endpoints.ejections(9), 1);
  assert.equal(tables.endpoints.ejected(9, 1050), true);
});

test("a bell rung in another thread wakes the one it was rung for", async () => {
  const shared = memory();
  const tables = openTables(shared, WORKERS, 1);
  const rung = Promise.withResolvers<void>();
  const stop = tables.workers.onRing(rung.resolve);
  const worker = new Worker(
    `const { workerData } = require("node:worker_threads");
     import(workerData.tables).then(({ openTables }) => {
       const { endpoints } = openTables(workerData.memory, ${WORKERS}, 0);
       endpoints.wakeWaiter(3);
     });`,
    {
      eval: true,
      workerData: { memory: shared, tables: new URL("./tables.ts", import.meta.url).href },
    },
  );
  assert.equal(tables.endpoints.tryReservePending(3, 1), true);
  // Waiting for a bell keeps no event loop alive, a listening port does.
  const alive = setInterval(() => {}, 1000);
  await rung.promise;
  clearInterval(alive);
  stop();
  await worker.terminate();
});

test("rings that come before the answer are one, and a ring during the answer is another", async () => {
  const shared = memory();
  const control = openTables(shared, WORKERS, WORKERS);
  const { workers } = openTables(shared, WORKERS, 2);
  let answers = 0;
  const second = Promise.withResolvers<void>();
  const stop = workers.onRing(() => {
    if (++answers === 1) control.workers.ring(2);
    else second.resolve();
  });
  control.workers.ring(2);
  control.workers.ring(2);
  control.workers.ring(1);
  const alive = setInterval(() => {}, 1000);
  await second.promise;
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  assert.equal(answers, 2);
  stop();
  control.workers.ring(2);
  for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
  clearInterval(alive);
  assert.equal(answers, 2);
});

test("a worker that idles in its event loop is woken", async () => {
  const shared = memory();
  const worker = new Worker(
    `const { parentPort, workerData } = require("node:worker_threads");
     parentPort.on("message", () => {});
     import(workerData.tables).then(({ openTables }) => {
       openTables(workerData.memory, ${WORKERS}, 0).workers.onRing(() => parentPort.postMessage("rung"));
       parentPort.postMessage("waiting");
     });`,
    {
      eval: true,
      workerData: { memory: shared, tables: new URL("./tables.ts", import.meta.url).href },
    },
  );
  assert.deepEqual(await once(worker, "message"), ["waiting"]);
  openTables(shared, WORKERS, WORKERS).workers.ring(0);
  assert.deepEqual(await once(worker, "message"), ["rung"]);
  await worker.terminate();
});
