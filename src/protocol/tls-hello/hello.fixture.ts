/** Hellos made of parts, taken apart again, and fed to the reader in pieces. */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { ClientHelloReader, type HelloProgress } from "./client-hello-reader.ts";
import type { HelloFault } from "./fault.ts";
import { MAX_HELLO } from "./limits.ts";

/** Type and content. */
export type Extension = readonly [type: number, content: Uint8Array];

/** A ClientHello; what is left out is what a plain client sends. */
export interface HelloParts {
  legacyVersion: number;
  random: Uint8Array;
  sessionId: Uint8Array;
  suites: Uint8Array;
  compressions: Uint8Array;
  /** null: it ends before them. */
  extensions: readonly Extension[] | null;
}

/** What a reader made of a wire. */
export interface HelloRecord {
  progress: HelloProgress;
  serverName: string | null;
  sentName: string | null;
  protocols: readonly string[];
  offersTls12: boolean;
  offersTls13: boolean;
  fault: HelloFault | null;
}

/** `bytes` behind their length in `size` bytes. */
export function prefixed(size: number, bytes: Uint8Array): Buffer {
  const length = Buffer.alloc(size);
  length.writeUIntBE(bytes.length, 0, size);
  return Buffer.concat([length, bytes]);
}

/** server_name with names of these types. */
export function serverNames(...names: readonly [type: number, name: string][]): Extension {
  const entries = names.map(([type, name]) => [
    Buffer.of(type),
    prefixed(2, Buffer.from(name, "latin1")),
  ]);
  return [0, prefixed(2, Buffer.concat(entries.flat()))];
}

/** server_name with one host name. */
export function serverName(name: string): Extension {
  return serverNames([0, name]);
}

/** ALPN with these protocols (latin1). */
export function alpn(...protocols: readonly string[]): Extension {
  const names = protocols.map((protocol) => prefixed(1, Buffer.from(protocol, "latin1")));
  return [16, prefixed(2, Buffer.concat(names))];
}

/** supported_versions. */
export function versions(...numbers: readonly number[]): Extension {
  return [43, prefixed(1, Buffer.concat(numbers.map((number) => uint16(number))))];
}

function uint16(number: number): Buffer {
  return Buffer.of(number >> 8, number & 0xff);
}

/** The message with its header. */
export function message(parts: Partial<HelloParts> = {}): Buffer {
  const { extensions = [serverName("example.com"), alpn("h2", "http/1.1"), versions(0x0304)] } =
    parts;
  const block =
    extensions === null
      ? []
      : [
          prefixed(
            2,
            Buffer.concat(
              extensions.flatMap(([type, content]) => [uint16(type), prefixed(2, content)]),
            ),
          ),
        ];
  return messageOf(
    Buffer.concat([
      uint16(parts.legacyVersion ?? 0x0303),
      parts.random ?? Buffer.alloc(32, 0xab),
      prefixed(1, parts.sessionId ?? Buffer.alloc(32, 0xcd)),
      prefixed(2, parts.suites ?? Buffer.from("130113021303c02b", "hex")),
      prefixed(1, parts.compressions ?? Buffer.of(0)),
      ...block,
    ]),
  );
}

/** A body with the header of a ClientHello. */
export function messageOf(body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(1), prefixed(3, body)]);
}

/** One record, by default of the handshake. */
export function record(fragment: Uint8Array, type: number = 22): Buffer {
  return Buffer.concat([Buffer.of(type, 3, 1), prefixed(2, fragment)]);
}

/** `bytes` in records with fragments of at most `size`. */
export function records(bytes: Uint8Array, size: number = 16 * 1024): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) parts.push(record(bytes.subarray(at, at + size)));
  return Buffer.concat(parts);
}

/** A hello as it comes over a connection. */
export function wire(parts: Partial<HelloParts> = {}): Buffer {
  return records(message(parts));
}

/** key_share with a key of X25519 (RFC 8446, 4.2.8), and with others in front of it. Any 32 bytes are a key. */
function keyShare(...before: readonly [group: number, length: number][]): Extension {
  const shares = [...before, [0x001d, 32] as const].map(([group, length]) =>
    Buffer.concat([uint16(group), prefixed(2, Buffer.alloc(length, 0x51))]),
  );
  return [51, prefixed(2, Buffer.concat(shares))];
}

function list16(...numbers: readonly number[]): Buffer {
  return prefixed(2, Buffer.concat(numbers.map((number) => uint16(number))));
}

const signatures: Extension = [
  13,
  list16(0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601),
];

