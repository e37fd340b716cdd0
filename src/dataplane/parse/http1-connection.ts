/**
 * A client's HTTP/1 connection: reads requests one after the other, hands each to the lifecycle, and
 * writes the answers in order. Protocol rules are `protocol/http1`'s; this file owns the life of the
 * connection. One exchange at a time: what a client pipelines behind a request is kept, bounded, until
 * its turn.
 *
 *     idle ──► head ──► body ──► done ──► idle …
 *        ╰────────┴───────┴───────┴─────► over
 */

import { sliceOf, type Slice } from "#core/bytes/slice.ts";
import type { ByteWriter } from "#core/bytes/writer.ts";
import type { FailureCode } from "#core/errors.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import type { BodyFraming, RequestHead, ResponseHead } from "#core/http/message.ts";
import { Timer, type TimerOwner } from "#core/time/timers.ts";
import { DATA, END, FAULT, HEAD, NEED_MORE, type ParseEvent } from "#protocol/http1/events.ts";
import type { RequestParser } from "#protocol/http1/request-parser.ts";
import { writeInterimHead, writeLastChunk, writeResponseHead } from "#protocol/http1/serializer.ts";
import { ALERT, writeAlert } from "#protocol/tls-hello/alert.ts";
import type { Connection, ConnectionHandler, TransportFailure } from "#transport/contract.ts";
import type { ClientStreamUser } from "../client-stream-user.ts";
import type { ClientStream, ClientTls } from "../client-stream.ts";
import type { DataPlaneContext } from "../context.ts";
import type { Exchange } from "../exchange.ts";
import { begin, chunkOf, HEAD_ROOM, LAST_CHUNK_ROOM, written } from "../outgoing.ts";
import type { Plan } from "../plan.ts";
import { WriteWatch, type WriteWatchUser } from "../write-watch.ts";
import { BodyClock, type BodyClockUser } from "./body-clock.ts";
import type { ClientConnection, ClientConnectionOwner, Opening } from "./client-connection.ts";
import { beginsLikePreface } from "./preface-reader.ts";
import type { Reader, Readers } from "./readers.ts";
import { Stash } from "./stash.ts";

/** What may be pipelined behind a request before the client is made to wait, bytes. */
const PIPELINE_BYTES = 64 * 1024;

/** The longest body that is copied behind its head: less work than to write two pieces. */
const HELD_BODY = 4 * 1024;

const EMPTY: Uint8Array = new Uint8Array(0);
/** The client spoke TLS to a port without it. */
const TLS_ALERT: Slice = sliceOf(writeAlert("fatal", ALERT.protocolVersion));
const TLS_HANDSHAKE_RECORD = 22;
/** What the preface of HTTP/2 begins with, and some methods. */
const LETTER_P = 0x50;

/** Where the reading side is. `done`: the request is complete, its answer is not. `over`: nothing is read any more. */
type Reading = "idle" | "head" | "body" | "done" | "over";

