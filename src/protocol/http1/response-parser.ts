/**
 * Responses out of bytes (RFC 9112), by the same grammar as requests: a backend that breaks it could be
 * made to answer one client with what belongs to another.
 */

import type { FailureCode } from "#core/errors.ts";
import { FIELD_VALUE_CHARS } from "#core/http/chars.ts";
import { HEADER, HEADER_NAMES } from "#core/http/header-names.ts";
import { latin1 } from "#core/bytes/latin1.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import { ResponseHead } from "#core/http/message.ts";
import { hasNoResponseBody } from "#core/http/methods.ts";
import { BodyReader } from "./body-reader.ts";
import { END, FAULT, HEAD, INTERIM, NEED_MORE, type ParseEvent } from "./events.ts";
import { FieldReader, INCOMPLETE, SECTION_END, TOO_LARGE } from "./field-reader.ts";
import {
  OPTION_CLOSE,
  OPTION_KEEP_ALIVE,
  OPTION_UPGRADE,
  readConnectionOptions,
  readContentLength,
  readUpgrade,
} from "./field-values.ts";
import { MAX_FIELDS, MAX_HEAD, MAX_INTERIM_RESPONSES } from "./limits.ts";
import {
  CODINGS_CHUNKED,
  CODINGS_NONE,
  CODINGS_OTHER_CHUNKED,
  readCodings,
} from "./transfer-coding.ts";
import { readVersion, VERSION_MALFORMED, VERSION_UNKNOWN } from "./version.ts";

/** No response is expected. */
const IDLE = 0;
/** One is, or the next part of one whose interim head has been told. */
const START = 1;
const LINE = 2;
const FIELDS = 3;
const BODY = 4;
/** After 101: the connection is a tunnel. */
const TUNNEL = 5;
const FAILED = 6;
type State = 0 | 1 | 2 | 3 | 4 | 5 | 6;

// The engine takes a constant of the module itself for one, an imported one not.
const IS_VALUE = FIELD_VALUE_CHARS;

const LF = 0x0a;
const CR = 0x0d;
const SP = 0x20;
const ZERO = 0x30;

/** By header id: 1 = the parser has to look at the value. */
const EXAMINED = new Uint8Array(HEADER_NAMES.length);
EXAMINED[HEADER["content-length"]] = 1;
EXAMINED[HEADER["transfer-encoding"]] = 1;
EXAMINED[HEADER.connection] = 1;
EXAMINED[HEADER.upgrade] = 1;

/** Parses the responses on one upstream connection, one after the other. */
export class ResponseParser {
  /** Filled when `next` answers HEAD or INTERIM; the owner may change it. */
  readonly head: ResponseHead = new ResponseHead();
  /** Where to go on in `bytes` after each event. */
  position = 0;
  /** After FAULT. */
  fault: FailureCode = "response_malformed";
  /** After FAULT: what exactly, for the log. */
  faultDetail = "";
  readonly #fields: FieldReader = new FieldReader(this.head.headers, MAX_HEAD, MAX_FIELDS);
  readonly #body: BodyReader = new BodyReader();
  #state: State = IDLE;
  #method = "";
  #upgradeAsked = "";
  #started = false;
  #bodyStarted = false;
  #interims = 0;
  #lineScan = 0;
  #contentLength = -1;
  #codings = CODINGS_NONE;
  #connection = false;
  #upgrade = false;

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
  /** No response is expected: before the first `expect`, and after END. Bytes that come now are a fault. */
  get idle(): boolean {
    return this.#state === IDLE;
  }
  /** A byte of the expected response, or of an interim one before it, has been seen. */
  get started(): boolean {
    return this.#started;
  }

  /** The head of the final response has been told: what ends the connection now, truncates the body. */
  get bodyStarted(): boolean {
    return this.#bodyStarted;
  }

  /**
   * Makes ready for the response to a request. `upgradeToken`: the protocol in lower case that the request
   * asked to switch to, "" if none.
   */
  expect(requestMethod: string, upgradeToken: string): void {
    this.#method = requestMethod;
    this.#upgradeAsked = upgradeToken;
    this.#started = this.#bodyStarted = false;
    this.#interims = 0;
    this.#restart();
    this.#body.begin("none", 0);
  }

