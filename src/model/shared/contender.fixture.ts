/** A thread that contends with others for places, for the tests of the tables. */

import { parentPort, workerData } from "node:worker_threads";

import { openTables } from "./tables.ts";
import type { Region } from "../worker.ts";

interface Start {
  readonly memory: Record<Region, SharedArrayBuffer>;
  readonly workers: number;
  readonly row: number;
  readonly rounds: number;
  readonly max: number;
  /** How many places each thread may hold at once. */
  readonly hold: number;
  /** Two counters, for meeting the other threads. */
  readonly barriers: SharedArrayBuffer;
}

const { memory, workers, row, rounds, max, hold, barriers } = workerData as Start;
const tables = openTables(memory, workers, row);

const arrivals = new Int32Array(barriers);
let highest = 0;
let taken = 0;

/** Waits until all threads have come here. */
function meet(barrier: number): void {
  if (Atomics.add(arrivals, barrier, 1) + 1 === workers) Atomics.notify(arrivals, barrier);
  for (;;) {
    const arrived = Atomics.load(arrivals, barrier);
    if (arrived === workers) return;
    Atomics.wait(arrivals, barrier, arrived, 100);
  }
}

/** Takes what there is, and says how many of each. */
function take(): [upstream: number, downstream: number] {
  let upstream = 0;
  let downstream = 0;
  for (let i = 0; i < hold; i++) {
    if (tables.endpoints.tryReserveConnection(7, max)) upstream++;
    if (tables.workers.tryReserveConnection(max)) downstream++;
    tables.endpoints.begin(7);
  }
  highest = Math.max(highest, tables.endpoints.connections(7));
  taken += upstream;
  return [upstream, downstream];
}

meet(0);
for (let round = 0; round < rounds; round++) {
  let [upstream, downstream] = take();
  for (let i = 0; i < hold; i++) tables.endpoints.end(7);
  while (upstream-- > 0) tables.endpoints.releaseConnection(7);
  while (downstream-- > 0) tables.workers.releaseConnection();
}
meet(1);
// Left behind, as by a thread that dies.
take();
tables.endpoints.recordFailure(
  9,
  { consecutiveFailures: workers, pause: 100, maxPause: 400 },
  1000,
);
parentPort?.postMessage({ highest, taken });
