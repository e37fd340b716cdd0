import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { sliceOf, type Slice } from "#core/bytes/slice.ts";
import { Xorshift } from "#core/random.ts";
import { DATA, END, HEAD, NEED_MORE } from "#protocol/http1/events.ts";
import { RequestParser } from "#protocol/http1/request-parser.ts";
import { ResponseParser } from "#protocol/http1/response-parser.ts";
import type { Connection, ConnectionHandler } from "#transport/contract.ts";
import { MemoryNetwork } from "#transport/memory/network.ts";
import { startProxy } from "../../test/harness/proxy.ts";

const encode = (text: string): Uint8Array => Uint8Array.from(text, (c) => c.charCodeAt(0));
const ORIGIN = { kind: "tcp", host: "10.0.0.9", port: 80 } as const;

/** What one request of a client is like. */
interface Wish {
  readonly bodyBytes: number;
  readonly chunked: boolean;
  readonly answerBytes: number;
  readonly answerChunked: boolean;
}

const wishes = fc.array(
  fc.record({
    bodyBytes: fc.oneof(
      fc.constant(0),
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 1, max: 20_000 }),
    ),
    chunked: fc.boolean(),
    answerBytes: fc.oneof(
      fc.constant(0),
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 1, max: 40_000 }),
    ),
    answerChunked: fc.boolean(),
  }),
  { minLength: 1, maxLength: 6 },
);

/** The byte at `index` of the body that belongs to the request of that number. */
const bodyByte = (request: number, index: number): number => 65 + ((request * 7 + index) % 26);

function bodyOf(request: number, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, index) => bodyByte(request, index));
}

function framed(body: Uint8Array, chunked: boolean): string {
  const text = Buffer.from(body).toString("latin1");
  if (!chunked) return `Content-Length: ${body.length}\r\n\r\n${text}`;
  const middle = body.length >> 1;
  const pieces = [text.slice(0, middle), text.slice(middle)].filter((piece) => piece !== "");
  const chunks = pieces.map((piece) => `${piece.length.toString(16)}\r\n${piece}\r\n`).join("");
  return `Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`;
}

/** A backend that checks each request's body and answers as the request's target asks. */
class Origin implements ConnectionHandler {
  readonly #parser = new RequestParser();
  #received = 0;

