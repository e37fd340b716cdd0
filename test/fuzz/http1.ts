/**
 * Mutated wires through the HTTP/1 engine. One run is one seed; `node test/fuzz/http1.ts` goes on for
 * FUZZ_SECONDS (5 if not set) and names the seed of what it finds, which `FUZZ_SEED` repeats.
 *
 * Held for every wire: nothing throws; events do not depend on how the bytes were split; progress stays
 * inside the bytes and a fault is final (all that in `feed.fixture.ts`); llhttp takes whatever we take, for
 * the same message; and what would go to a backend is exactly that message to llhttp, or no complete one.
 */

import assert from "node:assert/strict";
import { Xorshift } from "#core/random.ts";
import { readRequests, readResponses, wireBytes } from "#protocol/http1/feed.fixture.ts";
import { forwardedRequest } from "../conformance/http1/forwarded.ts";
import { compareRequests, compareResponses } from "../conformance/http1/llhttp-differential.ts";
import { llhttpMethods, llhttpRequests } from "../conformance/http1/llhttp.ts";
import { smugglingCorpus } from "../conformance/http1/smuggling-corpus.ts";

const requestSeeds: readonly string[] = smugglingCorpus().map(({ wire }) => wire);

const responseSeeds: readonly string[] = [
  "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabc",
  "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a="b"\r\nabc\r\nA\r\n0123456789\r\n0\r\nX: y\r\n\r\n',
  "HTTP/1.1 304 Not Modified\r\nContent-Length: 30\r\nETag: x\r\n\r\n",
  "HTTP/1.0 200 OK\r\n\r\nuntil the end",
  "HTTP/1.1 200\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x00",
];

const tokens: readonly string[] = [
  ["\r", "\n", "\r\n", "\r\n\r\n", "\0", " ", "\t", "\x0b", "\x7f", "\x80", "\xff", ":", ";", ","],
  ['"', "\\", "=", "#", "*", "/", "0", "5", "f", "-", "+", "0x", "chunked", "close", "HTTP/1.0"],
  ["Host: a\r\n", "Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n"],
  ["0\r\n\r\n", "GET / HTTP/1.1\r\n", "Connection: upgrade\r\n", "Upgrade: x\r\n", "http://a"],
].flat();

/** Numbers from 0 to below `bound`. */
type Pick = (bound: number) => number;

function oneOf<T>(values: readonly T[], pick: Pick): T {
  const value = values[pick(values.length)];
  assert(value !== undefined);
  return value;
}

function mutate(seeds: readonly string[], pick: Pick): string {
  let wire = oneOf(seeds, pick);
  for (let count = pick(5); count > 0; count--) {
    const at = pick(wire.length + 1);
    const until = Math.min(wire.length, at + pick(16));
    switch (pick(7)) {
      case 0:
        wire = wire.slice(0, at) + oneOf(tokens, pick) + wire.slice(at);
        break;
      case 1:
        wire = wire.slice(0, at) + oneOf(tokens, pick) + wire.slice(until);
        break;
      case 2:
        wire = wire.slice(0, at) + wire.slice(until);
        break;
      case 3:
        wire = wire.slice(0, until) + wire.slice(at);
        break;
      case 4:
        wire = wire.slice(0, at) + String.fromCharCode(pick(256)) + wire.slice(at + 1);
        break;
      case 5:
        wire = wire.slice(0, at);
        break;
      default: {
        const other = oneOf(seeds, pick);
        wire = wire.slice(0, at) + other.slice(pick(other.length + 1));
      }
    }
  }
  return wire;
}

function cutsOf(wire: string, pick: Pick): number[] {
  return Array.from({ length: pick(8) }, () => pick(wire.length + 1));
}

function fuzzRequests(pick: Pick): void {
  const wire = mutate(requestSeeds, pick);
  const record = readRequests(wire);
  assert.deepEqual(readRequests(wire, cutsOf(wire, pick)), record);
  compareRequests(wireBytes(wire));
  const [first] = record.requests;
  if (first === undefined || !llhttpMethods.has(first.method)) return;
  const { messages, error } = llhttpRequests(forwardedRequest(wire));
  if (!first.complete) {
    assert(!messages.some(({ complete }) => complete));
    return;
  }
  assert.equal(error, null);
  assert.equal(messages.length, 1);
  assert(messages[0]?.complete);
  assert.equal(messages[0].method, first.method);
  assert.equal(messages[0].url, first.target);
  assert.equal(messages[0].body, first.body);
}

function fuzzResponses(pick: Pick): void {
  const wire = Array.from({ length: 1 + pick(3) }, () => mutate(responseSeeds, pick)).join("");
  const methods = Array.from({ length: 3 }, () => oneOf(["GET", "HEAD", "POST"], pick));
  const expectations = methods.map((method) => ({
    method,
    upgrade: oneOf(["", "websocket"], pick),
  }));
  assert.deepEqual(
    readResponses(wire, expectations, cutsOf(wire, pick)),
    readResponses(wire, expectations),
  );
  compareResponses(wireBytes(wire), methods);
}

/** One run. @throws Error that names the seed */
export function fuzzOnce(seed: number): void {
  const random = new Xorshift(seed);
  const pick: Pick = (bound) => random.int(bound);
  try {
    if (pick(3) === 0) fuzzResponses(pick);
    else fuzzRequests(pick);
  } catch (error) {
    throw new Error(`http1: seed ${seed}`, { cause: error });
  }
}

if (import.meta.main) {
  const given = process.env["FUZZ_SEED"];
  if (given !== undefined) {
    fuzzOnce(Number(given));
  } else {
    const end = performance.now() + 1000 * Number(process.env["FUZZ_SECONDS"] ?? 5);
    const base = Date.now() % 0x80000000;
    let runs = 0;
    while (performance.now() < end) fuzzOnce(base + runs++);
    process.stdout.write(`http1: ${runs} runs from seed ${base}, nothing found\n`);
  }
}
