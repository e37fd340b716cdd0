/**
 * Mutated sessions and random frames through the HTTP/2 engine. One run is one seed; `node test/fuzz/http2.ts` goes on for
 * FUZZ_SECONDS (5 if not set) and names the seed of what it finds, which `FUZZ_SEED` repeats.
 *
 * Held for every session: nothing throws; what it makes of the bytes does not depend on how they were split; no more
 * streams are open than were offered; what is told of a stream comes in an order that makes sense; and every request that
 * is told is, written as HTTP/1.1, one that the HTTP/1 parser takes, for the same method, target and host.
 */

import assert from "node:assert/strict";
import { Xorshift } from "#core/random.ts";
import { ByteWriter } from "#core/bytes/writer.ts";
import { RequestHead } from "#core/http/message.ts";
import { readRequests } from "#protocol/http1/feed.fixture.ts";
import { writeRequestHead } from "#protocol/http1/serializer.ts";
import { FLAG, FRAME, PREFACE } from "#protocol/http2/codes.ts";
import { HpackDecoder } from "#protocol/http2/hpack/decoder.ts";
import { HEAD_READ, RequestReader } from "#protocol/http2/request-reader.ts";
import { runSession } from "#protocol/http2/session.fixture.ts";
import {
  block,
  data,
  type Fields,
  frame,
  headers,
  requestFields,
  rstStream,
  settings,
  uint32,
  windowUpdate,
} from "../harness/http2.ts";

/** Numbers from 0 to below `bound`. */
type Pick = (bound: number) => number;

function oneOf<T>(values: readonly T[], pick: Pick): T {
  return values[pick(values.length)]!;
}

const NAMES = [
  "x",
  "cookie",
  "te",
  "host",
  "content-length",
  "connection",
  "X",
  "",
  ":path",
  ":method",
  "expect",
  "priority",
  "x y",
  "x\0",
  "transfer-encoding",
];
const VALUES = [
  "",
  "y",
  "trailers",
  "0",
  "5",
  "app.test",
  "a\r\nb",
  " y",
  "y ",
  "100-continue",
  "u=1",
  "\x01",
  "\xff",
  "chunked",
  "app.test:80",
];
const METHODS = ["GET", "POST", "HEAD", "OPTIONS", "CONNECT", "G T", "get", "PRI", "\r\n"];
const PATHS = [
  "/",
  "/a?b=c",
  "*",
  "",
  "/a b",
  "/a#b",
  "http://a/",
  "/\r\nx: y",
  "/ HTTP/1.1\r\n",
  "/%00",
  "/\x7f",
];
const AUTHORITIES = [
  "app.test",
  "",
  "a@b",
  "[::1]:80",
  "a b",
  "app.test:99999",
  "1.2.3",
  "APP.test",
];

function fields(pick: Pick): Fields {
  if (pick(3) === 0) return requestFields();
  const made: [string, string][] = [
    [":method", oneOf(METHODS, pick)],
    [":scheme", oneOf(["http", "https", "ftp"], pick)],
    [":path", oneOf(PATHS, pick)],
    [":authority", oneOf(AUTHORITIES, pick)],
  ];
  for (let count = pick(4); count > 0; count--)
    made.push([oneOf(NAMES, pick), oneOf(VALUES, pick)]);
  if (pick(4) === 0) made.splice(pick(made.length), 1);
  return made;
}

function oneFrame(pick: Pick): Buffer {
  const stream = pick(12);
  switch (pick(12)) {
    case 0:
      return data(stream, "x".repeat(pick(50)), pick(2) === 0);
    case 1:
      return rstStream(stream, pick(20));
    case 2:
      return settings([pick(10), oneOf([0, 1, 100, 65_535, 0x7fff_ffff, 0x8000_0000], pick)]);
    case 3:
      return windowUpdate(stream, oneOf([0, 1, 65_535, 0x7fff_ffff], pick));
    case 4:
      return frame(FRAME.ping, pick(2), 0, "12345678");
    case 5:
      return frame(
        pick(20),
        pick(256),
        stream,
        Buffer.from(Array.from({ length: pick(20) }, () => pick(256))),
      );
    case 6: {
      const whole = block(fields(pick));
      const at = pick(whole.length + 1);
      return Buffer.concat([
        frame(FRAME.headers, pick(2), 1 + 2 * pick(6), whole.subarray(0, at)),
        frame(FRAME.continuation, FLAG.endHeaders, 1 + 2 * pick(6), whole.subarray(at)),
      ]);
    }
    case 7:
      return frame(FRAME.priority, 0, stream, Buffer.concat([uint32(pick(12)), Buffer.from([1])]));
    default:
      return headers(1 + 2 * pick(8), fields(pick), pick(2) === 0);
  }
}

