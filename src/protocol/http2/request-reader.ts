/**
 * The fields of a block into the head of a request (RFC 9113 §8.3), which then looks as if it had come over HTTP/1.1: the
 * target is read by the request line's own reader, `:authority` stands in the list as Host, cookies are one field.
 *
 * There are two ways to be wrong. What HTTP/2 calls malformed is a stream error; what HTTP/1.1 would refuse gets the
 * answer that it gets there.
 */

import { latin1 } from "#core/bytes/latin1.ts";
import type { FailureCode } from "#core/errors.ts";
import { AuthorityTable } from "#core/http/authority-table.ts";
import { type Authority, sameAuthority } from "#core/http/authority.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import { HEADER, HEADER_NAMES, UNKNOWN_HEADER } from "#core/http/header-names.ts";
import { spellsIgnoringCase } from "#core/http/list-value.ts";
import type { RequestHead } from "#core/http/message.ts";
import { expectsContinue, readContentLength } from "../http1/field-values.ts";
import {
  FRESH_ARENA,
  KEPT_ARENA,
  MAX_FIELDS,
  MAX_HEAD,
  MAX_REQUEST_LINE,
} from "../http1/limits.ts";
import { LINE_COMPLETE, RequestLine } from "../http1/request-line.ts";
import { FLAW_MALFORMED, flawsOf } from "./field-flaws.ts";
import type { FieldSink, HpackDecoder } from "./hpack/decoder.ts";
import { DEFAULT_URGENCY, readPriority } from "./payloads.ts";

/** The head is filled. */
export const HEAD_READ = 0;
/** Malformed (RFC 9113 §8.1.1): the stream is to be reset with PROTOCOL_ERROR. */
export const HEAD_MALFORMED = 1;
/** To be answered with the status of `fault`. */
export const HEAD_REFUSED = 2;
/** The block cannot be decoded: the end of the connection, COMPRESSION_ERROR. */
export const HEAD_UNREADABLE = 3;
export type HeadAnswer = 0 | 1 | 2 | 3;

const COLON = 0x3a;
const SLASH = 0x2f;
const ASTERISK = 0x2a;
const LETTER_P = 0x70;

/** Of all connections: each has few hosts, but they are the same ones. */
const AUTHORITIES = new AuthorityTable();
/** The request line as HTTP/1.1 would have it, and its reader. One will do: nothing is kept between two requests. */
const LINE = new RequestLine();
const LINE_BYTES: Uint8Array = new Uint8Array(MAX_REQUEST_LINE + 256);
const LINE_END = " HTTP/1.1\r\n";

/** By header id: 1 = of one connection of HTTP/1, never in HTTP/2 (RFC 9113 §8.2.2). */
const CONNECTION_SPECIFIC = new Uint8Array(HEADER_NAMES.length);
for (const name of [
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
] as const) {
  CONNECTION_SPECIFIC[HEADER[name]] = 1;
}

/** By header id: 1 = looked at more closely. */
const EXAMINED: Uint8Array = CONNECTION_SPECIFIC.slice();
EXAMINED[HEADER["content-length"]] = 1;
EXAMINED[HEADER.cookie] = 1;
EXAMINED[HEADER.expect] = 1;
EXAMINED[HEADER.host] = 1;
EXAMINED[HEADER.te] = 1;

/** Reads the heads of the requests of one connection, one after the other. */
export class RequestReader implements FieldSink {
  readonly flawsOf: FieldSink["flawsOf"] = flawsOf;
  fault: FailureCode = "request_malformed";
  detail = "";
  /** Of the head that was read: RFC 9218 §4.1. */
  urgency: number = DEFAULT_URGENCY;
  // Set before each head.
  #head!: RequestHead;
  #list!: HeaderList;
  #malformed = "";
  #fieldSeen = false;
  #method: string | null = null;
  #scheme: string | null = null;
  #protocol: string | null = null;
  #path: string | null = null;
  #authoritySeen = false;
  /** Index of the entry that stands for the authority. */
  #host = -1;
  #hosts = 0;
  #authority: Authority | null = null;
  #contentLength = -1;
  #contentLengths = 0;
  #cookies = 0;
  #fields = 0;
  #expect = false;
  #tooLarge = false;
  #refused = "";

  /** The head is larger than it may be, and will be refused. */
  get full(): boolean {
    return this.#tooLarge;
  }

  /** Reads one block, `bytes` from `start` to `end`, into `head`, which has been reset. */
  read(
    decoder: HpackDecoder,
    bytes: Uint8Array,
    start: number,
    end: number,
    head: RequestHead,
    endStream: boolean,
  ): HeadAnswer {
    this.#head = head;
    this.#list = head.headers;
    this.#malformed = this.#refused = "";
    this.#fieldSeen = this.#authoritySeen = this.#expect = this.#tooLarge = false;
    this.#method = this.#scheme = this.#path = this.#protocol = null;
    this.#host = this.#contentLength = -1;
    this.#hosts = this.#contentLengths = this.#cookies = this.#fields = 0;
    head.version = 20;
    this.urgency = DEFAULT_URGENCY;
    if (!decoder.decode(bytes, start, end, head.headers, this)) {
      this.detail = decoder.detail;
      return HEAD_UNREADABLE;
    }
    const answer = this.#complete(endStream);
    const { headers } = head;
    if (answer !== HEAD_READ && headers.bytes.length > KEPT_ARENA) {
      headers.reset();
      headers.bytes = new Uint8Array(FRESH_ARENA);
    }
    return answer;
  }

