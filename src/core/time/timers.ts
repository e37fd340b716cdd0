/** Whoever a timer belongs to and is reported to. */
export interface TimerOwner {
  /**
   * The timer's deadline has passed; it is disarmed and may be scheduled again at once.
   * `timer.kind` tells an owner's timers apart.
   */
  onTimer(timer: Timer): void;
}

/** What the users of timers see of the timing wheel. */
export interface Timers {
  /** Monotonic milliseconds, read once per turn. */
  readonly now: number;
  /** Arms `timer` to fire `delay` milliseconds from `now`; one that is armed is moved. */
  schedule(timer: Timer, delay: number): void;
  /** Disarms `timer`; harmless when it is not armed. */
  cancel(timer: Timer): void;
}

/**
 * One timer, allocated once with its owner and reused for its owner's life: it is itself the link in
 * the wheel's lists, so arming it allocates nothing.
 */
export class Timer {
  readonly owner: TimerOwner;
  /** The owner's own number for what this timer is about. */
  readonly kind: number;
  /** Whether it is going to fire. Written by the wheel alone. */
  armed: boolean;
  /** The monotonic millisecond, a whole number, at which it fires. Written by the wheel alone. */
  deadline: number;

  /** For the wheel: the millisecond it was filed under, never later than `deadline`. */
  filed: number;
  /** For the wheel: the slot whose list it is in; -1 in a list that is not a slot's. */
  slot: number;
  /** For the wheel: its neighbours in a circular list; itself when it is in none. */
  previous: Timer;
  next: Timer;

  constructor(owner: TimerOwner, kind: number) {
    this.owner = owner;
    this.kind = kind;
    this.armed = false;
    // Fractional on purpose: the engine then keeps a double in place, and a clock that outgrows
    // 31 bits (after 24 days) does not change the shape of the objects under running code.
    this.deadline = -0.5;
    this.filed = -0.5;
    this.slot = -1;
    this.previous = this;
    this.next = this;
  }
}
