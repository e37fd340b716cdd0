/**
 * Feeds whole wires to the parsers in pieces and records what they say. On the way it holds what has to
 * hold for any input: progress stays inside the piece, a fault is final, and nothing refers to a piece
 * after the call (each is overwritten behind it).
 */

import assert from "node:assert/strict";
import type { FailureCode } from "#core/errors.ts";
import { latin1 } from "#core/bytes/latin1.ts";
import type { BodyFraming } from "#core/http/message.ts";
import { DATA, END, FAULT, HEAD, INTERIM, NEED_MORE, type ParseEvent } from "./events.ts";
import { RequestParser } from "./request-parser.ts";
import { ResponseParser } from "./response-parser.ts";

/** A field as text. */
export type Field = [name: string, value: string];

/** A request as far as it came. */
export interface RequestRecord {
  version: number;
  method: string;
  target: string;
  authority: string;
  framing: BodyFraming;
  contentLength: number;
  keepAlive: boolean;
  expectContinue: boolean;
  upgrade: string;
  fields: Field[];
  /** latin1 */
  body: string;
  trailers: Field[];
  complete: boolean;
}

/** What one connection's requests came to. */
export interface RequestsRecord {
  requests: RequestRecord[];
  fault: FailureCode | null;
  detail: string;
  /** Whether the wire ended between two requests. */
  idle: boolean;
}

/** A response as far as it came; interim ones have no body. */
export interface ResponseRecord {
  version: number;
  status: number;
  reason: string;
  framing: BodyFraming;
  contentLength: number;
  keepAlive: boolean;
  upgrade: string;
  fields: Field[];
  body: string;
  trailers: Field[];
  complete: boolean;
}

/** What the responses on one connection came to. */
export interface ResponsesRecord {
  responses: ResponseRecord[];
  fault: FailureCode | null;
  detail: string;
  /** What stands behind a 101, as latin1. */
  tunnel: string;
}

/** A request that a response is read for. */
export interface Expectation {
  method: string;
  upgrade?: string;
}

/** latin1 text or bytes as bytes of their own. */
export function wireBytes(wire: string | Uint8Array): Uint8Array {
  if (typeof wire !== "string") return wire.slice();
  return Uint8Array.from(wire, (letter) => {
    assert(letter.charCodeAt(0) < 256, "a wire is written in latin1");
    return letter.charCodeAt(0);
  });
}

/** Cuts before every byte. */
export function everyByte(wire: string | Uint8Array): number[] {
  return Array.from({ length: wire.length }, (_, at) => at);
}

/** Reads a connection's requests, cut at `cuts`. */
export function readRequests(
  wire: string | Uint8Array,
  cuts: readonly number[] = [],
): RequestsRecord {
  const parser = new RequestParser();
  const record: RequestsRecord = { requests: [], fault: null, detail: "", idle: true };
  let current: RequestRecord | null = null;
  feed(wire, cuts, parser, (event, piece) => {
    if (event === HEAD) {
      const { head } = parser;
      current = {
        version: head.version,
        method: head.method,
        target: head.target,
        authority: head.authority,
        framing: head.framing,
        contentLength: head.contentLength,
        keepAlive: head.keepAlive,
        expectContinue: head.expectContinue,
        upgrade: head.upgrade,
        fields: [...head.headers],
        body: "",
        trailers: [],
        complete: false,
      };
      record.requests.push(current);
      assert.equal(parser.inHead, false);
    } else if (event === DATA) {
      assert(current !== null);
      current.body += latin1(piece, parser.dataStart, parser.dataEnd);
    } else if (event === END) {
      assert(current !== null);
      current.complete = true;
      current.trailers = [...parser.trailers];
      current = null;
      parser.reset();
      assert(parser.idle);
    }
    return true;
  });
  if (isFaulty(parser)) {
    record.fault = parser.fault;
    record.detail = parser.faultDetail;
  }
  record.idle = parser.idle;
  return record;
}

