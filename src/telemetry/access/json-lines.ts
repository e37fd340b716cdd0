/**
 * Lines of the access log in JSON, written as bytes: what `jsonLine` says, without a chain of texts for each line. What
 * stands between the values is copied eight bytes at a time, and with it the values that are the same in many lines.
 * A record with a text that is long, or has a character to escape or beyond ASCII, is left to `jsonLine`.
 */

import type { ByteWriter } from "#core/bytes/writer.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import { HEADER } from "#core/http/header-names.ts";
import type { ExchangeRecord } from "#model/record.ts";
import { redactQuery } from "../redact.ts";
import { LEVELS, property } from "./json.ts";
import { protocolOf } from "./limits.ts";
import { Phrase } from "./phrase.ts";

/** No limit of a line is below this: shorter texts are not clipped. */
const LONGEST = 1024;

/** More than all that is neither a text nor remembered takes: names, numbers, and what a phrase writes behind its end. */
const FRAME = 512;

const QUOTE = 0x22;
const ZERO = 0x30;
const POINT = 0x2e;

/** Cannot stand in a string of JSON as it is. */
const TO_ESCAPE = 1;
/** Can, but in a path there may be a secret behind it. */
const QUERY = 2;
/** By code of a character. */
const MARKS: Uint8Array = Uint8Array.from({ length: 0x1_0000 }, (_, code) =>
  code >= 0x20 && code <= 0x7e && code !== QUOTE && code !== 0x5c ? 0 : TO_ESCAPE,
);
MARKS[0x3f] = QUERY;

/** Four of each in a word, and the high bit of each byte. */
const QUOTES = 0x22222222;
const BACKSLASHES = 0x5c5c5c5c;
const QUERIES = 0x3f3f3f3f;
const HIGH_BITS = 0x80808080;

/** Has a high bit set, among others, if a byte of the word is 0. */
function zeroesIn(word: number): number {
  return (word - 0x01010101) & ~word;
}

/** Has a high bit set, among others, if a byte of the word cannot stand in a string of JSON as it is. */
function escapesIn(word: number): number {
  // Below a blank; DEL, or beyond ASCII.
  const controls = ((word - 0x20202020) & ~word) | (word + 0x01010101) | word;
  return controls | zeroesIn(word ^ QUOTES) | zeroesIn(word ^ BACKSLASHES);
}

const REQUEST_ID = new Phrase(',"msg":"request","requestId":"');
const CLIENT = new Phrase(',"client":"');
const HOST = new Phrase(',"host":"');
const PATH = new Phrase(',"path":"');
const BYTES_OUT = new Phrase(',"bytesOut":');
const USER_AGENT = new Phrase(',"userAgent":"');
const REFERER = new Phrase(',"referer":"');
const CONNECT = new Phrase(',"connect":');
const FIRST_BYTE = new Phrase(',"firstByte":');
const TOTAL = new Phrase(',"total":');
const END = new Phrase("}}\n");

/** How a request was made: few ways, and mostly that of the request before. */
class Way {
  #method = "";
  #scheme = "";
  #phrase = new Phrase("");

  phrase({ method, scheme }: ExchangeRecord): Phrase {
    if (method !== this.#method || scheme !== this.#scheme) {
      this.#method = method;
      this.#scheme = scheme;
      this.#phrase = new Phrase(property("method", method) + property("scheme", scheme));
    }
    return this.#phrase;
  }
}

/** Protocol and status, up to the number of bytes that came in. */
class Verdict {
  #version = 0;
  #status = -1;
  #phrase = new Phrase("");

  phrase(record: ExchangeRecord): Phrase {
    const { version, status } = record;
    if (version !== this.#version || status !== this.#status) {
      this.#version = version;
      this.#status = status;
      const text = `,"protocol":"${protocolOf(record)}","status":${status},"bytesIn":`;
      this.#phrase = new Phrase(text);
    }
    return this.#phrase;
  }
}

/** Where a request went, up to the first of its times. */
class Destination {
  #route = "";
  #upstream = "";
  #endpoint = "";
  #attempts = 0;
  #phrase = new Phrase("");

