/**
 * Mutated hellos through the reader of what comes first on a TLS connection. One run is one seed; `node
 * test/fuzz/tls-hello.ts` goes on for FUZZ_SECONDS (5 if not set) and names the seed of what it finds, which `FUZZ_SEED`
 * repeats.
 *
 * Held for every wire: nothing throws; the result does not depend on how the bytes were split; what was decided stays,
 * memory is bounded (all that in `hello.fixture.ts`); and where OpenSSL goes on with a hello, or as much as
 * tells a name, we have understood the same name and protocols, or refused.
 */

import assert from "node:assert/strict";
import { Xorshift } from "#core/random.ts";
import {
  alpn,
  browserHello,
  message,
  messageOf,
  prefixed,
  readHello,
  record,
  serverName,
  serverNames,
  tls12Hello,
  tls13Hello,
  versions,
  type Extension,
  type HelloParts,
} from "#protocol/tls-hello/hello.fixture.ts";
import {
  compareWithOpenssl,
  type Agreement,
} from "../conformance/tls-hello/openssl-differential.ts";

/** Numbers from 0 to below `bound`. */
type Pick = (bound: number) => number;

const seeds: readonly HelloParts[] = [
  tls12Hello,
  tls13Hello,
  browserHello,
  { ...tls13Hello, extensions: [...(tls13Hello.extensions ?? []), [21, Buffer.alloc(900)]] },
  { ...tls12Hello, extensions: null },
  { ...tls12Hello, legacyVersion: 0x0301, extensions: [] },
];

const names: readonly string[] = [
  ["a.example", "WWW.EXAMPLE.COM", "b.example.", "", ".", "a..b", "192.0.2.1", "::1", "127.1"],
  ["a\0.example", "\0", "a b", "*.example", "_a.example", "x".repeat(63), "x".repeat(64)],
  [`${"x.".repeat(126)}x`, `${"x.".repeat(127)}x`, `${"x.".repeat(128)}x`, "m\xfcnchen"],
].flat();

const nameEntries: readonly Extension[] = [
  serverNames([0, "a.example"], [0, "b.example"]),
  serverNames([1, "a.example"]),
  serverNames([1, "a.example"], [0, "b.example"]),
  serverNames([0, "a.example"], [1, "b.example"]),
  [0, Buffer.alloc(0)],
  [0, prefixed(2, Buffer.alloc(0))],
];

const protocolLists: readonly Extension[] = [
  alpn("acme-tls/1"),
  alpn("h2"),
  alpn("http/1.1", "h2", "http/1.1"),
  alpn("\xca\xca", "h2"),
  alpn(""),
  alpn("h2", ""),
  alpn("x".repeat(255)),
  alpn(...Array.from({ length: 140 }, (_, index) => `${index}`)),
  [16, Buffer.alloc(0)],
];

const versionLists: readonly Extension[] = [
  versions(0x0303),
  versions(0x0304, 0x0303),
  versions(0x0302, 0x0301),
  versions(0x0a0a),
  versions(),
  [43, Buffer.of(3, 3, 4, 3)],
];

const types: readonly number[] = [
  0, 5, 10, 11, 13, 16, 21, 22, 23, 35, 41, 42, 43, 44, 45, 49, 50, 51, 57, 13172, 0x0a0a, 0xfe0d,
  0xff01, 0xffff,
];

function oneOf<T>(values: readonly T[], pick: Pick): T {
  const value = values[pick(values.length)];
  assert(value !== undefined);
  return value;
}

function noise(length: number, pick: Pick): Buffer {
  return Buffer.from(Array.from({ length }, () => pick(256)));
}

/** A byte more, less or other. */
function mutateBytes(bytes: Uint8Array, pick: Pick): Buffer {
  const at = pick(bytes.length + 1);
  const until = Math.min(bytes.length, at + 1 + pick(4));
  const before = bytes.subarray(0, at);
  switch (pick(4)) {
    case 0:
      return Buffer.concat([before, noise(1 + pick(3), pick), bytes.subarray(at)]);
    case 1:
      return Buffer.concat([before, bytes.subarray(until)]);
    case 2:
      return Buffer.from(before);
    default:
      return Buffer.concat([before, noise(1, pick), bytes.subarray(at + 1)]);
  }
}

/** With an extension in the place of the one of its type, or somewhere. */
function withExtension(list: readonly Extension[], extension: Extension, pick: Pick): Extension[] {
  const at = list.findIndex(([type]) => type === extension[0]);
  if (at >= 0 && pick(3) > 0) return list.toSpliced(at, 1, extension);
  return list.toSpliced(pick(list.length + 1), 0, extension);
}

