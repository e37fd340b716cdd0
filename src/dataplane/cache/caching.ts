/**
 * Between filter and balance, on routes that have a cache: the answer is in the store, somebody is about to get it, or
 * it is got on behalf of all. What is stored is what the backend said; filters see every answer on its way to a client.
 */

import { failure } from "#core/errors.ts";
import { Timer, type TimerOwner } from "#core/time/timers.ts";
import type { DataPlaneContext } from "../context.ts";
import { type AttemptHandle, Exchange } from "../exchange.ts";
import { RequestBody } from "../request-body.ts";
import type { CacheFill, CacheWait } from "../route-cache.ts";
import { FillStream, type FillUser } from "./fill-stream.ts";
import { CacheReader, type ReaderUser } from "./reader.ts";

/** How long a request waits for another's fill to come to something, milliseconds; then it goes its own way. */
const PATIENCE = 10_000;
/** A round that is never waited for. */
const LAST_ROUND = 1000;

/** What the data plane does for it. */
export interface CachingUser extends ReaderUser, FillUser {
  /** The backend is asked. */
  send(exchange: Exchange): void;
}

/** See the head of this file. */
export class Caching {
  readonly #context: DataPlaneContext;
  readonly #user: CachingUser;

  constructor(context: DataPlaneContext, user: CachingUser) {
    this.#context = context;
    this.#user = user;
  }

  /** Answers the exchange, or sends it on. Its route has a cache. */
  serve(exchange: Exchange, round = 0): void {
    const lookup = exchange.plan.route!.cache!.lookup(exchange, round);
    switch (lookup.kind) {
      case "pass":
        exchange.pass = lookup.pass;
        return this.#user.send(exchange);
      case "answer": {
        const reader = new CacheReader(this.#context.transport, exchange, null, this.#user);
        exchange.attempt = reader;
        if (lookup.refresh !== null) this.#run(exchange, this.#streamFor(exchange, lookup.refresh));
        return reader.begin(lookup.answer.head, lookup.answer);
      }
      case "fill":
        return this.#lead(exchange, lookup.fill);
      case "wait":
        return this.#wait(exchange, lookup.wait, round);
      case "absent":
        return this.#user.fail(exchange, failure("not_in_cache"));
    }
  }

  #lead(exchange: Exchange, fill: CacheFill): void {
    const stream = this.#streamFor(exchange, fill);
    const reader = new CacheReader(this.#context.transport, exchange, stream, this.#user);
    exchange.attempt = reader;
    stream.leader = reader;
    this.#run(exchange, stream);
  }

  #wait(exchange: Exchange, wait: CacheWait, round: number): void {
    const patience = new Patience(this.#context, wait, (isOver) => {
      exchange.attempt = null;
      this.serve(exchange, isOver ? round + 1 : LAST_ROUND);
    });
    exchange.attempt = patience;
    patience.begin();
  }

  #streamFor(cause: Exchange, fill: CacheFill): FillStream {
    const { clock, transport } = this.#context;
    return new FillStream(cause, fill, this.#user, transport.timers.now, clock.wall());
  }

  #run(cause: Exchange, stream: FillStream): void {
    const exchange = new Exchange(stream, cause.snapshot, new RequestBody(0));
    exchange.isFill = true;
    exchange.requestComplete = true;
    exchange.requestId = cause.requestId;
    exchange.clientIp = cause.clientIp;
    stream.exchange = exchange;
    this.#context.worker.addExchanges(1);
    this.#user.send(exchange);
  }
}

/** Stands in an attempt's place as long as a request waits for another's fill. */
class Patience implements AttemptHandle, TimerOwner {
  readonly #context: DataPlaneContext;
  readonly #wait: CacheWait;
  readonly #next: (over: boolean) => void;
  readonly #timer: Timer = new Timer(this, 0);
  #over = false;

  /** `next` is told whether the other has come to something, or it has taken too long. */
  constructor(context: DataPlaneContext, wait: CacheWait, next: (over: boolean) => void) {
    this.#context = context;
    this.#wait = wait;
    this.#next = next;
    context.transport.timers.schedule(this.#timer, PATIENCE);
  }

  /** From now on `next` may be called, perhaps at once. */
  begin(): void {
    this.#wait.begin(() => {
      this.abort();
      this.#next(true);
    });
  }

  onTimer(): void {
    this.abort();
    this.#next(false);
  }

  abort(): void {
    if (this.#over) return;
    this.#over = true;
    this.#context.transport.timers.cancel(this.#timer);
    this.#wait.end();
  }
  pump(): void {}
  pauseResponse(): void {}
  resumeResponse(): void {}
}
