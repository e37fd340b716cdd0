/**
 * The life of a request, stage by stage. **Start reading here.**
 *
 *     1 accept   who connects, and may they                accept/
 *     2 parse    bytes become a request                    parse/
 *     3 route    the request becomes a plan                route/
 *     4 filter   the route's filters see and change it     filter/
 *     5 balance  an endpoint of the upstream is chosen     balance/
 *     6 forward  it is sent there, and again if it may be  forward/
 *     7 respond  the answer, or the proxy's own, goes back respond/
 *     8 log      what happened is written down             log/
 *
 * Stages do not know each other; they meet here. Whatever happens, an exchange ends in `finish`, once.
 */

import { sliceOf, type Slice } from "#core/bytes/slice.ts";
import { FAILURES, failure, type Failure, type FailureCode } from "#core/errors.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import { dropNominated } from "#core/http/hop-by-hop.ts";
import type { ResponseHead } from "#core/http/message.ts";
import type { Connection } from "#transport/contract.ts";
import { Door, type DoorUser } from "./accept/door.ts";
import { clientAddress, isTrusted } from "./accept/client-address.ts";
import { chooseEndpoint } from "./balance/select.ts";
import { Caching, type CachingUser } from "./cache/caching.ts";
import type { DataPlaneContext } from "./context.ts";
import { Exchange } from "./exchange.ts";
import type { Decision } from "./decision.ts";
import { FilterRun } from "./filter/run.ts";
import { Attempt, type AttemptUser, type SwitchedUpstream } from "./forward/attempt.ts";
import { PassThroughs } from "./forward/pass-through.ts";
import { Pause } from "./forward/pause.ts";
import type { Pools } from "./forward/pools.ts";
import {
  dropClientClaims,
  isLoop,
  prepareRequestFields,
  reportedProto,
  reportedRequestId,
} from "./forward/request-fields.ts";
import { backoff, logRetry, mayRetry, retryAfterAnswer, takeRetry } from "./forward/retry.ts";
import { Tunnels, type TunnelsUser } from "./forward/tunnels.ts";
import { isValidUpgrade } from "./forward/websocket.ts";
import { RecordView } from "./log/record.ts";
import { ClientConnections } from "./parse/client-connections.ts";
import { RequestBody } from "./request-body.ts";
import { ResponseHold } from "./response-hold.ts";
import type { LocalReply } from "./respond/local-reply.ts";
import { OwnPages } from "./respond/own-pages.ts";
import {
  addMissingDate,
  addTransportSecurity,
  announcedLength,
  clientFraming,
  prepareResponseFields,
} from "./respond/response-fields.ts";
import { isMisdirected } from "./route/misdirected.ts";
import { route } from "./route/route.ts";
import type { ClientStreamUser } from "./client-stream-user.ts";
import type { ClientStream, ClientTls } from "./client-stream.ts";

/** Bytes of a request's body that wait for the backend before the client is made to wait. */
const REQUEST_WINDOW = 64 * 1024;

