/**
 * One try at one endpoint: gets a connection, sends the request as far as it has arrived, and hands on the
 * answer as it comes. Whether a failed try is followed by another is `retry.ts`'s to say.
 */

import type { Slice } from "#core/bytes/slice.ts";
import { failure, type Failure } from "#core/errors.ts";
import { HEADER } from "#core/http/header-names.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import { spellsIgnoringCase } from "#core/http/list-value.ts";
import type { ResponseHead } from "#core/http/message.ts";
import { writeLastChunk, writeRequestHead } from "#protocol/http1/serializer.ts";
import type { Connection } from "#transport/contract.ts";
import type { DataPlaneContext } from "../context.ts";
import type { AttemptHandle, Exchange } from "../exchange.ts";
import type { LinkedEndpoint, LinkedRoute } from "../linked.ts";
import { begin, chunkOf, HEAD_ROOM, LAST_CHUNK_ROOM, written } from "../outgoing.ts";
import type { Http1Upstream, UpstreamUser } from "./http1-upstream.ts";
import type { EndpointPool, PoolUser, Wish } from "./pool.ts";

/** A connection that was switched to another protocol, with what the backend has sent on it already. */
export interface SwitchedUpstream {
  readonly connection: Connection;
  readonly early: Slice[];
  /** To be called once when the tunnel over it has ended. */
  readonly done: () => void;
}

/** What the lifecycle is told about an attempt. */
export interface AttemptUser {
  onInterim(exchange: Exchange, head: ResponseHead): void;
  onResponseHead(exchange: Exchange, head: ResponseHead): void;
  onResponseData(exchange: Exchange, slice: Slice, start: number, end: number): void;
  onResponseEnd(exchange: Exchange, trailers: HeaderList): void;
  onSwitched(exchange: Exchange, head: ResponseHead, upstream: SwitchedUpstream): void;
  /** The backend takes bytes of the request again. */
  onAttemptWritable(exchange: Exchange): void;
  onAttemptFailed(exchange: Exchange, fault: Failure): void;
}

/** What the attempt waits for. */
type Phase = "connection" | "sending" | "head" | "body" | "over";

/** See the head of this file. */
export class Attempt implements AttemptHandle, PoolUser, UpstreamUser {
  readonly endpoint: LinkedEndpoint;
  readonly #context: DataPlaneContext;
  readonly #exchange: Exchange;
  readonly #route: LinkedRoute;
  readonly #pool: EndpointPool;
  readonly #user: AttemptUser;
  readonly #startedAt: number;
  #wish: Wish | null = null;
  #upstream: Http1Upstream | null = null;
  #phase: Phase = "connection";
  #blocked = false;
  #bodyEnded = false;
  /** When the backend began to be waited for; -1: it is not. */
  #waitsSince = -1;
  /** Bytes written to the connection when it was last looked at. */
  #offered = 0;
  #interimSeen = false;
  /** Milliseconds between two bytes of the answer's body, 0: no limit. */
  #idleLimit = 0;

  constructor(
    context: DataPlaneContext,
    exchange: Exchange,
    route: LinkedRoute,
    endpoint: LinkedEndpoint,
    pool: EndpointPool,
    user: AttemptUser,
  ) {
    this.#context = context;
    this.#exchange = exchange;
    this.#route = route;
    this.endpoint = endpoint;
    this.#pool = pool;
    this.#user = user;
    this.#startedAt = context.transport.timers.now;
  }

