/**
 * HTTP/2 clients in a network in memory, where every buffer is overwritten as soon as it may be: whatever backends and
 * clients do, each stream gets its own answer or none, and everything is given back.
 */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Xorshift } from "#core/random.ts";
import type { Slice } from "#core/bytes/slice.ts";
import { FLAG, FRAME, PREFACE } from "#protocol/http2/codes.ts";
import type { Connection } from "#transport/contract.ts";
import { CONTINUE, type Filter } from "#sdk/filter.ts";
import {
  data,
  frame,
  headers,
  requestFields,
  rstStream,
  settings,
  windowUpdate,
} from "../../test/harness/http2.ts";
import { inlineFilter } from "../../test/harness/proxy.ts";
import { MemoryScene, Peer } from "./memory-scene.fixture.ts";

const ANSWERS = ["length", "chunked", "close", "cut", "reset", "early", "none", "interim"] as const;
type Answer = (typeof ANSWERS)[number];

/** The body of the answer to a path: no piece of another's looks like it. */
function bodyOf(path: string, size: number): string {
  return `<${path}>`.repeat(Math.ceil(size / 4) + 1).slice(0, size);
}

/** A client that answers frames as it has to, and notes what came. */
class Client extends Peer {
  readonly bodies: Map<number, string> = new Map();
  readonly ends: Map<number, string> = new Map();
  readonly owed: { stream: number; bytes: number }[] = [];
  gone = false;
  #at = 0;

  write(...frames: readonly Uint8Array[]): void {
    if (!this.closed) this.send(Buffer.concat(frames).toString("latin1"));
  }

