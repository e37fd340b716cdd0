/**
 * Lines of the access log in JSON, written as bytes: what `jsonLine` says, without a chain of texts for each line. A record with a text that is long, or has a character to escape or beyond ASCII, is left to `jsonLine`.
 */

import { ascii, type ByteWriter } from "#core/bytes/writer.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import { HEADER } from "#core/http/header-names.ts";
import type { ExchangeRecord } from "#model/record.ts";
import { redactQuery } from "../redact.ts";
import { LEVELS } from "./json.ts";
import { protocolOf } from "./limits.ts";

/** No limit of a line is below this: shorter texts are not clipped. */
const LONGEST = 1024;

/** By character: 1 = stands in a string of JSON as it is. */
const IS_PLAIN: Uint8Array = Uint8Array.from({ length: 256 }, (_, code) =>
  code >= 0x20 && code <= 0x7e && code !== 0x22 && code !== 0x5c ? 1 : 0,
);

/** The same without `?`: there is no query that could hold a secret. */
const IS_PLAIN_PATH: Uint8Array = IS_PLAIN.slice();
IS_PLAIN_PATH[0x3f] = 0;

const QUOTE = 0x22;
const ZERO = 0x30;
const POINT = 0x2e;

const LEVEL_TIME = ascii(`{"level":${LEVELS.info},"time":`);
const MESSAGE = ascii(',"msg":"request"');
const REQUEST_ID = ascii(',"requestId":"');
const CLIENT = ascii(',"client":"');
const HOST = ascii(',"host":"');
const PATH = ascii(',"path":"');
const PROTOCOL_11_STATUS = ascii(',"protocol":"HTTP/1.1","status":');
const PROTOCOL = ascii(',"protocol":"');
const STATUS = ascii(',"status":');
const BYTES_IN = ascii(',"bytesIn":');
const BYTES_OUT = ascii(',"bytesOut":');
const USER_AGENT = ascii(',"userAgent":"');
const REFERER = ascii(',"referer":"');
const ATTEMPTS = ascii(',"attempts":');
const TIMING = ascii(',"timing":{');
const QUEUE = ascii('"queue":');
const CONNECT = ascii(',"connect":');
const FIRST_BYTE = ascii(',"firstByte":');
const TOTAL = ascii(',"total":');
const END = ascii("}}\n");

/** A property, unless it is ""; false if it cannot be written as it is. `name` up to the quote before the value. */
function text(writer: ByteWriter, name: Uint8Array, value: string): boolean {
  const { length } = value;
  if (length === 0) return true;
  if (length > LONGEST) return false;
  writer.constant(name);
  writer.reserve(length + 1);
  const { bytes } = writer;
  let at = writer.end;
  for (let i = 0; i < length; i++) {
    const code = value.charCodeAt(i);
    if (IS_PLAIN[code] !== 1) return false;
    bytes[at++] = code;
  }
  bytes[at++] = QUOTE;
  writer.end = at;
  return true;
}

/** A property that often has the value that it had in the line before. */
class Recurring {
  readonly #name: Uint8Array;
  #value = "";
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(name: string) {
    this.#name = ascii(`,"${name}":"`);
  }

