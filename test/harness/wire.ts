/**
 * One end of a TCP connection, byte by byte: nothing is normalised, retried or hidden by a library. What has
 * arrived waits until somebody reads it.
 */

import assert from "node:assert/strict";
import type { Socket } from "node:net";

/** How the other side ended the connection. */
export type Ending = "fin" | "reset";

/** A message as it stood on the wire. */
export interface Message {
  /** `GET / HTTP/1.1` or `HTTP/1.1 200 OK`. */
  readonly startLine: string;
  /** In the order sent, names as sent. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  readonly body: Buffer;
  readonly trailers: readonly (readonly [name: string, value: string])[];
  /** Sizes of the chunks; empty if the body was not chunked. */
  readonly chunks: readonly number[];
}

/** How the end of a message's body is found. */
type Framing =
  | { readonly kind: "none" | "chunked" | "close" }
  | { readonly kind: "length"; readonly length: number };

const PIECE = Buffer.alloc(64 * 1024, "p");

/** See the head of this file. */
export class Wire {
  readonly socket: Socket;
  /** Resolves when the other side has ended or reset the connection. */
  readonly ended: Promise<Ending>;
  /** Resolves when both sides are closed. */
  readonly closed: Promise<void>;
  /** All bytes that have arrived. */
  received = 0;
  /** Bytes of `pour` that the system has taken. */
  poured = 0;
  /** What was not read; joined when somebody looks at it, not for every piece of a large body. */
  #pieces: Buffer[] = [];
  #size = 0;
  #ending: Ending | null = null;
  #waiter: (() => void) | null = null;

  constructor(socket: Socket) {
    this.socket = socket;
    this.ended = new Promise((resolve) => {
      const end = (ending: Ending): void => {
        this.#ending ??= ending;
        resolve(this.#ending);
        this.#wake();
      };
      socket.on("end", () => end("fin"));
      socket.on("error", () => end("reset"));
      socket.on("close", () => end("reset"));
    });
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.on("data", (bytes: Buffer) => {
      this.received += bytes.length;
      this.#pieces.push(bytes);
      this.#size += bytes.length;
      this.#wake();
    });
  }

  /** How the other side has ended the connection so far. */
  get ending(): Ending | null {
    return this.#ending;
  }

  /** Sends text (one byte per character) or bytes; false: the system does not take more for now. */
  send(data: string | Uint8Array): boolean {
    return typeof data === "string" ? this.socket.write(data, "latin1") : this.socket.write(data);
  }

  /** Resolves when everything that was sent has been taken by the system, or the connection is gone. */
  async flushed(): Promise<void> {
    if (this.socket.writableLength === 0 || this.socket.destroyed) return;
    await new Promise<void>((resolve) => {
      this.socket.once("drain", resolve);
      this.socket.once("close", () => resolve());
    });
  }

  /** Sends `bytes` bytes piece by piece, each when the last one was taken, for as long as the connection is there. */
  async pour(bytes: number): Promise<void> {
    for (let left = bytes; left > 0 && !this.socket.destroyed; left -= PIECE.length) {
      const piece = left < PIECE.length ? PIECE.subarray(0, left) : PIECE;
      await new Promise((resolve) => this.socket.write(piece, resolve));
      this.poured += piece.length;
    }
  }

  /** Resolves when nothing of what is poured is taken any more: everything up to the reader is full. */
  async stalled(): Promise<void> {
    let seen = -1;
    while (seen !== this.poured) {
      seen = this.poured;
      // All sockets of a test live in one event loop: what does not move for so many of its turns is stuck.
      for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
    }
  }

  /** Resolves with 0 when nothing arrives any more. */
  async stalledReading(): Promise<0> {
    let seen = -1;
    while (seen !== this.received) {
      seen = this.received;
      for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
    }
    return 0;
  }

  /** Ends our side (FIN). */
  end(): void {
    this.socket.end();
  }

  /** Resets the connection (RST). */
  reset(): void {
    const { socket } = this;
    // While a FIN is under way, `resetAndDestroy` does neither.
    if (socket.writableEnded && !socket.writableFinished) socket.destroy();
    else socket.resetAndDestroy();
  }

  /** Takes nothing from the system any more. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  /** Exactly `length` bytes. Fails if the connection ends before. */
  async read(length: number): Promise<Buffer> {
    await this.#until(() => this.#size >= length, `${length} bytes`);
    return this.#take(length);
  }

  /** Everything up to and with `mark`. */
  async readThrough(mark: string): Promise<string> {
    let at = -1;
    await this.#until(
      () => (at = this.#unread().indexOf(mark, 0, "latin1")) >= 0,
      JSON.stringify(mark),
    );
    return this.#take(at + mark.length).toString("latin1");
  }

  /** Everything until the other side ends, and how it did. */
  async readToEnd(): Promise<{ bytes: Buffer; ending: Ending }> {
    const ending = await this.ended;
    return { bytes: this.#take(this.#size), ending };
  }

  /** What has arrived and was not read. */
  pending(): string {
    return this.#unread().toString("latin1");
  }

  /** A start line with its fields; the body is left where it is. */
  async readHead(): Promise<Pick<Message, "startLine" | "fields">> {
    const head = await this.readThrough("\r\n\r\n");
    const [startLine = "", ...lines] = head.slice(0, -4).split("\r\n");
    return { startLine, fields: lines.map(splitField) };
  }

  /** A request with its body. */
  async readRequest(): Promise<Message> {
    const head = await this.readHead();
    return this.#readBody(head, framingOf(head.fields, { kind: "none" }));
  }

  /** A response with its body, interim ones included. `method`: of the request that it answers. */
  async readResponse(method = "GET"): Promise<Message> {
    const head = await this.readHead();
    const status = statusOf(head);
    const bodiless = method === "HEAD" || status < 200 || status === 204 || status === 304;
    return this.#readBody(
      head,
      bodiless ? { kind: "none" } : framingOf(head.fields, { kind: "close" }),
    );
  }

  /** One chunk of a chunked body; empty at its end, before the trailers. */
  async readChunk(): Promise<Buffer> {
    const line = await this.readThrough("\r\n");
    assert.match(line, /^[0-9a-f]+\r\n$/i);
    const size = Number.parseInt(line, 16);
    if (size === 0) return Buffer.alloc(0);
    const chunk = await this.read(size);
    assert.equal(await this.readThrough("\r\n"), "\r\n");
    return chunk;
  }

  async #readBody(head: Pick<Message, "startLine" | "fields">, framing: Framing): Promise<Message> {
    const plain = { ...head, trailers: [], chunks: [] };
    switch (framing.kind) {
      case "none":
        return { ...plain, body: Buffer.alloc(0) };
      case "length":
        return { ...plain, body: await this.read(framing.length) };
      case "close": {
        const { bytes, ending } = await this.readToEnd();
        assert.equal(ending, "fin", "a body that ends with its connection ends with a FIN");
        return { ...plain, body: bytes };
      }
      case "chunked":
        return { ...head, ...(await this.#readChunks()) };
    }
  }

  async #readChunks(): Promise<Pick<Message, "body" | "trailers" | "chunks">> {
    const parts: Buffer[] = [];
    for (;;) {
      const chunk = await this.readChunk();
      if (chunk.length === 0) break;
      parts.push(chunk);
    }
    const trailers: (readonly [string, string])[] = [];
    for (;;) {
      const line = (await this.readThrough("\r\n")).slice(0, -2);
      if (line === "") break;
      trailers.push(splitField(line));
    }
    return { body: Buffer.concat(parts), trailers, chunks: parts.map((part) => part.length) };
  }

  #take(length: number): Buffer {
    const unread = this.#unread();
    this.#pieces = [unread.subarray(length)];
    this.#size -= length;
    return unread.subarray(0, length);
  }

