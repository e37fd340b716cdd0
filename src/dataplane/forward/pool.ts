/**
 * The connections of one worker to one endpoint: unused ones, last used first, and the attempts that wait
 * for one. How many there may be is a limit of the process, counted in shared memory; a connection that
 * becomes free goes to whoever waits, here or in another worker.
 */

import { failure, type Failure } from "#core/errors.ts";
import { Timer, type TimerOwner } from "#core/time/timers.ts";
import type { PoolData } from "#model/snapshot.ts";
import type { Connection } from "#transport/contract.ts";
import type { DataPlaneContext } from "../context.ts";
import type { EndpointState, EndpointTls } from "../linked.ts";
import { Dialer, type DialUser } from "./dialer.ts";
import { Http1Upstream, type UpstreamOwner } from "./http1-upstream.ts";

/** How long an unused connection is kept at most below what the backend says: the race that loses requests. */
const KEEP_ALIVE_MARGIN = 1000;

/** Who wants a connection. Exactly one of these is called, possibly before `acquire` returns. */
export interface PoolUser {
  onConnection(upstream: Http1Upstream): void;
  onNoConnection(fault: Failure): void;
}

/** One wish for a connection; `cancel` it when it is no longer wanted. */
export class Wish implements DialUser, TimerOwner {
  readonly user: PoolUser;
  readonly config: PoolData;
  readonly connectTimeout: number;
  readonly tls: EndpointTls | null;
  readonly #pool: EndpointPool;
  readonly timer: Timer = new Timer(this, 0);
  dialer: Dialer | null = null;
  queued = false;
  over = false;

  constructor(
    pool: EndpointPool,
    user: PoolUser,
    config: PoolData,
    connectTimeout: number,
    tls: EndpointTls | null,
  ) {
    this.#pool = pool;
    this.tls = tls;
    this.user = user;
    this.config = config;
    this.connectTimeout = connectTimeout;
  }

  cancel(): void {
    if (!this.over) this.#pool.withdraw(this);
  }
  onDialed(connection: Connection): void {
    this.#pool.dialed(this, connection);
  }
  onDialFailed(fault: Failure): void {
    this.#pool.dialFailed(this, fault);
  }
  onTimer(): void {
    this.#pool.waitedTooLong(this);
  }
}

/** See the head of this file. */
export class EndpointPool implements UpstreamOwner {
  readonly state: EndpointState;
  readonly #context: DataPlaneContext;
  readonly #idle: Http1Upstream[] = [];
  #queue: Wish[] = [];
  #config: PoolData | null = null;
  /** The endpoint has left the configuration: connections are closed when they become free. */
  #retired = false;

  constructor(context: DataPlaneContext, state: EndpointState) {
    this.#context = context;
    this.state = state;
  }

  /**
   * Wants a connection. Where one is at hand there is nothing to wait for, and no wish: null.
   *
   * @param tls how the endpoint is connected to; the same for all wishes but for the object
   * @param fresh a new one: an unused one has just turned out to be dead
   */
  acquire(
    user: PoolUser,
    config: PoolData,
    connectTimeout: number,
    tls: EndpointTls | null,
    fresh: boolean,
  ): Wish | null {
    this.#config = config;
    const idle = fresh ? undefined : this.#takeIdle();
    if (idle !== undefined) {
      user.onConnection(idle);
      return null;
    }
    const wish = new Wish(this, user, config, connectTimeout, tls);
    if (this.#context.endpoints.tryReserveConnection(this.state.slot, config.maxConnections)) {
      this.#dial(wish);
    } else {
      // An unused one takes the place that the new one needs.
      if (fresh) this.#idle[0]?.close();
      this.#enqueue(wish);
    }
    return wish;
  }

