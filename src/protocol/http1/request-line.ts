/** The request line (RFC 9112, 3), read over the arena that the head is collected in. */

import { TARGET_CHARS, TOKEN_CHARS } from "#core/http/chars.ts";
import { latin1 } from "#core/bytes/latin1.ts";
import { wellKnownMethod } from "#core/http/methods.ts";
import type { FailureCode } from "#core/errors.ts";
import { MAX_REQUEST_LINE } from "./limits.ts";
import { readVersion, VERSION_MALFORMED, VERSION_UNKNOWN } from "./version.ts";

// The engine takes a constant of the module itself for one, an imported one not.
const IS_TOKEN = TOKEN_CHARS;
const IS_TARGET = TARGET_CHARS;

const LF = 0x0a;
const CR = 0x0d;
const SP = 0x20;
const HASH = 0x23;
const ASTERISK = 0x2a;
const SLASH = 0x2f;
const QUESTION = 0x3f;

export const LINE_INCOMPLETE = 0;
export const LINE_COMPLETE = 1;
export const LINE_REFUSED = 2;
export type LineAnswer = 0 | 1 | 2;

/** Reads the request line that stands at the beginning of an arena, as far as it has come. */
export class RequestLine {
  method = "";
  /** Origin-form or `*`. */
  target = "";
  /** What an absolute-form target named, else "". */
  authority = "";
  /** Of an absolute-form target's scheme. */
  defaultPort = 80;
  version: 10 | 11 = 11;
  /** Behind the line's CRLF, when it is complete. */
  end = 0;
  fault: FailureCode = "request_malformed";
  detail = "";
  #scan = 0;
  #methodEnd = -1;
  #targetEnd = -1;

  reset(): void {
    this.#scan = 0;
    this.#methodEnd = this.#targetEnd = -1;
  }

  /** `limit`: where the bytes that have come end; a NUL stands there. */
  read(arena: Uint8Array, limit: number): LineAnswer {
    let at = this.#scan;
    if (this.#methodEnd < 0) {
      while (IS_TOKEN[arena[at]!] === 1) at++;
      this.#scan = at;
      if (at >= limit || at > MAX_REQUEST_LINE) return this.#pause(at);
      if (at === 0 || arena[at] !== SP) return this.#refuse("malformed method");
      this.#methodEnd = at++;
    }
    if (this.#targetEnd < 0) {
      while (IS_TARGET[arena[at]!] === 1) at++;
      this.#scan = at;
      if (at >= limit || at > MAX_REQUEST_LINE) return this.#pause(at);
      const byte = arena[at]!;
      if (byte !== SP) {
        if (byte === CR || byte === LF) return this.#refuse("request line without a version");
        const detail = byte === HASH ? "fragment in the target" : "illegal byte in the target";
        return this.#refuse(detail, "request_target_invalid");
      }
      if (at === this.#methodEnd + 1) return this.#refuse("empty target");
      this.#targetEnd = at++;
    }
    while (IS_TARGET[arena[at]!] === 1) at++;
    this.#scan = at;
    if (at >= limit || at > MAX_REQUEST_LINE) return this.#pause(at);
    if (arena[at] !== CR) return this.#refuse("malformed version");
    if (at + 1 === limit) return LINE_INCOMPLETE;
    if (arena[at + 1] !== LF) return this.#refuse("bare CR");
    this.end = at + 2;
    return this.#split(arena, this.#methodEnd, this.#targetEnd, at);
  }

  #pause(at: number): LineAnswer {
    if (at <= MAX_REQUEST_LINE) return LINE_INCOMPLETE;
    return this.#refuse("request line too long", "request_line_too_long");
  }

  #split(arena: Uint8Array, methodEnd: number, targetEnd: number, lineEnd: number): LineAnswer {
    const version = readVersion(arena, targetEnd + 1, lineEnd);
    if (version === VERSION_MALFORMED) return this.#refuse("malformed version");
    this.method = wellKnownMethod(arena, 0, methodEnd) ?? latin1(arena, 0, methodEnd);
    if (version === VERSION_UNKNOWN) {
      if (this.method === "PRI") return this.#refuse("HTTP/2 preface");
      return this.#refuse("unknown major version", "version_not_supported");
    }
    this.version = version;
    if (this.method === "CONNECT" || this.method === "TRACE") {
      return this.#refuse(this.method, "method_not_allowed");
    }
    this.authority = "";
    return this.#splitTarget(arena, methodEnd + 1, targetEnd);
  }

  #splitTarget(arena: Uint8Array, start: number, end: number): LineAnswer {
    const first = arena[start];
    if (first === SLASH) {
      this.target = latin1(arena, start, end);
      return LINE_COMPLETE;
    }
    if (first === ASTERISK && end === start + 1) {
      if (this.method !== "OPTIONS") {
        return this.#refuse("* with a method other than OPTIONS", "request_target_invalid");
      }
      this.target = "*";
      return LINE_COMPLETE;
    }
    return this.#splitAbsolute(latin1(arena, start, end));
  }

  /** Absolute-form: the authority takes the place of Host, the rest is the target in origin-form. */
  #splitAbsolute(target: string): LineAnswer {
    const scheme = target.slice(0, 8).toLowerCase();
    const secure = scheme === "https://";
    if (!secure && !scheme.startsWith("http://")) {
      return this.#refuse("target is neither a path nor an http URL", "request_target_invalid");
    }
    this.defaultPort = secure ? 443 : 80;
    const start = secure ? 8 : 7;
    let end = start;
    while (end < target.length && !endsAuthority(target.charCodeAt(end))) end++;
    if (end === start) return this.#refuse("empty authority", "request_host_invalid");
    this.authority = target.slice(start, end);
    if (end === target.length) this.target = this.method === "OPTIONS" ? "*" : "/";
    else this.target = (target.charCodeAt(end) === QUESTION ? "/" : "") + target.slice(end);
    return LINE_COMPLETE;
  }

  #refuse(detail: string, fault: FailureCode = "request_malformed"): LineAnswer {
    this.detail = detail;
    this.fault = fault;
    return LINE_REFUSED;
  }
}

function endsAuthority(code: number): boolean {
  return code === SLASH || code === QUESTION;
}