  /**
   * Consumes bytes from `start` on. To be called again from `position` until it answers NEED_MORE (or
   * FAULT); after HEAD also when no byte is left, because the response may end there. After HEAD of a 101
   * the bytes from `position` on belong to the tunnel and it must not be called again.
   */
  next(bytes: Uint8Array, start: number, end: number): ParseEvent {
    this.position = start;
    switch (this.#state) {
      case BODY:
        return this.#nextOfBody(bytes, start, end);
      case FAILED:
        this.position = end;
        return FAULT;
      case TUNNEL:
        throw new Error("the connection is a tunnel; its bytes are no responses");
      case IDLE:
        if (start === end) return NEED_MORE;
        return this.#fail("response_malformed", "bytes that answer no request", end);
      case START:
        if (start === end) return NEED_MORE;
        if (this.#interims > 0) this.#restart();
        this.#started = true;
        this.#state = LINE;
        return this.#readHead(bytes, start, end);
      default:
        return this.#readHead(bytes, start, end);
    }
  }

  /**
   * The connection has ended.
   *
   * @returns END if that is how the body ends, else FAULT: `response_truncated` in a body,
   * `upstream_closed` before or in a head
   */
  finish(): ParseEvent {
    switch (this.#state) {
      case IDLE:
        return END;
      case FAILED:
        return FAULT;
      case BODY:
        if (this.#body.mayEnd) {
          this.#state = IDLE;
          return END;
        }
        return this.#fail("response_truncated", "connection ended in the body", this.position);
      default:
        return this.#fail(
          "upstream_closed",
          this.#started ? "connection ended in the head" : "connection ended before the head",
          this.position,
        );
    }
  }

