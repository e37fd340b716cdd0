/**
 * What a server of HTTP/2 has to make of a client's frames, a row for each rule: by the sections of RFC 9113 (and, where
 * the row says so, RFC 7541), in their order.
 */

import { FLAG, FRAME, PREFACE } from "#protocol/http2/codes.ts";
import {
  block,
  data,
  type Fields,
  frame,
  headers,
  type Http2Wire,
  requestFields,
  rstStream,
  settings,
  uint32,
  windowUpdate,
} from "../../harness/http2.ts";

/** What has to come of it. */
export type Outcome =
  /** The connection ends, with one of these codes. */
  | { readonly connection: readonly string[] }
  /** The stream is reset with one of these codes; the connection goes on. */
  | { readonly stream: number; readonly code: readonly string[] }
  /** The streams are answered with 200. */
  | { readonly answers: readonly number[] };

/** One row. */
export interface Case {
  readonly section: string;
  readonly name: string;
  /** Sent behind preface and settings. */
  readonly send: (client: Http2Wire) => void | Promise<void>;
  readonly outcome: Outcome;
}

const ends = (...connection: string[]): Outcome => ({ connection });
const resets = (stream: number, ...code: string[]): Outcome => ({ stream, code });
const answers = (...streams: number[]): Outcome => ({ answers: streams });

const GET = requestFields();
const POST = requestFields([], "/", "POST");
const hex = (text: string): Buffer => Buffer.from(text.replaceAll(" ", ""), "hex");

/** A frame with these bytes as they are. */
const raw =
  (type: number, flags: number, stream: number, payload: Uint8Array | string = ""): Case["send"] =>
  (client) =>
    client.send(frame(type, flags, stream, payload));
const sends =
  (...frames: readonly Buffer[]): Case["send"] =>
  (client) =>
    client.send(...frames);

function priority(stream: number, dependency: number): Buffer {
  return frame(FRAME.priority, 0, stream, Buffer.concat([uint32(dependency), Buffer.from([16])]));
}

/** HEADERS of a GET without the end of the block, and the rest of it. */
function halves(stream: number, endStream = true): [Buffer, Buffer] {
  const whole = block(GET);
  return [
    frame(FRAME.headers, endStream ? FLAG.endStream : 0, stream, whole.subarray(0, 20)),
    whole.subarray(20),
  ];
}

function continuation(stream: number, payload: Uint8Array, last = true): Buffer {
  return frame(FRAME.continuation, last ? FLAG.endHeaders : 0, stream, payload);
}

/** A request that ends at once with its head, made of a block as it is. */
function blockOf(bytes: Buffer): Case["send"] {
  return raw(FRAME.headers, FLAG.endHeaders | FLAG.endStream, 1, bytes);
}

