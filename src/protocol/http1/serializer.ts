/**
 * Messages into bytes (RFC 9112). Messages are never passed on raw: start line, framing and connection
 * fields are always written anew, and the received ones are left out by their ids.
 */

import { TARGET_CHARS } from "#core/http/chars.ts";
import { ascii, type ByteWriter } from "#core/bytes/writer.ts";
import { HEADER } from "#core/http/header-names.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import { HOP_BY_HOP, isTrailerAllowed } from "#core/http/hop-by-hop.ts";
import type { RequestHead, ResponseHead } from "#core/http/message.ts";

/** What is said of the connection in a head. */
export type ConnectionChoice = "keep-alive" | "close" | "upgrade";

// The engine takes a constant of the module itself for one, an imported one not.
const IS_TARGET = TARGET_CHARS;

const LF = 0x0a;
const CR = 0x0d;
const SP = 0x20;
const COLON = 0x3a;
const DELETED = -1;

const REQUEST_LINE_END = ascii(" HTTP/1.1\r\nHost: ");
const STATUS_LINE_OK = ascii("HTTP/1.1 200 OK\r\n");
const STATUS_LINE_START = ascii("HTTP/1.1 ");
const CONTENT_LENGTH = ascii("Content-Length: ");
const CHUNKED = ascii("Transfer-Encoding: chunked\r\n");

/** By header id: 1 = never copied from a received head. */
const REQUEST_SKIPPED: Uint8Array = HOP_BY_HOP.slice();
REQUEST_SKIPPED[HEADER.host] = 1;
REQUEST_SKIPPED[HEADER["content-length"]] = 1;
const RESPONSE_SKIPPED: Uint8Array = HOP_BY_HOP.slice();
RESPONSE_SKIPPED[HEADER["content-length"]] = 1;

/**
 * A request's head. `target` and `host` take the place of those in `head`; `contentLength` counts for
 * framing "length" only. `teTrailers`: tell the backend that trailers are taken.
 *
 * @throws TypeError if `target` or `host` has a blank or a control character, which would split the request
 */
export function writeRequestHead(
  writer: ByteWriter,
  head: RequestHead,
  target: string,
  host: string,
  framing: "none" | "length" | "chunked",
  contentLength: number,
  connection: ConnectionChoice,
  teTrailers: boolean,
): void {
  writer.latin1(head.method);
  writer.byte(SP);
  writeVisible(writer, target, "target");
  writer.constant(REQUEST_LINE_END);
  writeVisible(writer, host, "host");
  writer.crlf();
  writeFields(writer, head.headers, REQUEST_SKIPPED);
  if (framing === "length") writeContentLength(writer, contentLength);
  else if (framing === "chunked") writer.constant(CHUNKED);
  else if (usuallyHasBody(head.method)) writer.latin1("Content-Length: 0\r\n");
  if (connection === "upgrade") {
    writeUpgrade(writer, head.upgrade, teTrailers);
  } else if (connection === "close") {
    writer.latin1(teTrailers ? "Connection: close, TE\r\n" : "Connection: close\r\n");
  } else if (teTrailers) {
    writer.latin1("Connection: TE\r\n");
  }
  if (teTrailers) writer.latin1("TE: trailers\r\n");
  writer.crlf();
}

/**
 * A final response's head, or a 101. With framing "none" a `contentLength` that is not negative is written
 * all the same, but on 1xx and 204: it is what an answer to HEAD and a 304 announce.
 * `clientVersion` 10 is told when the connection stays open, because it does not expect that.
 */
export function writeResponseHead(
  writer: ByteWriter,
  head: ResponseHead,
  framing: "none" | "length" | "chunked" | "close",
  contentLength: number,
  connection: ConnectionChoice,
  clientVersion: 10 | 11,
): void {
  writeStatusLine(writer, head);
  writeFields(writer, head.headers, RESPONSE_SKIPPED);
  if (head.status >= 200 && head.status !== 204) {
    if (framing === "chunked") writer.constant(CHUNKED);
    else if (framing !== "close" && contentLength >= 0) writeContentLength(writer, contentLength);
  }
  if (connection === "upgrade") writeUpgrade(writer, head.upgrade, false);
  else if (connection === "close") writer.latin1("Connection: close\r\n");
  else if (clientVersion === 10) writer.latin1("Connection: keep-alive\r\n");
  writer.crlf();
}

