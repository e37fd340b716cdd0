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
}

const { memory, workers, row, rounds, max, hold } = workerData as Start;
const tables = openTables(memory, workers, row);

let highest = 0;
let taken = 0;
for (let round = 0; round < rounds; round++) {
  let held = 0;
  let downstream = 0;
  for (let i = 0; i < hold; i++) {
    if (tables.endpoints.tryReserveConnection(7, max)) held++;
    if (tables.workers.tryReserveConnection(max)) downstream++;
    tables.endpoints.begin(7);
  }
  highest = Math.max(highest, tables.endpoints.connections(7));
  taken += held;
  // The last round's places are left behind, as by a thread that dies.
  if (round === rounds - 1) break;
  for (let i = 0; i < hold; i++) tables.endpoints.end(7);
  while (held-- > 0) tables.endpoints.releaseConnection(7);
  while (downstream-- > 0) tables.workers.releaseConnection();
}
tables.endpoints.recordFailure(
  9,
  { consecutiveFailures: workers, pause: 100, maxPause: 400 },
  1000,
);
parentPort?.postMessage({ highest, taken });
