import { Timer, type TimerOwner, type Timers } from "./timers.ts";

const LEVELS = 4;
const SLOTS = 256;
/** Words of the occupancy bitmap per level. */
const WORDS = SLOTS / 32;
/** Milliseconds that one slot of each level spans. */
const UNIT: readonly number[] = [1, 0x100, 0x1_0000, 0x100_0000];
/** The low bits of a tick that one whole round of each level covers. */
const ROUND_MASK: readonly number[] = [0xff, 0xffff, 0xff_ffff, 0xffff_ffff];
/** Milliseconds in a round of the highest level: ticks are compared modulo this. */
const ROUND = 0x1_0000_0000;
/**
 * The farthest that a timer is filed ahead (24.8 days). Less than half a round, so that "equal modulo
 * a round" always means equal. A later timer is filed here, found early, and filed again.
 */
const HORIZON = 0x7fff_ffff;

/** The owner of list heads, which are never fired. */
const HEAD_OWNER: TimerOwner = { onTimer: () => undefined };

/**
 * A hierarchical timing wheel (Varghese and Lauck): schedule and cancel take constant time however
 * many timers there are, and allocate nothing.
 *
 * Ticks are milliseconds. Level 0 has a slot per tick, level 1 one per 256 ticks, and so on:
 *
 *     tick, as four bytes:   [ level 3 ][ level 2 ][ level 1 ][ level 0 ]
 *
 * A timer is filed at the highest byte in which its tick differs from the current one, in the slot
 * of its own byte. So all of level 0 is due before anything of level 1, and so on upwards: the first
 * occupied slot of the lowest occupied level holds the earliest timers. When time reaches a slot of a
 * higher level its timers are filed anew, and land lower.
 *
 * A deadline that moves later (each byte received moves an idle deadline) is only stored: the timer stays
 * where it is and is filed anew when its old slot comes up.
 */
export class TimerWheel implements Timers {
  /** Monotonic milliseconds as of the last `advance`. */
  now: number;
  /** How many timers are armed. */
  size: number;

  /** All ticks up to this one have been fired. */
  #tick: number;
  /** One circular list per slot, each with a head that is never fired. */
  readonly #slots: readonly Timer[];
  /** A bit per slot: set while its list is not empty. */
  readonly #occupied: Int32Array = new Int32Array(LEVELS * WORDS);
  /** Timers without delay: they fire at the start of the next advance, whatever its time. */
  readonly #due: Timer = new Timer(HEAD_OWNER, 0);
  /** The list that is being fired or filed anew; empty outside `advance`. */
  readonly #detached: Timer = new Timer(HEAD_OWNER, 0);
  /** What owners have thrown in this advance. */
  #faults: unknown[] = [];
  #advancing = false;

  /** `now`: the monotonic time in milliseconds at which the wheel begins. */
  constructor(now: number) {
    this.now = now;
    this.size = 0;
    this.#tick = Math.floor(now);
    this.#slots = Array.from({ length: LEVELS * SLOTS }, () => new Timer(HEAD_OWNER, 0));
  }