function session(pick: Pick): Buffer {
  const parts: Buffer[] = pick(20) === 0 ? [] : [Buffer.from(PREFACE)];
  if (pick(20) !== 0) parts.push(settings());
  let next = 1;
  for (let count = pick(12); count > 0; count--) {
    if (pick(3) > 0) {
      // Something that is mostly right.
      const hasBody = pick(2) === 0;
      parts.push(headers(next, fields(pick), !hasBody));
      if (hasBody) parts.push(data(next, "body", true));
      next += 2;
    } else parts.push(oneFrame(pick));
  }
  const bytes = Buffer.concat(parts);
  for (let count = pick(3); count > 0 && bytes.length > 24; count--) {
    bytes[24 + pick(bytes.length - 24)] = pick(256);
  }
  return bytes;
}

/** One run. @throws Error that names the seed */
export function fuzzOnce(seed: number): void {
  const random = new Xorshift(seed);
  const pick: Pick = (bound) => random.int(bound);
  try {
    const bytes = session(pick);
    const answers = pick(4) > 0;
    const whole = runSession(bytes, [], answers);
    const cuts = Array.from({ length: pick(20) }, () => pick(bytes.length + 1));
    const pieces = runSession(bytes, cuts, answers);
    assert.deepEqual(pieces.events, whole.events);
    assert.deepEqual(pieces.written, whole.written);
    assert.ok(whole.open <= 128);
    inOrder(whole.events);
    asHttp1(fields(pick), pick);
  } catch (error) {
    throw new Error(`http2: seed ${seed}`, { cause: error });
  }
}

/** Data and ends belong to requests that have not ended; a fault is last. */
function inOrder(events: readonly string[]): void {
  const open = new Set<string>();
  const seen = new Set<string>();
  for (const [index, event] of events.entries()) {
    const [kind, id = ""] = event.split(" ");
    switch (kind) {
      case "request":
      case "refused":
        assert.ok(!seen.has(id), "a stream is one request");
        seen.add(id);
        open.add(id);
        break;
      case "data":
        assert.ok(open.has(id));
        break;
      case "end":
      case "lost":
        assert.ok(open.has(id));
        if (kind === "lost") open.delete(id);
        break;
      case "fault":
        assert.equal(index, events.length - 1);
        break;
      default:
    }
  }
}

/** What is taken over HTTP/2 would have been taken over HTTP/1.1, as the same request. */
function asHttp1(given: Fields, pick: Pick): void {
  const head = new RequestHead();
  const bytes = block(given);
  const endStream = pick(2) === 0;
  const reader = new RequestReader();
  const decoder = new HpackDecoder(4096);
  if (reader.read(decoder, bytes, 0, bytes.length, head, endStream) !== HEAD_READ) return;
  const writer = new ByteWriter();
  const framing = head.framing === "close" ? "none" : head.framing;
  writeRequestHead(
    writer,
    head,
    head.target,
    head.authority,
    framing,
    head.contentLength,
    "keep-alive",
    false,
  );
  const { requests, fault } = readRequests(Buffer.from(writer.view()).toString("latin1"));
  const [first] = requests;
  assert.ok(first !== undefined, `refused by HTTP/1: ${fault}`);
  assert.equal(requests.length, 1);
  assert.equal(first.method, head.method);
  assert.equal(first.target, head.target);
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
    process.stdout.write(`http2: ${runs} runs from seed ${base}, nothing found\n`);
  }
}
