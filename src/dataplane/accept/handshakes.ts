/** How many TLS handshakes may be under way, and how many may begin: they are the dearest thing that a stranger can ask for. */

import { Timer, type TimerOwner } from "#core/time/timers.ts";
import type { DataPlaneContext } from "../context.ts";

/** How often those that wait are looked at, milliseconds. */
const INTERVAL = 50;

/** Someone who waits for a turn. */
export interface Waiting {
  /** The handshake may begin. */
  onTurn(): void;
}

/** Lets handshakes begin, in the order of their coming. */
export class Handshakes implements TimerOwner {
  readonly #context: DataPlaneContext;
  readonly #timer: Timer = new Timer(this, 0);
  /** A Set: those that give up are found at once, and the order stays. */
  readonly #queue: Set<Waiting> = new Set();
  /** Connections whose certificate is being obtained. */
  wanting = 0;

  constructor(context: DataPlaneContext) {
    this.#context = context;
  }

  /** Takes a place among those that may be under way at a time; false: there is none. */
  tryReserve(): boolean {
    const { worker, snapshot } = this.#context;
    return worker.tryReserveHandshake(snapshot.data.limits.handshakes);
  }

  /** Gives it back. */
  release(): void {
    this.#context.worker.releaseHandshake();
  }

  /** May it begin now? If not, `onTurn` is called when it may. */
  mayBegin(waiting: Waiting): boolean {
    if (this.#queue.size === 0 && this.#take()) return true;
    this.#queue.add(waiting);
    if (!this.#timer.armed) this.#context.transport.timers.schedule(this.#timer, INTERVAL);
    return false;
  }

  /** It does not wait any more. */
  withdraw(waiting: Waiting): void {
    this.#queue.delete(waiting);
  }

  onTimer(): void {
    for (const waiting of this.#queue) {
      if (!this.#take()) break;
      this.#queue.delete(waiting);
      waiting.onTurn();
    }
    if (this.#queue.size > 0) this.#context.transport.timers.schedule(this.#timer, INTERVAL);
  }

  #take(): boolean {
    const { handshakeRate } = this.#context.snapshot.data.limits;
    if (handshakeRate === 0) return true;
    return this.#context.worker.tryBeginHandshake(handshakeRate, this.#context.clock.wall());
  }
}