const framing: readonly Case[] = [
  {
    section: "3.4",
    name: "something else than the preface ends the connection",
    send: (client) => void client.wire.send("nonsense that is not a frame of any kind"),
    outcome: ends("PROTOCOL_ERROR", "FRAME_SIZE_ERROR"),
  },
  {
    section: "4.1",
    name: "a frame of an unknown type is read over",
    send: sends(frame(0x16, 0, 0, "12345678"), headers(1, GET)),
    outcome: answers(1),
  },
  {
    section: "4.1",
    name: "flags that mean nothing are ignored",
    send: sends(frame(FRAME.ping, 0x16, 0, "12345678"), headers(1, GET, true, 0x40)),
    outcome: answers(1),
  },
  {
    section: "4.1",
    name: "the reserved bit of the stream is ignored",
    send: sends(frame(FRAME.ping, 0, 0x8000_0000, "12345678"), headers(0x8000_0001, GET)),
    outcome: answers(1),
  },
  {
    section: "4.2",
    name: "DATA of 2^14 bytes is taken",
    send: sends(headers(1, POST, false), data(1, Buffer.alloc(16_384), true)),
    outcome: answers(1),
  },
  {
    section: "4.2",
    name: "DATA of more than the largest frame",
    send: sends(headers(1, POST, false), data(1, Buffer.alloc(16_385), true)),
    outcome: ends("FRAME_SIZE_ERROR"),
  },
  {
    section: "4.2",
    name: "HEADERS of more than the largest frame",
    send: sends(headers(1, requestFields([["x", "y".repeat(16_400)]]))),
    outcome: ends("FRAME_SIZE_ERROR"),
  },
  {
    section: "4.3",
    name: "a block that cannot be decoded",
    send: blockOf(hex("82868441ff")),
    outcome: ends("COMPRESSION_ERROR"),
  },
  {
    section: "4.3",
    name: "PRIORITY inside a header block",
    send: sends(halves(1)[0], priority(1, 0), continuation(1, halves(1)[1])),
    outcome: ends("PROTOCOL_ERROR"),
  },
  {
    section: "4.3",
    name: "HEADERS of another stream inside a header block",
    send: sends(halves(1)[0], headers(3, GET)),
    outcome: ends("PROTOCOL_ERROR"),
  },
  {
    section: "4.3",
    name: "DATA inside a header block",
    send: sends(headers(1, POST, false), halves(3)[0], data(1, "x")),
    outcome: ends("PROTOCOL_ERROR"),
  },
];

const idle: readonly Case[] = [
  ["DATA", data(1, "x", true), "PROTOCOL_ERROR"],
  ["RST_STREAM", rstStream(1, 8), "PROTOCOL_ERROR"],
  ["WINDOW_UPDATE", windowUpdate(1, 100), "PROTOCOL_ERROR"],
  ["CONTINUATION", continuation(1, block(GET)), "PROTOCOL_ERROR"],
].map(([what, bytes, code]) => ({
  section: "5.1",
  name: `${what as string} on an idle stream`,
  send: sends(bytes as Buffer),
  outcome: ends(code as string),
}));

