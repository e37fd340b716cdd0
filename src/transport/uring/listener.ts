import { Timer, type TimerOwner } from "#core/time/timers.ts";
import type { Acceptor, Listener, SocketAddress } from "../contract.ts";
import { failureOf } from "../failure.ts";
import type { Engine, Party } from "./engine.ts";
import { CQE_MORE, ECANCELED, EINTR, SOCK_CLOEXEC } from "./native/layout.ts";
import { errorName } from "./native/libc.ts";
import { ACCEPT, type Target } from "./slots.ts";

/** How long accepting rests when descriptors or memory have run out, in ms. */
const REST = 500;
/** Entries under way for a socket that others accept from too, at the most. */
const MOST_ACCEPTS = 4;
/** How often it is looked whether somebody waits whom a worker that is busy was told of, in ms. */
const LOOK = 100;
/** Connections that are taken from the queue at such a look, and when the listener closes, at the most. */
const MOST_LOOKED = 64;
const MOST_LAST = 2 * 4096;
/** How long a closing listener goes on accepting from a socket that others hold too, in ms. */
const PARTING = 100;

const CANCEL = 1;

const REST_TIMER = 0;
const PARTING_TIMER = 1;
const LOOK_TIMER = 2;

/** Errors of one connection that is gone before it was accepted (accept(2)): the next may be well. */
const PASSING: ReadonlySet<string> = new Set([
  "ECONNABORTED",
  "EPROTO",
  "ENETDOWN",
  "EHOSTUNREACH",
]);

/** What a listener needs of its transport. */
export interface ListenerHome {
  readonly engine: Engine;
  /** Makes a connection of an accepted descriptor and shows it to `acceptor`. */
  accept(fd: number, listener: UringListener, acceptor: Acceptor): void;
  forget(listener: UringListener): void;
}

/** How a listener is made. */
export interface ListenerOptions {
  readonly home: ListenerHome;
  /** Bound and listening; it belongs to the listener. */
  readonly fd: number;
  readonly address: SocketAddress;
  readonly acceptor: Acceptor;
  /** Other workers accept from the same socket. */
  readonly shared: boolean;
  /** It is a socket that others may hold, and is left with a look at who waits. */
  readonly lent: boolean;
  /** Called when the descriptor is closed. */
  readonly onClosed: () => void;
}

/**
 * A listening socket, accepted from by one entry that goes on completing.
 *
 * Where several workers accept from it that would be unjust: the kernel always wakes the one that has waited longest, and
 * one that goes on completing never leaves its place. There each entry is for one connection, after which it queues
 * up behind the others; in a rush there are several. A worker may be woken for a connection and be busy: nobody else is
 * told of that one, so each looks at the queue from time to time.
 */
export class UringListener implements Listener, Target, Party, TimerOwner {
  readonly address: SocketAddress;
  /** Port of the connections; 0 of a unix socket. */
  readonly port: number;
  readonly #options: ListenerOptions;
  readonly #home: ListenerHome;
  readonly #slot: number;
  readonly #restTimer: Timer = new Timer(this, REST_TIMER);
  readonly #partingTimer: Timer = new Timer(this, PARTING_TIMER);
  readonly #lookTimer: Timer = new Timer(this, LOOK_TIMER);
  #fd: number;
  #dirty = false;
  /** Entries under way. */
  #accepting = 0;
  #cancelling = false;
  /** How many there should be, the turn they were counted in, and how many have completed in it. */
  #wanted = 1;
  #turn = 0;
  #completed = 0;
  #paused = false;
  /** Accepted after `pause`, before the kernel knew. */
  #held: number[] = [];
  #leaving = false;
  #forgotten = false;
  #closed: PromiseWithResolvers<void> | null = null;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#home = options.home;
    this.#fd = options.fd;
    this.address = options.address;
    this.port = options.address.kind === "tcp" ? options.address.port : 0;
    const { slots, timers } = this.#home.engine;
    this.#slot = slots.add(this);
    if (options.shared) timers.schedule(this.#lookTimer, LOOK);
    this.#touch();
  }

  /** Whether its connections come from a unix socket. */
  get unix(): boolean {
    return this.address.kind === "unix";
  }

