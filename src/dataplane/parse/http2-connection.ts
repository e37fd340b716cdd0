/**
 * A client's HTTP/2 connection: many requests at a time, each a stream that the lifecycle handles like any other. The rules
 * are `protocol/http2`'s; this file owns the life of the connection and shares it out between the streams.
 *
 * Nobody waits for a stream that does not move. A client that does not open a stream's window holds back that stream's
 * backend alone; a backend that takes no more of a body lets that stream's window run out, not the connection's.
 */

import type { Slice } from "#core/bytes/slice.ts";
import type { FailureCode } from "#core/errors.ts";
import { HeaderList } from "#core/http/header-list.ts";
import type { RequestHead, ResponseHead } from "#core/http/message.ts";
import { Timer, type TimerOwner } from "#core/time/timers.ts";
import type { Abuse } from "#core/http/abuse.ts";
import { ERROR, MAX_FRAME } from "#protocol/http2/codes.ts";
import { writeHeaders } from "#protocol/http2/frame-writer.ts";
import { ResponseWriter } from "#protocol/http2/response-writer.ts";
import { ServerSession, type SessionUser } from "#protocol/http2/server-session.ts";
import {
  HIGH_MARK,
  type Connection,
  type ConnectionHandler,
  type TransportFailure,
} from "#transport/contract.ts";
import type { ClientStreamUser } from "../client-stream-user.ts";
import type { ClientTls } from "../client-stream.ts";
import type { DataPlaneContext } from "../context.ts";
import { WriteWatch, type WriteWatchUser } from "../write-watch.ts";
import { BodyClock } from "./body-clock.ts";
import type { ClientConnection, ClientConnectionOwner } from "./client-connection.ts";
import { Http2Output, type Http2OutputUser } from "./http2-output.ts";
import { Http2Stream, type StreamCarrier } from "./http2-stream.ts";
import { Http2Tunnel, type TunnelCarrier, websocketKey } from "./http2-tunnel.ts";
import { Http2Turns } from "./http2-turns.ts";

/** How long the answer to the first step of a goodbye is waited for, milliseconds. */
const GOODBYE_WAIT = 1000;
/** So much may wait for the client before nothing is read from it: answers to its frames must not pile up. */
const MOST_QUEUED: number = 2 * HIGH_MARK;

const NO_TRAILERS: HeaderList = new HeaderList(16, 1);