  phrase({ route, upstream, endpoint, attempts }: ExchangeRecord): Phrase {
    const isKnown =
      route === this.#route &&
      upstream === this.#upstream &&
      endpoint === this.#endpoint &&
      attempts === this.#attempts;
    if (!isKnown) {
      this.#route = route;
      this.#upstream = upstream;
      this.#endpoint = endpoint;
      this.#attempts = attempts;
      const names =
        property("route", route) + property("upstream", upstream) + property("endpoint", endpoint);
      this.#phrase = new Phrase(`${names},"attempts":${attempts},"timing":{"queue":`);
    }
    return this.#phrase;
  }
}

/** Destinations that are remembered: a power of two. One that falls on the place of another takes it. */
const DESTINATIONS = 64;

/** Writes lines. */
export class JsonLines {
  readonly #writer: ByteWriter;
  #bytes: Uint8Array;
  /** The same memory. */
  #view: DataView;
  readonly #way: Way = new Way();
  readonly #verdict: Verdict = new Verdict();
  readonly #destinations: readonly Destination[] = Array.from(
    { length: DESTINATIONS },
    () => new Destination(),
  );
  /** What the characters of a line are. */
  #marks = 0;
  /** How all lines of a second begin. */
  #second = 0;
  #beginning = new Phrase("");

  /** @param writer where lines are written */
  constructor(writer: ByteWriter) {
    this.#writer = writer;
    this.#bytes = writer.bytes;
    this.#view = viewOf(writer.bytes);
  }

  /** Writes the line of a record. False: it has to be written by `jsonLine`, and nothing was written. */
  write(record: ExchangeRecord): boolean {
    const { fields, queueMs, connectMs, firstByteMs } = record;
    const { failure, upgrade, attempts, filterActions } = record;
    if (failure !== null || upgrade !== "" || attempts === 0 || filterActions !== null)
      return false;
    // What did not happen is left out, which is rare once there was an attempt.
    if (fields === null || !(queueMs >= 0 && connectMs >= 0 && firstByteMs >= 0)) return false;
    const end = this.#line(record, fields);
    if (end < 0) return false;
    this.#writer.end = end;
    return true;
  }

  /** @returns where the line ends, or -1 */
  #line(record: ExchangeRecord, fields: HeaderList): number {
    const { requestId, clientIp, host, target } = record;
    const agent = fields.indexOf(HEADER["user-agent"]);
    const referer = fields.indexOf(HEADER.referer);
    const texts = requestId.length + clientIp.length + host.length + target.length;
    const values = lengthOf(fields, agent) + lengthOf(fields, referer);
    if (texts > LONGEST || values > LONGEST || requestId === "" || target === "") return -1;
    const way = this.#way.phrase(record);
    const verdict = this.#verdict.phrase(record);
    const destination = this.#destination(record);
    const total = Math.max(record.totalMs, 0);
    const ended = Math.round(record.startedWall + total);
    const seconds = Math.floor(ended / 1000);
    if (seconds < 1) return -1;
    this.#reserve(FRAME + texts + values + way.length + verdict.length + destination.length);

    const view = this.#view;
    this.#marks = 0;
    let at = this.#time(this.#writer.end, seconds, ended - seconds * 1000);
    at = this.#text(REQUEST_ID.write(view, at), requestId);
    if (clientIp !== "") at = this.#text(CLIENT.write(view, at), clientIp);
    at = way.write(view, at);
    if (host !== "") at = this.#text(HOST.write(view, at), host);
    at = this.#text(PATH.write(view, at), target);
    if ((this.#marks & QUERY) !== 0 && redactQuery(target) !== target) return -1;
    at = verdict.write(view, at);
    at = this.#whole(at, record.requestBytes);
    at = this.#whole(BYTES_OUT.write(view, at), record.responseBytes);
    if (agent >= 0) at = this.#value(at, USER_AGENT, fields, agent);
    if (referer >= 0) {
      this.#marks &= ~QUERY;
      at = this.#value(at, REFERER, fields, referer);
      const isSuspect = (this.#marks & QUERY) !== 0;
      if (isSuspect && redactQuery(record.referer) !== record.referer) return -1;
    }
    if ((this.#marks & TO_ESCAPE) !== 0) return -1;
    at = destination.write(view, at);
    at = this.#hundredths(at, record.queueMs);
    at = this.#hundredths(CONNECT.write(view, at), record.connectMs);
    at = this.#hundredths(FIRST_BYTE.write(view, at), record.firstByteMs);
    at = this.#hundredths(TOTAL.write(view, at), total);
    return END.write(view, at);
  }

  #destination(record: ExchangeRecord): Phrase {
    const place = (record.routeSlot * 7 + record.endpointSlot) & (DESTINATIONS - 1);
    return this.#destinations[place]!.phrase(record);
  }

  #reserve(length: number): void {
    const writer = this.#writer;
    writer.reserve(length);
    if (writer.bytes === this.#bytes) return;
    this.#bytes = writer.bytes;
    this.#view = viewOf(writer.bytes);
  }

  /** Writes the quote behind it, too. */
  #text(start: number, value: string): number {
    const bytes = this.#bytes;
    let at = start;
    let marks = 0;
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      marks |= MARKS[code]!;
      bytes[at++] = code;
    }
    this.#marks |= marks;
    bytes[at] = QUOTE;
    return at + 1;
  }

  /** The property of a request's field; nothing if its value is empty. */
  #value(start: number, name: Phrase, fields: HeaderList, index: number): number {
    const from = fields.valueStartAt(index);
    const end = fields.valueEndAt(index);
    if (from === end) return start;
    const source = fields.view;
    const target = this.#view;
    let at = name.write(target, start);
    let i = from;
    let escapes = 0;
    let queries = 0;
    for (const words = end - 3; i < words; i += 4, at += 4) {
      const word = source.getInt32(i, true);
      escapes |= escapesIn(word);
      queries |= zeroesIn(word ^ QUERIES);
      target.setInt32(at, word, true);
    }
    let marks =
      ((escapes & HIGH_BITS) === 0 ? 0 : TO_ESCAPE) | ((queries & HIGH_BITS) === 0 ? 0 : QUERY);
    for (; i < end; i++, at++) {
      const byte = source.getUint8(i);
      marks |= MARKS[byte]!;
      target.setUint8(at, byte);
    }
    this.#marks |= marks;
    target.setUint8(at, QUOTE);
    return at + 1;
  }

  /** As JSON writes a number. */
  #whole(start: number, value: number): number {
    const bytes = this.#bytes;
    if (!(value >= 0 && (value | 0) === value)) return ascii(bytes, start, String(value));
    let end = start + 1;
    for (let power = 10; power <= value; power *= 10) end++;
    let rest = value;
    for (let at = end - 1; at >= start; at--) {
      const next = (rest / 10) | 0;
      bytes[at] = ZERO + rest - next * 10;
      rest = next;
    }
    return end;
  }

  /** Milliseconds with two decimals, without zeros at the end. */
  #hundredths(start: number, value: number): number {
    const bytes = this.#bytes;
    const all = Math.round(value * 100);
    if (all > 0x7fff_ffff) return ascii(bytes, start, String(all / 100));
    const whole = (all / 100) | 0;
    const rest = all - whole * 100;
    const at = this.#whole(start, whole);
    if (rest === 0) return at;
    const tens = (rest / 10) | 0;
    bytes[at] = POINT;
    bytes[at + 1] = ZERO + tens;
    if (rest === tens * 10) return at + 2;
    bytes[at + 2] = ZERO + rest - tens * 10;
    return at + 3;
  }

  /** The time of a line and what stands before it. */
  #time(start: number, seconds: number, rest: number): number {
    if (seconds !== this.#second) {
      this.#second = seconds;
      this.#beginning = new Phrase(`{"level":${LEVELS.info},"time":${seconds}`);
    }
    const at = this.#beginning.write(this.#view, start);
    const bytes = this.#bytes;
    const tens = (rest / 10) | 0;
    const hundreds = (rest / 100) | 0;
    bytes[at] = ZERO + hundreds;
    bytes[at + 1] = ZERO + tens - hundreds * 10;
    bytes[at + 2] = ZERO + rest - tens * 10;
    return at + 3;
  }
}

function lengthOf(fields: HeaderList, index: number): number {
  return index < 0 ? 0 : fields.valueEndAt(index) - fields.valueStartAt(index);
}

function ascii(bytes: Uint8Array, start: number, text: string): number {
  for (let i = 0; i < text.length; i++) bytes[start + i] = text.charCodeAt(i);
  return start + text.length;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