  pause(): void {
    if (this.#closed !== null || this.#fd < 0) return;
    this.#paused = true;
    this.#touch();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#touch();
    if (this.#held.length > 0) this.#home.engine.reportLater(this);
  }

  /**
   * Accepts who waits in the queue, then closes at once. Others who hold a shared socket get a moment to let go of it
   * first, so that the last to close it is one that accepts.
   */
  close(): Promise<void> {
    if (this.#closed !== null) return this.#closed.promise;
    this.#closed = Promise.withResolvers();
    if (this.#fd < 0) {
      this.#closed.resolve();
    } else {
      this.resume();
      this.#home.engine.timers.cancel(this.#restTimer);
      if (this.#options.lent) this.#home.engine.timers.schedule(this.#partingTimer, PARTING);
      else this.#home.engine.defer(() => this.#leave());
    }
    return this.#closed.promise;
  }

  /** Closes without a look at who waits. */
  destroy(): void {
    if (this.#fd < 0) return;
    const { engine } = this.#home;
    for (const fd of this.#held.splice(0)) {
      engine.ledger.closing(fd);
      engine.libc.close(fd);
    }
    this.#closeDescriptor();
    this.#touch();
  }

  onTimer(timer: Timer): void {
    if (timer.kind === PARTING_TIMER) this.#leave();
    else if (timer.kind === REST_TIMER) this.#touch();
    else this.#look();
  }

  #look(): void {
    this.#home.engine.timers.schedule(this.#lookTimer, LOOK);
    if (this.#paused || this.#leaving || this.#restTimer.armed) return;
    this.#takeWaiting(MOST_LOOKED);
  }

  /** Accepts who is in the queue now. The descriptor does not block: those of Node's never do. */
  #takeWaiting(most: number): void {
    const { libc } = this.#home.engine;
    for (let taken = 0; taken < most && this.#fd >= 0; taken++) {
      const fd = libc.accept(this.#fd, SOCK_CLOEXEC);
      if (fd >= 0) this.#accepted(fd);
      else if (!PASSING.has(errorName(-fd)) && fd !== -EINTR) return;
    }
  }

  /** Makes the entries that are due. Called by the engine. */
  flush(): void {
    this.#dirty = false;
    const { engine } = this.#home;
    const wanted = this.#fd >= 0 && !this.#paused && !this.#leaving && !this.#restTimer.armed;
    const entries = wanted ? this.#wanted : 0;
    while (this.#accepting < entries) {
      this.#accepting++;
      const tag = engine.slots.tag(this.#slot, ACCEPT);
      engine.ring.accept(this.#slot, tag, this.#fd, !this.#options.shared);
    }
    if (!wanted && this.#accepting > 0 && !this.#cancelling) {
      this.#cancelling = true;
      const target = engine.slots.name(this.#slot, ACCEPT);
      engine.ring.cancel(this.#slot, engine.slots.tag(this.#slot, CANCEL), this.#slot, target);
    }
    this.#forgetWhenQuiet();
  }

  onCompletion(operation: number, result: number, flags: number): void {
    if (operation === ACCEPT) {
      if ((flags & CQE_MORE) === 0) {
        this.#accepting--;
        if (this.#accepting === 0) this.#cancelling = false;
        this.#count();
        this.#touch();
      }
      if (result >= 0) this.#accepted(result);
      else this.#onError(-result);
      if (this.#leaving && this.#accepting === 0) this.#emptyQueue();
    } else if (result === 0 && this.#cancelling) {
      // The kernel was just about to try again.
      this.#cancelling = false;
      this.#touch();
    }
    this.#forgetWhenQuiet();
  }

  /** Shows what was held. Called by the engine. */
  report(): void {
    while (this.#held.length > 0 && !this.#paused) {
      this.#home.accept(this.#held.shift()!, this, this.#options.acceptor);
    }
  }

  /** Twice as many entries when all of them have completed in one turn; one when there is no rush any more. */
  #count(): void {
    if (!this.#options.shared) return;
    const { turn } = this.#home.engine;
    if (turn !== this.#turn) {
      if (this.#completed < this.#wanted) this.#wanted = 1;
      this.#turn = turn;
      this.#completed = 0;
    }
    this.#completed++;
    if (this.#completed >= this.#wanted) this.#wanted = Math.min(MOST_ACCEPTS, this.#wanted * 2);
  }

  #accepted(fd: number): void {
    const { engine } = this.#home;
    engine.ledger.opened(fd);
    if (this.#fd < 0) {
      engine.ledger.closing(fd);
      engine.libc.close(fd);
    } else if (this.#paused) {
      this.#held.push(fd);
    } else {
      this.#home.accept(fd, this, this.#options.acceptor);
    }
  }

  #onError(errno: number): void {
    const name = errorName(errno);
    if (errno === ECANCELED || errno === EINTR || PASSING.has(name) || this.#fd < 0) return;
    this.#home.engine.timers.schedule(this.#restTimer, REST);
    this.#options.acceptor.onAcceptFailure(failureOf(name, true));
  }

  #leave(): void {
    if (this.#fd < 0) return;
    this.#leaving = true;
    if (this.#accepting > 0) this.#touch();
    else this.#emptyQueue();
  }

  /** Nobody else accepts from it in this turn: who is in the queue now is the last. */
  #emptyQueue(): void {
    if (this.#fd < 0) return;
    this.#takeWaiting(MOST_LAST);
    this.#closeDescriptor();
    this.#touch();
  }

  #closeDescriptor(): void {
    const { engine } = this.#home;
    engine.timers.cancel(this.#restTimer);
    engine.timers.cancel(this.#partingTimer);
    engine.timers.cancel(this.#lookTimer);
    engine.ledger.closing(this.#fd);
    engine.libc.close(this.#fd);
    this.#fd = -1;
    this.#options.onClosed();
    this.#closed?.resolve();
  }

  #touch(): void {
    if (this.#dirty || this.#forgotten) return;
    this.#dirty = true;
    this.#home.engine.flushLater(this);
  }

  #forgetWhenQuiet(): void {
    const { slots } = this.#home.engine;
    if (this.#forgotten || this.#fd >= 0 || this.#dirty || !slots.quiet(this.#slot)) return;
    this.#forgotten = true;
    slots.remove(this.#slot);
    this.#home.forget(this);
  }
}
