/**
 * `npm run soak:thread`: many requests with random aborts on both sides of a data plane in this thread, then a look at what is left.
 * Passes when no socket, exchange or buffer is left and memory did not grow: after a collection, the median of the last
 * third of the samples lies within 5 % of the first third's.
 *
 *     SOAK_REQUESTS=50000  SOAK_CLIENTS=64  SOAK_SEED=1
 */

import assert from "node:assert/strict";
import * as net from "node:net";
import { Xorshift } from "#core/random.ts";
import { startProxy } from "../harness/proxy.ts";

const REQUESTS = Number(process.env["SOAK_REQUESTS"] ?? 50_000);
const CLIENTS = Number(process.env["SOAK_CLIENTS"] ?? 64);
const random = new Xorshift(Number(process.env["SOAK_SEED"] ?? 1));
const SAMPLES = 60;

const { gc } = globalThis;
if (gc === undefined) throw new Error("run it with --expose-gc, as `npm run soak:thread` does");

const chance = (share: number): boolean => random.next() < share;

/** A backend that answers in every way there is, and sometimes does not. */
const origin = net.createServer({ noDelay: true }, (socket) => {
  let pending = "";
  socket.on("error", () => undefined);
  socket.on("data", (bytes) => {
    pending += bytes.toString("latin1");
    for (let end = endOfRequest(pending); end > 0; end = endOfRequest(pending)) {
      pending = pending.slice(end);
      if (chance(0.02)) {
        if (chance(0.5)) socket.destroy();
        else socket.resetAndDestroy();
        return;
      }
      const size = random.int(20_000);
      if (chance(0.02)) {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size + 10}\r\n\r\n${"x".repeat(size)}`);
        socket.end();
        return;
      }
      if (chance(0.5)) {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n${"x".repeat(size)}`);
      } else {
        socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        socket.write(`${(size + 1).toString(16)}\r\n${"y".repeat(size + 1)}\r\n0\r\n\r\n`);
      }
    }
  });
});

/** Where the first request in `text` ends, 0 if it is not complete. */
function endOfRequest(text: string): number {
  const head = text.indexOf("\r\n\r\n");
  if (head < 0) return 0;
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, head));
  const end = head + 4 + Number(length?.[1] ?? 0);
  return text.length >= end ? end : 0;
}

await new Promise<void>((resolve) => origin.listen(0, "127.0.0.1", resolve));
const proxy = await startProxy({
  backends: [(origin.address() as net.AddressInfo).port],
  pool: { maxConnections: 48, queueTimeout: 30_000 },
  upstreamTimeouts: { firstByte: 10_000, responseIdle: 10_000 },
  quiet: true,
});

let sent = 0;
let answered = 0;
let aborted = 0;
const samples: number[] = [];

/** One client of one round: connections one after the other, until the round's requests are sent. */
async function client(until: number): Promise<void> {
  while (sent < until) {
    const socket = net.connect({ port: proxy.port, host: "127.0.0.1", noDelay: true });
    socket.on("error", () => undefined);
    const requests = 1 + random.int(20);
    for (let i = 0; i < requests && sent < until && !socket.destroyed; i++) {
      sent++;
      await exchange(socket);
    }
    socket.destroy();
    if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
  }
}

/** One request on a connection; resolves when it is answered or the connection is gone. */
function exchange(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    const body = chance(0.4) ? "b".repeat(random.int(30_000)) : "";
    const method = body === "" ? "GET" : "POST";
    const request = `${method} /${sent} HTTP/1.1\r\nHost: soak\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    const leaves = chance(0.05);
    let received = "";
    const done = (): void => {
      socket.off("data", onData);
      socket.off("close", done);
      resolve();
    };
    const onData = (bytes: Buffer): void => {
      received += bytes.toString("latin1");
      if (!isComplete(received)) return;
      answered++;
      done();
    };
    socket.on("data", onData);
    socket.on("close", done);
    if (leaves) {
      aborted++;
      socket.write(request.slice(0, random.int(request.length)), () =>
        chance(0.5) ? socket.resetAndDestroy() : socket.destroy(),
      );
    } else {
      socket.write(request);
    }
  });
}

function isComplete(text: string): boolean {
  const head = text.indexOf("\r\n\r\n");
  if (head < 0) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, head));
  if (length !== null) return text.length >= head + 4 + Number(length[1]);
  return text.endsWith("\r\n0\r\n\r\n");
}

/** Lets what was closed in this turn be closed in the system too. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) {
    gc!();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

function sample(): void {
  gc!();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  samples.push(heapUsed + arrayBuffers);
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

for (let round = 1; round <= SAMPLES; round++) {
  const until = Math.round((REQUESTS * round) / SAMPLES);
  await Promise.all(Array.from({ length: CLIENTS }, () => client(until)));
  // Nothing is under way between rounds, so that samples compare like with like.
  await settle();
  sample();
}
await proxy.close();
await new Promise((resolve) => origin.close(resolve));

const third = Math.floor(samples.length / 3);
const first = median(samples.slice(0, third));
const last = median(samples.slice(-third));
const growth = last / first - 1;
await settle();
const sockets = process.getActiveResourcesInfo().filter((name) => name.startsWith("TCP"));
if (process.env["SOAK_VERBOSE"]) console.log(samples.map((n) => (n / 1e6).toFixed(1)).join(" "));
console.log(
  `${sent} requests, ${answered} answered, ${aborted} abandoned; memory ${(first / 1e6).toFixed(1)} MB → ${(last / 1e6).toFixed(1)} MB (${(growth * 100).toFixed(1)} %)`,
);
assert.deepEqual(sockets, [], "sockets are left");
assert.ok(growth < 0.05, `memory grew by ${(growth * 100).toFixed(1)} %`);
console.log("soak passed");