  // ── the fields ──────────────────────────────────────────────────────────────────────────────────────

  onStaticPseudo(name: string, value: string): void {
    this.#pseudo(name, value);
  }

  onField(
    id: number,
    nameStart: number,
    nameEnd: number,
    valueStart: number,
    valueEnd: number,
    flaws: number,
  ): void {
    const list = this.#list;
    const arena = list.bytes;
    if (flaws !== 0) {
      this.#note(flaws, latin1(arena, nameStart, Math.min(nameEnd, nameStart + 40)));
      list.used = nameStart;
      return;
    }
    if (arena[nameStart] === COLON) {
      this.#pseudoInArena(nameStart, nameEnd, valueStart, valueEnd);
      return;
    }
    this.#fieldSeen = true;
    if (list.used > MAX_HEAD || this.#fields === MAX_FIELDS) {
      this.#tooLarge = true;
      list.used = nameStart;
      return;
    }
    if (EXAMINED[id] === 1) {
      if (!this.#examine(id, nameStart, valueStart, valueEnd)) return;
    } else if (id === UNKNOWN_HEADER && isPriority(arena, nameStart, nameEnd)) {
      this.urgency = readPriority(arena, valueStart, valueEnd);
    }
    this.#fields++;
    list.addEntry(id, nameStart, nameEnd, valueStart, valueEnd);
  }

  #note(flaws: number, name: string): void {
    if ((flaws & FLAW_MALFORMED) !== 0) this.#malformed = `illegal byte in the field ${name}`;
    else this.#refused = `illegal byte in the field ${name}`;
  }

  /** False: the field does not go into the list. */
  #examine(id: number, nameStart: number, valueStart: number, valueEnd: number): boolean {
    const list = this.#list;
    const arena = list.bytes;
    switch (id) {
      case HEADER["content-length"]:
        this.#contentLengths++;
        this.#contentLength = readContentLength(arena, valueStart, valueEnd);
        return true;
      case HEADER.cookie:
        // Crumbs of one cookie field count as one (RFC 9113 §8.2.3).
        if (this.#cookies++ > 0) this.#fields--;
        return true;
      case HEADER.expect:
        this.#expect = true;
        return true;
      case HEADER.host:
        this.#hosts++;
        if (this.#host < 0) {
          this.#host = list.count;
          this.#authority = AUTHORITIES.read(arena, valueStart, valueEnd).authority;
          return true;
        }
        this.#compareHost(valueStart, valueEnd);
        list.used = nameStart;
        return false;
      case HEADER.te:
        if (!spellsIgnoringCase(arena, valueStart, valueEnd, "trailers")) {
          this.#malformed = "TE other than trailers";
        }
        return true;
      default:
        this.#malformed = `${HEADER_NAMES[id]} in HTTP/2`;
        return true;
    }
  }