/** Reads the responses to `expectations`, cut at `cuts`; `finish` ends the connection behind them. */
export function readResponses(
  wire: string | Uint8Array,
  expectations: readonly Expectation[] = [{ method: "GET" }],
  cuts: readonly number[] = [],
  finish = true,
): ResponsesRecord {
  const parser = new ResponseParser();
  const record: ResponsesRecord = { responses: [], fault: null, detail: "", tunnel: "" };
  let current: ResponseRecord | null = null;
  let answered = 0;
  let tunnel = false;
  const expectNext = (): void => {
    const expectation = expectations[answered];
    if (expectation !== undefined) parser.expect(expectation.method, expectation.upgrade ?? "");
  };
  const complete = (): void => {
    assert(current !== null);
    current.complete = true;
    current.trailers = [...parser.trailers];
    current = null;
    answered++;
    assert(parser.idle);
    expectNext();
  };
  expectNext();
  const bytes = feed(wire, cuts, parser, (event, piece) => {
    if (event === HEAD || event === INTERIM) {
      const { head } = parser;
      current = {
        version: head.version,
        status: head.status,
        reason: head.reason,
        framing: head.framing,
        contentLength: head.contentLength,
        keepAlive: head.keepAlive,
        upgrade: head.upgrade,
        fields: [...head.headers],
        body: "",
        trailers: [],
        complete: event === INTERIM || head.status === 101,
      };
      record.responses.push(current);
      tunnel = head.status === 101;
    } else if (event === DATA) {
      assert(current !== null);
      current.body += latin1(piece, parser.dataStart, parser.dataEnd);
    } else if (event === END) {
      complete();
    }
    return !tunnel;
  });
  if (tunnel) record.tunnel = latin1(wireBytes(wire), bytes, wire.length);
  else if (finish && !isFaulty(parser) && answered < expectations.length) {
    if (parser.finish() === END) complete();
  }
  if (!tunnel && isFaulty(parser)) {
    record.fault = parser.fault;
    record.detail = parser.faultDetail;
  }
  return record;
}

interface AnyParser {
  readonly position: number;
  readonly dataStart: number;
  readonly dataEnd: number;
  next(bytes: Uint8Array, start: number, end: number): ParseEvent;
}

/** Calls `onEvent` with each event until it answers false; returns how many bytes were consumed. */
function feed(
  wire: string | Uint8Array,
  cuts: readonly number[],
  parser: AnyParser,
  onEvent: (event: ParseEvent, piece: Uint8Array) => boolean,
): number {
  const bytes = wireBytes(wire);
  const ends = [...new Set(cuts)].filter((cut) => cut > 0 && cut < bytes.length);
  ends.sort((a, b) => a - b);
  ends.push(bytes.length);
  let from = 0;
  for (const to of ends) {
    // Not at the beginning of its buffer and not up to its end, as slices of a pool are.
    const piece = new Uint8Array(to - from + 7).fill(0x58);
    piece.set(bytes.subarray(from, to), 3);
    const end = 3 + to - from;
    let position = 3;
    for (;;) {
      const event = parser.next(piece, position, end);
      assert(parser.position >= position && parser.position <= end, "position stays in the piece");
      if (event === DATA) {
        assert(parser.dataStart >= position && parser.dataStart < parser.dataEnd);
        assert.equal(parser.dataEnd, parser.position);
      }
      position = parser.position;
      if (event === FAULT) return bytes.length;
      if (event === NEED_MORE) {
        assert.equal(position, end, "everything is used up");
        break;
      }
      if (!onEvent(event, piece)) return from + position - 3;
    }
    piece.fill(0xaa);
    from = to;
  }
  return bytes.length;
}

/** A fault is final, whatever comes. */
function isFaulty(parser: AnyParser): boolean {
  if (parser.next(new Uint8Array(0), 0, 0) !== FAULT) return false;
  const more = wireBytes("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  assert.equal(parser.next(more, 0, more.length), FAULT);
  return true;
}
