/** The thread whose lines `access-log.ts` brings into a file: so many in a turn, then nothing for a while. */

import { parentPort, workerData } from "node:worker_threads";

import { LineWriter } from "#model/shared/line-queue.ts";
import { AccessLog } from "#telemetry/access-log.ts";
import { records } from "./support/records.ts";

const { buffer, bell, turns } = workerData as {
  readonly buffer: SharedArrayBuffer;
  readonly bell: Int32Array;
  readonly turns: number;
};
/** Lines of a turn, and the ms between two: about 50 000 a second. */
const LINES = 100;
const PAUSE = 2;

const lines = new LineWriter(buffer, 0, () => {
  Atomics.add(bell, 0, 1);
  Atomics.notify(bell, 0);
});
const log = new AccessLog({ lines, utcOffset: 0, colour: false });
log.use("json");
const all = records();

parentPort?.once("message", () => {
  let turn = 0;
  const timer = setInterval(() => {
    for (let i = 0; i < LINES; i++) log.write(all[i % all.length]!);
    if (++turn < turns) return;
    clearInterval(timer);
    parentPort?.postMessage(turns * LINES);
  }, PAUSE);
});
parentPort?.postMessage("ready");