/** See the head of this file. */
export class Http1Connection
  implements
    ClientConnection,
    ConnectionHandler,
    ClientStream,
    TimerOwner,
    BodyClockUser,
    WriteWatchUser
{
  readonly scheme: "http" | "https";
  readonly listener: string;
  readonly tls: ClientTls | null;
  readonly peerAddress: string;
  readonly localPort: number;
  startedWall = 0;
  startedAt = 0;

  readonly #context: DataPlaneContext;
  readonly #user: ClientStreamUser;
  readonly #owner: ClientConnectionOwner;
  readonly #connection: Connection;
  readonly #readers: Readers;
  /** Lent from the first byte of a request to the end of its answer: unused connections hold none. */
  #reader: Reader | null = null;
  /** Runs between requests and while a head is read. */
  readonly #timer: Timer = new Timer(this, 0);
  /** Made for the first request with a body. */
  #bodyClock: BodyClock | null = null;
  readonly #writes: WriteWatch;
  readonly #stash: Stash;

  #exchange: Exchange | null = null;
  #reading: Reading = "idle";
  /** Nothing was read yet, and it may be something else. */
  #perhapsHttp2: boolean;
  #bodyPaused = false;
  #paused = false;
  /** So much waits for the client that no further request is begun: it must not queue up answers without end. */
  #clogged = false;
  /** The parser's loop is at work further up the stack: nobody else may start it. */
  #consuming = false;

  // the answer
  #framing: BodyFraming = "none";
  #headSent = false;
  #keepAlive = true;
  /** A head that waits for the first bytes of its body, which come before this turn ends. */
  #held: Slice | null = null;
  /** Bytes of the body that fit behind it. */
  #heldRoom = 0;

  constructor(
    context: DataPlaneContext,
    { connection, listener, tls, perhapsHttp2 }: Opening,
    readers: Readers,
    user: ClientStreamUser,
    owner: ClientConnectionOwner,
  ) {
    this.scheme = tls === null ? "http" : "https";
    this.listener = listener;
    this.tls = tls;
    this.#context = context;
    this.#readers = readers;
    this.#connection = connection;
    this.#user = user;
    this.#owner = owner;
    this.#perhapsHttp2 = perhapsHttp2;
    // The zone of a link-local address means nothing to others, and nothing that is compared with it has one.
    this.peerAddress = connection.remoteAddress.replace(/%.*$/, "");
    this.localPort = connection.localPort;
    this.#writes = new WriteWatch(context.transport.timers, connection, this);
    this.#stash = new Stash(context.worker);
    connection.handler = this;
    this.#schedule(context.snapshot.data.timeouts.keepAlive);
  }

  get request(): RequestHead {
    return this.#lent().parser.head;
  }

  get plan(): Plan {
    return this.#lent().plan;
  }

  #lent(): Reader {
    return (this.#reader ??= this.#readers.take());
  }

  /** Closes it now if nothing is being asked or answered, else after the answer that is under way. */
  drain(): void {
    if (this.#reading === "idle") this.#closeUnused();
    else this.#keepAlive = false;
  }

  /** The time for a drain is over: cuts it, whatever is under way. */
  destroy(): void {
    const exchange = this.#exchange;
    this.#exchange = null;
    this.#reading = "over";
    if (exchange !== null) this.#user.onClientGone(exchange, "drain_expired", "");
    this.#connection.abort();
  }

  // ── reading ─────────────────────────────────────────────────────────────────────────────────────────

  onConnect(): void {}

  onData(_connection: Connection, slice: Slice): void {
    if (this.#reading === "over") return;
    if (this.#reading === "idle" && this.tls === null) {
      const first = slice.bytes[slice.offset];
      if (first === TLS_HANDSHAKE_RECORD) {
        this.#connection.write([TLS_ALERT.part(0, TLS_ALERT.length)]);
        return this.#over();
      }
      if (this.#perhapsHttp2) {
        this.#perhapsHttp2 = false;
        if (first === LETTER_P && beginsLikePreface(slice, 0)) return this.#perhapsSwitch(slice);
      }
    }
    if (this.#waitsItsTurn() || !this.#stash.empty) {
      this.#stash.push(slice.part(0, slice.length));
      this.#updateReading();
    } else {
      this.#consume(slice);
    }
  }

  /** It is not known yet that this is HTTP/1. */
  #perhapsSwitch(first: Slice): void {
    this.#reading = "over";
    this.#cancelTimer();
    this.#owner.onPerhapsHttp2(this, this.#connection, first);
  }

  /** What comes now is the next request's, and that has to wait. */
  #waitsItsTurn(): boolean {
    return this.#reading === "done" || (this.#clogged && this.#reading === "idle");
  }

  /** Takes in what a slice holds, up to the end of the request; the rest is kept. */
  #consume(slice: Slice): void {
    this.#consuming = true;
    let position = slice.offset;
    const end = slice.offset + slice.length;
    while (this.#reading !== "over") {
      if (this.#waitsItsTurn()) {
        if (position < end) {
          this.#stash.unshift(slice.part(position - slice.offset, end - position));
        }
        break;
      }
      // Anew each time: an answer that is complete at once takes the reader back, and the next request another.
      const { parser } = this.#lent();
      const event = parser.next(slice.bytes, position, end);
      position = parser.position;
      if (event === NEED_MORE) {
        this.#noteArrival();
        break;
      }
      this.#handle(event, slice, parser);
    }
    this.#consuming = false;
    this.#updateReading();
  }

  #handle(event: ParseEvent, slice: Slice, parser: RequestParser): void {
    const exchange = this.#exchange;
    if (event === HEAD) {
      this.#beginExchange(parser);
    } else if (event === DATA) {
      const { dataStart, dataEnd } = parser;
      this.#bodyClock?.arrived(dataEnd - dataStart);
      if (exchange !== null) this.#user.onRequestData(exchange, slice, dataStart, dataEnd);
    } else if (event === END) {
      this.#reading = "done";
      this.#bodyClock?.stop();
      if (exchange !== null) this.#user.onRequestEnd(exchange, parser.trailers);
    } else if (event === FAULT) {
      this.#refuse(parser.fault, parser.faultDetail);
    }
  }

  /** All that arrived is taken in: if it began a head, the clock of heads runs. */
  #noteArrival(): void {
    if (this.#reading !== "idle" || this.#reader?.parser.inHead !== true) return;
    this.#reading = "head";
    this.#noteStart();
    this.#schedule(this.#context.snapshot.data.timeouts.head);
  }

  #noteStart(): void {
    this.startedWall = this.#context.clock.wall();
    this.startedAt = this.#context.transport.timers.now;
  }

  #beginExchange(parser: RequestParser): void {
    if (this.#reading === "idle") this.#noteStart();
    // The timer runs on, and means nothing until the connection is idle again: moving a deadline is cheap.
    const { head } = parser;
    this.#keepAlive = head.keepAlive;
    this.#headSent = false;
    if (head.framing === "none" || head.contentLength === 0) {
      // Complete before it begins, so that an answer made at once does not seem to come before the request's end.
      parser.next(EMPTY, 0, 0);
      this.#reading = "done";
    } else {
      this.#reading = "body";
      this.#bodyClock ??= new BodyClock(this.#context.transport.timers, this);
      this.#bodyClock.start(this.#context.snapshot.data.timeouts);
    }
    const exchange = this.#user.onRequest(this);
    exchange.requestComplete = this.#reading === "done";
    this.#exchange = exchange;
    this.#user.onRequestStart(exchange);
  }

  /** The bytes are not a request, or not the rest of one: an answer where one is possible, then the end. */
  #refuse(code: FailureCode, detail: string): void {
    this.#keepAlive = false;
    this.#cancelTimer();
    this.#bodyClock?.stop();
    if (this.#reading === "idle") this.#noteStart();
    this.#reading = "over";
    const exchange = this.#exchange;
    if (exchange === null) this.#user.onMalformedRequest(this, code, detail);
    else this.#user.onRequestFault(exchange, code, detail);
  }

  /** The exchange is over and the connection goes on: what was kept is the next request's. */
  #consumeStash(): void {
    while (!this.#stash.empty && !this.#waitsItsTurn() && this.#reading !== "over") {
      const slice = this.#stash.shift();
      this.#consume(slice);
      slice.release();
    }
    this.#updateReading();
  }

  pauseBody(): void {
    if (this.#bodyPaused) return;
    this.#bodyPaused = true;
    if (this.#reading === "body") this.#bodyClock?.pause();
    this.#updateReading();
  }

  resumeBody(): void {
    if (!this.#bodyPaused) return;
    this.#bodyPaused = false;
    if (this.#reading === "body") this.#bodyClock?.resume();
    this.#updateReading();
  }

  #updateReading(): void {
    const waits = this.#bodyPaused && this.#reading === "body";
    const pause = waits || this.#stash.bytes > PIPELINE_BYTES;
    if (pause === this.#paused) return;
    this.#paused = pause;
    if (pause) this.#connection.pause();
    else this.#connection.resume();
  }

  onEnd(): void {
    const exchange = this.#exchange;
    if (exchange === null) return this.#closeUnused();
    // Half-closing is leaving, as nginx and Node take it: nobody waits for this answer.
    this.#reading = "over";
    this.#exchange = null;
    this.#user.onClientGone(exchange, "client_gone", "FIN");
    this.#connection.abort();
  }

  onClose(_connection: Connection, failure: TransportFailure | null): void {
    this.#reading = "over";
    this.#cancelTimer();
    this.#bodyClock?.stop();
    this.#writes.stop();
    this.#stash.release();
    this.#held?.release();
    this.#held = null;
    const exchange = this.#exchange;
    this.#exchange = null;
    if (exchange !== null) {
      this.#user.onClientGone(exchange, "client_gone", failure === null ? "" : failure.detail);
    }
    this.#owner.onConnectionClosed(this);
  }

  // ── writing ─────────────────────────────────────────────────────────────────────────────────────────

  sendInterim(head: ResponseHead): void {
    if (this.request.version < 11 || this.#headSent) return;
    writeInterimHead(this.#begin(head.headers.used + HEAD_ROOM), head);
    this.#writeBegun();
  }

  sendHead(head: ResponseHead, framing: BodyFraming, contentLength: number): void {
    if (framing === "close" || this.#context.draining) this.#keepAlive = false;
    // A client that still waits for 100 may or may not send its body now: only closing is unambiguous.
    if (this.#reading === "body" && this.waitsForContinue) this.#keepAlive = false;
    this.#framing = framing;
    this.#headSent = true;
    const connection = this.#keepAlive ? "keep-alive" : "close";
    const version = this.request.version === 10 ? 10 : 11;
    const follows = head.bodyFollows && framing === "length";
    this.#heldRoom = follows && contentLength <= HELD_BODY ? contentLength : 0;
    const most = head.headers.used + HEAD_ROOM;
    const writer = this.#begin(most + this.#heldRoom);
    writeResponseHead(writer, head, framing, contentLength, connection, version);
    if (!follows) return this.#writeBegun();
    this.#held = written(this.#context.transport);
    // It became longer than was thought: the room is not there.
    if (this.#held.length > most) this.#heldRoom = 0;
  }

  sendData(slice: Slice): boolean {
    if (this.#held !== null) return this.#sendHeld(this.#held, slice);
    if (this.#framing !== "chunked") return this.#write([slice]);
    return this.#write(chunkOf(this.#context.transport, slice));
  }

  /** The head and the first bytes of its body: in one piece if they are few, else in one call. */
  #sendHeld(held: Slice, slice: Slice): boolean {
    this.#held = null;
    if (slice.length > this.#heldRoom) return this.#write([held, slice]);
    held.bytes.set(slice.view(), held.offset + held.length);
    held.length += slice.length;
    slice.release();
    return this.#write([held]);
  }

  sendEnd(trailers: HeaderList | null): void {
    if (this.#held !== null) this.#write([this.#held]);
    this.#held = null;
    if (this.#framing === "chunked") {
      writeLastChunk(this.#begin(LAST_CHUNK_ROOM), trailers);
      this.#writeBegun();
    }
    const exchange = this.#exchange;
    this.#exchange = null;
    // Also when the answer ended before its request: then the rest is discarded and the connection closed.
    if (this.#reading !== "done" || !this.#keepAlive || this.#context.draining) return this.#over();
    this.#headSent = false;
    this.#bodyPaused = false;
    this.#returnReader(exchange);
    this.#reading = "idle";
    this.#schedule(this.#context.snapshot.data.timeouts.keepAlive);
    // Inside the parser's loop the loop itself goes on.
    if (!this.#consuming) this.#consumeStash();
  }

  /** Filters may keep what they were shown, against their contract: it must not become another client's request. */
  #returnReader(exchange: Exchange | null): void {
    if (exchange?.filters === null) this.#readers.giveBack(this.#reader!);
    this.#reader = null;
  }

  closeAfterAnswer(): void {
    this.#keepAlive = false;
  }

  /** Nothing more is read or asked: what is queued goes out, then the connection ends without destroying it. */
  #over(): void {
    this.#reading = "over";
    this.#exchange = null;
    this.#cancelTimer();
    this.#bodyClock?.stop();
    this.#stash.release();
    if (this.#paused) this.#connection.resume();
    this.#connection.lingerClose();
  }

  /** Nobody waits for anything here any more. */
  #closeUnused(): void {
    this.#reading = "over";
    this.#cancelTimer();
    this.#connection.close();
  }

  abort(): void {
    this.#exchange = null;
    this.#reading = "over";
    this.#connection.abort();
  }

  switchProtocols(head: ResponseHead): { connection: Connection; early: Slice[] } {
    const writer = this.#begin(head.headers.used + HEAD_ROOM);
    writeResponseHead(writer, head, "none", -1, "upgrade", 11);
    this.#writeBegun();
    const early = this.#stash.takeAll();
    this.#reading = "over";
    this.#exchange = null;
    this.#cancelTimer();
    this.#writes.stop();
    if (this.#paused) this.#connection.resume();
    // From here on it is the tunnel's, which reports its end; this connection is no longer counted here.
    this.#owner.onConnectionSwitched(this);
    return { connection: this.#connection, early };
  }

  onWritable(): void {
    this.#clogged = false;
    if (this.#exchange !== null) this.#user.onClientWritable(this.#exchange);
    else if (this.#reading === "idle") this.#consumeStash();
  }

  #begin(size: number): ByteWriter {
    return begin(this.#context.transport, size);
  }

  /** Sends what was written since `#begin`. */
  #writeBegun(): void {
    this.#write([written(this.#context.transport)]);
  }

  #write(slices: readonly Slice[]): boolean {
    const flowing = this.#connection.write(slices);
    if (!flowing) this.#clogged = true;
    this.#writes.watch(this.#context.snapshot.data.timeouts.write);
    return flowing;
  }

  // ── clocks ──────────────────────────────────────────────────────────────────────────────────────────

  onTimer(): void {
    if (this.#reading === "idle") this.#closeUnused();
    else if (this.#reading === "head") this.#refuse("request_head_timeout", "");
  }

  get waitsForContinue(): boolean {
    return this.request.expectContinue && this.#bodyClock?.bytes === 0;
  }

  onBodyTooSlow(detail: string): void {
    this.#refuse("request_body_timeout", detail);
  }

  onWriteStalled(): void {
    const exchange = this.#exchange;
    this.#exchange = null;
    this.#reading = "over";
    if (exchange !== null) this.#user.onClientGone(exchange, "client_stalled", "");
    this.#connection.abort();
  }

  #schedule(delay: number): void {
    this.#context.transport.timers.schedule(this.#timer, delay);
  }

  #cancelTimer(): void {
    this.#context.transport.timers.cancel(this.#timer);
  }
}
