/**
 * The life of a request without sockets: bytes of a request in, bytes of the answer out, through every stage of the
 * data plane, over a transport that only hands over. 64 clients ask in turn and are then answered in turn, as in a
 * turn of a busy transport. Prints nanoseconds of CPU and bytes allocated for each request.
 *
 *     node --expose-gc bench/micro/lifecycle.ts [--quick] [--only=TEXT]
 */

import { Xorshift } from "#core/random.ts";
import { type Slice, sliceOf } from "#core/bytes/slice.ts";
import { LineReader, LineWriter, lineQueueBytes } from "#model/shared/line-queue.ts";
import { MetricsTable } from "#model/shared/metrics-table.ts";
import type { SnapshotData } from "#model/snapshot.ts";
import { AccessLog } from "#telemetry/access-log.ts";
import { createExchangeTelemetry } from "#telemetry/exchange-telemetry.ts";
import type { ConnectionHandler } from "#transport/contract.ts";
import { startProxy } from "../../test/harness/proxy.ts";
import { answerHead, bareRequest, browserRequest, slices, upload } from "./support/traffic.ts";
import { BenchConnection, BenchTransport } from "./support/transport.ts";

const quick = process.argv.includes("--quick");
const only = process.argv.find((argument) => argument.startsWith("--only="))?.slice(7) ?? "";
const CLIENTS = 64;
const CHUNK = 64 * 1024;
const CHUNKS = 16;
/** Parts that a measurement is taken in. */
const PARTS = 40;

const transport = new BenchTransport();
const metrics = new MetricsTable(new SharedArrayBuffer(MetricsTable.byteLength(1)), 1, 0);
const memory = new SharedArrayBuffer(lineQueueBytes(1));
const lines = new LineWriter(memory, 0, () => undefined);
const reader = new LineReader(memory, 0);
const log = new AccessLog({ lines, utcOffset: 0, colour: false });
const proxy = await startProxy({
  backends: [80],
  transport,
  sink: createExchangeTelemetry({ metrics, log }),
  quiet: true,
});
const clients = Array.from({ length: CLIENTS }, () => {
  const client = new BenchConnection(transport, {} as ConnectionHandler);
  proxy.dataPlane.acceptor("test").onConnection(client);
  return client;
});

/** What is sent and answered: heads in turn, then the same chunks of a body for all. */
interface Traffic {
  readonly requests: readonly Slice[];
  readonly upload: readonly Slice[];
  readonly answers: readonly Slice[];
  readonly download: readonly Slice[];
}

const random = new Xorshift(1);

let count = 0;

// Small functions: a long loop would be optimized while it runs, and thrown away at its end.
function ask(client: BenchConnection, { requests, upload }: Traffic): void {
  client.handler.onData(client, requests[count++ % requests.length]!);
  for (const slice of upload) client.handler.onData(client, slice);
}

function answer(backend: BenchConnection, { answers, download }: Traffic): void {
  backend.asked = false;
  backend.handler.onData(backend, answers[count++ % answers.length]!);
  for (const slice of download) backend.handler.onData(backend, slice);
}

function turn(traffic: Traffic): void {
  transport.timers.advance(transport.timers.now + random.next());
  for (const client of clients) ask(client, traffic);
  for (const backend of transport.dialed) {
    backend.connected = true;
    backend.handler.onConnect(backend);
  }
  transport.dialed.length = 0;
  for (const backend of transport.asked) answer(backend, traffic);
  if (transport.asked.length !== CLIENTS) throw new Error("a request was not passed on");
  transport.asked.length = 0;
  // Somebody reads, so that no line is dropped.
  reader.take(reader.peek([]));
}

function run(traffic: Traffic, turns: number): void {
  for (let i = 0; i < turns; i++) turn(traffic);
}

function measure(name: string, traffic: Traffic, format: SnapshotData["log"]["access"]): void {
  if (!name.includes(only)) return;
  log.use(format);
  const chunks = traffic.upload.length + traffic.download.length;
  const turns = Math.ceil((quick ? 2_000 : 640_000) / PARTS / CLIENTS / (1 + chunks / 2));
  run(traffic, turns * (PARTS / 2));
  const parts: number[] = [];
  for (let i = 0; i < PARTS; i++) {
    // CPU time, and the quarter of the parts that took least: what else the machine does counts little.
    const begin = process.cpuUsage();
    run(traffic, turns);
    const { user, system } = process.cpuUsage(begin);
    parts.push(((user + system) * 1000) / (turns * CLIENTS));
  }
  const time = parts.toSorted((a, b) => a - b)[PARTS / 4]!;
  const few = 16;
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  run(traffic, few);
  const allocated = (process.memoryUsage().heapUsed - before) / (few * CLIENTS);
  const each = chunks === 0 ? "" : ` (${(time / chunks).toFixed(0)} ns for each chunk)`;
  console.log(`${name}: ${time.toFixed(0)} ns${each}, ${allocated.toFixed(0)} bytes allocated`);
}

const small = slices((n) => answerHead(n, 1024) + "x".repeat(1024));
const chunks = Array.from({ length: CHUNKS }, () => sliceOf(Buffer.alloc(CHUNK)));
const large = slices((n) => answerHead(n, CHUNK * CHUNKS));

const plain = { upload: [], answers: small, download: [] };
const bare = { ...plain, requests: slices(bareRequest) };
const browser = { ...plain, requests: slices(browserRequest) };
measure("bare request, 12 fields and 1 KiB back", bare, "off");
measure("browser's request (16 fields)", browser, "off");
measure("browser's request, access log", browser, "json");
measure("1 MiB down in 64 KiB", { ...bare, answers: large, download: chunks }, "off");
measure(
  "1 MiB up in 64 KiB",
  { ...plain, requests: slices((n) => upload(n, CHUNK * CHUNKS)), upload: chunks },
  "off",
);
process.exit(0);