  #unread(): Buffer {
    if (this.#pieces.length !== 1) this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0]!;
  }

  async #until(holds: () => boolean, what: string): Promise<void> {
    while (!holds()) {
      if (this.#ending !== null) {
        const rest = JSON.stringify(this.pending().slice(0, 500));
        throw new Error(
          `the connection ended (${this.#ending}) before ${what} came; left: ${rest}`,
        );
      }
      assert.equal(this.#waiter, null, "one reader at a time");
      await new Promise<void>((resolve) => (this.#waiter = resolve));
    }
  }

  #wake(): void {
    const waiter = this.#waiter;
    this.#waiter = null;
    waiter?.();
  }
}

/** The status of a response. */
export function statusOf(message: Pick<Message, "startLine">): number {
  assert.match(message.startLine, /^HTTP\/1\.1 \d{3} /);
  return Number(message.startLine.slice(9, 12));
}

/** All values of a field, in order; names in any case. */
export function valuesOf(message: Pick<Message, "fields">, name: string): string[] {
  return message.fields.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);
}

/** The one value of a field, undefined if it is not there. Fails if there are several. */
export function valueOf(message: Pick<Message, "fields">, name: string): string | undefined {
  const values = valuesOf(message, name);
  assert.ok(values.length <= 1, `${name} is there ${values.length} times`);
  return values[0];
}

function splitField(line: string): readonly [string, string] {
  const colon = line.indexOf(": ");
  assert.ok(colon > 0, `${JSON.stringify(line)} is a field`);
  return [line.slice(0, colon), line.slice(colon + 2)];
}

function framingOf(fields: Message["fields"], otherwise: Framing): Framing {
  const codings = valuesOf({ fields }, "transfer-encoding");
  const length = valueOf({ fields }, "content-length");
  if (codings.length > 0) {
    assert.deepEqual(codings, ["chunked"]);
    assert.equal(length, undefined, "chunked and Content-Length exclude each other");
    return { kind: "chunked" };
  }
  return length === undefined ? otherwise : { kind: "length", length: Number(length) };
}
