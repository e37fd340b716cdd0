/**
 * A thread that uses a shared store as hard as it can, for tests: it fills, reads, invalidates and breaks off, and looks at
 * every byte that it gets. Whatever it finds wrong it throws.
 */

import assert from "node:assert/strict";
import { parentPort, workerData } from "node:worker_threads";
import { RequestHead, ResponseHead } from "#core/http/message.ts";
import { Xorshift } from "#core/random.ts";
import type { StoredAnswer } from "./answer.ts";
import { Cache } from "./cache.ts";
import type { Fill } from "./fill.ts";
import type { CacheOptions } from "./options.ts";
import { RouteCache } from "./route-cache.ts";

/** What the thread is started with. */
export interface RaceStart {
  readonly buffer: SharedArrayBuffer;
  readonly memory: number;
  readonly rows: number;
  readonly row: number;
  readonly seed: number;
  readonly turns: number;
  readonly urls: number;
  readonly largest: number;
}

/** Options of the cache in the race. */
export const OPTIONS: CacheOptions = {
  ttl: null,
  ignore: [],
  query: { kind: "all" },
  headers: [],
  cookies: [],
  variants: 100,
  maxObject: 1 << 20,
  staleWhileRevalidate: 0,
  staleIfError: 0,
};

/** A request for one of the URLs. */
export function requestFor(
  target: string,
  ...fields: readonly (readonly [string, string])[]
): RequestHead {
  const head = new RequestHead();
  head.method = "GET";
  head.target = target;
  head.authority = "app.test";
  for (const [name, value] of fields) head.headers.append(name, value);
  return head;
}

/** Byte `at` of body number `id`. */
export function byteOf(id: number, at: number): number {
  return (Math.imul(id, 31) + at + (at >> 8) * 7) & 0xff;
}

interface Racer {
  readonly cache: Cache;
  readonly route: RouteCache;
  readonly random: Xorshift;
  readonly start: RaceStart;
  next: number;
}

function turn(racer: Racer): void {
  const { random, route, start } = racer;
  const target = `/${Math.floor((random.int(start.urls) * random.int(100)) / 100)}`;
  const request = requestFor(target, ["X-Lang", String(random.int(3))]);
  const plan = { target, host: "app.test" };
  const lookup = route.lookup({ request, scheme: "http", plan }, random.int(2));
  switch (lookup.kind) {
    case "answer":
      check(racer, lookup.answer, target);
      lookup.refresh?.close();
      break;
    case "fill":
      fill(racer, lookup.fill, request);
      break;
    case "wait": {
      lookup.wait.begin(() => undefined);
      lookup.wait.end();
      break;
    }
    case "pass":
      if (random.int(20) === 0) {
        const changing = requestFor(target);
        changing.method = "POST";
        const passed = route.lookup({ request: changing, scheme: "http", plan }, 0);
        assert.equal(passed.kind, "pass");
        const head = new ResponseHead();
        head.status = 200;
        if (passed.kind === "pass") passed.pass.answered(head);
      }
      break;
    case "absent":
      assert.fail("nobody asks so");
  }
}

function fill(racer: Racer, filling: Fill, request: RequestHead): void {
  const { random, start } = racer;
  const id = racer.next;
  racer.next += start.rows;
  const length = random.int(4) === 0 ? random.int(start.largest) : random.int(2000);
  const head = new ResponseHead();
  head.status = random.int(20) === 0 ? 503 : 200;
  const isKnown = random.int(2) === 0;
  head.framing = isKnown ? "length" : "chunked";
  head.contentLength = isKnown ? length : -1;
  const fields = head.headers;
  fields.append("Cache-Control", `max-age=${random.int(2) === 0 ? 0 : 1000}`);
  fields.append("ETag", `"${id}"`);
  fields.append("X-Target", request.target);
  fields.append("X-Id", String(id));
  fields.append("X-Length", String(length));
  if (random.int(3) === 0) fields.append("Vary", "X-Lang");
  const verdict = filling.head(request, head);
  const own = verdict === "stored" ? filling.answer(request) : null;
  if (verdict === "stored") {
    for (let at = 0; at < length;) {
      const size = Math.min(length - at, 1 + random.int(20_000));
      const piece = new Uint8Array(size);
      for (let i = 0; i < size; i++) piece[i] = byteOf(id, at + i);
      if (random.int(40) === 0) {
        filling.fail();
        break;
      }
      if (!filling.write(piece)) break;
      at += size;
    }
    filling.end();
  }
  filling.close();
  if (own !== null) check(racer, own, request.target);
}

/** Reads an answer to where it goes, and looks at every byte. */
function check({ random }: Racer, answer: StoredAnswer, target: string): void {
  const { headers } = answer.head;
  assert.equal(headers.get("x-target"), target, "the answer is the URL's");
  const id = Number(headers.get("x-id"));
  assert.equal(headers.get("etag"), `"${id}"`, "the head is of one answer");
  const length = Number(headers.get("x-length"));
  const piece = new Uint8Array(30_000);
  let position = 0;
  for (let waits = 0; waits < 20;) {
    const count = answer.read(piece, 0, 1 + random.int(piece.length));
    if (count === -1) {
      assert.equal(position, length, "an answer that ends is whole");
      break;
    }
    if (count === -2) break;
    if (count === 0) {
      waits++;
      answer.awaitMore();
      Atomics.wait(PAUSE, 0, 0, 1);
    }
    for (let i = 0; i < count; i++) {
      if (piece[i] !== byteOf(id, position + i)) {
        assert.fail(`byte ${position + i} of ${length} of body ${id} is ${piece[i]}`);
      }
    }
    position += Math.max(count, 0);
  }
  answer.release();
}

const PAUSE = new Int32Array(new SharedArrayBuffer(4));

if (parentPort !== null) {
  const start = workerData as RaceStart;
  const cache = new Cache({ ...start, ring: () => undefined, wall: Date.now });
  const racer: Racer = {
    cache,
    route: new RouteCache(cache, OPTIONS, "route"),
    random: new Xorshift(start.seed),
    start,
    next: start.row + 1,
  };
  for (let i = 0; i < start.turns; i++) turn(racer);
  parentPort.postMessage({ pinned: cache.store.pinned });
}
