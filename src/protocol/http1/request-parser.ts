/**
 * Requests out of bytes (RFC 9112). Sans I/O: it is fed what arrives and answers with events. Whatever two
 * servers could read in two ways is refused here, so that nothing behind this parser has to think of it.
 */

import type { FailureCode } from "#core/errors.ts";
import { AuthorityTable } from "#core/http/authority-table.ts";
import { parseAuthority, sameAuthority, type Authority } from "#core/http/authority.ts";
import { HEADER, HEADER_NAMES } from "#core/http/header-names.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import { RequestHead } from "#core/http/message.ts";
import { BodyReader } from "./body-reader.ts";
import { END, FAULT, HEAD, NEED_MORE, type ParseEvent } from "./events.ts";
import { FieldReader, INCOMPLETE, SECTION_END, TOO_LARGE } from "./field-reader.ts";
import {
  expectsContinue,
  OPTION_CLOSE,
  OPTION_KEEP_ALIVE,
  OPTION_UPGRADE,
  readConnectionOptions,
  readContentLength,
  readUpgrade,
} from "./field-values.ts";
import { MAX_FIELDS, MAX_HEAD } from "./limits.ts";
import { LINE_COMPLETE, LINE_INCOMPLETE, RequestLine } from "./request-line.ts";
import {
  CODINGS_CHUNKED,
  CODINGS_NONE,
  CODINGS_OTHER_CHUNKED,
  readCodings,
} from "./transfer-coding.ts";

/** Nothing seen; one empty line is let pass (RFC 9112, 2.2). */
const START = 0;
const EMPTY_LINE_LF = 1;
const AFTER_EMPTY_LINE = 2;
const LINE = 3;
const FIELDS = 4;
const BODY = 5;
const DONE = 6;
const FAILED = 7;
type State = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7;

const LF = 0x0a;
const CR = 0x0d;

/** Of all connections: each has few hosts, but they are the same ones. */
const AUTHORITIES = new AuthorityTable();

/** By header id: 1 = the parser has to look at the value. */
const EXAMINED = new Uint8Array(HEADER_NAMES.length);
EXAMINED[HEADER["content-length"]] = 1;
EXAMINED[HEADER["transfer-encoding"]] = 1;
EXAMINED[HEADER.host] = 1;
EXAMINED[HEADER.connection] = 1;
EXAMINED[HEADER.upgrade] = 1;
EXAMINED[HEADER.expect] = 1;

/** Parses the requests of one connection, one after the other. */
export class RequestParser {
  /** Filled when `next` answers HEAD; the owner may change it. */
  readonly head: RequestHead = new RequestHead();
  /** The authority of the request, read; null where `head.authority` is "". */
  authority: Authority | null = null;
  /** Where to go on in `bytes` after each event. */
  position = 0;
  /** After FAULT. */
  fault: FailureCode = "request_malformed";
  /** After FAULT: what exactly, for the log. */
  faultDetail = "";
  readonly #fields: FieldReader = new FieldReader(this.head.headers, MAX_HEAD, MAX_FIELDS);
  readonly #line: RequestLine = new RequestLine();
  readonly #body: BodyReader = new BodyReader();
  #state: State = START;
  #contentLength = -1;
  #codings = CODINGS_NONE;
  #host = -1;
  #connection = false;
  #upgrade = false;
  #expect = false;

  /** Filled when `next` answers END: fields that may be trailers; others have been dropped. */
  get trailers(): HeaderList {
    return this.#body.trailers;
  }
  /** After DATA: where the body bytes begin in the bytes just passed in. */
  get dataStart(): number {
    return this.#body.dataStart;
  }
  /** After DATA: where they end. */
  get dataEnd(): number {
    return this.#body.dataEnd;
  }
  /** No byte of a message has been seen; an empty line before it does not count. */
  get idle(): boolean {
    return this.#state <= AFTER_EMPTY_LINE;
  }
  /** Some bytes of a head have been seen, and it is not complete. */
  get inHead(): boolean {
    return this.#state === LINE || this.#state === FIELDS;
  }