const states: readonly Case[] = [
  ...idle,
  {
    section: "5.1",
    name: "PRIORITY on an idle stream is taken",
    send: sends(priority(1, 0), headers(1, GET)),
    outcome: answers(1),
  },
  {
    section: "5.1",
    name: "DATA behind END_STREAM",
    send: sends(headers(1, GET), data(1, "x", true)),
    outcome: resets(1, "STREAM_CLOSED"),
  },
  {
    section: "5.1",
    name: "HEADERS behind END_STREAM",
    send: sends(headers(1, GET), headers(1, GET)),
    outcome: resets(1, "STREAM_CLOSED"),
  },
  {
    section: "5.1",
    name: "CONTINUATION behind END_STREAM",
    send: sends(headers(1, GET), continuation(1, block(GET))),
    outcome: ends("STREAM_CLOSED", "PROTOCOL_ERROR"),
  },
  {
    section: "5.1",
    name: "WINDOW_UPDATE and PRIORITY behind END_STREAM are taken",
    send: sends(headers(1, GET), windowUpdate(1, 1), priority(1, 0)),
    outcome: answers(1),
  },
  {
    section: "5.1",
    name: "DATA behind RST_STREAM",
    send: sends(headers(1, POST, false), rstStream(1, 8), data(1, "x", true)),
    outcome: resets(1, "STREAM_CLOSED"),
  },
  {
    section: "5.1",
    name: "HEADERS behind RST_STREAM",
    send: sends(headers(1, POST, false), rstStream(1, 8), headers(1, GET)),
    outcome: resets(1, "STREAM_CLOSED"),
  },
  {
    section: "5.1",
    name: "CONTINUATION behind RST_STREAM",
    send: sends(headers(1, POST, false), rstStream(1, 8), continuation(1, block(GET))),
    outcome: ends("STREAM_CLOSED", "PROTOCOL_ERROR"),
  },
  {
    section: "5.1",
    name: "RST_STREAM and PRIORITY on a closed stream are ignored",
    send: async (client) => {
      client.send(headers(1, GET));
      await client.answer(1);
      client.send(rstStream(1, 8), priority(1, 0), headers(3, GET));
    },
    outcome: answers(3),
  },
  {
    section: "5.1",
    name: "DATA on a closed stream",
    send: async (client) => {
      client.send(headers(1, GET));
      await client.answer(1);
      client.send(data(1, "x", true));
    },
    outcome: ends("STREAM_CLOSED"),
  },
  {
    section: "5.1",
    name: "HEADERS on a closed stream",
    send: async (client) => {
      client.send(headers(1, GET));
      await client.answer(1);
      client.send(headers(1, GET));
    },
    outcome: ends("STREAM_CLOSED"),
  },
  {
    section: "5.1",
    name: "CONTINUATION on a closed stream",
    send: async (client) => {
      client.send(headers(1, GET));
      await client.answer(1);
      client.send(continuation(1, block(GET)));
    },
    outcome: ends("STREAM_CLOSED", "PROTOCOL_ERROR"),
  },
  {
    section: "5.1.1",
    name: "a stream of an even number",
    send: sends(headers(2, GET)),
    outcome: ends("PROTOCOL_ERROR"),
  },
  {
    section: "5.1.1",
    name: "a stream below one that was opened",
    send: sends(headers(5, GET), headers(3, GET)),
    outcome: ends("PROTOCOL_ERROR"),
  },
  {
    section: "5.1.2",
    name: "a stream beyond the number that is offered",
    send: (client) => {
      const many = Array.from({ length: 129 }, (_, i) => headers(1 + 2 * i, POST, false));
      client.send(...many);
    },
    outcome: resets(257, "REFUSED_STREAM"),
  },
  {
    section: "5.3.1 (RFC 7540)",
    name: "HEADERS that depend on their own stream",
    send: sends(
      frame(
        FRAME.headers,
        FLAG.endHeaders | FLAG.endStream | FLAG.priority,
        1,
        Buffer.concat([uint32(1), Buffer.from([16]), block(GET)]),
      ),
    ),
    outcome: resets(1, "PROTOCOL_ERROR"),
  },
  {
    section: "5.3.1 (RFC 7540)",
    name: "PRIORITY that depends on its own stream",
    send: sends(priority(2, 2)),
    outcome: resets(2, "PROTOCOL_ERROR"),
  },
  {
    section: "5.4.1",
    name: "the connection is closed behind GOAWAY",
    send: sends(frame(FRAME.ping, 0, 3, "12345678")),
    outcome: ends("PROTOCOL_ERROR"),
  },
  {
    section: "5.5",
    name: "an unknown frame inside a header block",
    send: sends(halves(1)[0], frame(0xff, 0, 0, "12345678"), continuation(1, halves(1)[1])),
    outcome: ends("PROTOCOL_ERROR"),
  },
];

