/** The wait before a request is sent again: stands in the attempt's place until then. */

import { Timer, type TimerOwner, type Timers } from "#core/time/timers.ts";
import type { AttemptHandle } from "../exchange.ts";

/** Calls `next` after `delay` milliseconds unless it is aborted. */
export class Pause implements AttemptHandle, TimerOwner {
  readonly #timers: Timers;
  readonly #next: () => void;
  readonly #timer: Timer = new Timer(this, 0);

  constructor(timers: Timers, delay: number, next: () => void) {
    this.#timers = timers;
    this.#next = next;
    timers.schedule(this.#timer, delay);
  }

  onTimer(): void {
    this.#next();
  }
  abort(): void {
    this.#timers.cancel(this.#timer);
  }
  pump(): void {}
  pauseResponse(): void {}
  resumeResponse(): void {}
}
