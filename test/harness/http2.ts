/**
 * One end of an HTTP/2 connection, frame by frame: nothing is normalised, answered or hidden by a library. Its blocks
 * are literals that name everything, so that any field can be sent, however wrong.
 */

import assert from "node:assert/strict";
import { HeaderList } from "#core/http/header-list.ts";
import { errorName, FLAG, FRAME, PREFACE } from "#protocol/http2/codes.ts";
import { HpackDecoder } from "#protocol/http2/hpack/decoder.ts";
import type { Wire } from "./wire.ts";

/** A frame as it came. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  readonly payload: Buffer;
}

/** Names with their values, in order. */
export type Fields = readonly (readonly [name: string, value: string])[];

/** What came of a stream until it ended. */
export interface Answer {
  readonly status: number;
  readonly fields: Fields;
  readonly body: Buffer;
  readonly trailers: Fields;
  /** Interim heads. */
  readonly interim: readonly number[];
  /** Name of the code that the stream was reset with behind its end; "" if it was not. */
  readonly reset: string;
}

/** One frame as bytes. */
export function frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array | string = "",
): Buffer {
  const body = Buffer.from(payload as Uint8Array);
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, body]);
}

/** 32 bits. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** SETTINGS. */
export function settings(...pairs: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = pairs.map(([id, value]) => Buffer.concat([Buffer.from([0, id]), uint32(value)]));
  return frame(FRAME.settings, 0, 0, Buffer.concat(payload));
}

/** WINDOW_UPDATE. */
export function windowUpdate(stream: number, increment: number): Buffer {
  return frame(FRAME.windowUpdate, 0, stream, uint32(increment));
}

/** A block of literals without indexing. */
export function block(fields: Fields): Buffer {
  return Buffer.concat(fields.map(([name, value]) => Buffer.concat([literal(name), text(value)])));
}

function literal(name: string): Buffer {
  return Buffer.concat([Buffer.from([0]), text(name)]);
}

/** A string of HPACK, not coded. */
function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  const length: number[] = [];
  if (bytes.length < 127) length.push(bytes.length);
  else {
    length.push(127);
    let rest = bytes.length - 127;
    for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128);
    length.push(rest);
  }
  return Buffer.concat([Buffer.from(length), bytes]);
}

/** The pseudo-fields of a GET, with what is to be different or behind them. */
export function requestFields(more: Fields = [], path = "/", method = "GET"): Fields {
  return [
    [":method", method],
    [":scheme", "http"],
    [":path", path],
    [":authority", "app.test"],
    ...more,
  ];
}

/** HEADERS with a whole block. */
export function headers(stream: number, fields: Fields, endStream = true, flags = 0): Buffer {
  const all = FLAG.endHeaders | (endStream ? FLAG.endStream : 0) | flags;
  return frame(FRAME.headers, all, stream, block(fields));
}

/** DATA. */
export function data(stream: number, payload: Uint8Array | string, endStream = false): Buffer {
  return frame(FRAME.data, endStream ? FLAG.endStream : 0, stream, payload);
}

/** RST_STREAM. */
export function rstStream(stream: number, code: number): Buffer {
  return frame(FRAME.rstStream, 0, stream, uint32(code));
}

const SETTLED = Buffer.from("settled!");

/** See the head of this file. */
export class Http2Wire {
  readonly wire: Wire;
  /** Bytes of DATA that were taken, by stream. */
  readonly taken: Map<number, number> = new Map();
  readonly #decoder: HpackDecoder = new HpackDecoder(4096);
  readonly #frames: Frame[] = [];

  constructor(wire: Wire) {
    this.wire = wire;
  }

  /** Sends the preface and SETTINGS, and takes the other side's SETTINGS. */
  static async begin(
    wire: Wire,
    ...pairs: readonly (readonly [id: number, value: number])[]
  ): Promise<Http2Wire> {
    const client = new Http2Wire(wire);
    wire.send(PREFACE);
    client.send(settings(...pairs));
    assert.equal((await client.next(FRAME.settings)).flags, 0, "its settings come first");
    assert.equal((await client.next(FRAME.settings)).flags, FLAG.ack, "ours are acknowledged");
    client.send(frame(FRAME.settings, FLAG.ack, 0));
    return client;
  }