/** An interim response (1xx but 101). */
export function writeInterimHead(writer: ByteWriter, head: ResponseHead): void {
  writeStatusLine(writer, head);
  writeFields(writer, head.headers, RESPONSE_SKIPPED);
  writer.crlf();
}

/** What stands before `size` bytes of a chunk; a CRLF belongs behind them. `size` 0 would end the body. */
export function chunkHead(writer: ByteWriter, size: number): void {
  if (size <= 0) throw new RangeError("a chunk of no bytes would end the body");
  writer.latin1(size.toString(16));
  writer.crlf();
}

/** The end of a chunked body, with those of `trailers` that may stand there. */
export function writeLastChunk(writer: ByteWriter, trailers: HeaderList | null): void {
  writer.latin1("0\r\n");
  if (trailers !== null) {
    for (let i = 0; i < trailers.count; i++) {
      if (trailers.idAt(i) !== DELETED && isTrailerAllowed(trailers.nameAt(i))) {
        writeField(writer, trailers, i);
      }
    }
  }
  writer.crlf();
}

function writeStatusLine(writer: ByteWriter, head: ResponseHead): void {
  if (head.status === 200 && head.reason === "OK") return writer.constant(STATUS_LINE_OK);
  writer.constant(STATUS_LINE_START);
  writer.decimal(head.status);
  writer.byte(SP);
  writer.latin1(head.reason);
  writer.crlf();
}

/**
 * The fields that are not skipped. Neighbours whose lines are written as we would write them are copied in one piece;
 * anything else (other blanks, a field between that is skipped, bytes that were not received together) ends it.
 */
function writeFields(writer: ByteWriter, fields: HeaderList, skipped: Uint8Array): void {
  const { bytes, count } = fields;
  let start = 0;
  let end = 0;
  for (let i = 0; i < count; i++) {
    const id = fields.idAt(i);
    if (id === DELETED || skipped[id] === 1) continue;
    const nameStart = fields.nameStartAt(i);
    const valueEnd = fields.valueEndAt(i);
    const canonical =
      fields.valueStartAt(i) === fields.nameEndAt(i) + 2 &&
      isCanonical(bytes, fields.nameEndAt(i), valueEnd);
    if (canonical && nameStart === end) {
      end = valueEnd + 2;
      continue;
    }
    if (end > start) writer.copy(bytes, start, end);
    start = end = valueEnd + 2;
    if (canonical) start = nameStart;
    else writeField(writer, fields, i);
  }
  if (end > start) writer.copy(bytes, start, end);
}

/** `: ` stands before the value and CRLF behind it. */
function isCanonical(bytes: Uint8Array, nameEnd: number, valueEnd: number): boolean {
  return (
    bytes[nameEnd] === COLON &&
    bytes[nameEnd + 1] === SP &&
    bytes[valueEnd] === CR &&
    bytes[valueEnd + 1] === LF
  );
}

function writeField(writer: ByteWriter, fields: HeaderList, index: number): void {
  const { bytes } = fields;
  writer.copy(bytes, fields.nameStartAt(index), fields.nameEndAt(index));
  writer.byte(COLON);
  writer.byte(SP);
  writer.copy(bytes, fields.valueStartAt(index), fields.valueEndAt(index));
  writer.crlf();
}

function writeContentLength(writer: ByteWriter, length: number): void {
  writer.constant(CONTENT_LENGTH);
  writer.decimal(length);
  writer.crlf();
}

function writeUpgrade(writer: ByteWriter, token: string, teTrailers: boolean): void {
  writer.latin1(
    teTrailers ? "Connection: upgrade, TE\r\nUpgrade: " : "Connection: upgrade\r\nUpgrade: ",
  );
  writer.latin1(token);
  writer.crlf();
}

/** Text that came from a request or a rewrite: the last guard against splitting a request. */
function writeVisible(writer: ByteWriter, text: string, what: string): void {
  writer.reserve(text.length);
  const { bytes } = writer;
  let at = writer.end;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (IS_TARGET[code] !== 1) {
      throw new TypeError(`${what} ${JSON.stringify(text)} cannot be written in a request`);
    }
    bytes[at++] = code;
  }
  writer.end = at;
}

/** A request of these methods without a body says so (RFC 9110, 8.6). */
function usuallyHasBody(method: string): boolean {
  return method === "POST" || method === "PUT" || method === "PATCH";
}