  /** A second name for the same thing: `Host` beside `:authority`. */
  #compareHost(valueStart: number, valueEnd: number): void {
    if (this.#hosts > 1 || !this.#authoritySeen) return;
    const { authority } = AUTHORITIES.read(this.#list.bytes, valueStart, valueEnd);
    if (authority === null || this.#authority === null) this.#authority = null;
    else if (!sameAuthority(this.#authority, authority, this.#scheme === "https" ? 443 : 80)) {
      this.#malformed = ":authority and Host differ";
    }
  }

  #pseudoInArena(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    const list = this.#list;
    const arena = list.bytes;
    const name = latin1(arena, nameStart, nameEnd);
    if (name !== ":authority") {
      const value = latin1(arena, valueStart, valueEnd);
      list.used = nameStart;
      this.#pseudo(name, value);
      return;
    }
    list.used = nameStart;
    if (this.#fieldSeen || this.#authoritySeen) {
      this.#malformed = ":authority repeated or late";
      return;
    }
    this.#authoritySeen = true;
    const value = latin1(arena, valueStart, valueEnd);
    if (value === "") return;
    this.#authority = AUTHORITIES.read(arena, valueStart, valueEnd).authority;
    this.#host = list.count;
    list.appendUnchecked("host", value);
  }

  #pseudo(name: string, value: string): void {
    if (this.#fieldSeen) this.#malformed = `${name} behind fields`;
    else if (name === ":method" && this.#method === null) this.#method = value;
    else if (name === ":path" && this.#path === null) this.#path = value;
    else if (name === ":scheme" && this.#scheme === null) this.#scheme = value;
    else if (name === ":protocol" && this.#protocol === null) this.#protocol = value;
    else this.#malformed = `${name} unknown or repeated`;
  }

  // ── the whole ───────────────────────────────────────────────────────────────────────────────────────

  #complete(endStream: boolean): HeadAnswer {
    if (this.#malformed !== "") return this.#isMalformed(this.#malformed);
    const method = this.#method;
    // What is asked of CONNECT is another thing, and is refused in any case (RFC 9113 §8.5).
    const isConnect = method === "CONNECT";
    if (method === null) return this.#isMalformed("no :method");
    if (this.#protocol !== null) {
      if (!isConnect) return this.#isMalformed(":protocol without CONNECT");
    } else if (isConnect) return this.#refuse("method_not_allowed", "CONNECT");
    if (this.#scheme === null) return this.#isMalformed("no :scheme");
    const path = this.#path;
    if (path === null || path === "") return this.#isMalformed("no :path");
    const first = path.charCodeAt(0);
    if (first !== SLASH && (first !== ASTERISK || path !== "*")) {
      return this.#isMalformed(":path is not a path");
    }
    if (this.#contentLengths > 0 && endStream && this.#contentLength > 0) {
      return this.#isMalformed("Content-Length without DATA");
    }
    if (this.#tooLarge) return this.#refuse("request_head_too_large", "head too large");
    if (this.#refused !== "") return this.#refuse("request_malformed", this.#refused);
    if (this.#scheme !== "http" && this.#scheme !== "https") {
      return this.#refuse("request_target_invalid", ":scheme is not http");
    }
    const answer = this.#readLine(isConnect ? "GET" : method, path);
    if (answer !== HEAD_READ) return answer;
    if (!this.#locate()) return HEAD_REFUSED;
    if (isConnect) {
      if (!this.#connect(endStream)) return HEAD_REFUSED;
    } else if (!this.#frame(endStream)) return HEAD_REFUSED;
    if (this.#cookies > 1) joinCookies(this.#list);
    return HEAD_READ;
  }

  #isMalformed(detail: string): HeadAnswer {
    this.fault = "request_malformed";
    this.detail = detail;
    return HEAD_MALFORMED;
  }

  #refuse(fault: FailureCode, detail: string): HeadAnswer {
    this.fault = fault;
    this.detail = detail;
    return HEAD_REFUSED;
  }

  /** Method and target pass the reader of request lines, written as one. */
  #readLine(method: string, path: string): HeadAnswer {
    const length = method.length + path.length + LINE_END.length + 1;
    if (length - 2 > MAX_REQUEST_LINE) {
      return this.#refuse("request_line_too_long", "request line too long");
    }
    let at = put(method, 0);
    LINE_BYTES[at++] = 0x20;
    at = put(LINE_END, put(path, at));
    LINE_BYTES[at] = 0;
    LINE.reset();
    if (LINE.read(LINE_BYTES, at) !== LINE_COMPLETE) return this.#refuse(LINE.fault, LINE.detail);
    if (LINE.end !== at) return this.#isMalformed("line end in :method or :path");
    this.#head.method = LINE.method;
    this.#head.target = LINE.target;
    return HEAD_READ;
  }

  #locate(): boolean {
    this.fault = "request_host_invalid";
    this.detail = "no authority";
    if (this.#host < 0) return false;
    this.detail = "repeated Host";
    if (this.#hosts > 1) return false;
    this.detail = "invalid authority";
    if (this.#authority === null) return false;
    this.#head.authority = this.#list.valueAt(this.#host);
    this.#head.readAuthority = this.#authority;
    return true;
  }

  /** An extended CONNECT stands for the upgrade of HTTP/1.1 (RFC 8441 §5). */
  #connect(endStream: boolean): boolean {
    const head = this.#head;
    this.fault = "upgrade_invalid";
    this.detail = "extended CONNECT for anything but a WebSocket";
    if (this.#protocol !== "websocket") return false;
    this.detail = "extended CONNECT with a body, or at its end";
    if (endStream || this.#contentLengths > 0) return false;
    head.upgrade = this.#protocol;
    head.connects = true;
    return true;
  }

  #frame(endStream: boolean): boolean {
    const head = this.#head;
    if (this.#contentLengths > 0) {
      this.fault = "request_framing";
      this.detail = "repeated or malformed Content-Length";
      if (this.#contentLengths > 1 || this.#contentLength < 0) return false;
      head.framing = "length";
      head.contentLength = this.#contentLength;
    } else head.framing = endStream ? "none" : "chunked";
    head.expectContinue = this.#expect && !endStream && expectsContinue(head.headers);
    return true;
  }
}

function isPriority(bytes: Uint8Array, start: number, end: number): boolean {
  return bytes[start] === LETTER_P && spellsIgnoringCase(bytes, start, end, "priority");
}

function put(text: string, at: number): number {
  for (let i = 0; i < text.length; i++) LINE_BYTES[at + i] = text.charCodeAt(i);
  return at + text.length;
}

/** Crumbs of cookies become one field again (RFC 9113 §8.2.3). */
function joinCookies(list: HeaderList): void {
  const crumbs: string[] = [];
  for (let i = list.indexOf(HEADER.cookie); i >= 0; i = list.indexOf(HEADER.cookie, i + 1)) {
    crumbs.push(list.valueAt(i));
    list.deleteAt(i);
  }
  list.appendUnchecked("cookie", crumbs.join("; "));
}