  /** The unused connection that was used last and is not known to be dead. */
  #takeIdle(): Http1Upstream | undefined {
    for (;;) {
      const upstream = this.#idle.pop();
      if (upstream === undefined) return undefined;
      this.#context.endpoints.addIdle(this.state.slot, -1);
      if (!upstream.connection.closed) return upstream;
    }
  }

  #dial(wish: Wish): void {
    const { addresses } = this.state;
    if (addresses.length === 0) {
      // Whoever waits here is told the same in its turn, from the loop and not from in here: there may be many.
      this.#context.endpoints.releaseConnection(this.state.slot);
      this.#context.endpoints.wakeWaiter(this.state.slot);
      this.#context.resolveSoon(this.state.slot);
      wish.over = true;
      wish.user.onNoConnection(failure("upstream_unresolved", "", "yes"));
      return;
    }
    wish.dialer = new Dialer(this.#context, addresses, wish.tls, wish.connectTimeout, wish);
  }

  #enqueue(wish: Wish): void {
    const slot = this.state.slot;
    if (!this.#context.endpoints.tryReservePending(slot, wish.config.maxPending)) {
      wish.over = true;
      wish.user.onNoConnection(failure("queue_full", "", "no"));
      return;
    }
    wish.queued = true;
    this.#queue.push(wish);
    this.#context.transport.timers.schedule(wish.timer, wish.config.queueTimeout);
    // Another worker may hold one that it does not use; or it gave one back before it could see this wish.
    this.#context.endpoints.wakeHolder(slot);
    this.#serveQueue();
  }

  #dequeue(wish: Wish): void {
    wish.queued = false;
    this.#context.transport.timers.cancel(wish.timer);
    this.#context.endpoints.releasePending(this.state.slot);
  }

  dialed(wish: Wish, connection: Connection): void {
    wish.over = true;
    wish.user.onConnection(new Http1Upstream(this.#context, connection, this));
  }

  dialFailed(wish: Wish, fault: Failure): void {
    wish.over = true;
    this.#release();
    this.#context.resolveSoon(this.state.slot);
    wish.user.onNoConnection(fault);
  }

  waitedTooLong(wish: Wish): void {
    this.withdraw(wish);
    wish.user.onNoConnection(failure("queue_timeout", "", "no"));
  }

  withdraw(wish: Wish): void {
    wish.over = true;
    if (wish.dialer !== null) {
      wish.dialer.cancel();
      this.#release();
    } else if (wish.queued) {
      this.#queue = this.#queue.filter((queued) => queued !== wish);
      this.#dequeue(wish);
      // The bell may have been rung for it: whoever waits elsewhere has to hear it then.
      if (this.#queue.length === 0) this.#context.endpoints.wakeWaiter(this.state.slot);
    }
  }

  onFree(upstream: Http1Upstream): void {
    upstream.idleSince = this.#context.transport.timers.now;
    const wish = this.#queue.shift();
    if (wish !== undefined) {
      this.#dequeue(wish);
      wish.over = true;
      wish.user.onConnection(upstream);
      return;
    }
    const keep = this.#keepFor(upstream);
    const wanted = this.#context.endpoints.waitsElsewhere(this.state.slot);
    if (keep <= 0 || wanted || this.#context.draining) return upstream.close();
    upstream.wait(keep);
    this.#idle.push(upstream);
    this.#context.endpoints.addIdle(this.state.slot, 1);
  }

  /** Milliseconds for which an unused connection is kept; 0: not at all. */
  #keepFor(upstream: Http1Upstream): number {
    const config = this.#config;
    if (config === null || this.#retired || this.#idle.length >= config.maxIdle) return 0;
    if (upstream.keepAliveHint < 0) return config.idle;
    return Math.min(Math.max(upstream.keepAliveHint - KEEP_ALIVE_MARGIN, 0), config.idleMax);
  }

  onGone(upstream: Http1Upstream, kept: boolean): void {
    const index = this.#idle.lastIndexOf(upstream);
    if (index >= 0) {
      this.#idle.splice(index, 1);
      this.#context.endpoints.addIdle(this.state.slot, -1);
    }
    if (!kept) this.#release();
  }

  /** A connection that a tunnel had taken over has ended. */
  tunnelEnded(): void {
    this.#release();
  }

  /** One connection less: the place goes to whoever waits for it. */
  #release(): void {
    this.#context.endpoints.releaseConnection(this.state.slot);
    if (this.#queue.length > 0) this.#serveQueue();
    else this.#context.endpoints.wakeWaiter(this.state.slot);
  }

  #serveQueue(): void {
    while (this.#queue.length > 0) {
      const wish = this.#queue[0]!;
      const { maxConnections } = wish.config;
      if (!this.#context.endpoints.tryReserveConnection(this.state.slot, maxConnections)) return;
      this.#queue.shift();
      this.#dequeue(wish);
      this.#dial(wish);
    }
  }

  /** The doorbell rang: a place may have become free, or another worker needs one that is not used here. */
  onDoorbell(): void {
    const { endpoints } = this.#context;
    if (this.#queue.length > 0) this.#serveQueue();
    else if (this.#idle.length === 0) endpoints.wakeWaiter(this.state.slot);
    else if (endpoints.waitsElsewhere(this.state.slot)) this.#idle[0]!.close();
  }

  /** Closes what is unused now, and the rest when it becomes free. */
  retire(): void {
    this.#retired = true;
    this.closeIdle();
  }

  closeIdle(): void {
    for (const upstream of this.#idle.slice()) upstream.close();
  }
}