  /**
   * Arms `timer` to fire `delay` milliseconds after `now`, rounded up to a whole millisecond, or in
   * the next advance if `delay` is not above 0. An armed timer is moved. An infinite delay never fires.
   */
  schedule(timer: Timer, delay: number): void {
    const waits = delay > 0;
    const tick = Math.floor(this.now);
    // At least one tick ahead, also if the delay is so small that adding it changes nothing.
    const deadline = waits ? Math.max(tick + 1, Math.ceil(this.now + delay)) : tick;
    timer.deadline = deadline;
    if (timer.armed) {
      // Fast path: not before where it is filed. Its slot will find it early and file it anew.
      if (waits && deadline >= timer.filed) return;
      this.#unlink(timer);
    } else {
      timer.armed = true;
      this.size++;
    }
    if (waits) {
      this.#file(timer);
    } else {
      timer.filed = deadline;
      append(this.#due, timer, -1);
    }
  }

  /** Disarms `timer`; harmless when it is not armed. */
  cancel(timer: Timer): void {
    if (!timer.armed) return;
    timer.armed = false;
    this.size--;
    this.#unlink(timer);
  }

  /**
   * Sets `now` (a time before the last one counts as the last one) and fires every timer whose deadline
   * has come, in the order of the deadlines. What the owners schedule meanwhile waits for the next
   * advance. An owner that throws does not keep the others from firing: afterwards its error is thrown,
   * as an AggregateError if there were several.
   */
  advance(now: number): void {
    if (this.#advancing) throw new Error("advance was called by a timer that it fires");
    if (now > this.now) this.now = now;
    const target = Math.floor(this.now);
    this.#advancing = true;
    if (this.#due.next !== this.#due) this.#fire(this.#due);
    for (;;) {
      const slot = this.#firstOccupied();
      if (slot < 0) break;
      const start = this.#startOf(slot);
      if (start > target) break;
      this.#tick = start;
      this.#clear(slot);
      if (slot < SLOTS) this.#fire(this.#slots[slot]!);
      else this.#cascade(this.#slots[slot]!);
    }
    this.#tick = target;
    this.#advancing = false;
    if (this.#faults.length > 0) this.#rethrow();
  }

  /**
   * When to call `advance` next, in monotonic milliseconds: never later than the earliest timer, at times
   * earlier (where a slot of a higher level begins). Infinity when nothing is armed.
   */
  nextDeadline(): number {
    if (this.size === 0) return Infinity;
    if (this.#due.next !== this.#due) return this.now;
    return this.#startOf(this.#firstOccupied());
  }

  /** Files a timer that is in no list and whose deadline is not before the current tick. */
  #file(timer: Timer): void {
    const tick = this.#tick;
    const filed = Math.min(timer.deadline, tick + HORIZON);
    const level = (31 - Math.clz32((filed ^ tick) | 1)) >>> 3;
    const slot = level * SLOTS + ((filed >>> (level * 8)) & (SLOTS - 1));
    timer.filed = filed;
    append(this.#slots[slot]!, timer, slot);
    this.#occupied[slot >>> 5]! |= 1 << (slot & 31);
  }

  #unlink(timer: Timer): void {
    const slot = timer.slot;
    remove(timer);
    if (slot < 0) return;
    const head = this.#slots[slot]!;
    if (head.next === head) this.#clear(slot);
  }

  #clear(slot: number): void {
    this.#occupied[slot >>> 5]! &= ~(1 << (slot & 31));
  }

  /** The slot with the earliest timers; -1 if no slot has any. */
  #firstOccupied(): number {
    for (let level = 0; level < LEVELS; level++) {
      // From the current slot round to it again. Only the highest level ever comes round: on the others
      // everything lies ahead in the same round.
      const from = (this.#tick >>> (level * 8)) & (SLOTS - 1);
      for (let i = 0; i <= WORDS; i++) {
        const word = level * WORDS + (((from >>> 5) + i) & (WORDS - 1));
        let bits = this.#occupied[word]!;
        if (i === 0) bits &= -1 << (from & 31);
        if (bits !== 0) return word * 32 + 31 - Math.clz32(bits & -bits);
      }
    }
    return -1;
  }

  /** The first tick of a slot, as the time to come that is nearest. */
  #startOf(slot: number): number {
    const level = slot >>> 8;
    const unit = UNIT[level]!;
    const round = this.#tick - ((this.#tick & ROUND_MASK[level]!) >>> 0);
    const start = round + (slot & (SLOTS - 1)) * unit;
    return start + unit > this.#tick ? start : start + ROUND;
  }

  /** Files the timers of a higher level's slot anew, now that its time has come. */
  #cascade(head: Timer): void {
    const list = this.#detach(head);
    while (list.next !== list) {
      const timer = list.next;
      remove(timer);
      this.#file(timer);
    }
  }

  /** Fires the timers of a list whose time has come, but those whose deadline has been moved on. */
  #fire(head: Timer): void {
    const list = this.#detach(head);
    while (list.next !== list) {
      const timer = list.next;
      remove(timer);
      if (timer.deadline > this.#tick) {
        this.#file(timer);
        continue;
      }
      timer.armed = false;
      this.size--;
      try {
        timer.owner.onTimer(timer);
      } catch (fault) {
        this.#faults.push(fault);
      }
    }
  }

  /**
   * Moves a list into one of its own: owners may cancel timers that are still in it, and what they schedule
   * does not get into it.
   */
  #detach(head: Timer): Timer {
    const list = this.#detached;
    list.next = head.next;
    list.previous = head.previous;
    list.next.previous = list;
    list.previous.next = list;
    head.next = head;
    head.previous = head;
    return list;
  }

  #rethrow(): never {
    const faults = this.#faults;
    this.#faults = [];
    throw faults.length === 1 ? faults[0] : new AggregateError(faults, "several timers failed");
  }
}

function append(head: Timer, timer: Timer, slot: number): void {
  const last = head.previous;
  timer.slot = slot;
  timer.previous = last;
  timer.next = head;
  last.next = timer;
  head.previous = timer;
}

function remove(timer: Timer): void {
  timer.previous.next = timer.next;
  timer.next.previous = timer.previous;
  timer.previous = timer;
  timer.next = timer;
}
