import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Timer, type TimerOwner } from "./timers.ts";
import { TimerWheel } from "./wheel.ts";

const DAY = 86_400_000;

/** Writes down what fires, and when. */
class Recorder implements TimerOwner {
  readonly fired: string[] = [];
  readonly wheel: TimerWheel;

  constructor(wheel: TimerWheel) {
    this.wheel = wheel;
  }

  timer(kind: number): Timer {
    return new Timer(this, kind);
  }

  onTimer(timer: Timer): void {
    assert.equal(timer.armed, false);
    this.fired.push(`${timer.kind}@${this.wheel.now}`);
  }

  /** What has fired since the last call. */
  take(): string[] {
    return this.fired.splice(0);
  }
}

/** Runs a function when its timer fires. */
function timerOf(run: (timer: Timer) => void): Timer {
  return new Timer({ onTimer: run }, 0);
}

test("timers: a timer fires once, at its deadline and not before", () => {
  const wheel = new TimerWheel(1000);
  const recorder = new Recorder(wheel);
  const timer = recorder.timer(1);
  wheel.schedule(timer, 300);
  assert.equal(timer.armed, true);
  assert.equal(timer.deadline, 1300);
  assert.equal(wheel.size, 1);
  wheel.advance(1299.9);
  assert.deepEqual(recorder.take(), []);
  wheel.advance(1300);
  assert.deepEqual(recorder.take(), ["1@1300"]);
  assert.equal(wheel.size, 0);
  wheel.advance(5000);
  assert.deepEqual(recorder.take(), []);
});

test("timers: a fraction of a millisecond is rounded up, so that nothing fires early", () => {
  const wheel = new TimerWheel(10.4);
  const recorder = new Recorder(wheel);
  wheel.schedule(recorder.timer(1), 5);
  wheel.schedule(recorder.timer(2), 0.1);
  assert.equal(wheel.nextDeadline(), 11);
  wheel.advance(10.9);
  assert.deepEqual(recorder.take(), []);
  wheel.advance(15.9);
  assert.deepEqual(recorder.take(), ["2@15.9"]);
  wheel.advance(16);
  assert.deepEqual(recorder.take(), ["1@16"]);
});

test("timers: a cancelled timer does not fire, and cancelling twice is harmless", () => {
  const wheel = new TimerWheel(0);
  const recorder = new Recorder(wheel);
  const timer = recorder.timer(1);
  wheel.cancel(timer);
  wheel.schedule(timer, 10);
  wheel.cancel(timer);
  wheel.cancel(timer);
  assert.equal(wheel.size, 0);
  assert.equal(wheel.nextDeadline(), Infinity);
  wheel.advance(100);
  assert.deepEqual(recorder.take(), []);
});

test("timers: timers fire in the order of their deadlines, however far time jumps", () => {
  const wheel = new TimerWheel(0);
  const recorder = new Recorder(wheel);
  const delays = [3 * DAY, 5, 70_000, 1, 300, 20_000_000, 255, 256, 257, 65_536, 16_777_216];
  for (const delay of delays) wheel.schedule(recorder.timer(delay), delay);
  wheel.advance(3 * DAY);
  const expected = delays.toSorted((a, b) => a - b).map((delay) => `${delay}@${3 * DAY}`);
  assert.deepEqual(recorder.take(), expected);
});

test("timers: a timer without delay fires in the next advance, at whatever time", () => {
  const wheel = new TimerWheel(7.5);
  const recorder = new Recorder(wheel);
  for (const [kind, delay] of [0, -5, Number.NaN].entries()) {
    wheel.schedule(recorder.timer(kind), delay);
    assert.equal(wheel.nextDeadline(), 7.5);
  }
  wheel.advance(7.5);
  assert.deepEqual(recorder.take(), ["0@7.5", "1@7.5", "2@7.5"]);
});

test("timers: a timer that schedules itself without delay fires once per advance", () => {
  const wheel = new TimerWheel(0);
  let count = 0;
  const timer = timerOf((timer) => {
    count++;
    wheel.schedule(timer, 0);
  });
  wheel.schedule(timer, 0);
  for (let turn = 1; turn <= 3; turn++) {
    wheel.advance(turn * 10);
    assert.equal(count, turn);
  }
});

test("timers: what is scheduled while firing waits for the next advance, even if time has jumped past it", () => {
  const wheel = new TimerWheel(0);
  let count = 0;
  const timer = timerOf((timer) => {
    count++;
    wheel.schedule(timer, 10);
  });
  wheel.schedule(timer, 10);
  wheel.advance(1000);
  assert.equal(count, 1);
  assert.equal(timer.deadline, 1010);
  wheel.advance(1010);
  assert.equal(count, 2);
});

