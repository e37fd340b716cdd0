/**
 * The reader of what comes first on a TLS connection, without sockets.
 *
 *     node --expose-gc bench/micro/tls-hello.ts
 *     node bench/micro/tls-hello.ts --quick     shows that it works
 */

import { bench, do_not_optimize, group, run } from "mitata";
import { ClientHelloReader } from "#protocol/tls-hello/client-hello-reader.ts";
import {
  browserHello,
  message,
  records,
  tls12Hello,
  wire,
} from "#protocol/tls-hello/hello.fixture.ts";

const isQuick = process.argv.includes("--quick");

/** A thousand calls, without which the first would be taken for the measure of all; then a benchmark, unless `--quick`. */
function measure(name: string, work: () => void): void {
  for (let i = 0; i < 1000; i++) work();
  if (isQuick) console.log(`${name}: works`);
  else bench(name, work);
}

function read(pieces: readonly Uint8Array[]): void {
  const reader = new ClientHelloReader();
  let progress = "";
  for (const piece of pieces) progress = reader.feed(piece, 0, piece.length);
  if (progress !== "done") throw new Error(progress);
  do_not_optimize(reader.serverName);
}

group("hello in", () => {
  const short = wire(tls12Hello);
  const browser = wire(browserHello);
  const half = browser.length >> 1;
  const halves = [browser.subarray(0, half), browser.subarray(half)];
  const fragments = records(message(browserHello), 1);
  measure(`TLS 1.2, ${short.length} bytes`, () => read([short]));
  measure(`browser, ${browser.length} bytes`, () => read([browser]));
  measure("browser, in two pieces", () => read(halves));
  measure("browser, in records of one byte", () => read([fragments]));
});

if (!isQuick) await run();
