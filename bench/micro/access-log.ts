/**
 * The access log by itself. First a line: from the record of an exchange to bytes where the control thread reads them,
 * for requests as browsers send them, a hundred different ones in turn. Then its whole way: a thread writes lines at a
 * steady pace, and this thread brings them into a file. Prints nanoseconds for each line: the least of many parts of
 * the first, as whatever else the machine does only ever adds; CPU time of all threads for the second.
 *
 *     node bench/micro/access-log.ts [--quick]
 */

import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";

import { LineReader, LineWriter, lineQueueBytes } from "#model/shared/line-queue.ts";
import type { LogData } from "#model/snapshot.ts";
import { AccessLog } from "#telemetry/access-log.ts";
import { LogDrain } from "#telemetry/sinks/log-drain.ts";
import { openLogWriter } from "#telemetry/sinks/log-writer.ts";
import { records } from "./support/records.ts";

const quick = process.argv.includes("--quick");
const PARTS = quick ? 20 : 400;
/** Lines of a part; they fit into a queue. */
const LINES = 2000;

function measure(name: string, format: LogData["access"], all: ReturnType<typeof records>): void {
  const memory = new SharedArrayBuffer(lineQueueBytes(1));
  const lines = new LineWriter(memory, 0, () => undefined);
  const reader = new LineReader(memory, 0);
  const log = new AccessLog({ lines, utcOffset: 0, colour: false });
  log.use(format);
  let least = Infinity;
  let bytes = 0;
  for (let part = 0; part < PARTS; part++) {
    const begin = performance.now();
    for (let i = 0; i < LINES; i++) log.write(all[i % all.length]!);
    least = Math.min(least, ((performance.now() - begin) * 1e6) / LINES);
    const waiting = reader.peek([]);
    bytes = waiting / LINES;
    reader.take(waiting);
  }
  if (reader.dropped > 0) throw new Error("the queue is too small for the bench");
  console.log(`${name}: ${least.toFixed(0)} ns, ${bytes.toFixed(0)} bytes`);
}

async function measureWay(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-bench-log-"));
  const path = join(folder, "access.log");
  const buffer = new SharedArrayBuffer(lineQueueBytes(1));
  const bell = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(new URL("./access-log-worker.fixture.ts", import.meta.url), {
    workerData: { buffer, bell, turns: quick ? 200 : 4000 },
  });
  await once(worker, "message");
  let open = true;
  const drain = new LogDrain({
    readers: [new LineReader(buffer, 0)],
    sink: await openLogWriter({
      to: path,
      onError: (error) => {
        throw error;
      },
    }),
    onWake: (callback) => {
      const wait = async (): Promise<void> => {
        for (;;) {
          const seen = Atomics.load(bell, 0);
          await Atomics.waitAsync(bell, 0, seen).value;
          if (!open) return;
          callback();
        }
      };
      void wait();
      return () => (open = false);
    },
    scheduler: {
      now: () => performance.now(),
      after: (delay, task) => {
        const timer = setTimeout(task, delay);
        return () => clearTimeout(timer);
      },
    },
    onDropped: (lines) => console.log(`${lines} lines were dropped`),
  });
  const begin = process.cpuUsage();
  worker.postMessage("go");
  const [lines] = (await once(worker, "message")) as [number];
  await drain.close();
  const { user, system } = process.cpuUsage(begin);
  await worker.terminate();
  const written = readFileSync(path, "latin1").split("\n").length - 1;
  rmSync(folder, { recursive: true });
  if (written !== lines) throw new Error(`${written} of ${lines} lines were written`);
  console.log(
    `all the way into a file: ${(((user + system) * 1000) / lines).toFixed(0)} ns of CPU`,
  );
}

measure("json", "json", records());
measure("combined", "combined", records());
measure("pretty", "pretty", records());
await measureWay();