  #restart(): void {
    this.head.reset();
    this.#fields.reset();
    this.#state = START;
    this.#lineScan = 0;
    this.#contentLength = -1;
    this.#codings = CODINGS_NONE;
    this.#connection = this.#upgrade = false;
  }

  #readHead(bytes: Uint8Array, start: number, end: number): ParseEvent {
    const fields = this.#fields;
    let at = start;
    while (at < end) {
      at += fields.take(bytes, at, end);
      const event = this.#state === LINE ? this.#readLine(end) : this.#readFields(end);
      if (event === NEED_MORE) continue;
      if (event !== FAULT) this.position = at - fields.surplus;
      return event;
    }
    this.position = end;
    return NEED_MORE;
  }

  /** `HTTP-version SP 3DIGIT [ SP [ reason ] ]`: the blank before a missing reason may be missing too. */
  #readLine(end: number): ParseEvent {
    const arena = this.head.headers.bytes;
    const limit = this.head.headers.used;
    let at = this.#lineScan;
    while (IS_VALUE[arena[at]!] === 1) at++;
    this.#lineScan = at;
    if (at > MAX_HEAD) return this.#fail("response_head_too_large", "head too large", end);
    if (at === limit) return NEED_MORE;
    if (arena[at] !== CR) return this.#malformed("control character in the status line", end);
    if (at + 1 === limit) return NEED_MORE;
    if (arena[at + 1] !== LF) return this.#malformed("bare CR", end);
    if (!this.#splitLine(arena, at)) return this.#malformed("malformed status line", end);
    this.#fields.scan = at + 2;
    this.#fields.beginFields();
    this.#state = FIELDS;
    return this.#readFields(end);
  }

  #splitLine(arena: Uint8Array, lineEnd: number): boolean {
    if (lineEnd < 12 || arena[8] !== SP || (lineEnd > 12 && arena[12] !== SP)) return false;
    const version = readVersion(arena, 0, 8);
    if (version === VERSION_MALFORMED || version === VERSION_UNKNOWN) return false;
    let status = 0;
    for (let at = 9; at < 12; at++) {
      const digit = arena[at]! - ZERO;
      if (digit < 0 || digit > 9) return false;
      status = status * 10 + digit;
    }
    const { head } = this;
    head.version = version;
    head.status = status;
    // "OK" is not made anew for every answer.
    if (lineEnd === 15 && arena[13] === 0x4f && arena[14] === 0x4b) head.reason = "OK";
    else head.reason = lineEnd > 13 ? latin1(arena, 13, lineEnd) : "";
    return status >= 100;
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
        return this.#fail("response_head_too_large", "head too large", end);
      } else {
        return this.#malformed(fields.detail, end);
      }
    }
  }

  /** A field that has to do with framing or the connection; false after a fault. */
  #examine(id: number, index: number, end: number): boolean {
    const { head } = this;
    const { headers } = head;
    const valueStart = headers.valueStartAt(index);
    const valueEnd = headers.valueEndAt(index);
    switch (id) {
      case HEADER["content-length"]:
        if (framesNothing(head.status)) return this.#distrust(index);
        if (this.#contentLength >= 0) return this.#misframed("repeated Content-Length", end);
        this.#contentLength = readContentLength(headers.bytes, valueStart, valueEnd);
        return this.#contentLength >= 0 || this.#misframed("malformed Content-Length", end);
      case HEADER["transfer-encoding"]:
        if (framesNothing(head.status)) return this.#distrust(index);
        if (head.version === 10) return this.#misframed("Transfer-Encoding in HTTP/1.0", end);
        this.#codings = readCodings(headers.bytes, valueStart, valueEnd, this.#codings);
        return true;
      case HEADER.connection:
        this.#connection = true;
        return true;
      default:
        this.#upgrade = true;
        return true;
    }
  }

  /**
   * Framing on a status that has no body is dropped. What comes behind a 204 that announced a body may be
   * that body, so the connection is not used for another request.
   */
  #distrust(index: number): true {
    this.head.headers.deleteAt(index);
    this.head.keepAlive = false;
    return true;
  }

  #complete(end: number): ParseEvent {
    const { head } = this;
    const options = this.#connection ? readConnectionOptions(head.headers) : 0;
    if (options < 0) {
      return this.#fail("response_head_too_large", "too many Connection options", end);
    }
    if (head.status < 200) return this.#completeInterim(options, end);
    if (!this.#frame(end)) return FAULT;
    const asked =
      (options & OPTION_CLOSE) === 0 &&
      (head.version === 11 || (options & OPTION_KEEP_ALIVE) !== 0);
    head.keepAlive = head.keepAlive && asked && head.framing !== "close";
    this.#body.begin(head.framing, head.contentLength);
    this.#bodyStarted = true;
    this.#state = BODY;
    return HEAD;
  }

  #completeInterim(options: number, end: number): ParseEvent {
    const { head } = this;
    if (head.status !== 101) {
      if (++this.#interims > MAX_INTERIM_RESPONSES) {
        return this.#fail("response_interim_flood", "too many interim responses", end);
      }
      head.keepAlive = true;
      this.#state = START;
      return INTERIM;
    }
    if (this.#upgradeAsked === "") {
      return this.#fail("upgrade_refused", "101 without an upgrade asked for", end);
    }
    const upgrade =
      this.#upgrade && head.version === 11 && (options & OPTION_UPGRADE) !== 0
        ? readUpgrade(head.headers)
        : "";
    if (upgrade !== this.#upgradeAsked) {
      return this.#fail("upgrade_refused", "101 to another protocol than asked for", end);
    }
    head.upgrade = upgrade;
    head.keepAlive = false;
    this.#state = TUNNEL;
    return HEAD;
  }

  /** How the body is framed (RFC 9112, 6.3); false after a fault. */
  #frame(end: number): boolean {
    const { head } = this;
    if (this.#codings !== CODINGS_NONE) {
      if (this.#contentLength >= 0) {
        return this.#misframed("Content-Length and Transfer-Encoding", end);
      }
      if (this.#codings === CODINGS_OTHER_CHUNKED) {
        this.#fail("response_coding", "transfer coding other than chunked", end);
        return false;
      }
      if (this.#codings !== CODINGS_CHUNKED) {
        return this.#misframed("malformed Transfer-Encoding", end);
      }
    }
    head.contentLength = this.#contentLength;
    if (hasNoResponseBody(this.#method, head.status)) head.framing = "none";
    else if (this.#codings === CODINGS_CHUNKED) head.framing = "chunked";
    else head.framing = this.#contentLength >= 0 ? "length" : "close";
    return true;
  }

  #nextOfBody(bytes: Uint8Array, start: number, end: number): ParseEvent {
    const body = this.#body;
    const event = body.next(bytes, start, end);
    this.position = body.position;
    if (event === END) this.#state = IDLE;
    else if (event === FAULT) return this.#fail("response_body_malformed", body.detail, end);
    return event;
  }

  #misframed(detail: string, end: number): false {
    this.#fail("response_framing", detail, end);
    return false;
  }

  #malformed(detail: string, end: number): ParseEvent {
    return this.#fail("response_malformed", detail, end);
  }

  #fail(code: FailureCode, detail: string, end: number): ParseEvent {
    this.#state = FAILED;
    this.fault = code;
    this.faultDetail = detail;
    this.position = end;
    return FAULT;
  }
}

/** 1xx and 204: Content-Length and Transfer-Encoding mean nothing on them (RFC 9112, 6.1 and 6.2). */
function framesNothing(status: number): boolean {
  return status < 200 || status === 204;
}