/** See the head of this file. */
export class Http2Connection
  implements
    ClientConnection,
    ConnectionHandler,
    SessionUser<Http2Stream>,
    StreamCarrier,
    Http2OutputUser,
    TimerOwner,
    TunnelCarrier,
    WriteWatchUser
{
  readonly scheme: "http" | "https";
  readonly listener: string;
  readonly tls: ClientTls | null;
  readonly peerAddress: string;
  readonly localPort: number;

  readonly #context: DataPlaneContext;
  readonly #user: ClientStreamUser;
  readonly #owner: ClientConnectionOwner;
  readonly #connection: Connection;
  readonly #output: Http2Output;
  readonly #session: ServerSession<Http2Stream>;
  readonly #responses: ResponseWriter;
  readonly #writes: WriteWatch;
  /** Of an unused connection; while it says goodbye, of that; else of streams that wait for a window. */
  readonly #timer: Timer = new Timer(this, 0);
  readonly #turns: Http2Turns = new Http2Turns();
  /** Streams whose backends wait until the client takes more. */
  readonly #held: Set<Http2Stream> = new Set();
  /** What is being fed. */
  #slice: Slice | null = null;
  #paused = false;
  #saysGoodbye = false;
  #over = false;

  constructor(
    context: DataPlaneContext,
    connection: Connection,
    listener: string,
    tls: ClientTls | null,
    user: ClientStreamUser,
    owner: ClientConnectionOwner,
  ) {
    this.scheme = tls === null ? "http" : "https";
    this.listener = listener;
    this.tls = tls;
    this.#context = context;
    this.#user = user;
    this.#owner = owner;
    this.#connection = connection;
    this.peerAddress = connection.remoteAddress.replace(/%.*$/, "");
    this.localPort = connection.localPort;
    this.#writes = new WriteWatch(context.transport.timers, connection, this);
    this.#output = new Http2Output(context.transport, connection, this);
    this.#session = new ServerSession(this, this.#output);
    this.#responses = new ResponseWriter(this.#session.peer);
    connection.handler = this;
    this.#session.begin();
    this.#schedule(context.snapshot.data.timeouts.keepAlive);
    if (context.draining) this.drain();
  }

  // ── the end ─────────────────────────────────────────────────────────────────────────────────────────

  /** Says goodbye in two steps, so that no request that is under way is lost; ends when the last answer has gone out. */
  drain(): void {
    if (this.#saysGoodbye || this.#over) return;
    this.#saysGoodbye = true;
    this.#session.announceEnd();
    this.#schedule(GOODBYE_WAIT);
  }

  onPong(): void {
    if (this.#saysGoodbye) this.#goodbye();
  }

  #goodbye(): void {
    this.#session.goaway();
    if (this.#session.streams.size === 0) this.#close();
    else this.#watchWindows();
  }

  /** The time for a drain is over: cuts it, whatever is under way. */
  destroy(): void {
    this.#endAll("drain_expired", "");
    this.#connection.abort();
  }

  /** Nothing is under way: what is queued goes out, then the connection ends. */
  #close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#cancelTimer();
    this.#output.flush();
    if (this.#paused) this.#connection.resume();
    this.#connection.lingerClose();
  }

  /** Every exchange that is under way ends for the same reason. */
  #endAll(code: FailureCode, detail: string): void {
    this.#over = true;
    this.#session.over = true;
    this.#cancelTimer();
    const streams = [...this.#session.streams.values()];
    this.#session.streams.clear();
    for (const stream of streams) {
      stream.closed = true;
      this.#lose(stream, code, detail);
    }
    this.#turns.clear();
    this.#held.clear();
  }

  /** A stream is gone before its answer was complete. */
  #lose(stream: Http2Stream, code: FailureCode, detail: string): void {
    this.#forget(stream);
    const { exchange } = stream;
    stream.exchange = null;
    stream.tunnel?.gone({ code: "reset", detail });
    if (exchange !== null) this.#user.onClientGone(exchange, code, detail);
    stream.giveBack(exchange);
  }

  /** Nothing of it is sent or waited for any more. */
  #forget(stream: Http2Stream): void {
    stream.clock?.stop();
    stream.dropQueue();
    this.#turns.delete(stream);
    this.#held.delete(stream);
  }

  onFault(detail: string, abuse: Abuse | null): void {
    if (abuse !== null) this.#owner.onAbuse(abuse, this.peerAddress);
    this.#endAll("client_gone", detail);
    this.#output.flush();
    if (this.#paused) this.#connection.resume();
    this.#connection.lingerClose();
  }

  onEnd(): void {
    if (this.#session.streams.size === 0) return this.#close();
    // As on HTTP/1: nobody waits for these answers, and no window will be opened for them.
    this.#endAll("client_gone", "FIN");
    this.#connection.abort();
  }

  onClose(_connection: Connection, failure: TransportFailure | null): void {
    this.#endAll("client_gone", failure === null ? "" : failure.detail);
    this.#writes.stop();
    this.#output.drop();
    this.#owner.onConnectionClosed(this);
  }

  onWriteStalled(): void {
    this.#endAll("client_stalled", "");
    this.#connection.abort();
  }

  // ── reading ─────────────────────────────────────────────────────────────────────────────────────────

  onConnect(): void {}

  onData(_connection: Connection, slice: Slice): void {
    if (this.#over) return;
    this.#slice = slice;
    const { now } = this.#context.transport.timers;
    this.#session.feed(slice.bytes, slice.offset, slice.offset + slice.length, now);
    this.#slice = null;
    if (this.#connection.queued > MOST_QUEUED && !this.#paused && !this.#over) {
      this.#paused = true;
      this.#connection.pause();
    }
  }

  openStream(id: number, sendWindow: number): Http2Stream {
    const { clock, transport } = this.#context;
    return new Http2Stream(id, sendWindow, this, clock.wall(), transport.timers.now);
  }

  onRequest(stream: Http2Stream): void {
    this.#used();
    const { request } = stream;
    stream.connects = request.connects;
    if (request.connects) this.#addKey(request);
    else if (!stream.remoteClosed) {
      stream.clock = new BodyClock(this.#context.transport.timers, stream);
      stream.clock.start(this.#context.snapshot.data.timeouts);
    }
    const exchange = this.#user.onRequest(stream);
    exchange.requestComplete = stream.remoteClosed || request.connects;
    stream.exchange = exchange;
    this.#user.onRequestStart(exchange);
  }

  /** HTTP/2 has no use for the key of the handshake, the backend has (RFC 8441 §5.1). */
  #addKey({ headers }: RequestHead): void {
    headers.delete("sec-websocket-key");
    headers.appendUnchecked("Sec-WebSocket-Key", websocketKey(this.#context.random));
  }

  onRefused(stream: Http2Stream, code: FailureCode, detail: string): void {
    this.#used();
    this.#user.onMalformedRequest(stream, code, detail);
  }

  onMalformed(stream: Http2Stream, detail: string): void {
    const exchange = this.#user.onRequest(stream);
    exchange.requestComplete = true;
    this.#user.onClientGone(exchange, "request_malformed", detail);
    stream.giveBack(exchange);
  }

  onStreamData(stream: Http2Stream, start: number, end: number): void {
    if (stream.connects) return this.#onTunnelData(stream, start, end);
    const { exchange } = stream;
    stream.clock?.arrived(end - start);
    if (exchange !== null) this.#user.onRequestData(exchange, this.#slice!, start, end);
    if (stream.bodyPaused) stream.withheld += end - start;
    else this.#session.credit(stream, end - start);
  }

  #onTunnelData(stream: Http2Stream, start: number, end: number): void {
    const { tunnel } = stream;
    const part = this.#slice!.part(start - this.#slice!.offset, end - start);
    if (tunnel === null) {
      // Too early, but it may be let pass: one window of it at the most.
      stream.early = [...stream.early, part];
      stream.bodyPaused = true;
    } else {
      tunnel.onBytes(part);
      part.release();
    }
    if (stream.bodyPaused) stream.withheld += end - start;
    else this.#session.credit(stream, end - start);
  }

  onBodyResumed(stream: Http2Stream): void {
    const { withheld } = stream;
    stream.withheld = 0;
    if (withheld > 0) this.#session.credit(stream, withheld);
  }

  onStreamEnd(stream: Http2Stream, trailers: HeaderList | null): void {
    if (stream.connects) {
      stream.tunnel?.onPeerEnd();
      if (stream.ended) this.#finish(stream);
      return;
    }
    stream.clock?.stop();
    const { exchange } = stream;
    if (exchange !== null) this.#user.onRequestEnd(exchange, trailers ?? NO_TRAILERS);
  }

  onStreamLost(stream: Http2Stream, code: FailureCode, detail: string): void {
    this.#lose(stream, code, detail);
    this.#unused();
  }

  onBodyTooSlow(stream: Http2Stream, detail: string): void {
    stream.clock?.stop();
    const { exchange } = stream;
    if (exchange !== null) this.#user.onRequestFault(exchange, "request_body_timeout", detail);
  }

  // ── writing ─────────────────────────────────────────────────────────────────────────────────────────

  sendHead(stream: Http2Stream, head: ResponseHead, length: number, ends: boolean): void {
    if (stream.closed) return;
    // To the client it would be a switch.
    if (stream.connects && head.status >= 200 && head.status < 300) {
      return this.resetTunnel(stream);
    }
    this.#sendHeaders(stream, this.#responses.head(head, length), ends);
  }

  #sendHeaders(stream: Http2Stream, block: Uint8Array, ends: boolean): void {
    writeHeaders(this.#output.writer, stream.id, block, ends);
  }

  sendData(stream: Http2Stream, slice: Slice): boolean {
    if (stream.closed || stream.headEnds || slice.length === 0) {
      slice.release();
      return true;
    }
    if (stream.queue.length === 0) {
      stream.queue = [slice];
      stream.queuedAt = stream.movedAt = this.#context.transport.timers.now;
    } else stream.queue.push(slice);
    stream.queued += slice.length;
    this.#turns.add(stream);
    this.#pump();
    if (stream.queued === 0 && this.#output.hasRoom) return true;
    this.#held.add(stream);
    this.#watchWindows();
    return false;
  }

  sendEnd(stream: Http2Stream, trailers: HeaderList | null): void {
    const { exchange } = stream;
    stream.exchange = null;
    stream.giveBack(exchange);
    this.#held.delete(stream);
    if (stream.closed) return;
    if (stream.queued > 0) {
      stream.ending = true;
      if (trailers !== null) {
        stream.trailers = new HeaderList(trailers.used, trailers.count);
        stream.trailers.copyFrom(trailers);
      }
      return;
    }
    const block = trailers === null ? null : this.#responses.trailers(trailers);
    if (block !== null) this.#sendHeaders(stream, block, true);
    else if (!stream.headEnds) this.#output.endData(stream.id);
    this.#finish(stream);
  }

  /** END_STREAM has been written. */
  #finish(stream: Http2Stream): void {
    const { tunnel } = stream;
    if (tunnel !== null && !stream.remoteClosed && !tunnel.closing) {
      // The other half of a tunnel goes on.
      stream.ended = true;
      return;
    }
    this.#forget(stream);
    tunnel?.gone(null);
    this.#session.ended(stream);
    this.#unused();
  }

  abortStream(stream: Http2Stream): void {
    const { exchange } = stream;
    stream.exchange = null;
    this.#forget(stream);
    stream.giveBack(exchange);
    this.#session.reset(stream, exchange?.failure === null ? ERROR.cancel : ERROR.internalError);
    this.#unused();
  }

  /** Sends what waits, one frame of each stream in turn, the most urgent first, as far as windows and connection let. */
  #pump(): void {
    const session = this.#session;
    while (this.#turns.size > 0 && session.sendWindow > 0 && this.#output.hasRoom) {
      const stream = this.#turns.next();
      if (stream === null) return;
      this.#sendFrame(stream);
      if (stream.queued > 0) this.#turns.add(stream);
    }
  }

  #sendFrame(stream: Http2Stream): void {
    const session = this.#session;
    const most = Math.min(MAX_FRAME, stream.sendWindow, session.sendWindow);
    const slice = stream.queue[0]!;
    let piece = slice;
    if (slice.length <= most) stream.queue.shift();
    else {
      piece = slice.part(0, most);
      slice.offset += most;
      slice.length -= most;
    }
    const { length } = piece;
    stream.queued -= length;
    stream.sendWindow -= length;
    session.sendWindow -= length;
    stream.movedAt = this.#turns.movedAt = this.#context.transport.timers.now;
    session.abuse.excuse("control_flood", 4);
    session.abuse.excuse("ping_flood", 1);
    const ends = stream.ending && stream.queued === 0 && stream.trailers === null;
    this.#output.data(stream.id, piece, ends);
    if (!stream.ending || stream.queued > 0) return;
    const block = stream.trailers === null ? null : this.#responses.trailers(stream.trailers);
    if (block !== null) this.#sendHeaders(stream, block, true);
    else if (!ends) this.#output.endData(stream.id);
    this.#finish(stream);
  }

  onWindow(): void {
    this.#pump();
    this.#releaseHeld();
  }

  onWritable(): void {
    this.#output.clogged = false;
    if (this.#paused && this.#connection.queued < MOST_QUEUED) {
      this.#paused = false;
      this.#connection.resume();
    }
    this.#pump();
    this.#releaseHeld();
  }

  onFlushed(): void {
    if (this.#connection.closed) return;
    this.#writes.watch(this.#context.snapshot.data.timeouts.write);
    if (this.#output.clogged || this.#over) return;
    this.#pump();
    this.#releaseHeld();
  }

  /** Backends whose bytes have all gone out may send more. */
  #releaseHeld(): void {
    for (const stream of this.#held) {
      if (!this.#output.hasRoom) return;
      if (stream.queued > 0) continue;
      this.#held.delete(stream);
      const { exchange } = stream;
      if (exchange !== null) this.#user.onClientWritable(exchange);
      stream.tunnel?.onRoom();
    }
  }

  // ── extended CONNECT ────────────────────────────────────────────────────────────────────────────────

  openTunnel(stream: Http2Stream, head: ResponseHead): { connection: Connection; early: Slice[] } {
    head.status = 200;
    head.headers.delete("sec-websocket-accept");
    this.#sendHeaders(stream, this.#responses.head(head, -1), false);
    const tunnel = new Http2Tunnel(stream, this.#connection, this);
    const { early } = stream;
    stream.exchange = null;
    stream.tunnel = tunnel;
    stream.early = [];
    // When the tunnel has set its handler.
    this.#context.transport.defer(() => {
      stream.resumeBody();
      if (stream.remoteClosed) tunnel.onPeerEnd();
    });
    return { connection: tunnel, early };
  }

  resetTunnel(stream: Http2Stream): void {
    this.#forget(stream);
    this.#session.reset(stream, ERROR.cancel);
    this.#unused();
  }

  defer(task: () => void): void {
    this.#context.transport.defer(task);
  }

  // ── clocks ──────────────────────────────────────────────────────────────────────────────────────────

  /** A stream is open: the connection is not unused. */
  #used(): void {
    if (this.#session.streams.size === 1 && !this.#saysGoodbye) this.#cancelTimer();
  }

  /** A stream was closed; was it the last? */
  #unused(): void {
    if (this.#session.streams.size > 0 || this.#over) return;
    if (!this.#saysGoodbye) this.#schedule(this.#context.snapshot.data.timeouts.keepAlive);
    else if (this.#session.closing) this.#close();
  }

  /** Streams wait: for the client's windows not for ever. */
  #watchWindows(): void {
    if (this.#timer.armed || this.#turns.size === 0) return;
    this.#schedule(this.#context.snapshot.data.timeouts.write);
  }

  onTimer(): void {
    if (this.#saysGoodbye && !this.#session.closing) return this.#goodbye();
    if (this.#session.streams.size === 0) {
      this.#session.goaway();
      return this.#close();
    }
    this.#endStalled();
  }

  #endStalled(): void {
    const { now } = this.#context.transport.timers;
    const limit = this.#context.snapshot.data.timeouts.write;
    const isShut = this.#session.sendWindow <= 0;
    const wait = this.#turns.eachStalled(now, limit, isShut, (stream) => {
      this.#owner.onAbuse("window_stall", this.peerAddress);
      this.#session.reset(stream, ERROR.enhanceYourCalm);
      this.#lose(stream, "client_stalled", "no window");
    });
    if (wait > 0) this.#schedule(wait);
    this.#unused();
  }

  #schedule(delay: number): void {
    this.#context.transport.timers.schedule(this.#timer, delay);
  }

  #cancelTimer(): void {
    this.#context.transport.timers.cancel(this.#timer);
  }
}