test("timers: a timer may cancel, bring forward and put off others of the same millisecond", () => {
  const wheel = new TimerWheel(0);
  const recorder = new Recorder(wheel);
  const [cancelled, later, again] = [recorder.timer(1), recorder.timer(2), recorder.timer(3)];
  const first = timerOf(() => {
    wheel.cancel(cancelled);
    wheel.schedule(later, 7);
    wheel.schedule(again, 0);
  });
  for (const timer of [first, cancelled, later, again]) wheel.schedule(timer, 10);
  wheel.advance(10);
  assert.deepEqual(recorder.take(), []);
  assert.equal(wheel.size, 2);
  wheel.advance(10);
  assert.deepEqual(recorder.take(), ["3@10"]);
  wheel.advance(17);
  assert.deepEqual(recorder.take(), ["2@17"]);
});

test("timers: a deadline can be moved later and earlier", () => {
  const wheel = new TimerWheel(0);
  const recorder = new Recorder(wheel);
  const timer = recorder.timer(1);
  wheel.schedule(timer, 100);
  wheel.schedule(timer, 5000);
  wheel.schedule(timer, 300);
  assert.equal(timer.deadline, 300);
  wheel.advance(299);
  wheel.schedule(timer, 1000);
  wheel.schedule(timer, 2);
  wheel.advance(300);
  assert.deepEqual(recorder.take(), []);
  wheel.advance(301);
  assert.deepEqual(recorder.take(), ["1@301"]);
  assert.equal(wheel.size, 0);
});

test("timers: moving a deadline on does not touch the lists", () => {
  const wheel = new TimerWheel(0);
  const timer = new Recorder(wheel).timer(1);
  wheel.schedule(timer, 1000);
  const { filed, slot, next } = timer;
  for (let now = 1; now < 500; now++) {
    wheel.advance(now);
    wheel.schedule(timer, 1000);
  }
  assert.equal(timer.deadline, 1499);
  assert.deepEqual([timer.filed, timer.slot, timer.next], [filed, slot, next]);
});

test("timers: delays beyond the wheel's range are kept, and infinite ones never fire", () => {
  const wheel = new TimerWheel(0);
  const recorder = new Recorder(wheel);
  wheel.schedule(recorder.timer(1), 60 * DAY);
  wheel.schedule(recorder.timer(2), 200 * DAY);
  wheel.schedule(recorder.timer(3), Infinity);
  wheel.advance(60 * DAY - 1);
  assert.deepEqual(recorder.take(), []);
  wheel.advance(60 * DAY);
  assert.deepEqual(recorder.take(), [`1@${60 * DAY}`]);
  wheel.advance(200 * DAY - 1);
  assert.deepEqual(recorder.take(), []);
  wheel.advance(5000 * DAY);
  assert.deepEqual(recorder.take(), [`2@${5000 * DAY}`]);
  assert.equal(wheel.size, 1);
});

test("timers: a clock that steps back is taken as standing still", () => {
  const wheel = new TimerWheel(1000);
  const recorder = new Recorder(wheel);
  wheel.schedule(recorder.timer(1), 10);
  wheel.schedule(recorder.timer(2), 0);
  wheel.advance(500);
  assert.equal(wheel.now, 1000);
  assert.deepEqual(recorder.take(), ["2@1000"]);
  wheel.advance(1010);
  assert.deepEqual(recorder.take(), ["1@1010"]);
});

test("timers: an owner that throws keeps no other from firing, and its error comes out", () => {
  const wheel = new TimerWheel(0);
  const recorder = new Recorder(wheel);
  const fault = new Error("first");
  const throwing = timerOf(() => {
    throw fault;
  });
  wheel.schedule(throwing, 5);
  wheel.schedule(recorder.timer(1), 5);
  wheel.schedule(recorder.timer(2), 500);
  assert.throws(() => wheel.advance(1000), fault);
  assert.deepEqual(recorder.take(), ["1@1000", "2@1000"]);
  assert.equal(wheel.size, 0);
  // The wheel goes on, and does not report the same error again.
  wheel.schedule(recorder.timer(3), 5);
  wheel.advance(2000);
  assert.deepEqual(recorder.take(), ["3@2000"]);
  wheel.schedule(throwing, 1);
  wheel.schedule(
    timerOf(() => {
      throw new Error("second");
    }),
    2,
  );
  assert.throws(
    () => wheel.advance(3000),
    (error) => error instanceof AggregateError && error.errors.length === 2,
  );
});

test("timers: advancing from within a timer is a bug", () => {
  const wheel = new TimerWheel(0);
  wheel.schedule(
    timerOf(() => wheel.advance(10)),
    1,
  );
  assert.throws(() => wheel.advance(5), /advance was called by a timer/);
  wheel.advance(6);
});

/** The wheel beside a model that looks at every timer each time. */
class Pair implements TimerOwner {
  readonly wheel: TimerWheel;
  readonly timers: readonly Timer[];
  /** Deadline of each armed timer. */
  readonly armed: Map<Timer, number> = new Map();
  /** Armed since the current advance began: not for this advance. */
  readonly fresh: Set<Timer> = new Set();
  /** What timers do when they fire, one after the other. */
  readonly script: (readonly [action: number, timer: number, delay: number])[] = [];
  firedAt: number[] = [];
  #target = 0;
  #advancing = false;

