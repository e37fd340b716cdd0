/**
 * The life of a request without sockets: bytes of a request in, bytes of the answer out, through every stage of the
 * data plane over a transport that only hands over. Prints nanoseconds and bytes allocated for each request.
 *
 *     node --expose-gc bench/micro/lifecycle.ts [--quick]
 */

import { type Slice, sliceOf } from "#core/bytes/slice.ts";

import { TimerWheel } from "#core/time/wheel.ts";
import type {
  Connection,
  ConnectionHandler,
  SocketAddress,
  Transport,
} from "#transport/contract.ts";
import { startProxy } from "../../test/harness/proxy.ts";

const REQUESTS = process.argv.includes("--quick") ? 2_000 : 200_000;

/** A connection whose peer is the bench: what is written is counted and released at once. */
class BenchConnection implements Connection {
  handler: ConnectionHandler;
  readonly remoteAddress = "192.0.2.1";
  readonly remotePort = 1;
  readonly localAddress = "192.0.2.2";
  readonly localPort = 80;
  queued = 0;
  taken = 0;
  takenAt = 0;
  closed = false;
  wrote = 0;

  constructor(handler: ConnectionHandler) {
    this.handler = handler;
  }
  write(slices: readonly Slice[]): boolean {
    for (const slice of slices) {
      this.wrote += slice.length;
      slice.release();
    }
    return true;
  }
  pause(): void {}
  resume(): void {}
  end(): void {}
  close(): void {}
  lingerClose(): void {}
  abort(): void {}
}

const SLAB = new Uint8Array(1 << 20);
let used = 0;

class BenchTransport implements Transport {
  readonly name = "memory";
  readonly timers: TimerWheel = new TimerWheel(0);
  readonly dialed: BenchConnection[] = [];

  listen(): ReturnType<Transport["listen"]> {
    const address: SocketAddress = { kind: "tcp", host: "192.0.2.2", port: 80 };
    const nothing = (): void => undefined;
    return Promise.resolve({
      address,
      close: () => Promise.resolve(),
      pause: nothing,
      resume: nothing,
    });
  }
  connect(_address: SocketAddress, _timeout: number, handler: ConnectionHandler): Connection {
    const connection = new BenchConnection(handler);
    this.dialed.push(connection);
    return connection;
  }
  allocate(size: number): Slice {
    if (used + size > SLAB.length) used = 0;
    const slice = sliceOf(SLAB);
    slice.offset = used;
    slice.length = size;
    used += size;
    return slice;
  }
  defer(task: () => void): void {
    queueMicrotask(task);
  }
  shutdown(): Promise<void> {
    return Promise.resolve();
  }
}

const transport = new BenchTransport();
const proxy = await startProxy({ backends: [80], transport, quiet: true });
const client = new BenchConnection({} as ConnectionHandler);
proxy.dataPlane.acceptor().onConnection(client);

const bare = "GET /index.html HTTP/1.1\r\nHost: bench\r\n\r\n";
const browser =
  "GET /app/items?page=2 HTTP/1.1\r\nHost: www.example.com\r\nConnection: keep-alive\r\n" +
  'sec-ch-ua: "Chromium";v="130", "Not?A_Brand";v="99"\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: "Linux"\r\n' +
  "Upgrade-Insecure-Requests: 1\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36\r\n" +
  "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\nSec-Fetch-Site: same-origin\r\n" +
  "Sec-Fetch-Mode: navigate\r\nSec-Fetch-User: ?1\r\nSec-Fetch-Dest: document\r\nReferer: https://www.example.com/app/\r\n" +
  "Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-GB,en;q=0.9\r\n" +
  "Cookie: session=4f1c2d3e4b5a69788796a5b4c3d2e1f0; theme=dark; consent=1; ab=17\r\n\r\n";
const answer =
  "HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Mon, 23 Nov 2026 12:00:00 GMT\r\nContent-Type: text/html; charset=utf-8\r\n" +
  'Content-Length: 1024\r\nConnection: keep-alive\r\nCache-Control: private, max-age=0\r\nETag: "5f3c-1a2b3c"\r\n' +
  "Vary: Accept-Encoding\r\nX-Frame-Options: SAMEORIGIN\r\nX-Content-Type-Options: nosniff\r\n" +
  "Strict-Transport-Security: max-age=63072000\r\nSet-Cookie: seen=1; Path=/; HttpOnly\r\n\r\n" +
  "x".repeat(1024);

const toSlice = (text: string): Slice => sliceOf(Uint8Array.from(text, (c) => c.charCodeAt(0)));

function run(request: Slice, response: Slice, requests: number): void {
  for (let i = 0; i < requests; i++) {
    client.handler.onData(client, request);
    const backend = transport.dialed[0]!;
    if (i === 0 && backend.wrote === 0) backend.handler.onConnect(backend);
    backend.handler.onData(backend, response);
  }
}

const response = toSlice(answer);
for (const [name, text] of [
  ["bare request, 12 fields and 1 KiB back", bare],
  ["browser's request (16 fields)", browser],
] as const) {
  const request = toSlice(text);
  run(request, response, REQUESTS);
  globalThis.gc?.();
  // CPU time: what else the machine does counts little.
  const begin = process.cpuUsage();
  run(request, response, REQUESTS);
  const { user, system } = process.cpuUsage(begin);
  const nanoseconds = ((user + system) * 1000) / REQUESTS;
  run(request, response, 100);
  const few = 1000;
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  run(request, response, few);
  const allocated = (process.memoryUsage().heapUsed - before) / few;
  console.log(`${name}: ${nanoseconds.toFixed(0)} ns, ${allocated.toFixed(0)} bytes allocated`);
}
process.exit(0);
