/**
 * The clock of a client that sends a body: it must not stop for long, nor be slower on average than a rate.
 * Runs only while it is the client that is waited for.
 */

import { Timer, type TimerOwner, type Timers } from "#core/time/timers.ts";
import type { ConnectionTimeouts } from "#model/snapshot.ts";

/** How often the rate is looked at once the grace is over, milliseconds. */
const RATE_CHECK = 1000;

/** Told when the client is too slow, with the figures. */
export interface BodyClockUser {
  onBodyTooSlow(detail: string): void;
  /** The client waits itself, for `100 (Continue)`. */
  readonly waitsForContinue: boolean;
}

/** See the head of this file. */
export class BodyClock implements TimerOwner {
  readonly #timers: Timers;
  readonly #user: BodyClockUser;
  readonly #timer: Timer = new Timer(this, 0);
  #limits: ConnectionTimeouts | null = null;
  #bytes = 0;
  /** Milliseconds for which the client was waited for, up to `#since`. */
  #waited = 0;
  #since = 0;
  #lastByteAt = 0;
  #running = false;

  constructor(timers: Timers, user: BodyClockUser) {
    this.#timers = timers;
    this.#user = user;
  }

  /** Bytes of the body so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A body begins. */
  start(limits: ConnectionTimeouts): void {
    this.#limits = limits;
    this.#bytes = 0;
    this.#waited = 0;
    this.resume();
  }

  arrived(bytes: number): void {
    this.#bytes += bytes;
    this.#lastByteAt = this.#timers.now;
  }

  /** It is we who do not read. */
  pause(): void {
    if (!this.#running) return;
    this.#running = false;
    this.#waited += this.#timers.now - this.#since;
    this.#timers.cancel(this.#timer);
  }

  resume(): void {
    if (this.#running) return;
    this.#running = true;
    this.#since = this.#timers.now;
    this.#lastByteAt = this.#since;
    this.#arm();
  }

  /** The body is complete, or nobody cares any more. */
  stop(): void {
    this.#running = false;
    this.#timers.cancel(this.#timer);
  }

  #arm(): void {
    const { bodyIdle, bodyGrace } = this.#limits!;
    const idleLeft = bodyIdle - (this.#timers.now - this.#lastByteAt);
    const rateLeft = Math.max(bodyGrace - this.#total(), RATE_CHECK);
    this.#timers.schedule(this.#timer, Math.max(1, Math.min(idleLeft, rateLeft)));
  }

  #total(): number {
    return this.#waited + this.#timers.now - this.#since;
  }

  onTimer(): void {
    const { bodyIdle, bodyGrace, bodyRate } = this.#limits!;
    const { now } = this.#timers;
    if (this.#user.waitsForContinue) {
      // The backend has not asked for the body yet: that is not the client's slowness.
      this.#since = now;
      this.#lastByteAt = now;
    }
    const idle = now - this.#lastByteAt;
    const total = this.#total();
    if (idle >= bodyIdle) {
      this.#user.onBodyTooSlow(`no byte for ${Math.round(idle)} ms`);
    } else if (total > bodyGrace && this.#bytes * 1000 < bodyRate * total) {
      const rate = Math.round((this.#bytes * 1000) / total);
      this.#user.onBodyTooSlow(`${rate} B/s over ${Math.round(total)} ms`);
    } else {
      this.#arm();
    }
  }
}
