/**
 * How soon a thread that waits in its ring sees what Node's loop would see, idle and under load: a message of
 * another thread and back, a timer of Node's, a timer of the wheel. Prints milliseconds.
 *
 *     node bench/micro/loop.ts [--quick]
 */

import { once } from "node:events";
import * as net from "node:net";
import { Worker } from "node:worker_threads";
import { Ledger } from "#transport/uring/ledger.ts";
import { reclaim } from "#transport/uring/reclaim.ts";
import { foreseeable } from "#transport/uring/unavailable.ts";

const COUNT = process.argv.includes("--quick") ? 20 : 500;
const CLIENTS = 32;

/** What the thread reports for each question: when it saw the message, or how late a timer fired. */
interface Answer {
  readonly late: number;
}

const missing = foreseeable();
if (missing !== null) {
  console.log(`loop: ${missing.reason}`);
  process.exit(0);
}
const ledger = new SharedArrayBuffer(Ledger.byteLength(1));
const worker = new Worker(new URL("./loop-worker.fixture.ts", import.meta.url), {
  workerData: ledger,
});
const [port] = (await once(worker, "message")) as [number];

await measureAll("idle");
const clients = Array.from({ length: CLIENTS }, () => {
  const client = net.connect(port, "127.0.0.1");
  client.on("data", (bytes) => client.write(bytes));
  client.write("x".repeat(100));
  return client;
});
await measureAll(`${CLIENTS} connections that are never idle`);
for (const client of clients) client.destroy();
await worker.terminate();
reclaim(new Ledger(ledger, 0));

async function measureAll(load: string): Promise<void> {
  for (const what of ["message", "setTimeout", "wheel"]) {
    const lateness: number[] = [];
    for (let i = 0; i < COUNT; i++) {
      const begin = performance.now();
      worker.postMessage(what);
      const [{ late }] = (await once(worker, "message")) as [Answer];
      lateness.push(what === "message" ? (performance.now() - begin) / 2 : late);
    }
    lateness.sort((a, b) => a - b);
    const at = (share: number): string => lateness[Math.floor(share * (COUNT - 1))]!.toFixed(2);
    console.log(`${load}, ${what}: p50 ${at(0.5)}, p99 ${at(0.99)}, worst ${at(1)} ms`);
  }
}