const frames: readonly Case[] = [
  {
    section: "6.1",
    name: "DATA on stream 0",
    send: sends(data(0, "x")),
    outcome: ends("PROTOCOL_ERROR"),
  },
  {
    section: "6.1",
    name: "DATA with padding is taken",
    send: sends(
      headers(1, POST, false),
      frame(FRAME.data, FLAG.padded | FLAG.endStream, 1, Buffer.from([5, 0x61, 0, 0, 0, 0, 0])),
    ),
    outcome: answers(1),
  },
  {
    section: "6.1",
    name: "DATA whose padding is longer than it",
    send: sends(
      headers(1, POST, false),
      frame(FRAME.data, FLAG.padded | FLAG.endStream, 1, Buffer.from([6, 0, 0, 0, 0, 0])),
    ),
    outcome: ends("PROTOCOL_ERROR"),
  },
  {
    section: "6.1",
    name: "padded DATA without a pad length",
    send: sends(headers(1, POST, false), frame(FRAME.data, FLAG.padded, 1)),
    outcome: ends("FRAME_SIZE_ERROR"),
  },
  {
    section: "6.2",
    name: "HEADERS on stream 0",
    send: sends(headers(0, GET)),
    outcome: ends("PROTOCOL_ERROR"),
  },
  {
    section: "6.2",
    name: "HEADERS with padding and priority are taken",
    send: sends(
      frame(
        FRAME.headers,
        FLAG.endHeaders | FLAG.endStream | FLAG.padded | FLAG.priority,
        1,
        Buffer.concat([
          Buffer.from([3]),
          uint32(0),
          Buffer.from([16]),
          block(GET),
          Buffer.alloc(3),
        ]),
      ),
    ),
    outcome: answers(1),
  },
  {
    section: "6.2",
    name: "HEADERS whose padding is longer than they",
    send: sends(
      frame(
        FRAME.headers,
        FLAG.endHeaders | FLAG.endStream | FLAG.padded,
        1,
        Buffer.concat([Buffer.from([200]), block(GET)]),
      ),
    ),
    outcome: ends("PROTOCOL_ERROR"),
  },
  {
    section: "6.3",
    name: "PRIORITY on stream 0",
    send: sends(priority(0, 1)),
    outcome: ends("PROTOCOL_ERROR"),
  },
  {
    section: "6.3",
    name: "PRIORITY of another size",
    send: sends(headers(1, POST, false), frame(FRAME.priority, 0, 1, "1234")),
    outcome: resets(1, "FRAME_SIZE_ERROR"),
  },
  {
    section: "6.4",
    name: "RST_STREAM on stream 0",
    send: sends(rstStream(0, 8)),
    outcome: ends("PROTOCOL_ERROR"),
  },
  {
    section: "6.4",
    name: "RST_STREAM of another size",
    send: sends(headers(1, POST, false), frame(FRAME.rstStream, 0, 1, "123")),
    outcome: ends("FRAME_SIZE_ERROR"),
  },
  {
    section: "6.5",
    name: "an acknowledgement of SETTINGS with settings",
    send: raw(FRAME.settings, FLAG.ack, 0, "\0"),
    outcome: ends("FRAME_SIZE_ERROR"),
  },
  {
    section: "6.5",
    name: "SETTINGS on a stream",
    send: raw(FRAME.settings, 0, 1, hex("000300000064")),
    outcome: ends("PROTOCOL_ERROR"),
  },
  {
    section: "6.5",
    name: "SETTINGS of another size",
    send: raw(FRAME.settings, 0, 0, "\0\x03\0"),
    outcome: ends("FRAME_SIZE_ERROR"),
  },
  {
    section: "6.5.2",
    name: "ENABLE_PUSH of neither 0 nor 1",
    send: sends(settings([2, 2])),
    outcome: ends("PROTOCOL_ERROR"),
  },
  {
    section: "6.5.2",
    name: "INITIAL_WINDOW_SIZE beyond the largest window",
    send: sends(settings([4, 0x8000_0000])),
    outcome: ends("FLOW_CONTROL_ERROR"),
  },
  {
    section: "6.5.2",
    name: "MAX_FRAME_SIZE below the least",
    send: sends(settings([5, 16_383])),
    outcome: ends("PROTOCOL_ERROR"),
  },
  {
    section: "6.5.2",
    name: "MAX_FRAME_SIZE beyond the most",
    send: sends(settings([5, 16_777_216])),
    outcome: ends("PROTOCOL_ERROR"),
  },
  {
    section: "6.5.2",
    name: "a setting that nobody knows is ignored",
    send: sends(settings([0xff, 1]), headers(1, GET)),
    outcome: answers(1),
  },
  {
    section: "6.6",
    name: "PUSH_PROMISE of a client",
    send: sends(
      headers(1, POST, false),
      frame(FRAME.pushPromise, FLAG.endHeaders, 1, Buffer.concat([uint32(2), block(GET)])),
    ),
    outcome: ends("PROTOCOL_ERROR"),
  },
  {
    section: "6.7",
    name: "PING on a stream",
    send: raw(FRAME.ping, 0, 1, "12345678"),
    outcome: ends("PROTOCOL_ERROR"),
  },
  {
    section: "6.7",
    name: "PING of another size",
    send: raw(FRAME.ping, 0, 0, "123456"),
    outcome: ends("FRAME_SIZE_ERROR"),
  },
  {
    section: "6.8",
    name: "GOAWAY on a stream",
    send: raw(FRAME.goaway, 0, 1, Buffer.alloc(8)),
    outcome: ends("PROTOCOL_ERROR"),
  },
  {
    section: "6.8",
    name: "a request behind GOAWAY of a client is answered",
    send: sends(frame(FRAME.goaway, 0, 0, Buffer.alloc(8)), headers(1, GET)),
    outcome: answers(1),
  },
  {
    section: "6.9",
    name: "WINDOW_UPDATE of 0 for the connection",
    send: sends(windowUpdate(0, 0)),
    outcome: ends("PROTOCOL_ERROR"),
  },
  {
    section: "6.9",
    name: "WINDOW_UPDATE of 0 for a stream",
    send: sends(headers(1, POST, false), windowUpdate(1, 0)),
    outcome: resets(1, "PROTOCOL_ERROR"),
  },
  {
    section: "6.9",
    name: "WINDOW_UPDATE of another size",
    send: raw(FRAME.windowUpdate, 0, 0, "123"),
    outcome: ends("FRAME_SIZE_ERROR"),
  },
  {
    section: "6.9.1",
    name: "a window of the connection beyond the largest",
    send: sends(windowUpdate(0, 0x7fff_ffff), windowUpdate(0, 0x7fff_ffff)),
    outcome: ends("FLOW_CONTROL_ERROR"),
  },
  {
    section: "6.9.1",
    name: "a window of a stream beyond the largest",
    send: sends(
      headers(1, POST, false),
      windowUpdate(1, 0x7fff_ffff),
      windowUpdate(1, 0x7fff_ffff),
    ),
    outcome: resets(1, "FLOW_CONTROL_ERROR"),
  },
  {
    section: "6.9.2",
    name: "settings that make a window larger than the largest",
    send: sends(
      headers(1, POST, false),
      windowUpdate(1, 0x7fff_ffff - 65_535),
      settings([4, 65_536]),
    ),
    outcome: ends("FLOW_CONTROL_ERROR"),
  },
  {
    section: "6.10",
    name: "a block in CONTINUATION frames is taken",
    send: sends(
      halves(1)[0],
      continuation(1, halves(1)[1].subarray(0, 5), false),
      continuation(1, halves(1)[1].subarray(5)),
    ),
    outcome: answers(1),
  },
  {
    section: "6.10",
    name: "CONTINUATION behind the end of a block",
    send: sends(headers(1, POST, false), continuation(1, block([["x", "y"]]))),
    outcome: ends("PROTOCOL_ERROR"),
  },
  {
    section: "6.10",
    name: "CONTINUATION on stream 0",
    send: sends(halves(1)[0], continuation(0, halves(1)[1])),
    outcome: ends("PROTOCOL_ERROR"),
  },
  {
    section: "6.10",
    name: "CONTINUATION of another stream",
    send: sends(halves(1)[0], continuation(3, halves(1)[1])),
    outcome: ends("PROTOCOL_ERROR"),
  },
  {
    section: "7",
    name: "error codes that nobody knows are taken",
    send: sends(
      headers(1, POST, false),
      rstStream(1, 0xff),
      frame(FRAME.goaway, 0, 0, Buffer.concat([uint32(0), uint32(0xff)])),
      headers(3, GET),
    ),
    outcome: answers(3),
  },
];