  onData(connection: Connection, slice: Slice): void {
    let position = slice.offset;
    const end = slice.offset + slice.length;
    for (;;) {
      const event = this.#parser.next(slice.bytes, position, end);
      position = this.#parser.position;
      if (event === NEED_MORE) return;
      const { head } = this.#parser;
      if (event === HEAD) {
        this.#received = 0;
      } else if (event === DATA) {
        const [, id] = head.target.split("/").map(Number);
        for (let i = this.#parser.dataStart; i < this.#parser.dataEnd; i++) {
          assert.equal(
            slice.bytes[i],
            bodyByte(id!, this.#received++),
            "the body is the request's own",
          );
        }
      } else if (event === END) {
        const [, id, expected, bytes, chunked] = head.target.split("/").map(Number);
        assert.equal(this.#received, expected, "the body arrived whole");
        const body = bodyOf(id! + 1000, bytes!);
        const text = `HTTP/1.1 200 OK\r\nX-Id: ${id}\r\n${framed(body, chunked === 1)}`;
        connection.write([sliceOf(encode(text))]);
        this.#parser.reset();
      } else {
        assert.fail(`the backend was sent something malformed: ${this.#parser.fault}`);
      }
    }
  }
  onConnect(): void {}
  onEnd(connection: Connection): void {
    connection.close();
  }
  onWritable(): void {}
  onClose(): void {}
}

/** Reads answers and checks that each is the next request's. */
class Reader implements ConnectionHandler {
  readonly #wishes: readonly Wish[];
  readonly #parser = new ResponseParser();
  answers = 0;
  closed = false;
  #received = 0;

  constructor(expected: readonly Wish[]) {
    this.#wishes = expected;
    this.#parser.expect("POST", "");
  }
  onData(_connection: Connection, slice: Slice): void {
    let position = slice.offset;
    for (;;) {
      const event = this.#parser.next(slice.bytes, position, slice.offset + slice.length);
      position = this.#parser.position;
      if (event === NEED_MORE) return;
      if (event === HEAD) {
        assert.equal(this.#parser.head.status, 200);
        assert.equal(this.#parser.head.headers.get("x-id"), String(this.answers));
        this.#received = 0;
      } else if (event === DATA) {
        for (let i = this.#parser.dataStart; i < this.#parser.dataEnd; i++) {
          assert.equal(slice.bytes[i], bodyByte(this.answers + 1000, this.#received++));
        }
      } else if (event === END) {
        assert.equal(this.#received, this.#wishes[this.answers]!.answerBytes);
        this.answers++;
        this.#parser.expect("POST", "");
      } else {
        assert.fail(`the client was sent something malformed: ${this.#parser.fault}`);
      }
    }
  }
  onConnect(): void {}
  onEnd(): void {}
  onWritable(): void {}
  onClose(): void {
    this.closed = true;
  }
}

function requestText(wish: Wish, id: number): string {
  const target = `/${id}/${wish.bodyBytes}/${wish.answerBytes}/${wish.answerChunked ? 1 : 0}`;
  return `POST ${target} HTTP/1.1\r\nHost: test\r\n${framed(bodyOf(id, wish.bodyBytes), wish.chunked)}`;
}

/** Waits for something that needs the network to go on, and time to pass. */
async function settled(network: MemoryNetwork, pending: Promise<void>): Promise<void> {
  const state = { over: false };
  void pending.finally(() => (state.over = true));
  for (let turn = 0; turn < 100 && !state.over; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    network.advance(100);
  }
  await pending;
}

test("pipelined requests get their own answers in order, whatever pieces the bytes arrive in, and all memory is given back", async () => {
  await fc.assert(
    fc.asyncProperty(
      wishes,
      fc.integer(),
      fc.constantFrom(300, 4096, 65_536),
      async (list, seed, window) => {
        const network = new MemoryNetwork({ random: new Xorshift(seed), window });
        const originHost = network.transport(ORIGIN.host);
        await originHost.listen(
          { kind: "address", address: ORIGIN },
          {
            onConnection: (connection) => (connection.handler = new Origin()),
            onAcceptFailure: () => assert.fail(),
          },
        );
        const proxy = await startProxy({ backends: [ORIGIN], transport: network.transport() });
        const reader = new Reader(list);
        const client = network.transport("10.0.0.1");
        const address = { kind: "tcp", host: "127.0.0.1", port: proxy.port } as const;
        const connection = client.connect(address, 1000, reader);
        network.run();
        connection.write(list.map((wish, id) => sliceOf(encode(requestText(wish, id)))));
        network.run();
        assert.equal(reader.answers, list.length, "every request was answered");
        connection.close();
        network.run();
        await settled(network, proxy.close());
        await originHost.shutdown();
        network.run();
        network.assertClean();
      },
    ),
    { numRuns: 40 },
  );
});

test("a client that leaves at any byte of its request or its answer takes nothing with it", async () => {
  await fc.assert(
    fc.asyncProperty(
      wishes,
      fc.integer(),
      fc.nat(),
      fc.boolean(),
      async (list, seed, cut, reset) => {
        const network = new MemoryNetwork({ random: new Xorshift(seed) });
        const originHost = network.transport(ORIGIN.host);
        await originHost.listen(
          { kind: "address", address: ORIGIN },
          {
            onConnection: (connection) => (connection.handler = new Tolerant()),
            onAcceptFailure: () => assert.fail(),
          },
        );
        const proxy = await startProxy({ backends: [ORIGIN], transport: network.transport() });
        const client = network.transport("10.0.0.1");
        const address = { kind: "tcp", host: "127.0.0.1", port: proxy.port } as const;
        if (reset) network.behave(address, { resetAfterReceived: cut % 100_000 });
        const connection = client.connect(address, 1000, new Silent());
        network.run();
        const text = list.map(requestText).join("");
        connection.write([sliceOf(encode(reset ? text : text.slice(0, cut % text.length)))]);
        network.run();
        connection.abort();
        network.run();
        await settled(network, proxy.close());
        await originHost.shutdown();
        network.run();
        network.assertClean();
      },
    ),
    { numRuns: 40 },
  );
});

/** An origin that may be cut off in the middle of a request. */
class Tolerant extends Origin {
  override onEnd(connection: Connection): void {
    connection.abort();
  }
}

class Silent implements ConnectionHandler {
  onConnect(): void {}
  onData(): void {}
  onEnd(): void {}
  onWritable(): void {}
  onClose(): void {}
}
