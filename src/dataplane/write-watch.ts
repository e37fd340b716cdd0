/** The clock of a peer that does not take the bytes that wait for it (wire rules "Timeouts and abandonment"). */

import { Timer, type TimerOwner, type Timers } from "#core/time/timers.ts";
import type { Connection } from "#transport/contract.ts";

/** Told when the peer has taken nothing for too long while something waited for it. */
export interface WriteWatchUser {
  onWriteStalled(): void;
}

/** Watches what is queued on one connection. Runs only while something is. */
export class WriteWatch implements TimerOwner {
  readonly #timers: Timers;
  readonly #connection: Connection;
  readonly #user: WriteWatchUser;
  readonly #timer: Timer = new Timer(this, 0);
  /** Milliseconds without progress that are put up with. */
  #limit = 0;
  #since = 0;
  /** Bytes written to the connection when it was last looked at. */
  #offered = 0;

  constructor(timers: Timers, connection: Connection, user: WriteWatchUser) {
    this.#timers = timers;
    this.#connection = connection;
    this.#user = user;
  }

  /** Something was written: watch until it is taken. */
  watch(limit: number): void {
    const { taken, queued } = this.#connection;
    // Once everything has been taken that waited before, what waits now waits anew.
    if (taken >= this.#offered) this.#since = this.#timers.now;
    this.#offered = taken + queued;
    if (this.#timer.armed || queued === 0) return;
    this.#limit = limit;
    this.#timers.schedule(this.#timer, limit);
  }

  stop(): void {
    this.#timers.cancel(this.#timer);
  }

  onTimer(): void {
    if (this.#connection.queued === 0) return;
    const since = Math.max(this.#since, this.#connection.takenAt);
    const left = this.#limit - (this.#timers.now - since);
    if (left > 0) this.#timers.schedule(this.#timer, left);
    else this.#user.onWriteStalled();
  }
}