function mutateExtensions(list: readonly Extension[], pick: Pick): Extension[] {
  const at = pick(list.length);
  const [type, content] = list[at] ?? [21, Buffer.alloc(0)];
  switch (pick(10)) {
    case 0:
      return withExtension(list, serverName(oneOf(names, pick)), pick);
    case 1:
      return withExtension(list, oneOf(nameEntries, pick), pick);
    case 2:
      return withExtension(list, oneOf(protocolLists, pick), pick);
    case 3:
      return withExtension(list, oneOf(versionLists, pick), pick);
    case 4:
      return list.toSpliced(at, 1);
    case 5:
      return list.toSpliced(pick(list.length + 1), 0, [type, content]);
    case 6:
      return list.toSpliced(at, 1, [type, mutateBytes(content, pick)]);
    case 7:
      return list.toSpliced(at, 1, [oneOf(types, pick), content]);
    case 8:
      return list.toSpliced(at, 1).toSpliced(pick(list.length), 0, [type, content]);
    default:
      return withExtension(list, [oneOf(types, pick), noise(pick(12), pick)], pick);
  }
}

function mutateParts(parts: HelloParts, pick: Pick): HelloParts {
  switch (pick(12)) {
    case 0:
      return { ...parts, legacyVersion: oneOf([0x0300, 0x0301, 0x0304, 0x0400, 0x0002], pick) };
    case 1:
      return { ...parts, sessionId: noise(pick(40), pick) };
    case 2:
      return { ...parts, suites: mutateBytes(parts.suites, pick) };
    case 3:
      return { ...parts, compressions: noise(pick(4), pick) };
    default: {
      const { extensions } = parts;
      return extensions === null
        ? parts
        : { ...parts, extensions: mutateExtensions(extensions, pick) };
    }
  }
}

/** Records around the message, and whatever else a client could put between them. */
function inRecords(hello: Buffer, pick: Pick): Buffer {
  const size = oneOf([1, 2, 3, 5, 40, 200, 16_384, 16_384, 16_384, 16_384], pick);
  const parts: Buffer[] = [];
  for (let at = 0; at < hello.length; at += size) parts.push(record(hello.subarray(at, at + size)));
  if (pick(8) === 0) {
    const others = [
      record(Buffer.alloc(0)),
      record(Buffer.of(1), 20),
      record(Buffer.of(1, 0), 21),
      record(Buffer.of(1, 112), 21),
      record(noise(5, pick), 23),
      record(message({ extensions: [serverName("second.example")] })),
      record(Buffer.alloc(16_385)),
      noise(1 + pick(4), pick),
    ];
    parts.splice(pick(parts.length + 1), 0, oneOf(others, pick));
  }
  return Buffer.concat(parts);
}

/** The wire of a seed. */
function wireOf(pick: Pick): Buffer {
  let parts = oneOf(seeds, pick);
  for (let count = pick(3); count > 0; count--) parts = mutateParts(parts, pick);
  let hello = message(parts);
  if (pick(10) === 0) hello = mutateBytes(hello, pick);
  if (pick(12) === 0) hello = messageOf(mutateBytes(hello.subarray(4), pick));
  if (pick(16) === 0) hello = Buffer.concat([hello, message(oneOf(seeds, pick))]);
  const wire = inRecords(hello, pick);
  return pick(12) === 0 ? mutateBytes(wire, pick) : wire;
}

/** One run. @throws Error that names the seed */
export async function fuzzOnce(seed: number): Promise<Agreement> {
  const random = new Xorshift(seed);
  const pick: Pick = (bound) => random.int(bound);
  try {
    const wire = wireOf(pick);
    const cuts = Array.from({ length: pick(8) }, () => pick(wire.length + 1));
    assert.deepEqual(readHello(wire, cuts), readHello(wire));
    return await compareWithOpenssl(wire);
  } catch (error) {
    throw new Error(`tls-hello: seed ${seed}`, { cause: error });
  }
}

if (import.meta.main) {
  const given = process.env["FUZZ_SEED"];
  if (given !== undefined) {
    await fuzzOnce(Number(given));
  } else {
    const end = performance.now() + 1000 * Number(process.env["FUZZ_SECONDS"] ?? 5);
    const base = Date.now() % 0x80000000;
    let runs = 0;
    while (performance.now() < end) await fuzzOnce(base + runs++);
    process.stdout.write(`tls-hello: ${runs} runs from seed ${base}, nothing found\n`);
  }
}