/** A head that is malformed (RFC 9113 §8.1.1). */
function malformed(section: string, name: string, fields: Fields): Case {
  return { section, name, send: sends(headers(1, fields)), outcome: resets(1, "PROTOCOL_ERROR") };
}

const without = (name: string): Fields => GET.filter(([each]) => each !== name);

const messages: readonly Case[] = [
  {
    section: "8.1",
    name: "HEADERS behind a body without END_STREAM",
    send: sends(headers(1, POST, false), data(1, "x"), headers(1, [["x", "y"]], false)),
    outcome: resets(1, "PROTOCOL_ERROR"),
  },
  {
    section: "8.1",
    name: "trailers are taken",
    send: sends(headers(1, POST, false), data(1, "x"), headers(1, [["x-sum", "y"]])),
    outcome: answers(1),
  },
  {
    section: "8.1",
    name: "a pseudo-field in trailers",
    send: sends(headers(1, POST, false), data(1, "x"), headers(1, [[":method", "GET"]])),
    outcome: resets(1, "PROTOCOL_ERROR"),
  },
  {
    section: "8.1",
    name: "a name in upper case in trailers",
    send: sends(headers(1, POST, false), data(1, "x"), headers(1, [["X-Sum", "y"]])),
    outcome: resets(1, "PROTOCOL_ERROR"),
  },
  malformed("8.2.1", "a name in upper case", requestFields([["X-Test", "ok"]])),
  malformed("8.2.1", "an empty name", requestFields([["", "ok"]])),
  malformed("8.2.1", "a blank in a name", requestFields([["x y", "ok"]])),
  malformed("8.2.1", "a byte beyond ASCII in a name", requestFields([["x\xe9", "ok"]])),
  malformed("8.2.1", "a colon in a name", requestFields([["x:y", "ok"]])),
  malformed("8.2.1", "NUL in a value", requestFields([["x", "a\0b"]])),
  malformed("8.2.1", "LF in a value", requestFields([["x", "a\nb"]])),
  malformed("8.2.1", "CR in a value", requestFields([["x", "a\rb"]])),
  malformed("8.2.1", "a blank before a value", requestFields([["x", " a"]])),
  malformed("8.2.1", "a tab behind a value", requestFields([["x", "a\t"]])),
  malformed("8.2.2", "Connection", requestFields([["connection", "keep-alive"]])),
  malformed("8.2.2", "Keep-Alive", requestFields([["keep-alive", "timeout=5"]])),
  malformed("8.2.2", "Proxy-Connection", requestFields([["proxy-connection", "keep-alive"]])),
  malformed(
    "8.2.2",
    "Transfer-Encoding",
    requestFields([["transfer-encoding", "chunked"]], "/", "POST"),
  ),
  malformed("8.2.2", "Upgrade", requestFields([["upgrade", "websocket"]])),
  malformed("8.2.2", "TE of anything but trailers", requestFields([["te", "trailers, deflate"]])),
  malformed("8.3", "a pseudo-field that nobody knows", [...GET, [":test", "ok"]]),
  malformed("8.3", "a pseudo-field of answers", [...GET, [":status", "200"]]),
  malformed("8.3", "a pseudo-field behind a field", [["x", "y"], ...GET]),
  malformed("8.3", ":authority behind a field", [
    ...without(":authority"),
    ["x", "y"],
    [":authority", "app.test"],
  ]),
  malformed("8.3.1", "an empty :path", [...without(":path"), [":path", ""]]),
  malformed("8.3.1", "no :method", without(":method")),
  malformed("8.3.1", "no :scheme", without(":scheme")),
  malformed("8.3.1", "no :path", without(":path")),
  malformed("8.3.1", ":method twice", [[":method", "GET"], ...GET]),
  malformed("8.3.1", ":scheme twice", [[":scheme", "http"], ...GET]),
  malformed("8.3.1", ":path twice", [[":path", "/"], ...GET]),
  malformed("8.3.1", ":authority twice", [[":authority", "app.test"], ...GET]),
  malformed("8.3.1", "a :path that is no path", [...without(":path"), [":path", "a"]]),
  malformed("8.3.1", ":authority and Host that differ", requestFields([["host", "other.test"]])),
  malformed("8.3.1", ":protocol with another method than CONNECT", [
    [":protocol", "websocket"],
    ...GET,
  ]),
  {
    section: "8.1.1",
    name: "Content-Length with a head that ends the stream",
    send: sends(headers(1, requestFields([["content-length", "1"]], "/", "POST"))),
    outcome: resets(1, "PROTOCOL_ERROR"),
  },
  {
    section: "8.1.1",
    name: "less DATA than Content-Length",
    send: sends(
      headers(1, requestFields([["content-length", "5"]], "/", "POST"), false),
      data(1, "test", true),
    ),
    outcome: resets(1, "PROTOCOL_ERROR"),
  },
  {
    section: "8.1.1",
    name: "more DATA than Content-Length, in several frames",
    send: sends(
      headers(1, requestFields([["content-length", "5"]], "/", "POST"), false),
      data(1, "test"),
      data(1, "test", true),
    ),
    outcome: resets(1, "PROTOCOL_ERROR"),
  },
  {
    section: "8.1.1",
    name: "less DATA than Content-Length before trailers",
    send: sends(
      headers(1, requestFields([["content-length", "5"]], "/", "POST"), false),
      data(1, "test"),
      headers(1, [["x", "y"]]),
    ),
    outcome: resets(1, "PROTOCOL_ERROR"),
  },
];

