/**
 * Everything that can go wrong, at random and at once: backends that refuse, stall, break off or answer nonsense, filters
 * that wait, answer, throw or say nothing, clients that leave, a worker that drains. Whatever happens, a client gets the
 * answers to its own requests in their order and nothing else, and everything is given back.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Slice } from "#core/bytes/slice.ts";
import { DATA, END, HEAD, INTERIM, NEED_MORE } from "#protocol/http1/events.ts";
import { ResponseParser } from "#protocol/http1/response-parser.ts";
import { CONTINUE, refuse, RESET, respond, type Filter, type Verdict } from "#sdk/filter.ts";
import type { Behaviour } from "#transport/memory/address.ts";
import type { Connection } from "#transport/contract.ts";
import { inlineFilter } from "../../test/harness/proxy.ts";
import { MemoryScene, Peer } from "./memory-scene.fixture.ts";

const METHODS = ["GET", "GET", "HEAD", "POST", "PUT"] as const;
const BODIES = ["none", "length", "chunked", "expect"] as const;
const ANSWERS = [
  "length",
  "length",
  "chunked",
  "close",
  "empty",
  "none",
  "unchanged",
  "interim",
  "busy",
  "truncated",
  "nonsense",
  "reset",
  "early",
  "switch",
] as const;
const VERDICTS = ["continue", "respond", "refuse", "reset", "throw", "nothing", "none"] as const;

interface Wish {
  readonly method: (typeof METHODS)[number];
  readonly body: (typeof BODIES)[number];
  readonly size: number;
  readonly answer: (typeof ANSWERS)[number];
  readonly answerSize: number;
  /** What the filter says to the request, its body and its answer; and whether it takes its time. */
  readonly verdicts: readonly (typeof VERDICTS)[number][];
  readonly late: boolean;
  readonly upgrade: boolean;
}

const size = fc.oneof(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 90_000 }));
const verdict = fc.oneof(
  { arbitrary: fc.constant("continue" as const), weight: 12 },
  { arbitrary: fc.constantFrom(...VERDICTS), weight: 1 },
);
const wish = fc.record({
  method: fc.constantFrom(...METHODS),
  body: fc.constantFrom(...BODIES),
  size,
  answer: fc.constantFrom(...ANSWERS),
  answerSize: size,
  verdicts: fc.tuple(verdict, verdict, verdict),
  late: fc.boolean(),
  upgrade: fc.boolean(),
});
const offset = fc.oneof(fc.integer({ min: 0, max: 500 }), fc.integer({ min: 0, max: 100_000 }));
const behaviour: fc.Arbitrary<Behaviour> = fc.oneof(
  { arbitrary: fc.constant({}), weight: 10 },
  fc.constant({ refuse: { code: "refused", detail: "ECONNREFUSED" } as const }),
  fc.constant({ silent: true }),
  fc.constant({ stalled: true }),
  fc.record({ resetAfterSent: offset }),
  fc.record({ resetAfterReceived: offset }),
);
const chaos = fc.record({
  seed: fc.integer(),
  window: fc.constantFrom(200, 4096, 65_536),
  wishes: fc.array(wish, { minLength: 1, maxLength: 6, size: "max" }),
  origins: fc.array(behaviour, { minLength: 1, maxLength: 2 }),
  filters: fc.constantFrom(0, 1, 2),
  maxConnections: fc.constantFrom(0, 1),
  statuses: fc.constantFrom([], [503]),
  clients: fc.constantFrom(1, 3),
  /** What the client does in the end, and after how many turns. */
  leaves: fc.constantFrom(
    "stays" as const,
    "stays" as const,
    "aborts" as const,
    "ends" as const,
    "stalls" as const,
  ),
  turns: fc.integer({ min: 0, max: 6 }),
  drains: fc.boolean(),
});

const letter = (id: number, index: number): string =>
  String.fromCharCode(65 + ((id * 7 + index) % 26));
const textOf = (id: number, length: number): string =>
  Array.from({ length }, (_, index) => letter(id, index)).join("");

