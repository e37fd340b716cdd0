/**
 * Finds the end of a body in the bytes that follow a head (RFC 9112, 6 and 7). Body bytes are never
 * copied: they are told as ranges of the bytes just passed in.
 *
 *     length   LENGTH ────────────────────────────────► ENDED
 *     chunked  SIZE ► [extension] ► SIZE_LF ► CHUNK ► CHUNK_CR ► CHUNK_LF ► SIZE …
 *                                     └ size 0 ► TRAILERS ► ENDED
 *     close    CLOSE (the owner ends it)
 */

import { FIELD_VALUE_CHARS, HEX_VALUES, TOKEN_CHARS } from "#core/http/chars.ts";
import { HeaderList } from "#core/http/header-list.ts";
import { isTrailerAllowed } from "#core/http/hop-by-hop.ts";
import type { BodyFraming } from "#core/http/message.ts";
import { DATA, END, FAULT, NEED_MORE, type ParseEvent } from "./events.ts";
import { FieldReader, INCOMPLETE, SECTION_END, TOO_LARGE } from "./field-reader.ts";
import {
  MAX_CHUNK_EXTENSION,
  MAX_CHUNK_EXTENSIONS,
  MAX_CHUNK_SIZE_DIGITS,
  MAX_TRAILER_FIELDS,
  MAX_TRAILERS,
} from "./limits.ts";

const ENDED = 0;
const LENGTH = 1;
const CLOSE = 2;
const SIZE = 3;
const SIZE_LF = 4;
const CHUNK = 5;
const CHUNK_CR = 6;
const CHUNK_LF = 7;
const TRAILERS = 8;
// chunk-ext = *( ";" token [ "=" ( token / quoted-string ) ] ), without the blanks that the grammar
// calls bad: servers differ on them.
const EXTENSION_NAME_START = 9;
const EXTENSION_NAME = 10;
const EXTENSION_VALUE_START = 11;
const EXTENSION_VALUE = 12;
const EXTENSION_QUOTED = 13;
const EXTENSION_ESCAPED = 14;
const EXTENSION_QUOTED_END = 15;
type State = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15;

const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const BACKSLASH = 0x5c;
/** The largest size that can take one more hexadecimal digit. */
const LARGEST_PREFIX = (Number.MAX_SAFE_INTEGER - 15) / 16;

/** Reads one body after the other. */
export class BodyReader {
  /** Filled at END; fields that may not be trailers are deleted. */
  readonly trailers: HeaderList = new HeaderList(64, 4);
  position = 0;
  dataStart = 0;
  dataEnd = 0;
  /** After FAULT: what is wrong, for the log. */
  detail = "";
  readonly #fields: FieldReader = new FieldReader(this.trailers, MAX_TRAILERS, MAX_TRAILER_FIELDS);
  /** The body before was in chunks: what was read behind them has to be forgotten. */
  #mayHaveTrailers = false;
  #state: State = ENDED;
  /** Bytes of the body or of the chunk that have not come yet; while a size is read, the size. */
  #remaining = 0;
  #digits = 0;
  #extension = 0;
  #extensions = 0;