  send(...frames: readonly Uint8Array[]): void {
    this.wire.send(Buffer.concat(frames));
  }

  /** The next frame of the wire. */
  async #read(): Promise<Frame> {
    const head = await this.wire.read(9);
    const payload = await this.wire.read(head.readUIntBE(0, 3));
    return { type: head[3]!, flags: head[4]!, stream: head.readUInt32BE(5), payload };
  }

  /** The next frame of a type, of a stream; others are kept for those who ask for them. */
  async next(type: number, stream?: number): Promise<Frame> {
    return this.until((one) => one.type === type && (stream ?? one.stream) === one.stream);
  }

  /** The next frame that fits. */
  async until(fits: (one: Frame) => boolean): Promise<Frame> {
    for (let i = 0; ; i++) {
      while (i >= this.#frames.length) this.#frames.push(await this.#read());
      const found = this.#frames[i]!;
      if (!fits(found)) continue;
      this.#frames.splice(i, 1);
      return found;
    }
  }

  /** Resolves when everything that was sent has been looked at: a PING was answered. Fails if the connection ends. */
  async settled(): Promise<void> {
    this.send(frame(FRAME.ping, 0, 0, SETTLED));
    await this.until(
      (one) => one.type === FRAME.ping && one.flags === FLAG.ack && one.payload.equals(SETTLED),
    );
  }

  /** The fields of a block. */
  decode(payload: Buffer): [string, string][] {
    const list = new HeaderList();
    const fields: [string, string][] = [];
    const fine = this.#decoder.decode(payload, 0, payload.length, list, {
      full: false,
      flawsOf: () => 0,
      onStaticPseudo: (name, value) => fields.push([name, value]),
      onField: (_id, nameStart, nameEnd, start, end) => {
        const bytes = Buffer.from(list.bytes);
        fields.push([
          bytes.toString("latin1", nameStart, nameEnd),
          bytes.toString("latin1", start, end),
        ]);
      },
    });
    assert.ok(fine, this.#decoder.detail);
    return fields;
  }

  /** The whole answer on a stream. Fails if it is reset before its end. */
  async answer(stream: number): Promise<Answer> {
    const interim: number[] = [];
    let status = 0;
    let fields: Fields = [];
    let trailers: Fields = [];
    const body: Buffer[] = [];
    for (;;) {
      const one = await this.until(
        (each) => each.stream === stream && each.type !== FRAME.windowUpdate,
      );
      if (one.type === FRAME.rstStream) {
        assert.fail(`stream ${stream} was reset: ${errorName(one.payload.readUInt32BE(0))}`);
      }
      if (one.type === FRAME.data) {
        body.push(one.payload);
        this.taken.set(stream, (this.taken.get(stream) ?? 0) + one.payload.length);
      } else {
        assert.equal(one.type, FRAME.headers);
        assert.ok((one.flags & FLAG.endHeaders) !== 0);
        const decoded = this.decode(one.payload);
        if (status >= 200) trailers = decoded;
        else {
          assert.equal(decoded[0]?.[0], ":status");
          if (status > 0) interim.push(status);
          status = Number(decoded[0][1]);
          fields = decoded.slice(1);
        }
      }
      if ((one.flags & FLAG.endStream) !== 0) break;
    }
    return { status, fields, body: Buffer.concat(body), trailers, interim, reset: "" };
  }

  /** The code that a stream was reset with, by name. */
  async reset(stream: number): Promise<string> {
    return errorName((await this.next(FRAME.rstStream, stream)).payload.readUInt32BE(0));
  }

  /** The code that the connection ended with, by name, and that it ended. */
  async goaway(): Promise<string> {
    const { payload } = await this.next(FRAME.goaway);
    await this.wire.ended;
    return errorName(payload.readUInt32BE(4));
  }
}

/** The value of a field; "" if it is not there. */
export function fieldOf(fields: Fields, name: string): string {
  return fields.find(([each]) => each === name)?.[1] ?? "";
}
