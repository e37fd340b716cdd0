/**
 * The "client" of a fill: the backend is asked on its behalf, through all stages as for anybody else, and what is
 * answered goes to the cache. The client who caused it reads from there like all others, so that the backend sends as
 * fast as it can however slow that one is, and goes on when it leaves. What is not stored is handed to it directly.
 *
 *     backend ─► attempt ─► FillStream ─► store ─► StoredReader ─► client
 *                                │                      ▲
 *                                └──── not stored ──────┘
 */

import type { Slice } from "#core/bytes/slice.ts";
import { type Failure, failure } from "#core/errors.ts";
import { HeaderList } from "#core/http/header-list.ts";
import { RequestHead, ResponseHead } from "#core/http/message.ts";
import type { ClientStream } from "../client-stream.ts";
import type { Exchange } from "../exchange.ts";
import { Plan } from "../plan.ts";
import type { CachedAnswer, CacheFill } from "../route-cache.ts";

/** Whom it tells how the answer of the client who caused it begins and goes on. */
export interface FillLeader {
  /** The client's own. */
  readonly request: RequestHead;
  /** `answer` null: it comes from the stream itself. */
  onFillHead(head: ResponseHead, answer: CachedAnswer | null): void;
  onFillFailed(fault: Failure): void;
  /** There is something in `waiting`, or no more to come. */
  onFillProgress(): void;
}

/** What it needs of the data plane. */
export interface FillUser {
  /** Nobody wants the answer any more. */
  finish(exchange: Exchange): void;
}

/** See the head of this file. */
export class FillStream implements ClientStream {
  readonly scheme: ClientStream["scheme"];
  readonly peerAddress: string;
  readonly localPort: number;
  readonly listener: string;
  readonly tls = null;
  readonly request: RequestHead = new RequestHead();
  readonly plan: Plan = new Plan();
  readonly startedWall: number;
  readonly startedAt: number;
  /** Known as soon as there is one. */
  exchange: Exchange | null = null;
  /** Who caused it, as long as that one is there. */
  leader: FillLeader | null = null;
  /** What is not stored, and has not been taken yet. */
  waiting: Slice[] = [];
  /** Nothing more comes; `trailers` behind the body. */
  ended = false;
  trailers: HeaderList | null = null;
  /** What comes is not stored (any more). */
  live = false;
  /** Why there is no more. */
  fault: Failure | null = null;
  readonly #fill: CacheFill;
  readonly #user: FillUser;
  #paused = false;

  /** @param cause whose request it is */
  constructor(cause: Exchange, fill: CacheFill, user: FillUser, now: number, wall: number) {
    const { client } = cause;
    this.#fill = fill;
    this.#user = user;
    this.scheme = client.scheme;
    this.peerAddress = client.peerAddress;
    this.localPort = client.localPort;
    this.listener = client.listener;
    this.startedAt = now;
    this.startedWall = wall;
    copyRequest(cause.request, this.request);
    copyPlan(cause.plan, this.plan);
    fill.prepare(this.request.headers);
  }

  /** The client who caused it has left. */
  leave(): void {
    this.leader = null;
    for (const slice of this.waiting) slice.release();
    this.waiting = [];
    if (this.live && !this.ended) this.#abandon();
  }

  /** What was waiting has been taken. */
  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.exchange?.attempt?.resumeResponse();
  }

  #abandon(): void {
    this.ended = true;
    this.#fill.fail();
    this.#fill.close();
    if (this.exchange !== null && !this.exchange.ended) this.#user.finish(this.exchange);
  }

  // ── what the data plane sends to its client ─────────────────────────────────────────────────────────

  sendInterim(): void {}

  sendHead(head: ResponseHead): void {
    const exchange = this.exchange!;
    if (exchange.local)
      return this.#failed(failure(exchange.failure ?? "internal_error", exchange.failureDetail));
    const verdict = this.#fill.head(this.request, head);
    const { leader } = this;
    if (verdict === "live") {
      this.live = true;
      if (leader === null) return this.#abandon();
      // Copied: it lives in the backend's connection, which may be at another answer before the client has all of this.
      const own = copyResponse(head);
      this.#fill.annotate(own);
      return leader.onFillHead(own, null);
    }
    if (leader !== null) this.#serve(leader);
    if (verdict === "kept" && head.status !== 304) this.#abandon();
  }

  #serve(leader: FillLeader): void {
    const answer = this.#fill.answer(leader.request);
    if (answer === null) leader.onFillFailed(failure("internal_error", "the cache holds too much"));
    else leader.onFillHead(answer.head, answer);
  }

  /** There is no answer: an older one stands for it, or the client is told. */
  #failed(fault: Failure): void {
    this.ended = true;
    this.fault = fault;
    this.#fill.fail();
    const { leader } = this;
    const stale = leader === null ? null : this.#fill.staleAnswer(leader.request);
    this.#fill.close();
    if (stale !== null) leader!.onFillHead(stale.head, stale);
    else leader?.onFillFailed(fault);
  }

  sendData(slice: Slice): boolean {
    if (this.ended) {
      slice.release();
      return true;
    }
    if (!this.live) {
      if (this.#fill.write(slice.view())) {
        slice.release();
        return true;
      }
      this.live = true;
      this.#fill.close();
      if (this.leader === null) {
        slice.release();
        this.#abandon();
        return true;
      }
    }
    this.waiting.push(slice);
    this.leader!.onFillProgress();
    this.#paused = this.waiting.length > 0;
    return !this.#paused;
  }

  sendEnd(trailers: HeaderList | null): void {
    if (this.ended) return;
    this.ended = true;
    if (trailers !== null && this.live) {
      this.trailers = new HeaderList();
      this.trailers.copyFrom(trailers);
    }
    if (this.live) this.#fill.close();
    else this.#fill.end();
    this.leader?.onFillProgress();
  }

  /** The answer broke off. */
  abort(): void {
    if (this.ended) return;
    this.ended = true;
    const { failure: code, failureDetail } = this.exchange!;
    this.fault = failure(code ?? "response_truncated", failureDetail);
    this.#fill.fail();
    this.#fill.close();
    this.leader?.onFillProgress();
  }

  closeAfterAnswer(): void {}
  pauseBody(): void {}
  resumeBody(): void {}
  switchProtocols(): never {
    throw new Error("a fill switches no protocols");
  }
}

function copyRequest(from: RequestHead, to: RequestHead): void {
  to.version = from.version;
  to.method = from.method;
  to.target = from.target;
  to.authority = from.authority;
  to.readAuthority = from.readAuthority;
  to.headers.copyFrom(from.headers);
}

function copyPlan(from: Plan, to: Plan): void {
  to.route = from.route;
  to.hostname = from.hostname;
  to.path = from.path;
  to.query = from.query;
  to.target = from.target;
  to.host = from.host;
  to.strippedPrefix = from.strippedPrefix;
}

function copyResponse(from: ResponseHead): ResponseHead {
  const to = new ResponseHead();
  to.version = from.version;
  to.status = from.status;
  to.reason = from.reason;
  to.framing = from.framing;
  to.contentLength = from.contentLength;
  to.headers.copyFrom(from.headers);
  return to;
}