  /** Ready for the next message on the connection. To be called after END. */
  reset(): void {
    this.head.reset();
    this.#fields.reset();
    this.#line.reset();
    this.#body.begin("none", 0);
    this.authority = null;
    this.#state = START;
    this.#contentLength = -1;
    this.#codings = CODINGS_NONE;
    this.#host = -1;
    this.#connection = this.#upgrade = this.#expect = false;
  }

  /**
   * Consumes bytes from `start` on. To be called again from `position` until it answers NEED_MORE (or
   * FAULT); after HEAD also when no byte is left, because the message may end there. After END it takes
   * nothing until `reset`.
   */
  next(bytes: Uint8Array, start: number, end: number): ParseEvent {
    this.position = start;
    switch (this.#state) {
      case BODY:
        return this.#nextOfBody(bytes, start, end);
      case DONE:
        return NEED_MORE;
      case FAILED:
        this.position = end;
        return FAULT;
      case LINE:
      case FIELDS:
        return this.#readHead(bytes, start, end);
      default:
        return this.#begin(bytes, start, end);
    }
  }

  #begin(bytes: Uint8Array, start: number, end: number): ParseEvent {
    for (let at = start; at < end; at++) {
      const byte = bytes[at];
      if (this.#state === EMPTY_LINE_LF) {
        if (byte !== LF) return this.#fail("request_malformed", "bare CR", end);
        this.#state = AFTER_EMPTY_LINE;
      } else if (byte === CR && this.#state === START) {
        this.#state = EMPTY_LINE_LF;
      } else {
        this.#state = LINE;
        return this.#readHead(bytes, at, end);
      }
    }
    this.position = end;
    return NEED_MORE;
  }

  #readHead(bytes: Uint8Array, start: number, end: number): ParseEvent {
    const fields = this.#fields;
    let at = start;
    while (at < end) {
      at += fields.take(bytes, at, end);
      const event = this.#state === LINE ? this.#readLine(end) : this.#readFields(end);
      if (event === NEED_MORE) continue;
      if (event === HEAD) this.position = at - fields.surplus;
      return event;
    }
    this.position = end;
    return NEED_MORE;
  }

  #readLine(end: number): ParseEvent {
    const { headers } = this.head;
    const line = this.#line;
    const answer = line.read(headers.bytes, headers.used);
    if (answer === LINE_INCOMPLETE) return NEED_MORE;
    if (answer !== LINE_COMPLETE) return this.#fail(line.fault, line.detail, end);
    this.#fields.scan = line.end;
    this.#fields.beginFields();
    this.#state = FIELDS;
    return this.#readFields(end);
  }

  #readFields(end: number): ParseEvent {
    const fields = this.#fields;
    const { headers } = this.head;
    for (;;) {
      const answer = fields.readUntil(EXAMINED);
      if (answer >= 0) {
        const id = headers.idAt(answer);
        if (EXAMINED[id] === 1 && !this.#examine(id, answer, end)) return FAULT;
      } else if (answer === INCOMPLETE) {
        return NEED_MORE;
      } else if (answer === SECTION_END) {
        return this.#complete(end);
      } else if (answer === TOO_LARGE) {
        return this.#fail("request_head_too_large", "head too large", end);
      } else {
        return this.#fail("request_malformed", fields.detail, end);
      }
    }
  }

  /** A field that has to do with framing, routing or the connection; false after a fault. */
  #examine(id: number, index: number, end: number): boolean {
    const { headers } = this.head;
    const valueStart = headers.valueStartAt(index);
    const valueEnd = headers.valueEndAt(index);
    switch (id) {
      case HEADER["content-length"]: {
        if (this.#contentLength >= 0) return this.#misframed("repeated Content-Length", end);
        this.#contentLength = readContentLength(headers.bytes, valueStart, valueEnd);
        return this.#contentLength >= 0 || this.#misframed("malformed Content-Length", end);
      }
      case HEADER["transfer-encoding"]:
        if (this.#line.version === 10) {
          return this.#misframed("Transfer-Encoding in HTTP/1.0", end);
        }
        this.#codings = readCodings(headers.bytes, valueStart, valueEnd, this.#codings);
        return true;
      case HEADER.host:
        if (this.#host >= 0) {
          this.#fail("request_host_invalid", "repeated Host", end);
          return false;
        }
        this.#host = index;
        return true;
      case HEADER.connection:
        this.#connection = true;
        return true;
      case HEADER.upgrade:
        this.#upgrade = true;
        return true;
      default:
        this.#expect = true;
        return true;
    }
  }

  #misframed(detail: string, end: number): false {
    this.#fail("request_framing", detail, end);
    return false;
  }

  #complete(end: number): ParseEvent {
    const { head } = this;
    const line = this.#line;
    head.version = line.version;
    head.method = line.method;
    head.target = line.target;
    if (!this.#frame(end) || !this.#locate(end)) return FAULT;
    const options = this.#connection ? readConnectionOptions(head.headers) : 0;
    if (options < 0) {
      return this.#fail("request_head_too_large", "too many Connection options", end);
    }
    const persistent = line.version === 11;
    head.keepAlive =
      (options & OPTION_CLOSE) === 0 && (persistent || (options & OPTION_KEEP_ALIVE) !== 0);
    if (this.#upgrade && persistent && (options & OPTION_UPGRADE) !== 0) {
      head.upgrade = readUpgrade(head.headers);
    }
    // Without a body there is nothing to wait with (RFC 9110, 10.1.1).
    head.expectContinue =
      this.#expect && persistent && head.framing !== "none" && expectsContinue(head.headers);
    this.#body.begin(head.framing, head.contentLength);
    this.#state = BODY;
    return HEAD;
  }

  /** How the body is framed; false after a fault. */
  #frame(end: number): boolean {
    const { head } = this;
    if (this.#codings !== CODINGS_NONE) {
      if (this.#contentLength >= 0) {
        return this.#misframed("Content-Length and Transfer-Encoding", end);
      }
      if (this.#codings === CODINGS_OTHER_CHUNKED) {
        this.#fail("coding_not_supported", "transfer coding other than chunked", end);
        return false;
      }
      if (this.#codings !== CODINGS_CHUNKED) {
        return this.#misframed("malformed Transfer-Encoding", end);
      }
      head.framing = "chunked";
    } else if (this.#contentLength >= 0) {
      head.framing = "length";
      head.contentLength = this.#contentLength;
    }
    return true;
  }

  /** Which authority the request is for; false after a fault. */
  #locate(end: number): boolean {
    const { head } = this;
    const named = this.#line.authority;
    let host = "";
    if (this.#host < 0 && this.#line.version === 11) return this.#misplaced("no Host", end);
    if (this.#host >= 0) {
      const { bytes } = head.headers;
      const start = head.headers.valueStartAt(this.#host);
      const read = AUTHORITIES.read(bytes, start, head.headers.valueEndAt(this.#host));
      host = read.text;
      this.authority = read.authority;
      if (this.authority === null) return this.#misplaced("invalid Host", end);
    }
    if (named !== "") {
      const authority = parseAuthority(named);
      if (authority === null) return this.#misplaced("invalid authority in the target", end);
      const { defaultPort } = this.#line;
      if (this.authority !== null && !sameAuthority(authority, this.authority, defaultPort)) {
        return this.#misplaced("target and Host differ", end);
      }
      this.authority = authority;
    }
    head.authority = named === "" ? host : named;
    head.readAuthority = this.authority;
    return true;
  }

  #misplaced(detail: string, end: number): false {
    this.#fail("request_host_invalid", detail, end);
    return false;
  }

  #nextOfBody(bytes: Uint8Array, start: number, end: number): ParseEvent {
    const body = this.#body;
    const event = body.next(bytes, start, end);
    this.position = body.position;
    if (event === END) this.#state = DONE;
    else if (event === FAULT) return this.#fail("request_body_malformed", body.detail, end);
    return event;
  }

  #fail(code: FailureCode, detail: string, end: number): ParseEvent {
    this.#state = FAILED;
    this.fault = code;
    this.faultDetail = detail;
    this.position = end;
    return FAULT;
  }
}