function requestText(wished: Wish, id: number): string {
  const bodyless = wished.body === "none";
  const upgrade = wished.upgrade ? "Connection: upgrade\r\nUpgrade: other\r\n" : "";
  const head = `${wished.method} /${id} HTTP/1.1\r\nHost: test\r\n${upgrade}`;
  if (bodyless) return `${head}\r\n`;
  const text = textOf(id, wished.size);
  if (wished.body === "chunked") {
    return `${head}Transfer-Encoding: chunked\r\n\r\n${text.length.toString(16)}\r\n${text}\r\n0\r\n\r\n`;
  }
  const expect = wished.body === "expect" ? "Expect: 100-continue\r\n" : "";
  return `${head}${expect}Content-Length: ${text.length}\r\n\r\n${text}`;
}

/** What the backend sends for a wish. */
function answerText(wished: Wish, id: number): string {
  const text = textOf(id, wished.answerSize);
  const mark = `X-Id: ${id}\r\n`;
  const whole = `HTTP/1.1 200 OK\r\n${mark}Content-Length: ${text.length}\r\n\r\n${wished.method === "HEAD" ? "" : text}`;
  switch (wished.answer) {
    case "length":
    case "early":
      return whole;
    case "chunked":
      return `HTTP/1.1 200 OK\r\n${mark}Transfer-Encoding: chunked\r\n\r\n${wished.method === "HEAD" ? "" : `${text.length.toString(16)}\r\n${text}\r\n0\r\nX-Trailer: 1\r\n\r\n`}`;
    case "close":
      return `HTTP/1.1 200 OK\r\n${mark}\r\n${text}`;
    case "empty":
      return `HTTP/1.1 200 OK\r\n${mark}Content-Length: 0\r\n\r\n`;
    case "none":
      return `HTTP/1.1 204 No Content\r\n${mark}\r\n`;
    case "unchanged":
      return `HTTP/1.1 304 Not Modified\r\n${mark}Content-Length: 99\r\n\r\n`;
    case "interim":
      return `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n${whole}`;
    case "busy":
      return `HTTP/1.1 503 Busy\r\n${mark}Retry-After: 1\r\nContent-Length: 0\r\n\r\n`;
    case "truncated":
      return `HTTP/1.1 200 OK\r\n${mark}Content-Length: ${text.length + 1}\r\n\r\n${text}`;
    case "nonsense":
      return `HTTP/1.1 200 OK\r\n${mark}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n`;
    case "reset":
      return "";
    case "switch":
      return "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\ntunnelled";
  }
}

/** Reads the answers to its requests and checks that they are that. */
class Client extends Peer {
  readonly #wishes: readonly Wish[];
  readonly #parser = new ResponseParser();
  answers = 0;
  #id = -1;
  #received = 0;
  #tunnel = false;

