/** Messages of DNS, as far as updates need them (RFC 1035 §4, RFC 2136 §2, RFC 8945). */

import { Buffer } from "node:buffer";
import { createHmac } from "node:crypto";

/** Numbers of types and classes. */
export const DNS = {
  soa: 6,
  txt: 16,
  tsig: 250,
  in: 1,
  none: 254,
  any: 255,
} as const;

/** A key that messages are signed with. */
export interface TsigKey {
  readonly name: string;
  readonly algorithm: "hmac-sha256" | "hmac-sha384" | "hmac-sha512";
  /** Base64. */
  readonly secret: string;
}

/** How far clocks may be apart, seconds. */
const FUDGE = 300;
const HEADER = 12;

/** An update of one TXT record; `add` false: it is taken away. */
export function writeUpdate(
  id: number,
  zone: string,
  record: { readonly name: string; readonly value: string },
  add: boolean,
): Uint8Array {
  const text = Buffer.from(record.value, "latin1");
  const data = Buffer.concat([Buffer.of(text.length), text]);
  return Buffer.concat([
    header(id, 0x2800, [1, 0, 1, 0]),
    writeName(zone),
    words(DNS.soa, DNS.in),
    writeName(record.name),
    words(DNS.txt, add ? DNS.in : DNS.none),
    long(add ? 60 : 0),
    words(data.length),
    data,
  ]);
}

/** A question. */
export function writeQuestion(id: number, name: string, type: number): Uint8Array {
  return Buffer.concat([header(id, 0x0100, [1, 0, 0, 0]), writeName(name), words(type, DNS.in)]);
}

/** The message with a signature behind it (RFC 8945 §4.2). `wall`: epoch milliseconds. */
export function signMessage(message: Uint8Array, key: TsigKey, wall: number): Uint8Array {
  const name = writeName(key.name.toLowerCase());
  const algorithm = writeName(key.algorithm);
  const seconds = Math.floor(wall / 1000);
  const time = words(
    Math.floor(seconds / 2 ** 32),
    Math.floor(seconds / 2 ** 16) % 2 ** 16,
    seconds % 2 ** 16,
    FUDGE,
  );
  const mac = createHmac(key.algorithm.slice(5), Buffer.from(key.secret, "base64"))
    .update(message)
    .update(name)
    .update(words(DNS.any))
    .update(long(0))
    .update(algorithm)
    .update(time)
    .update(words(0, 0))
    .digest();
  const bytes = Buffer.from(message);
  const data = Buffer.concat([
    algorithm,
    time,
    words(mac.length),
    mac,
    bytes.subarray(0, 2),
    words(0, 0),
  ]);
  bytes.writeUInt16BE(bytes.readUInt16BE(10) + 1, 10);
  return Buffer.concat([bytes, name, words(DNS.tsig, DNS.any), long(0), words(data.length), data]);
}

/** What an answer says. */
export interface DnsAnswer {
  readonly id: number;
  /** RFC 1035 §4.1.1, RFC 2136 §2.2. */
  readonly code: number;
  /** Owners of the SOA records in its answer and authority sections. */
  readonly zones: readonly string[];
}

/** Reads an answer; null if it is none. */
export function readAnswer(bytes: Uint8Array): DnsAnswer | null {
  try {
    const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    if (view.length < HEADER || (view.readUInt16BE(2) & 0x8000) === 0) return null;
    const counts = [4, 6, 8].map((at) => view.readUInt16BE(at));
    const [questions = 0, answers = 0, authorities = 0] = counts;
    const zones: string[] = [];
    let at = HEADER;
    for (let i = 0; i < questions; i++) at = readName(view, at).end + 4;
    for (let i = 0; i < answers + authorities; i++) {
      const { name, end } = readName(view, at);
      if (view.readUInt16BE(end) === DNS.soa) zones.push(name);
      at = end + 10 + view.readUInt16BE(end + 8);
    }
    return { id: view.readUInt16BE(0), code: view.readUInt16BE(2) & 0x0f, zones };
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function header(id: number, flags: number, counts: readonly number[]): Uint8Array {
  return words(id, flags, ...counts);
}

function writeName(name: string): Uint8Array {
  const labels = name.split(".").filter((label) => label !== "");
  return Buffer.concat([
    ...labels.map((label) =>
      Buffer.concat([Buffer.of(label.length), Buffer.from(label, "latin1")]),
    ),
    Buffer.of(0),
  ]);
}

/** A name that may go on elsewhere (RFC 1035 §4.1.4). @throws RangeError */
function readName(view: Buffer, start: number): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let end = -1;
  let at = start;
  for (let steps = 0; steps < 128; steps++) {
    const length = view.readUInt8(at);
    if (length === 0) return { name: labels.join("."), end: end < 0 ? at + 1 : end };
    if (length >= 0xc0) {
      if (end < 0) end = at + 2;
      at = view.readUInt16BE(at) & 0x3fff;
    } else {
      labels.push(view.toString("latin1", at + 1, at + 1 + length).toLowerCase());
      at += length + 1;
    }
  }
  throw new RangeError("a name without end");
}

function words(...numbers: readonly number[]): Uint8Array {
  const bytes = Buffer.alloc(numbers.length * 2);
  numbers.forEach((number, index) => bytes.writeUInt16BE(number, index * 2));
  return bytes;
}

function long(number: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(number);
  return bytes;
}