  /** Starts a body. `length` is looked at for framing "length" only. */
  begin(framing: BodyFraming, length: number): void {
    if (this.#mayHaveTrailers || this.trailers.count > 0) this.#fields.reset();
    this.#mayHaveTrailers = framing === "chunked";
    this.#remaining = 0;
    switch (framing) {
      case "none":
        this.#state = ENDED;
        break;
      case "length":
        this.#remaining = length;
        this.#state = length === 0 ? ENDED : LENGTH;
        break;
      case "chunked":
        this.#state = SIZE;
        this.#digits = this.#extension = this.#extensions = 0;
        break;
      case "close":
        this.#state = CLOSE;
        break;
    }
  }

  /** Would the body be complete if the connection ended here? */
  get mayEnd(): boolean {
    return this.#state === CLOSE || this.#state === ENDED;
  }

  /** DATA, END, NEED_MORE or FAULT. After FAULT it must not be called again before `begin`. */
  next(bytes: Uint8Array, start: number, end: number): ParseEvent {
    let at = start;
    for (;;) {
      if (this.#state === ENDED) {
        this.position = at;
        return END;
      }
      if (at === end) {
        this.position = end;
        return NEED_MORE;
      }
      switch (this.#state) {
        case LENGTH:
        case CHUNK:
          return this.#data(at, Math.min(end - at, this.#remaining));
        case CLOSE:
          return this.#data(at, end - at);
        case CHUNK_CR:
          if (bytes[at++] !== CR) return this.#fail("chunk data not ended by CRLF", end);
          this.#state = CHUNK_LF;
          break;
        case CHUNK_LF:
          if (bytes[at++] !== LF) return this.#fail("chunk data not ended by CRLF", end);
          this.#state = SIZE;
          this.#remaining = this.#digits = this.#extension = 0;
          break;
        case SIZE: {
          const digit = HEX_VALUES[bytes[at]!]!;
          if (digit < 0) {
            if (!this.#endSize(bytes[at++]!)) return this.#fail(this.detail, end);
            break;
          }
          if (++this.#digits > MAX_CHUNK_SIZE_DIGITS || this.#remaining > LARGEST_PREFIX) {
            return this.#fail("chunk size out of range", end);
          }
          this.#remaining = this.#remaining * 16 + digit;
          at++;
          break;
        }
        case SIZE_LF:
          if (bytes[at++] !== LF) return this.#fail("bare CR in a chunk line", end);
          this.#state = this.#remaining === 0 ? TRAILERS : CHUNK;
          break;
        case TRAILERS:
          return this.#readTrailers(bytes, at, end);
        default:
          if (!this.#extensionByte(bytes[at++]!)) return this.#fail(this.detail, end);
          break;
      }
    }
  }

  #data(at: number, count: number): ParseEvent {
    this.dataStart = at;
    this.position = this.dataEnd = at + count;
    if (this.#state !== CLOSE) {
      this.#remaining -= count;
      if (this.#remaining === 0) this.#state = this.#state === CHUNK ? CHUNK_CR : ENDED;
    }
    return DATA;
  }

  /** The byte behind the digits of a size. */
  #endSize(byte: number): boolean {
    this.detail = "malformed chunk size";
    if (this.#digits === 0) return false;
    if (byte === CR) this.#state = SIZE_LF;
    else if (byte === SEMICOLON) return this.#countExtension(EXTENSION_NAME_START);
    else return false;
    return true;
  }

  #extensionByte(byte: number): boolean {
    this.detail = "malformed chunk extension";
    switch (this.#state) {
      case EXTENSION_NAME_START:
        return TOKEN_CHARS[byte] === 1 && this.#countExtension(EXTENSION_NAME);
      case EXTENSION_NAME:
        if (TOKEN_CHARS[byte] === 1) return this.#countExtension(EXTENSION_NAME);
        if (byte === EQUALS) return this.#countExtension(EXTENSION_VALUE_START);
        return this.#endExtension(byte);
      case EXTENSION_VALUE_START:
        if (byte === QUOTE) return this.#countExtension(EXTENSION_QUOTED);
        return TOKEN_CHARS[byte] === 1 && this.#countExtension(EXTENSION_VALUE);
      case EXTENSION_VALUE:
        if (TOKEN_CHARS[byte] === 1) return this.#countExtension(EXTENSION_VALUE);
        return this.#endExtension(byte);
      case EXTENSION_QUOTED:
        if (byte === QUOTE) return this.#countExtension(EXTENSION_QUOTED_END);
        if (byte === BACKSLASH) return this.#countExtension(EXTENSION_ESCAPED);
        return FIELD_VALUE_CHARS[byte] === 1 && this.#countExtension(EXTENSION_QUOTED);
      case EXTENSION_ESCAPED:
        return FIELD_VALUE_CHARS[byte] === 1 && this.#countExtension(EXTENSION_QUOTED);
      default:
        return this.#endExtension(byte);
    }
  }

  #endExtension(byte: number): boolean {
    if (byte === SEMICOLON) return this.#countExtension(EXTENSION_NAME_START);
    this.#state = SIZE_LF;
    return byte === CR;
  }

  #countExtension(next: State): boolean {
    this.#state = next;
    this.detail = "chunk extensions too long";
    return ++this.#extension <= MAX_CHUNK_EXTENSION && ++this.#extensions <= MAX_CHUNK_EXTENSIONS;
  }

  #readTrailers(bytes: Uint8Array, start: number, end: number): ParseEvent {
    const fields = this.#fields;
    let at = start;
    while (at < end) {
      at += fields.take(bytes, at, end);
      let answer = fields.readField();
      while (answer >= 0) answer = fields.readField();
      if (answer === SECTION_END) {
        this.#dropForbidden();
        this.#state = ENDED;
        this.position = at - fields.surplus;
        return END;
      }
      if (answer !== INCOMPLETE) {
        const detail =
          answer === TOO_LARGE ? "trailers too large" : `${fields.detail} in a trailer`;
        return this.#fail(detail, end);
      }
    }
    this.position = end;
    return NEED_MORE;
  }

  #dropForbidden(): void {
    const trailers = this.trailers;
    for (let i = 0; i < trailers.count; i++) {
      if (!isTrailerAllowed(trailers.nameAt(i))) trailers.deleteAt(i);
    }
  }

  #fail(detail: string, end: number): ParseEvent {
    this.detail = detail;
    this.position = end;
    return FAULT;
  }
}