  /** Begins. `fresh`: not over an unused connection. The attempt must be known to its exchange by now. */
  start(fresh: boolean): void {
    this.#context.endpoints.begin(this.endpoint.slot);
    const { pool } = this.#route.upstream!;
    this.#wish = this.#pool.acquire(
      this,
      pool,
      this.#route.timeouts.connect,
      this.endpoint.tls,
      fresh,
    );
  }

  // ── the connection ──────────────────────────────────────────────────────────────────────────────────

  onConnection(upstream: Http1Upstream): void {
    const waited = this.#context.transport.timers.now - this.#startedAt;
    if (this.#wish !== null && this.#wish.dialer !== null) this.#exchange.connectMs += waited;
    else this.#exchange.queueMs += waited;
    this.#upstream = upstream;
    const { request } = this.#exchange;
    upstream.begin(this, request.method, request.upgrade);
    this.#phase = "sending";
    this.#sendHead(upstream);
    this.pump();
    // The client may have been made to wait while there was no connection.
    if (!this.#blocked) this.#user.onAttemptWritable(this.#exchange);
  }

  onNoConnection(fault: Failure): void {
    if (fault.retry === "yes") {
      const { ejection } = this.#route.upstream!;
      const wall = this.#context.clock.wall();
      this.#context.endpoints.recordFailure(this.endpoint.slot, ejection, wall);
    }
    this.#fail(fault);
  }

  // ── the request ─────────────────────────────────────────────────────────────────────────────────────

  #sendHead(upstream: Http1Upstream): void {
    const { request, plan } = this.#exchange;
    const host = plan.host === "" ? this.endpoint.authority : plan.host;
    const upgrade = request.upgrade !== "";
    const { transport } = this.#context;
    const size = request.headers.used + plan.target.length + host.length + HEAD_ROOM;
    writeRequestHead(
      begin(transport, size),
      request,
      plan.target,
      host,
      request.framing === "length" ? "length" : request.framing === "none" ? "none" : "chunked",
      request.contentLength,
      upgrade ? "upgrade" : "keep-alive",
      wantsTrailers(request.headers),
    );
    this.#blocked = !upstream.connection.write([written(transport)]);
  }

  pump(): void {
    const upstream = this.#upstream;
    if (upstream === null || this.#phase === "over") return;
    const { body, request } = this.#exchange;
    const chunked = request.framing === "chunked";
    while (!this.#blocked && !this.#bodyEnded) {
      const slice = body.take();
      if (slice === null) break;
      this.#blocked = !this.#sendData(upstream, slice, chunked);
    }
    if (body.complete && body.waiting === 0 && !this.#bodyEnded) this.#endBody(upstream, chunked);
    this.#watch();
  }

  #sendData(upstream: Http1Upstream, slice: Slice, chunked: boolean): boolean {
    if (!chunked) return upstream.connection.write([slice]);
    return upstream.connection.write(chunkOf(this.#context.transport, slice));
  }

  #endBody(upstream: Http1Upstream, chunked: boolean): void {
    this.#bodyEnded = true;
    if (chunked) {
      const { transport } = this.#context;
      writeLastChunk(begin(transport, LAST_CHUNK_ROOM), this.#exchange.body.trailers);
      upstream.connection.write([written(transport)]);
    }
    upstream.endRequest();
    if (this.#phase === "sending") this.#phase = "head";
  }

  onUpstreamWritable(): void {
    this.#blocked = false;
    this.pump();
    if (this.#phase !== "over") this.#user.onAttemptWritable(this.#exchange);
  }

  // ── clocks ──────────────────────────────────────────────────────────────────────────────────────────

  /**
   * The backend is waited for when it has the whole request, when it does not take what waits for it, and
   * when the client has sent `Expect: 100-continue` and waits itself. Otherwise the client is.
   */
  #watch(): void {
    const upstream = this.#upstream;
    if (upstream === null || this.#phase === "over" || this.#phase === "body") return;
    const { taken, queued } = upstream.connection;
    if (!this.#isBackendsTurn(queued)) {
      this.#waitsSince = -1;
      return upstream.stopWaiting();
    }
    // Once everything has been taken that was offered before, what is offered now is waited for anew.
    const anew = taken >= this.#offered && taken + queued > this.#offered;
    this.#offered = taken + queued;
    if (this.#waitsSince >= 0 && !anew) return;
    this.#waitsSince = this.#context.transport.timers.now;
    upstream.wait(this.#route.timeouts.firstByte);
  }

  #isBackendsTurn(queued: number): boolean {
    if (this.#bodyEnded || queued > 0) return true;
    const { request, requestBytes } = this.#exchange;
    return request.expectContinue && !this.#interimSeen && requestBytes === 0;
  }

  onUpstreamTimer(): void {
    const upstream = this.#upstream;
    if (upstream === null) return;
    if (this.#phase === "body") return this.#giveUp(failure("response_idle"));
    // It has taken all that the client has sent meanwhile.
    if (!this.#isBackendsTurn(upstream.connection.queued)) return this.#watch();
    // Its time begins anew with the last byte of the request that it took.
    const since = Math.max(this.#waitsSince, upstream.connection.takenAt);
    const left = this.#route.timeouts.firstByte - (this.#context.transport.timers.now - since);
    if (left > 0) return upstream.wait(left);
    this.#giveUp(failure(upstream.connection.queued > 0 ? "request_stalled" : "response_timeout"));
  }

  // ── the response ────────────────────────────────────────────────────────────────────────────────────

  onInterim(head: ResponseHead): void {
    this.#interimSeen = true;
    this.#watch();
    this.#user.onInterim(this.#exchange, head);
  }

  onResponseHead(head: ResponseHead): void {
    this.#phase = "body";
    this.#context.endpoints.recordSuccess(this.endpoint.slot);
    this.#idleLimit = isEventStream(head.headers) ? 0 : this.#route.timeouts.responseIdle;
    this.#waitForBody();
    this.#user.onResponseHead(this.#exchange, head);
  }

  onResponseData(slice: Slice, start: number, end: number): void {
    this.#waitForBody();
    this.#user.onResponseData(this.#exchange, slice, start, end);
  }

  #waitForBody(): void {
    if (this.#upstream === null) return;
    // The backend is not slow while it is we who do not read.
    if (this.#idleLimit > 0 && !this.#upstream.paused) this.#upstream.wait(this.#idleLimit);
    else this.#upstream.stopWaiting();
  }

  pauseResponse(): void {
    this.#upstream?.pause();
    if (this.#phase === "body") this.#waitForBody();
  }

  resumeResponse(): void {
    this.#upstream?.resume();
    if (this.#phase === "body") this.#waitForBody();
  }

  onResponseEnd(trailers: HeaderList): void {
    this.#over();
    this.#user.onResponseEnd(this.#exchange, trailers);
  }

  onSwitched(head: ResponseHead, connection: Connection, early: Slice[]): void {
    this.#over();
    this.#context.endpoints.recordSuccess(this.endpoint.slot);
    const done = (): void => this.#pool.tunnelEnded();
    this.#user.onSwitched(this.#exchange, head, { connection, early, done });
  }

  // ── the end ─────────────────────────────────────────────────────────────────────────────────────────

  onUpstreamFailed(fault: Failure): void {
    this.#fail(fault);
  }

  #giveUp(fault: Failure): void {
    this.#upstream?.abort();
    this.#fail(fault);
  }

  #fail(fault: Failure): void {
    this.#over();
    this.#user.onAttemptFailed(this.#exchange, fault);
  }

  abort(): void {
    if (this.#phase === "over") return;
    const upstream = this.#upstream;
    const wish = this.#wish;
    this.#over();
    if (upstream !== null) upstream.abort();
    else if (wish !== null) wish.cancel();
  }

  #over(): void {
    if (this.#phase === "over") return;
    this.#phase = "over";
    this.#upstream = null;
    this.#context.endpoints.end(this.endpoint.slot);
  }
}

const TRAILERS = /(?:^|,)\s*trailers\s*(?:,|$)/i;

/** Does the client take trailers? (RFC 9110 §10.1.4) */
function wantsTrailers(headers: HeaderList): boolean {
  const index = headers.indexOf(HEADER.te);
  return index >= 0 && TRAILERS.test(headers.valueAt(index));
}

const EVENT_STREAM = "text/event-stream";

/** Event streams may be silent for as long as they like. */
function isEventStream(headers: HeaderList): boolean {
  const index = headers.indexOf(HEADER["content-type"]);
  if (index < 0) return false;
  const start = headers.valueStartAt(index);
  const end = Math.min(headers.valueEndAt(index), start + EVENT_STREAM.length);
  return spellsIgnoringCase(headers.bytes, start, end, EVENT_STREAM);
}
