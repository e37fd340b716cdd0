/**
 * A request of a filter's own to an upstream: one attempt over the pooled connections, without a client behind it. Its
 * answer is collected, up to a bound.
 */

import type { Slice } from "#core/bytes/slice.ts";
import { failure, type Failure } from "#core/errors.ts";
import { HeaderList } from "#core/http/header-list.ts";
import { RequestHead, type ResponseHead } from "#core/http/message.ts";
import { Timer, type TimerOwner } from "#core/time/timers.ts";
import type { Answer, Question } from "#sdk/filter.ts";
import type { ClientStream } from "../client-stream.ts";
import type { DataPlaneContext } from "../context.ts";
import { Exchange } from "../exchange.ts";
import type { LinkedEndpoint, LinkedRoute, LinkedUpstream } from "../linked.ts";
import { Plan } from "../plan.ts";
import { RequestBody } from "../request-body.ts";
import { Attempt, type AttemptUser, type SwitchedUpstream } from "./attempt.ts";
import type { Pools } from "./pools.ts";
import { refuseSwitch } from "./tunnels.ts";

/** What asking is done with. */
export interface AskOptions {
  readonly context: DataPlaneContext;
  readonly pools: Pools;
  readonly upstream: LinkedUpstream;
  /** Null: the upstream has none that may be used. */
  readonly endpoint: LinkedEndpoint | null;
  readonly question: Question;
}

/** Asks; never rejects. */
export function ask(options: AskOptions): Promise<Answer> {
  return new Promise((resolve) => new Asking(options, resolve).begin());
}

/** See the head of this file. */
class Asking implements AttemptUser, TimerOwner {
  readonly #options: AskOptions;
  readonly #resolve: (answer: Answer) => void;
  readonly #timer: Timer = new Timer(this, 0);
  readonly #headers: HeaderList = new HeaderList();
  #exchange: Exchange | null = null;
  #status = 0;
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #isOver = false;

  constructor(options: AskOptions, resolve: (answer: Answer) => void) {
    this.#options = options;
    this.#resolve = resolve;
  }

  begin(): void {
    const { context, pools, upstream, endpoint, question } = this.#options;
    if (endpoint === null) return this.#fail(failure("no_endpoint"));
    const request = new RequestHead();
    request.method = question.method;
    request.target = question.target;
    request.headers.copyFrom(question.headers);
    const plan = new Plan();
    plan.target = question.target;
    plan.host = question.host ?? "";
    const body = new RequestBody(-1);
    body.complete = true;
    const exchange = new Exchange(new NoClient(request, plan), context.snapshot, body);
    exchange.requestComplete = true;
    this.#exchange = exchange;
    context.transport.timers.schedule(this.#timer, question.timeout);
    question.signal?.addEventListener("abort", () => this.#fail(failure("client_gone")));
    const pool = pools.of(context, endpoint);
    const attempt = new Attempt(context, exchange, routeTo(upstream), endpoint, pool, this);
    exchange.attempt = attempt;
    attempt.start(false);
  }

  onTimer(): void {
    this.#fail(failure("response_timeout"));
  }

  onInterim(): void {}

  onResponseHead(_exchange: Exchange, head: ResponseHead): void {
    this.#status = head.status;
    this.#headers.copyFrom(head.headers);
  }

  onResponseData(_exchange: Exchange, slice: Slice, start: number, end: number): void {
    this.#bytes += end - start;
    if (this.#bytes > this.#options.question.maxBody) {
      return this.#fail(failure("response_framing", "the answer is larger than is taken"));
    }
    this.#pieces.push(slice.bytes.slice(start, end));
  }

  onResponseEnd(): void {
    if (this.#isOver) return;
    this.#end();
    const body = new Uint8Array(this.#bytes);
    let at = 0;
    for (const piece of this.#pieces) {
      body.set(piece, at);
      at += piece.length;
    }
    this.#resolve({ ok: true, status: this.#status, headers: this.#headers, body });
  }

  onSwitched(_exchange: Exchange, _head: ResponseHead, upstream: SwitchedUpstream): void {
    refuseSwitch(upstream);
    this.#fail(failure("upgrade_refused"));
  }

  onAttemptWritable(): void {}

  onAttemptFailed(_exchange: Exchange, fault: Failure): void {
    this.#fail(fault);
  }

  #fail({ code, detail }: Failure): void {
    if (this.#isOver) return;
    this.#end();
    this.#exchange?.attempt?.abort();
    this.#resolve({ ok: false, code, detail });
  }

  #end(): void {
    this.#isOver = true;
    this.#options.context.transport.timers.cancel(this.#timer);
    this.#exchange?.body.release();
  }
}

/** An attempt reads no more of a route than this. */
function routeTo(upstream: LinkedUpstream): LinkedRoute {
  return { upstream, timeouts: upstream.timeouts } as LinkedRoute;
}

/** Nobody: what an attempt reads of a client, and nothing that it could do to one. */
class NoClient implements ClientStream {
  readonly scheme = "http";
  readonly peerAddress = "";
  readonly localPort = 0;
  readonly listener = "";
  readonly tls = null;
  readonly request: RequestHead;
  readonly plan: Plan;
  readonly startedWall = 0;
  readonly startedAt = 0;

  constructor(request: RequestHead, plan: Plan) {
    this.request = request;
    this.plan = plan;
  }
  sendInterim(): void {}
  sendHead(): void {}
  sendData(slice: Slice): boolean {
    slice.release();
    return true;
  }
  sendEnd(): void {}
  closeAfterAnswer(): void {}
  abort(): void {}
  pauseBody(): void {}
  resumeBody(): void {}
  switchProtocols(): never {
    throw new Error("there is no client to switch");
  }
}