/** What a server that knows no more than TLS 1.2 can answer. */
export const tls12Hello: HelloParts = {
  legacyVersion: 0x0303,
  random: Buffer.alloc(32, 0x12),
  sessionId: Buffer.alloc(0),
  suites: Buffer.from("c02bc02fc02cc030cca9cca8", "hex"),
  compressions: Buffer.of(0),
  extensions: [
    serverName("www.example.com"),
    [23, Buffer.alloc(0)],
    [0xff01, Buffer.of(0)],
    [10, list16(0x001d, 0x0017, 0x0018)],
    [11, Buffer.of(1, 0)],
    [35, Buffer.alloc(0)],
    alpn("http/1.1"),
    signatures,
  ],
};

/** The least that TLS 1.3 needs. */
export const tls13Hello: HelloParts = {
  ...tls12Hello,
  sessionId: Buffer.alloc(32, 0x34),
  suites: Buffer.from("130113021303", "hex"),
  extensions: [
    serverName("www.example.com"),
    [10, list16(0x001d)],
    signatures,
    alpn("h2", "http/1.1"),
    versions(0x0304),
    keyShare(),
  ],
};

/**
 * As long and as manifold as what Chrome sends: GREASE in each list, a key share of X25519MLKEM768, ECH that means
 * nothing, an empty ticket.
 */
export const browserHello: HelloParts = {
  ...tls13Hello,
  suites: Buffer.from("5a5a130113021303c02bc02fc02cc030cca9cca8c013c014009c009d002f0035", "hex"),
  extensions: [
    [0x6a6a, Buffer.alloc(0)],
    [18, Buffer.alloc(0)],
    [35, Buffer.alloc(0)],
    [10, list16(0x9a9a, 0x11ec, 0x001d, 0x0017, 0x0018)],
    [0xff01, Buffer.of(0)],
    [11, Buffer.of(1, 0)],
    [0x44cd, prefixed(2, prefixed(1, Buffer.from("h2")))],
    serverName("www.example.com"),
    versions(0x2a2a, 0x0304, 0x0303),
    [0xfe0d, Buffer.alloc(218, 0x0e)],
    [27, Buffer.of(2, 0, 2)],
    [45, Buffer.of(1, 1)],
    alpn("h2", "http/1.1"),
    [5, Buffer.of(1, 0, 0, 0, 0)],
    signatures,
    keyShare([0x9a9a, 1], [0x11ec, 1216]),
    [23, Buffer.alloc(0)],
    [0x8a8a, Buffer.of(0)],
  ],
};

/** The parts of the hello that a wire in one record holds. Trusts it. */
export function takeApart(bytes: Buffer): HelloParts {
  let at = 9;
  const take = (length: number): Buffer => bytes.subarray(at, (at += length));
  const takePrefixed = (size: number): Buffer => take(take(size).readUIntBE(0, size));
  const parts = {
    legacyVersion: take(2).readUInt16BE(),
    random: take(32),
    sessionId: takePrefixed(1),
    suites: takePrefixed(2),
    compressions: takePrefixed(1),
  };
  const extensions: Extension[] = [];
  if (at === bytes.length) return { ...parts, extensions: null };
  at += 2;
  while (at < bytes.length) extensions.push([take(2).readUInt16BE(), takePrefixed(2)]);
  return { ...parts, extensions };
}

/**
 * Feeds a wire, cut at these places, to a reader. Each piece is overwritten behind it, so nothing can refer to it, and
 * lies inside other bytes, so nothing can read beyond it. Held: what is kept stays below the limit, and is let go at the end.
 */
export function readHello(bytes: Uint8Array, cuts: readonly number[] = []): HelloRecord {
  const reader = new ClientHelloReader();
  const places = [...new Set([0, ...cuts, bytes.length])].sort((a, b) => a - b);
  let progress: HelloProgress = "need-more";
  for (let i = 0; i + 1 < places.length; i++) {
    const length = places[i + 1]! - places[i]!;
    const piece = Buffer.alloc(length + 6, 0x16);
    piece.set(bytes.subarray(places[i], places[i + 1]), 3);
    const now = reader.feed(piece, 3, 3 + length);
    piece.fill(0xee);
    if (progress !== "need-more") assert.equal(now, progress, "what was decided stays");
    progress = now;
    assert(reader.held <= Math.min(MAX_HELLO, Math.max(512, 2 * places[i + 1]!)));
  }
  if (progress !== "need-more") assert.equal(reader.held, 0);
  assert.equal(reader.fault !== null, progress === "fault");
  const { serverName, sentName, protocols, offersTls12, offersTls13, fault } = reader;
  if (progress !== "done") assert.deepEqual([serverName, sentName, protocols], [null, null, []]);
  return { progress, serverName, sentName, protocols, offersTls12, offersTls13, fault };
}

/** Cuts that leave a byte in each piece. */
export function everyByte(bytes: Uint8Array): number[] {
  return Array.from({ length: bytes.length }, (_, index) => index);
}