/** The GET of all these, as indexed fields and a literal authority. */
const INDEXED = "82868441086170702e74657374";

const compression: readonly Case[] = [
  ["2.3.3 (RFC 7541)", "an index beyond the tables", `${INDEXED}ff00`],
  ["2.3.3 (RFC 7541)", "a name by an index beyond the tables", `${INDEXED}7f0001 61`],
  ["4.2 (RFC 7541)", "a change of the table's size behind a field", `${INDEXED}20`],
  [
    "5.2 (RFC 7541)",
    "a Huffman code with a padding longer than seven bits",
    `${INDEXED}0001 6185 f2b2 4a84 ff ff`,
  ],
  ["5.2 (RFC 7541)", "a Huffman code padded with zeros", `${INDEXED}0001 6181 00`],
  ["5.2 (RFC 7541)", "a Huffman code with EOS", `${INDEXED}0001 6184 ffff ffff`],
  ["6.1 (RFC 7541)", "index 0", `${INDEXED}80`],
  ["6.3 (RFC 7541)", "a table larger than the setting", `3fe2 1f ${INDEXED}`],
].map(([section, name, bytes]) => ({
  section: section!,
  name: name!,
  send: blockOf(hex(bytes!)),
  outcome: ends("COMPRESSION_ERROR"),
}));

/** All rows that begin with a proper preface, and the first that does not. */
export const CASES: readonly Case[] = [
  ...framing,
  ...states,
  ...frames,
  ...messages,
  ...compression,
];

/** What a client may send in the place of a preface and SETTINGS; each ends the connection. */
export const OPENINGS: readonly (readonly [section: string, name: string, bytes: Buffer])[] = [
  ["3.4", "HEADERS before SETTINGS", Buffer.concat([PREFACE, headers(1, GET)])],
  [
    "3.4",
    "an acknowledgement before SETTINGS",
    Buffer.concat([PREFACE, frame(FRAME.settings, FLAG.ack, 0)]),
  ],
  ["3.4", "an unknown frame before SETTINGS", Buffer.concat([PREFACE, frame(0x77, 0, 0)])],
  ["3.4", "DATA before SETTINGS", Buffer.concat([PREFACE, data(1, "x")])],
];