  constructor(wishes: readonly Wish[]) {
    super();
    this.#wishes = wishes;
    this.#expect();
  }
  #expect(): void {
    const next = this.#wishes[this.answers];
    this.#parser.expect(next?.method ?? "GET", next?.upgrade === true ? "other" : "");
  }
  override onData(_connection: Connection, slice: Slice): void {
    if (this.#tunnel) return;
    let position = slice.offset;
    for (;;) {
      const event = this.#parser.next(slice.bytes, position, slice.offset + slice.length);
      position = this.#parser.position;
      if (event === NEED_MORE) return;
      if (event === INTERIM) continue;
      const { head } = this.#parser;
      if (event === HEAD) {
        assert.ok(
          this.answers < this.#wishes.length,
          "there is an answer for each request at most",
        );
        this.#tunnel = head.status === 101;
        if (this.#tunnel) return;
        const id = head.headers.get("x-id");
        assert.ok(id !== undefined || head.headers.has("date"), "ours has a date");
        assert.ok(
          id === undefined || id === String(this.answers),
          `answer ${id} to ${this.answers}`,
        );
        this.#id = id === undefined ? -1 : Number(id);
        this.#received = 0;
      } else if (event === DATA) {
        if (this.#id < 0 || this.#wishes[this.#id]!.answer === "nonsense") continue;
        for (let i = this.#parser.dataStart; i < this.#parser.dataEnd; i++) {
          assert.equal(slice.bytes[i], letter(this.#id, this.#received++).charCodeAt(0));
        }
      } else if (event === END) {
        const wished = this.#wishes[this.answers]!;
        if (this.#id >= 0)
          assert.ok(
            !["truncated", "nonsense"].includes(wished.answer) ||
              wished.method === "HEAD" ||
              this.#received === 0,
          );
        this.answers++;
        this.#expect();
      } else {
        assert.fail(`the client was sent something malformed: ${this.#parser.faultDetail}`);
      }
    }
  }
}

/** A filter that says what the request's wish has for it. */
function fickle(wishes: readonly Wish[]): Filter {
  const verdictOf = (target: string, hook: 0 | 1 | 2): Verdict => {
    const wished = wishes[Number(target.slice(1))]!;
    const word = wished.verdicts[hook]!;
    if (word === "respond") return respond({ status: 403, body: "no" });
    if (word === "none") return respond({ status: 204, body: "none" });
    if (word === "refuse") return refuse("request_body_too_large");
    if (word === "reset") return RESET;
    if (word === "throw") throw new Error("thrown");
    return word === "nothing" ? (undefined as unknown as Verdict) : CONTINUE;
  };
  const maybeLate = (target: string, hook: 0 | 2): Verdict | Promise<Verdict> => {
    if (!wishes[Number(target.slice(1))]!.late) return verdictOf(target, hook);
    return new Promise((resolve) => setImmediate(() => setImmediate(resolve))).then(() =>
      verdictOf(target, hook),
    );
  };
  return {
    onRequestHead: ({ request }) => maybeLate(request.target, 0),
    onRequestData: ({ request }) => verdictOf(request.target, 1),
    onResponseHead: ({ request }) => maybeLate(request.target, 2),
    onEnd() {
      throw new Error("also this");
    },
  };
}

/** Answers each request by its number; mostly once it has arrived whole. */
function backend(wishes: readonly Wish[]): (peer: Peer, head: string) => void {
  const done = new WeakSet<Peer>();
  return (peer, head) => {
    if (done.has(peer)) return;
    const match = /^[A-Z]+ \/(\d+) HTTP\/1.1\r\n/.exec(head);
    // Bodies are letters and chunk lines; the end of a chunked one looks like a head here.
    if (match === null) return;
    const id = Number(match[1]);
    const wished = wishes[id]!;
    if (wished.answer === "reset") return peer.connection!.abort();
    if (wished.body === "expect" && wished.answer !== "early")
      peer.send("HTTP/1.1 100 Continue\r\n\r\n");
    peer.send(answerText(wished, id));
    if (["close", "truncated"].includes(wished.answer)) {
      done.add(peer);
      peer.connection!.close();
    }
  };
}

test("whatever goes wrong, clients get the answers to their requests, and everything is given back", async () => {
  await fc.assert(
    fc.asyncProperty(chaos, async (run) => {
      const { wishes } = run;
      const filters = Array.from({ length: run.filters }, (_, index) =>
        inlineFilter(String(index)),
      );
      const stage = await MemoryScene.start({
        seed: run.seed,
        window: run.window,
        origins: run.origins.length,
        behaviours: run.origins,
        script: backend(wishes),
        route: { filters, upgrades: ["other"] },
        inline: () => fickle(wishes),
        pool: { maxConnections: run.maxConnections, maxPending: 1 },
        retries: { statuses: run.statuses },
        upstreamTimeouts: { connect: 500, firstByte: 2000, responseIdle: 2000, tunnelIdle: 2000 },
        timeouts: { write: 3000, keepAlive: 5000, bodyIdle: 3000 },
      });
      const clients = Array.from({ length: run.clients }, () => {
        const client = new Client(wishes);
        stage.join(client);
        client.connection!.write([]);
        for (const [id, wished] of wishes.entries()) client.send(requestText(wished, id));
        return client;
      });
      for (let turn = 0; turn < run.turns; turn++) {
        await stage.turns(1);
        stage.network.advance(run.seed & 1 ? 300 : 0);
      }
      const [first] = clients;
      if (run.leaves === "aborts") first!.connection!.abort();
      else if (run.leaves === "ends") first!.connection!.end();
      else if (run.leaves === "stalls") first!.connection!.pause();
      if (!run.drains) {
        const underWay = (): number => {
          const { exchanges, tunnels } = stage.proxy.worker.totals();
          return exchanges + tunnels;
        };
        for (let turn = 0; turn < 400 && (turn < 10 || underWay() > 0); turn++) {
          await stage.turns(1);
          stage.network.advance(400);
        }
        assert.equal(underWay(), 0, "all has come to an end by itself");
        for (let slot = 0; slot < run.origins.length; slot++) {
          assert.equal(stage.proxy.endpoints.connections(slot), stage.proxy.endpoints.idle(slot));
          assert.equal(stage.proxy.endpoints.pending(slot), 0);
        }
      }
      await stage.close();
    }),
    { numRuns: 60 },
  );
});