  override onData(connection: Connection, slice: Slice): void {
    super.onData(connection, slice);
    for (;;) {
      const bytes = Buffer.from(this.text.slice(this.#at, this.#at + 9), "latin1");
      if (bytes.length < 9) return;
      const length = bytes.readUIntBE(0, 3);
      const end = this.#at + 9 + length;
      if (this.text.length < end) return;
      this.#onFrame(
        bytes[3]!,
        bytes[4]!,
        bytes.readUInt32BE(5),
        this.text.slice(this.#at + 9, end),
      );
      this.#at = end;
    }
  }

  #onFrame(type: number, flags: number, stream: number, payload: string): void {
    if (type === FRAME.data) {
      assert.ok(!this.ends.has(stream), "nothing comes behind the end");
      this.bodies.set(stream, (this.bodies.get(stream) ?? "") + payload);
      if (payload.length > 0) this.owed.push({ stream, bytes: payload.length });
    }
    if (type === FRAME.rstStream && !this.ends.has(stream)) this.ends.set(stream, "reset");
    if (type === FRAME.goaway) this.gone = true;
    const isMessage = type === FRAME.data || type === FRAME.headers;
    if (isMessage && (flags & FLAG.endStream) !== 0) this.ends.set(stream, "end");
  }
}

/** One scene, which follows from its seed; tells how many answers were complete. */
async function play(seed: number): Promise<number> {
  const random = new Xorshift(seed);
  const pick = (bound: number): number => random.int(bound);
  const wishes = new Map<string, { answer: Answer; size: number }>();
  const late: Filter<null> = {
    start: () => null,
    onRequestHead: () => (pick(2) === 0 ? CONTINUE : Promise.resolve(CONTINUE)),
    onResponseHead: () => (pick(2) === 0 ? CONTINUE : Promise.resolve(CONTINUE)),
  };
  const filtered = pick(3) === 0;
  const stage = await MemoryScene.start({
    seed,
    window: 100 + pick(100_000),
    ...(filtered ? { route: { filters: [inlineFilter("late")] }, inline: () => late } : {}),
    script: (peer, head) => {
      const path = head.split(" ")[1]!;
      const wish = wishes.get(path);
      if (wish !== undefined) reply(peer, path, wish.answer, wish.size);
    },
  });
  const clients = Array.from({ length: 1 + pick(2) }, () => new Client());
  for (const client of clients) {
    stage.join(client);
    stage.run();
    client.write(PREFACE, settings([4, 1 + pick(70_000)]), windowUpdate(0, 1 + pick(1_000_000)));
  }
  let stream = 1;
  /** Streams that the client has reset, or whose requests it never completed. */
  const cancelled = new Set<string>();
  for (let step = 5 + pick(25); step > 0; step--) {
    for (const [index, client] of clients.entries()) {
      const id = stream;
      const path = `/${index}/${id}`;
      const wish = {
        answer: ANSWERS[pick(ANSWERS.length)]!,
        size: pick(3) === 0 ? pick(90_000) : pick(60),
      };
      wishes.set(path, wish);
      const size = pick(3) === 0 ? 0 : pick(2) === 0 ? pick(50) : pick(40_000);
      client.write(headers(id, requestFields([], path, size > 0 ? "POST" : "GET"), size === 0));
      if (size > 0) {
        for (let at = 0; at < size; at += 16_000) {
          const part = "z".repeat(Math.min(16_000, size - at));
          const ends = at + 16_000 >= size && pick(10) > 0;
          client.write(data(id, part, ends));
          if (!ends && at + 16_000 >= size) cancelled.add(path);
        }
      }
      if (pick(8) === 0) {
        client.write(rstStream(id, 8));
        cancelled.add(path);
      }
      if (pick(20) === 0) client.write(frame(FRAME.ping, 0, 0, "12345678"));
    }
    stream += 2;
    if (pick(2) === 0) stage.run();
    if (pick(3) === 0) await stage.turns(1);
    give(clients, pick(3) > 0);
  }
  const leaves = pick(4) === 0;
  if (leaves) clients[0]!.connection!.abort();
  for (let round = 0; round < 400; round++) {
    stage.run();
    give(clients, true);
    if (filtered) await stage.turns(1);
  }
  let complete = 0;
  for (const [path, { answer, size }] of wishes) {
    const [, index, id] = path.split("/").map(Number);
    const client = clients[index!]!;
    const body = client.bodies.get(id!) ?? "";
    const end = client.ends.get(id!);
    const isLocal = body !== "" && !body.startsWith("<");
    // A backend that closes while the request still comes resets its connection.
    const breaks = answer === "cut" || answer === "reset" || answer === "close";
    if (isLocal) assert.ok(breaks || cancelled.has(path), body);
    else assert.ok(bodyOf(path, size).startsWith(body), `${path} got another's bytes`);
    if ((index === 0 && leaves) || cancelled.has(path)) continue;
    assert.ok(end !== undefined, `${path} has come to an end`);
    if (answer === "cut" && size > 0) assert.ok(end === "reset" || isLocal, `${path} is truncated`);
    const mayBreak = breaks && (answer !== "close" || end === "reset" || isLocal);
    if (!mayBreak && answer !== "none") {
      assert.equal(end, "end");
      assert.equal(body.length, size, `${path} is complete`);
      complete++;
    }
  }
  await stage.close();
  return complete;
}

/** Opens the windows for what was received. */
function give(clients: readonly Client[], all: boolean): void {
  for (const client of clients) {
    while (client.owed.length > 0) {
      const { stream, bytes } = client.owed.shift()!;
      client.write(windowUpdate(0, bytes));
      if (!client.ends.has(stream)) client.write(windowUpdate(stream, bytes));
      if (!all) break;
    }
  }
}

function reply(peer: Peer, path: string, answer: Answer, size: number): void {
  const body = bodyOf(path, size);
  switch (answer) {
    case "early":
    case "length":
      return peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n${body}`);
    case "interim":
      return peer.send(
        `HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n${body}`,
      );
    case "chunked": {
      const chunk = size === 0 ? "" : `${size.toString(16)}\r\n${body}\r\n`;
      return peer.send(
        `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}0\r\nX-Sum: 1\r\n\r\n`,
      );
    }
    case "close":
      peer.send(`HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n${body}`);
      return peer.connection!.close();
    case "cut":
      peer.send(`HTTP/1.1 200 OK\r\nContent-Length: ${size + 1}\r\n\r\n${body}`);
      return peer.connection!.close();
    case "reset":
      return peer.connection!.abort();
    case "none":
      return peer.send("HTTP/1.1 204 No Content\r\n\r\n");
  }
}

test("whatever happens to many streams, each gets its own answer or none, and all is given back", async () => {
  let complete = 0;
  for (let seed = 1; seed <= 120; seed++) {
    try {
      complete += await play(seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
  assert.ok(complete > 700, `${complete} answers were looked at`);
});