  /** As `text` does. */
  write(writer: ByteWriter, value: string): boolean {
    if (value === this.#value) {
      writer.constant(this.#bytes);
      return true;
    }
    const { end } = writer;
    if (!text(writer, this.#name, value)) return false;
    this.#value = value;
    this.#bytes = writer.bytes.slice(end, writer.end);
    return true;
  }
}

/** Writes lines. */
export class JsonLines {
  readonly #writer: ByteWriter;
  readonly #method: Recurring = new Recurring("method");
  readonly #scheme: Recurring = new Recurring("scheme");
  readonly #route: Recurring = new Recurring("route");
  readonly #upstream: Recurring = new Recurring("upstream");
  readonly #endpoint: Recurring = new Recurring("endpoint");

  /** @param writer where lines are written */
  constructor(writer: ByteWriter) {
    this.#writer = writer;
  }

  /** Writes the line of a record. False: it has to be written by `jsonLine`, and what was written of it is void. */
  write(record: ExchangeRecord): boolean {
    return (
      record.failure === null && record.upgrade === "" && record.attempts > 0 && this.#line(record)
    );
  }

  #line(record: ExchangeRecord): boolean {
    const writer = this.#writer;
    const total = Math.max(record.totalMs, 0);
    writer.constant(LEVEL_TIME);
    this.#time(Math.round(record.startedWall + total));
    writer.constant(MESSAGE);
    const read =
      text(writer, REQUEST_ID, record.requestId) &&
      text(writer, CLIENT, record.clientIp) &&
      this.#method.write(writer, record.method) &&
      this.#scheme.write(writer, record.scheme) &&
      text(writer, HOST, record.host) &&
      text(writer, PATH, redactQuery(record.target));
    if (!read) return false;
    if (record.version === 11) {
      writer.constant(PROTOCOL_11_STATUS);
    } else {
      if (!text(writer, PROTOCOL, protocolOf(record))) return false;
      writer.constant(STATUS);
    }
    this.#whole(record.status);
    writer.constant(BYTES_IN);
    this.#whole(record.requestBytes);
    writer.constant(BYTES_OUT);
    this.#whole(record.responseBytes);
    const forwarded =
      (this.#field(USER_AGENT, record.fields, HEADER["user-agent"], IS_PLAIN) ||
        text(writer, USER_AGENT, record.userAgent)) &&
      (this.#field(REFERER, record.fields, HEADER.referer, IS_PLAIN_PATH) ||
        text(writer, REFERER, redactQuery(record.referer))) &&
      this.#route.write(writer, record.route) &&
      this.#upstream.write(writer, record.upstream) &&
      this.#endpoint.write(writer, record.endpoint);
    if (!forwarded) return false;
    writer.constant(ATTEMPTS);
    this.#whole(record.attempts);
    return this.#timing(record, total);
  }

  #timing(record: ExchangeRecord, total: number): boolean {
    const { queueMs, connectMs, firstByteMs } = record;
    const writer = this.#writer;
    // What did not happen is left out, which is rare once there was an attempt.
    if (!(queueMs >= 0 && connectMs >= 0 && firstByteMs >= 0)) return false;
    writer.constant(TIMING);
    writer.constant(QUEUE);
    this.#hundredths(queueMs);
    writer.constant(CONNECT);
    this.#hundredths(connectMs);
    writer.constant(FIRST_BYTE);
    this.#hundredths(firstByteMs);
    writer.constant(TOTAL);
    this.#hundredths(total);
    writer.constant(END);
    return true;
  }

  /** The property of a request's field out of its bytes, which is half the work; false if its text has to be looked at. */
  #field(name: Uint8Array, fields: HeaderList | null, id: number, plain: Uint8Array): boolean {
    if (fields === null) return false;
    const index = fields.indexOf(id);
    if (index < 0) return true;
    const from = fields.valueStartAt(index);
    const length = fields.valueEndAt(index) - from;
    if (length === 0 || length > LONGEST) return false;
    const writer = this.#writer;
    writer.reserve(name.length + length + 1);
    const { bytes, end } = writer;
    const source = fields.bytes;
    let at = end + name.length;
    for (let i = 0; i < length; i++) {
      const byte = source[from + i]!;
      if (plain[byte] !== 1) return false;
      bytes[at++] = byte;
    }
    writer.constant(name);
    bytes[at++] = QUOTE;
    writer.end = at;
    return true;
  }

  /** As JSON writes a number. */
  #whole(value: number): void {
    if (value >= 0 && (value | 0) === value) this.#writer.decimal(value);
    else this.#writer.latin1(String(value));
  }

  /** Epoch milliseconds, by seconds: these are small numbers until 2038. */
  #time(value: number): void {
    const seconds = Math.floor(value / 1000);
    if (seconds < 1 || seconds > 0x7fff_ffff) return this.#whole(value);
    const rest = value - seconds * 1000;
    this.#writer.decimal(seconds);
    const tens = (rest / 10) | 0;
    const hundreds = (rest / 100) | 0;
    this.#writer.byte(ZERO + hundreds);
    this.#writer.byte(ZERO + tens - hundreds * 10);
    this.#writer.byte(ZERO + rest - tens * 10);
  }

  /** Milliseconds with two decimals, without zeros at the end. */
  #hundredths(value: number): void {
    const all = Math.round(value * 100);
    if (all > 0x7fff_ffff) return this.#writer.latin1(String(all / 100));
    const whole = (all / 100) | 0;
    const rest = all - whole * 100;
    this.#writer.decimal(whole);
    if (rest === 0) return;
    const tens = (rest / 10) | 0;
    this.#writer.byte(POINT);
    this.#writer.byte(ZERO + tens);
    if (rest !== tens * 10) this.#writer.byte(ZERO + rest - tens * 10);
  }
}