/** See the head of this file. */
export class Lifecycle
  implements DoorUser, ClientStreamUser, AttemptUser, TunnelsUser, CachingUser
{
  readonly connections: ClientConnections;
  readonly tunnels: Tunnels;
  /** Connections that go to an upstream unopened. */
  readonly passThroughs: PassThroughs;
  /** Where connections come in. */
  readonly door: Door;
  readonly #context: DataPlaneContext;
  readonly #pools: Pools;
  readonly #pages: OwnPages;
  readonly #nextId: () => string;
  readonly #caching: Caching;
  /** Of whichever exchange ends. */
  readonly #record: RecordView = new RecordView();
  /** Called when a connection or tunnel has ended: the end of a drain may be near. */
  onLess: () => void = () => undefined;

  /** @param nextId makes the ids of requests */
  constructor(context: DataPlaneContext, pools: Pools, nextId: () => string) {
    this.#context = context;
    this.#pools = pools;
    this.#nextId = nextId;
    this.#pages = new OwnPages(context);
    this.door = new Door(context, this, this.#pages);
    this.connections = new ClientConnections(context, this, () => this.onLess());
    this.#caching = new Caching(context, this);
    this.tunnels = new Tunnels(context, this);
    this.passThroughs = new PassThroughs(context, () => this.onLess());
  }

  // ── :: 1 accept ─────────────────────────────────────────────────────────────────────────────────────

  serve(connection: Connection, listener: string, tls: ClientTls | null): void {
    this.connections.serve(connection, listener, tls);
  }

  passThrough(connection: Connection, received: Slice[], name: string): void {
    const upstream = this.#context.snapshot.upstreams.get(name)!;
    this.passThroughs.begin(connection, received, upstream);
  }

  // ── :: 2 parse: what the client's stream reports ────────────────────────────────────────────────────

  onRequest(client: ClientStream): Exchange {
    const exchange = new Exchange(client, this.#context.snapshot, new RequestBody(REQUEST_WINDOW));
    client.plan.reset();
    this.#context.worker.addExchanges(1);
    exchange.requestId = this.#nextId();
    exchange.clientIp = client.peerAddress;
    return exchange;
  }

  onMalformedRequest(client: ClientStream, code: FailureCode, detail: string): void {
    const exchange = this.onRequest(client);
    exchange.requestComplete = true;
    this.fail(exchange, failure(code, detail));
  }

  onRequestStart(exchange: Exchange): void {
    const { client, request, plan, snapshot } = exchange;
    const challenge = this.#pages.challenge(exchange);
    if (challenge !== null) return this.#reply(exchange, challenge);
    const { trustedProxies } = snapshot;
    const trusted = isTrusted(client.peerAddress, trustedProxies);
    if (trusted) {
      exchange.clientIp = clientAddress(client.peerAddress, request.headers, trustedProxies);
      exchange.requestId = reportedRequestId(request.headers, trusted) || exchange.requestId;
    }
    if (isLoop(request.headers, snapshot.data.instance)) {
      return this.fail(exchange, failure("loop_detected"));
    }

    // :: 3 route
    route(snapshot, request, exchange.clientIp, plan);
    if (plan.fault !== null) return this.fail(exchange, failure(plan.fault));
    // What a trusted proxy took by https is where the redirect would lead.
    const isSecure = trusted && reportedProto(request.headers) === "https";
    const redirect = isSecure ? null : this.#pages.redirect(exchange);
    if (redirect !== null) return this.#reply(exchange, redirect);
    if (isMisdirected(client, snapshot, plan.hostname)) {
      return this.fail(exchange, failure("misdirected", plan.hostname));
    }
    const matched = plan.route!;
    if (request.upgrade !== "" && !matched.upgrades.has(request.upgrade)) {
      // Without its upgrade, a CONNECT is nothing that could go on.
      if (request.connects) return this.fail(exchange, failure("method_not_allowed", "CONNECT"));
      request.upgrade = "";
    }
    if (!isValidUpgrade(request)) return this.fail(exchange, failure("upgrade_invalid"));

    // :: 4 filter, the request
    // What the client says of itself goes first: filters see what can be relied on, and what they add stays.
    dropClientClaims(request.headers, trusted);
    if (matched.filters.all.length === 0) return this.#forward(exchange, trusted);
    const run = new FilterRun(exchange, matched);
    exchange.filters = run;
    const decision = run.requestHead();
    if (!(decision instanceof Promise)) return this.#onRequestDecision(exchange, trusted, decision);
    client.pauseBody();
    exchange.filtering = true;
    void decision.then((late) => {
      exchange.filtering = false;
      // The request may have been refused for something else meanwhile.
      if (exchange.ended || exchange.local) return;
      client.resumeBody();
      this.#onRequestDecision(exchange, trusted, late);
    });
  }

  #onRequestDecision(exchange: Exchange, trusted: boolean, decision: Decision): void {
    if (decision.kind !== "continue") return this.#conclude(exchange, decision);
    // Now the filters get to see what has arrived of the body while one of them thought.
    for (const slice of exchange.body.slices) {
      const verdict = exchange.filters!.requestData(slice.view());
      if (verdict.kind !== "continue") return this.#conclude(exchange, verdict);
    }
    this.#forward(exchange, trusted);
  }

  onRequestData(exchange: Exchange, slice: Slice, start: number, end: number): void {
    exchange.requestBytes += end - start;
    // The answer is decided, and nobody waits for this any more.
    if (exchange.local) return;
    if (exchange.filters !== null && !exchange.filtering) {
      const decision = exchange.filters.requestData(slice.bytes.subarray(start, end));
      if (decision.kind !== "continue") return this.#conclude(exchange, decision);
    }
    exchange.body.push(slice.part(start - slice.offset, end - start));
    exchange.attempt?.pump();
    if (exchange.body.waiting > REQUEST_WINDOW && !exchange.ended) exchange.client.pauseBody();
  }

  onRequestEnd(exchange: Exchange, trailers: HeaderList): void {
    exchange.endRequest(trailers);
    exchange.attempt?.pump();
  }

  onRequestFault(exchange: Exchange, code: FailureCode, detail: string): void {
    exchange.requestComplete = true;
    this.fail(exchange, failure(code, detail));
  }

  onClientGone(exchange: Exchange, code: FailureCode, detail: string): void {
    if (exchange.ended) return;
    if (!exchange.responseStarted) exchange.status = FAILURES[code].status;
    exchange.note(failure(code, detail));
    this.finish(exchange);
  }

  onClientWritable(exchange: Exchange): void {
    // While a filter thinks about the head, it is that which the backend waits for.
    if (exchange.hold === null) exchange.attempt?.resumeResponse();
  }

  // ── :: 5 balance, :: 6 forward ──────────────────────────────────────────────────────────────────────

  #forward(exchange: Exchange, trusted: boolean): void {
    const { upstream, cache } = exchange.plan.route!;
    // The configuration promised that a filter answers; it did not.
    if (upstream === null) return this.fail(exchange, failure("internal_error", "nobody answers"));
    prepareRequestFields(exchange, trusted);
    if (cache === null) this.send(exchange);
    else this.#caching.serve(exchange);
  }

  send(exchange: Exchange): void {
    const upstream = exchange.plan.route!.upstream!;
    exchange.body.limitReplay(upstream.retries.attempts > 0 ? upstream.retries.bufferBytes : -1);
    if (exchange.requestComplete) exchange.body.complete = true;
    const budget = this.#pools.budget(upstream.name);
    budget.begin();
    exchange.budget = budget;
    this.#attempt(exchange, false);
  }

  #attempt(exchange: Exchange, fresh: boolean): void {
    const matched = exchange.plan.route!;
    const endpoint = chooseEndpoint(matched.upstream!, exchange.tried);
    if (endpoint === null) return this.fail(exchange, failure("no_endpoint"));
    const pool = this.#pools.of(this.#context, endpoint);
    const attempt = new Attempt(this.#context, exchange, matched, endpoint, pool, this);
    exchange.attempts++;
    exchange.endpoint = endpoint;
    exchange.attempt = attempt;
    attempt.start(fresh);
  }

  onAttemptWritable(exchange: Exchange): void {
    if (exchange.body.waiting === 0) exchange.client.resumeBody();
  }

  onAttemptFailed(exchange: Exchange, fault: Failure): void {
    const failed = exchange.attempt;
    exchange.attempt = null;
    if (exchange.ended) return;
    const { retries } = exchange.plan.route!.upstream!;
    if (failed === null || !mayRetry(exchange, fault, retries) || !takeRetry(exchange, retries)) {
      return this.fail(exchange, fault);
    }
    logRetry(this.#context.log, exchange, fault);
    // A dead reused connection says nothing about the endpoint: at once, over a new one.
    if (fault.retry === "if-reused") this.#again(exchange, 0);
    else this.#again(exchange, backoff(exchange.attempts, this.#context.random));
  }

  #again(exchange: Exchange, delay: number): void {
    exchange.tried = [...exchange.tried, exchange.endpoint!];
    exchange.body.rewind();
    if (delay === 0) return this.#attempt(exchange, true);
    const { timers } = this.#context.transport;
    exchange.attempt = new Pause(timers, delay, () => this.#attempt(exchange, false));
  }

  // ── :: 7 respond ────────────────────────────────────────────────────────────────────────────────────

  onInterim(exchange: Exchange, head: ResponseHead): void {
    prepareResponseFields(head, exchange.snapshot.data.instance);
    exchange.client.sendInterim(head);
  }

  onResponseHead(exchange: Exchange, head: ResponseHead): void {
    const attempt = exchange.attempt!;
    const { retries } = exchange.plan.route!.upstream!;
    if (exchange.request.connects && head.status < 300) {
      return this.fail(exchange, failure("upgrade_refused", `status ${head.status}`));
    }
    const wait = retryAfterAnswer(exchange, head, retries);
    if (wait >= 0 && takeRetry(exchange, retries)) {
      attempt.abort();
      const delay = Math.max(wait, backoff(exchange.attempts, this.#context.random), 1);
      return this.#again(exchange, delay);
    }
    exchange.body.giveUpReplay();
    prepareResponseFields(head, exchange.snapshot.data.instance);
    addMissingDate(head, this.#context.clock.wall());
    exchange.pass?.answered(head);
    this.#respond(exchange, head);
  }

  onCacheHead(exchange: Exchange, head: ResponseHead): void {
    this.#respond(exchange, head);
    // Its body waits until then.
    if (!exchange.ended && exchange.hold === null) exchange.attempt?.resumeResponse();
  }

  #respond(exchange: Exchange, head: ResponseHead): void {
    exchange.firstByteAt = this.#context.transport.timers.now;
    if (exchange.client.tls?.hsts === true) addTransportSecurity(head);
    exchange.response = head;
    exchange.hold = null;
    this.#filterResponse(exchange);
  }

  /** :: 4 filter, the response; then its head goes out. */
  #filterResponse(exchange: Exchange): void {
    const run = exchange.filters;
    if (run === null || exchange.filtersDone) return this.#sendHead(exchange);
    exchange.filtersDone = true;
    const decision = run.responseHead();
    if (!(decision instanceof Promise)) return this.#onResponseDecision(exchange, decision);
    const hold = new ResponseHold();
    const head = exchange.response!;
    const { keepAlive } = head;
    exchange.hold = hold;
    exchange.attempt?.pauseResponse();
    // The head lives in the connection's parser: if the answer ends before the filters have spoken, the
    // connection must not carry another, whose head would take its place.
    head.keepAlive = false;
    head.bodyFollows = false;
    void decision.then((late) => {
      // The backend may have failed meanwhile and the answer be another one.
      if (exchange.ended || exchange.hold !== hold) return hold.release();
      exchange.hold = null;
      head.keepAlive = keepAlive;
      this.#onResponseDecision(exchange, late);
      if (exchange.ended) return hold.release();
      for (const slice of hold.slices) this.sendData(exchange, slice);
      exchange.attempt?.resumeResponse();
      if (hold.ended) this.#endResponse(exchange, hold.trailers);
    });
  }

  #onResponseDecision(exchange: Exchange, decision: Decision): void {
    if (decision.kind === "continue") return this.#sendHead(exchange);
    exchange.attempt?.abort();
    exchange.attempt = null;
    // The answer that the filters were asked about is dropped; what takes its place is not shown to them again.
    this.#conclude(exchange, decision);
  }

  #sendHead(exchange: Exchange): void {
    const head = exchange.response!;
    const { client, request } = exchange;
    exchange.status = head.status;
    exchange.responseStarted = true;
    const framing = clientFraming(head, request.method, request.version);
    exchange.bodiless = framing === "none";
    if (exchange.local && !exchange.requestComplete) client.closeAfterAnswer();
    client.sendHead(head, framing, announcedLength(head, framing));
    if (!exchange.local) return;
    const body = exchange.localBody!;
    if (body.length > 0) this.sendData(exchange, sliceOf(body));
    this.#endResponse(exchange, null);
  }

  onResponseData(exchange: Exchange, slice: Slice, start: number, end: number): void {
    const part = slice.part(start - slice.offset, end - start);
    if (exchange.hold === null) this.sendData(exchange, part);
    else exchange.hold.slices.push(part);
  }

  sendData(exchange: Exchange, slice: Slice): void {
    if (exchange.bodiless) return slice.release();
    exchange.responseBytes += slice.length;
    if (!exchange.client.sendData(slice)) exchange.attempt?.pauseResponse();
  }

  onResponseEnd(exchange: Exchange, trailers: HeaderList | null): void {
    exchange.attempt = null;
    if (exchange.ended) return;
    const { hold } = exchange;
    if (hold !== null) hold.end(trailers);
    else this.#endResponse(exchange, trailers);
  }

  #endResponse(exchange: Exchange, trailers: HeaderList | null): void {
    const { client } = exchange;
    if (trailers !== null && trailers.count > 0 && exchange.response !== null) {
      dropNominated(trailers, exchange.response.headers);
    }
    exchange.responseComplete = true;
    this.finish(exchange);
    // Last: the client's stream may begin its next request before this returns.
    client.sendEnd(trailers !== null && trailers.count > 0 ? trailers : null);
  }

  /** What a filter decided instead of going on. */
  #conclude(exchange: Exchange, decision: Exclude<Decision, { kind: "continue" }>): void {
    if (decision.kind === "failed") return this.fail(exchange, decision.fault);
    if (decision.kind === "refuse") {
      return this.fail(exchange, failure(decision.code, decision.detail));
    }
    if (decision.kind === "reset" || exchange.responseStarted) {
      this.finish(exchange);
      return exchange.client.abort();
    }
    const reply = this.#pages.ofFilter(decision.response);
    if ("code" in reply) this.fail(exchange, reply);
    else this.#reply(exchange, reply);
  }

  /** The exchange went wrong: the page that says so, or, when an answer has begun, its visible end. */
  fail(exchange: Exchange, fault: Failure): void {
    exchange.note(fault);
    exchange.attempt?.abort();
    exchange.attempt = null;
    if (exchange.responseStarted) {
      this.finish(exchange);
      exchange.client.abort();
      return;
    }
    this.#reply(exchange, this.#pages.failure(fault.code, exchange));
  }

  /** Answers with the proxy's own words. */
  #reply(exchange: Exchange, reply: LocalReply): void {
    exchange.attempt?.abort();
    exchange.attempt = null;
    exchange.local = true;
    exchange.response = reply.head;
    exchange.localBody = reply.body;
    if (exchange.client.tls?.hsts === true) addTransportSecurity(reply.head);
    if (exchange.hold !== null || exchange.filtering) {
      // A filter still looks at this request: the next one must not take its place under its eyes.
      exchange.client.closeAfterAnswer();
      exchange.hold?.release();
      exchange.hold = null;
    }
    this.#filterResponse(exchange);
  }

  // ── after a protocol switch ─────────────────────────────────────────────────────────────────────────

  onSwitched(exchange: Exchange, head: ResponseHead, upstream: SwitchedUpstream): void {
    exchange.attempt = null;
    if (!this.tunnels.accepts(exchange, head, upstream)) {
      return this.fail(exchange, failure("upgrade_refused", head.upgrade));
    }
    prepareResponseFields(head, exchange.snapshot.data.instance);
    exchange.firstByteAt = this.#context.transport.timers.now;
    this.tunnels.join(exchange, head, upstream);
  }

  onTunnelEnded(exchange: Exchange, end: FailureCode | null): void {
    // A stream's connection is counted where it is.
    if (!exchange.request.connects) this.#context.worker.releaseConnection();
    if (end !== null) exchange.note(failure(end));
    this.finish(exchange);
    this.onLess();
  }

  // ── :: 8 log ────────────────────────────────────────────────────────────────────────────────────────

  finish(exchange: Exchange): void {
    if (exchange.ended) return;
    exchange.ended = true;
    exchange.attempt?.abort();
    exchange.attempt = null;
    exchange.body.release();
    exchange.hold?.release();
    this.#context.worker.addExchanges(-1);
    exchange.budget?.end(exchange.retries);
    const record = this.#record;
    record.begin(exchange, this.#context.transport.timers.now);
    exchange.filters?.end(record.outcome(), (place, error) =>
      this.#context.log("error", "filter_failed", String(error), { place }),
    );
    if (!exchange.isFill) this.#context.sink.onExchange(record);
  }
}