  constructor(start: number, count: number) {
    this.wheel = new TimerWheel(start);
    this.timers = Array.from({ length: count }, (_, index) => new Timer(this, index));
  }

  schedule(index: number, delay: number): void {
    const timer = this.#timer(index);
    this.wheel.schedule(timer, delay);
    const { now } = this.wheel;
    const tick = Math.floor(now);
    this.armed.set(timer, delay > 0 ? Math.max(tick + 1, Math.ceil(now + delay)) : tick);
    if (this.#advancing) this.fresh.add(timer);
    this.check();
  }

  cancel(index: number): void {
    const timer = this.#timer(index);
    this.wheel.cancel(timer);
    this.armed.delete(timer);
    this.check();
  }

  advance(now: number): void {
    this.#target = Math.floor(Math.max(now, this.wheel.now));
    this.#advancing = true;
    this.wheel.advance(now);
    this.#advancing = false;
    for (const [timer, deadline] of this.armed) {
      assert.ok(this.fresh.has(timer) || deadline > this.#target, `${timer.kind} did not fire`);
    }
    this.fresh.clear();
    this.check();
    this.checkBound();
  }

  onTimer(timer: Timer): void {
    const deadline = this.armed.get(timer);
    assert.ok(deadline !== undefined && !this.fresh.has(timer) && deadline <= this.#target);
    for (const [other, earlier] of this.armed) {
      assert.ok(this.fresh.has(other) || earlier >= deadline, "fired before an earlier one");
    }
    this.armed.delete(timer);
    this.firedAt.push(deadline);
    const [action, index, delay] = this.script.shift() ?? [0, 0, 0];
    if (action === 1) this.schedule(index, delay);
    if (action === 2) this.cancel(index);
    if (action === 3) this.schedule(timer.kind, delay);
  }

  check(): void {
    assert.equal(this.wheel.size, this.armed.size);
    for (const timer of this.timers) {
      assert.equal(timer.armed, this.armed.has(timer));
      if (timer.armed) assert.equal(timer.deadline, this.armed.get(timer));
    }
  }

  checkBound(): void {
    const next = this.wheel.nextDeadline();
    if (this.armed.size === 0) assert.equal(next, Infinity);
    const earliest = Math.min(...this.armed.values());
    assert.ok(next <= Math.max(earliest, this.wheel.now), `${next} is later than ${earliest}`);
  }

  #timer(index: number): Timer {
    const timer = this.timers[index % this.timers.length];
    assert.ok(timer !== undefined);
    return timer;
  }
}

const duration = fc.oneof(
  fc.integer({ min: 0, max: 5 }),
  fc.integer({ min: 250, max: 260 }),
  fc.double({ min: 0, max: 2000, noNaN: true }),
  fc.integer({ min: 65_000, max: 66_000 }),
  fc.integer({ min: 0, max: 2 ** 25 }),
  fc.constantFrom(255, 256, 65_535, 65_536, 2 ** 24 - 1, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 3 * DAY),
);
const index = fc.integer({ min: 0, max: 11 });
const start = fc.constantFrom(
  0,
  0.5,
  255,
  65_535.9,
  2 ** 24 - 3,
  2 ** 31 - 2,
  2 ** 32 - 2,
  2 ** 40 - 100,
);

test("timers: the wheel does what a plain list of timers would do", () => {
  const step = fc.tuple(fc.integer({ min: 0, max: 6 }), index, duration);
  const action = fc.tuple(fc.integer({ min: 0, max: 3 }), index, duration);
  const scripts = fc.array(action, { maxLength: 20 });
  fc.assert(
    fc.property(start, fc.array(step, { maxLength: 60 }), scripts, (start, steps, script) => {
      const pair = new Pair(start, 12);
      pair.script.push(...script);
      for (const [kind, index, time] of steps) {
        if (kind < 3) pair.schedule(index, time);
        else if (kind === 3) pair.cancel(index);
        else pair.advance(pair.wheel.now + time);
      }
      pair.advance(pair.wheel.now + 30 * DAY);
      pair.advance(pair.wheel.now + 30 * DAY);
    }),
    { numRuns: 2500 },
  );
});

test("timers: a loop that sleeps until nextDeadline fires every timer in its millisecond", () => {
  fc.assert(
    fc.property(
      start,
      fc.array(fc.tuple(index, duration), { maxLength: 30 }),
      (start, schedules) => {
        const pair = new Pair(start, 12);
        for (const [index, delay] of schedules) pair.schedule(index, delay);
        let turns = 0;
        while (pair.wheel.size > 0) {
          // At most one look per level and timer, and one per deadline that was moved on.
          assert.ok(++turns <= 12 * 4 + schedules.length, "woken without need");
          const next = pair.wheel.nextDeadline();
          pair.firedAt = [];
          pair.advance(next);
          for (const deadline of pair.firedAt) assert.equal(deadline, Math.floor(next));
        }
      },
    ),
    { numRuns: 1000 },
  );
});
