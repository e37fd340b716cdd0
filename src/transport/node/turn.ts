import { performance } from "node:perf_hooks";
import process from "node:process";
import type { Timer } from "#core/time/timers.ts";
import { TimerWheel } from "#core/time/wheel.ts";

/** The longest that `setTimeout` waits; a later deadline is looked at then and waited for again. */
const LONGEST_WAIT = 0x7fff_ffff;

/** Whatever has something to hand to the system at the end of the turn. */
export interface Flushable {
  /** Called once per `Turn.flushLater`. */
  flush(): void;
}

/** Whatever wants to be called in the next turn of the loop. */
export interface Awaiting {
  /** Called once per `Turn.wakeLater`. */
  wake(): void;
}

/** The timing wheel of a transport: arming a timer sees to it that the loop wakes up for it. */
class WakingWheel extends TimerWheel {
  readonly #turn: Turn;

  constructor(turn: Turn, now: number) {
    super(now);
    this.#turn = turn;
  }

  override schedule(timer: Timer, delay: number): void {
    this.#turn.enter();
    super.schedule(timer, delay);
    this.#turn.wakeBy(timer.deadline);
  }
}

/**
 * A turn: from the moment that Node calls us for one event until it has nothing more to run for that event.
 * The clock is read when it begins; deferred tasks and the writes that were gathered run when it ends.
 * Whoever is called by Node calls {@link enter} first.
 */
export class Turn {
  readonly timers: TimerWheel;

  #entered = false;
  #tasks: (() => void)[] = [];
  #task = 0;
  #flushes: Flushable[] = [];
  #flush = 0;
  #waking: Awaiting[] = [];
  /** The moment that `setTimeout` is armed for; -Infinity while timers are being fired. */
  #wakeAt = Infinity;
  #timeout: NodeJS.Timeout | undefined;

  constructor() {
    this.timers = new WakingWheel(this, performance.now());
  }

  /** Begins a turn if none is under way: reads the clock, and comes back when the event has been handled. */
  enter(): void {
    if (this.#entered) return;
    this.#entered = true;
    // Only the time: timers fire in `#fire`, not in the middle of an event. It never goes back, not even behind
    // a time that somebody else has advanced the wheel to.
    const now = performance.now();
    if (now > this.timers.now) this.timers.now = now;
    process.nextTick(this.#leave);
  }

  /** Runs `task` when the current handler has returned, in this turn. */
  defer(task: () => void): void {
    this.enter();
    this.#tasks.push(task);
  }

  /** Calls `flush` at the end of this turn, behind everything deferred so far. */
  flushLater(target: Flushable): void {
    this.enter();
    this.#flushes.push(target);
  }

  /**
   * Calls `wake` in a turn of its own, after the loop has looked at the other sockets: a connection that
   * takes bytes as fast as they are written must not keep all others waiting.
   */
  wakeLater(target: Awaiting): void {
    if (this.#waking.push(target) === 1) setImmediate(this.#wake);
  }

  /** Sees to it that timers are fired at `deadline` (monotonic ms) or before. */
  wakeBy(deadline: number): void {
    if (deadline >= this.#wakeAt) return;
    clearTimeout(this.#timeout);
    this.#wakeAt = deadline;
    const wait = Math.min(Math.max(Math.ceil(deadline - this.timers.now), 1), LONGEST_WAIT);
    this.#timeout = setTimeout(this.#onTimeout, wait);
    // A timer alone is no reason for the process to go on.
    this.#timeout.unref();
  }

  /** Forgets the pending wake-up. Timers that are armed do not fire until one is scheduled again. */
  stop(): void {
    clearTimeout(this.#timeout);
    this.#wakeAt = Infinity;
  }

  readonly #leave = (): void => {
    let finished = false;
    try {
      while (this.#task < this.#tasks.length || this.#flush < this.#flushes.length) {
        if (this.#task < this.#tasks.length) this.#tasks[this.#task++]!();
        else this.#flushes[this.#flush++]!.flush();
      }
      finished = true;
    } finally {
      if (finished) {
        if (this.#task > 0) this.#tasks = [];
        if (this.#flush > 0) this.#flushes = [];
        this.#task = 0;
        this.#flush = 0;
        this.#entered = false;
      } else {
        // A handler threw. That is reported as an uncaught exception; the others still get their turn.
        process.nextTick(this.#leave);
      }
    }
  };

  readonly #wake = (): void => {
    const waking = this.#waking;
    this.#waking = [];
    this.enter();
    for (const target of waking) target.wake();
  };

  /**
   * Node runs timers before it looks at sockets. After the thread was busy for long, bytes that arrived in
   * time would be found after the deadline that waits for them; so sockets are looked at once before.
   */
  readonly #onTimeout = (): void => {
    this.#wakeAt = -Infinity;
    setImmediate(this.#fire);
  };

  readonly #fire = (): void => {
    this.enter();
    try {
      this.timers.advance(performance.now());
    } finally {
      this.#wakeAt = Infinity;
      this.wakeBy(this.timers.nextDeadline());
    }
  };
}
