import { performance } from "node:perf_hooks";
import process from "node:process";
import type { Timer } from "#core/time/timers.ts";
import { TimerWheel } from "#core/time/wheel.ts";
import type { Ledger } from "./ledger.ts";
import { BufferGroup } from "./native/buffer-group.ts";
import { CQE_BUFFER, CQE_MORE, POLLIN } from "./native/layout.ts";
import { Libc } from "./native/libc.ts";
import { NodeLoop } from "./native/node-loop.ts";
import { Ring } from "./native/ring.ts";
import { SendMemory } from "./send-memory.ts";
import { Slots, type Target, operationOf } from "./slots.ts";

/** Small buffers, which idle connections and heads are received into: 2 MiB to begin with, 32 MiB at the most. */
const SMALL = { id: 0, size: 8 * 1024, most: 4096, step: 256 } as const;
/** Large ones, for connections that send much: none to begin with, 64 MiB at the most. */
const LARGE = { id: 1, size: 256 * 1024, most: 256, step: 8 } as const;

/** How soon it is looked again for memory that was not to be had, in ms. */
const RETRY = 10;
/** The longest that `setTimeout` waits. */
const LONGEST_WAIT = 0x7fff_ffff;

/** Whatever has entries to make or an end to report at the end of a turn. */
export interface Party {
  /** Makes the entries that are due. Called once per `Engine.flushLater`. */
  flush(): void;
  /** Reports an end. Called once per `Engine.reportLater`. */
  report(): void;
}

/** Whatever has found no buffer to receive into. */
export interface Hungry {
  /** There are some. Called once per `Engine.feedLater`. */
  fed(): void;
}

/** Whatever waits for a peer that takes nothing. */
export interface Stuck {
  /** Lets go of buffers that others could receive into. Called when they run short. */
  relieve(): void;
}

/** The timing wheel of an engine: whoever arms a timer sees the time of this turn, and the engine wakes up for it. */
class EngineWheel extends TimerWheel {
  readonly #engine: Engine;

  constructor(engine: Engine, now: number) {
    super(now);
    this.#engine = engine;
  }

  override schedule(timer: Timer, delay: number): void {
    this.#engine.enter();
    super.schedule(timer, delay);
    this.#engine.timerArmed();
  }
}

/**
 * The loop around a ring: one per thread, whatever number of transports uses it (a worker has one; tests have more).
 *
 * A turn: entries are handed to the kernel in one call, which also waits for completions when there is nothing else to
 * do; they are handled; timers fire; promises run; what was put off runs. Then the next turn, without going
 * back to Node's loop unless that has something to do: its descriptor is polled in the ring, and the time that its
 * next timer is due bounds the wait. So a message, a timer of a user's function or a finished look-up is seen at
 * once, and a turn for the network costs one system call.
 *
 * Without connections and listeners there is nothing to wait for in the ring: the engine is parked, and Node's loop
 * runs as if there were none.
 */
export class Engine implements Target {
  readonly libc: Libc;
  readonly ledger: Ledger;
  readonly ring: Ring;
  readonly small: BufferGroup;
  readonly large: BufferGroup;
  /** Memory that is written by whoever sends. */
  readonly memory: SendMemory;
  /** Memory that bytes of JavaScript's heap are copied to for the one turn in which they are sent. */
  readonly staging: SendMemory;
  readonly slots: Slots = new Slots();
  readonly timers: TimerWheel;

  /** Who may hold buffers for a peer that takes nothing. */
  readonly stuck: Set<Stuck> = new Set();
  /** Number of this turn; comes round after a billion. */
  turn = 0;

  readonly #node: NodeLoop;
  /** Where Node's loop is polled. */
  readonly #low: number;
  #polling = false;
  /** Node's loop has something to do. */
  #nodeReady = false;

  #running = false;
  /** The clock has been read since Node's loop called somebody. */
  #entered = false;
  #scheduled: NodeJS.Immediate | undefined;
  /** Holds the process while there are connections or listeners. */
  #holding: NodeJS.Timeout | undefined;
  #parkedUntil: NodeJS.Timeout | undefined;
  #users = 0;
  #closed = false;

  #tasks: (() => void)[] = [];
  #reports: Party[] = [];
  /** What is reported when everything that is written now has been sent. */
  #afterwards: Party[] = [];
  #flushes: Party[] = [];
  /** Whose entries have to wait until those of this turn have completed. */
  #flushesNext: Party[] = [];
  /** Who has found no buffer of each group, the longest first. */
  readonly #hungry: ReadonlyMap<BufferGroup, Hungry[]>;

  /** @throws Error that says what is missing: koffi, the kernel's io_uring, or a part of Node.js */
  constructor(ledger: Ledger) {
    this.libc = new Libc();
    this.ledger = ledger;
    this.#node = new NodeLoop(this.libc);
    this.ring = new Ring(this.libc, ledger);
    try {
      this.small = new BufferGroup(this.libc, ledger, this.ring, SMALL);
      this.large = new BufferGroup(this.libc, ledger, this.ring, LARGE);
      this.memory = new SendMemory(this.libc, ledger);
      this.staging = new SendMemory(this.libc, ledger);
    } catch (error) {
      this.ring.close();
      throw error;
    }
    this.#hungry = new Map([
      [this.small, []],
      [this.large, []],
    ]);
    this.timers = new EngineWheel(this, performance.now());
    this.#low = this.slots.add(this);
  }

  /** The last transport has let go of it; it cannot be used any more. */
  get closed(): boolean {
    return this.#closed;
  }

  /** One more transport uses it. */
  hold(): void {
    if (this.#closed) throw new Error("the engine has been closed");
    this.#users++;
  }

  /** One transport less, which has nothing open any more. The last one closes the ring. */
  letGo(): void {
    this.#users--;
    if (this.#users > 0) return;
    this.#closed = true;
    clearImmediate(this.#scheduled);
    clearTimeout(this.#parkedUntil);
    clearInterval(this.#holding);
    this.ring.close();
    // Only what nobody refers to is unmapped; the rest goes with the thread.
    this.small.close();
    this.large.close();
    this.memory.close();
    this.staging.close();
  }

  /** Begins a turn if none is under way: reads the clock, and comes back to whatever is asked for in it. */
  enter(): void {
    if (this.#running || this.#entered) return;
    this.#readClock();
    this.#goOn();
  }

  /** A timer was armed: while parked, that is what to wake up for. Called by the wheel. */
  timerArmed(): void {
    if (!this.#running && this.#scheduled === undefined && !this.#closed) this.#park();
  }

  /** Runs `task` when the current handler has returned, in this turn. */
  defer(task: () => void): void {
    this.#tasks.push(task);
    this.enter();
  }

  /** Calls `report` in this turn, behind what is deferred. */
  reportLater(party: Party): void {
    this.#reports.push(party);
    this.enter();
  }

  /** Calls `report` in the next turn, when everything that is written in this one has been handed to the kernel. */
  reportAfterwards(party: Party): void {
    this.#afterwards.push(party);
  }

  /** Calls `flush` at the end of this turn. */
  flushLater(party: Party): void {
    this.enter();
    this.#flushes.push(party);
  }

  /** Calls `flush` in the next turn, which comes at once: for whoever lacks what completions of this turn give back. */
  flushNextTurn(party: Party): void {
    this.#flushesNext.push(party);
  }

  /** Calls `fed` when there are buffers of the group again. */
  feedLater(party: Hungry, group: BufferGroup): void {
    this.#hungry.get(group)!.push(party);
  }

  /** Node's loop has something to do. */
  onCompletion(): void {
    this.#polling = false;
    this.#nodeReady = true;
  }

  /** What a turn does until there is nothing but to wait. */
  readonly #run = (): void => {
    this.#scheduled = undefined;
    forgetImmediate();
    this.#running = true;
    this.#nodeReady = false;
    try {
      this.#readClock();
      do {
        this.#leave();
        if (this.#closed) return;
        for (const party of this.#afterwards.splice(0)) this.#reports.push(party);
        if (!this.#polling) {
          this.#polling = true;
          this.ring.poll(this.#low, this.slots.tag(this.#low, 0), this.#node.fd, POLLIN);
        }
        this.ring.submit(this.#wait());
        this.turn = (this.turn + 1) & 0x3fff_ffff;
        this.#readClock();
        this.ring.harvest(this.#complete);
        if (this.timers.nextDeadline() <= this.timers.now) this.timers.advance(this.timers.now);
        runMicrotasks();
        // What was put off meanwhile is done when Node's loop has had its turn: no entry is left unsubmitted, and no
        // completion unseen, while somebody else runs.
      } while (!this.#nodeReady);
    } finally {
      this.#running = false;
      this.#goOn();
      this.#entered = false;
    }
  };

  readonly #complete = (low: number, high: number, result: number, flags: number): void => {
    const target = this.slots.find(low, high);
    if (target !== null) {
      if ((flags & CQE_MORE) === 0) this.slots.done(low);
      target.onCompletion(operationOf(high), result, flags);
    } else if ((flags & CQE_BUFFER) !== 0) {
      throw new Error("bytes arrived for nobody");
    }
  };

  /** What was put off, in the order: tasks, ends, entries. */
  #leave(): void {
    while (this.#tasks.length > 0 || this.#reports.length > 0) {
      // The lists may grow while they are gone through; an entry that throws is not run again.
      const task = this.#tasks.shift();
      if (task === undefined) this.#reports.shift()!.report();
      else task();
      // They may have settled what somebody waits for, and that may put off more.
      if (this.#tasks.length + this.#reports.length === 0) runMicrotasks();
    }
    if (!this.#closed) {
      this.small.grow();
      if (this.stuck.size > 0 && (this.small.scarce || this.large.scarce)) this.#relieve();
      for (const [group, hungry] of this.#hungry) if (hungry.length > 0) feed(group, hungry);
    }
    const flushes = this.#flushes;
    for (const party of this.#flushesNext.splice(0)) flushes.push(party);
    for (let i = 0; i < flushes.length; i++) flushes[i]!.flush();
    flushes.length = 0;
  }

  /** How long there is nothing to do, in ms. */
  #wait(): number {
    const node = this.#node.timeout();
    // After a look at what is there.
    if (node === 0) this.#nodeReady = true;
    const due = this.#tasks.length + this.#reports.length + this.#flushesNext.length > 0;
    if (this.#nodeReady || due || this.ring.ready) return 0;
    const starved = this.#isAnybodyHungry() ? RETRY : Infinity;
    return Math.max(0, Math.min(node, this.timers.nextDeadline() - this.timers.now, starved));
  }

  /** Each of them lets go once: what comes behind is copied to the heap while buffers are scarce. */
  #relieve(): void {
    for (const party of this.stuck) party.relieve();
    this.stuck.clear();
  }

  #isAnybodyHungry(): boolean {
    for (const hungry of this.#hungry.values()) if (hungry.length > 0) return true;
    return false;
  }

  #readClock(): void {
    const now = performance.now();
    // Never back, not even behind a time that somebody else has advanced the wheel to.
    if (now > this.timers.now) this.timers.now = now;
  }

  /** Sees to it that the next turn comes. */
  #goOn(): void {
    const due = this.#tasks.length + this.#reports.length > 0;
    // Whoever uses a transport that was shut down is told so.
    if (this.#closed) {
      if (due) this.#scheduled ??= setImmediate(this.#run);
      return;
    }
    // The engine itself has a slot.
    if (this.slots.used > 1 || due) {
      this.#entered = true;
      this.#unpark();
      this.#scheduled ??= setImmediate(this.#run);
    } else {
      this.#park();
    }
  }

  #unpark(): void {
    if (this.#holding !== undefined) return;
    clearTimeout(this.#parkedUntil);
    this.#parkedUntil = undefined;
    this.#holding = setInterval(() => undefined, LONGEST_WAIT);
  }

  #park(): void {
    clearInterval(this.#holding);
    this.#holding = undefined;
    clearTimeout(this.#parkedUntil);
    const wait = Math.ceil(this.timers.nextDeadline() - this.timers.now);
    if (wait === Infinity) return;
    this.#parkedUntil = setTimeout(this.#wake, Math.min(Math.max(wait, 1), LONGEST_WAIT)).unref();
  }

  /**
   * A timer of the wheel is due. Not from here: while Node calls a timer its loop does not know of the next one, and
   * whoever waits in the loop's place would not either.
   */
  readonly #wake = (): void => {
    this.#parkedUntil = undefined;
    this.#scheduled ??= setImmediate(this.#run);
  };
}

/** Tells as many as there are buffers for. */
function feed(group: BufferGroup, hungry: Hungry[]): void {
  group.grow();
  for (const party of hungry.splice(0, group.free)) party.fed();
}

/**
 * While Node calls an immediate, its loop still counts as having one due, and would seem to have something to do for as
 * long as we run. To make and clear another lets Node count anew; those of others count as before.
 */
function forgetImmediate(): void {
  clearImmediate(setImmediate(() => undefined));
}

/**
 * Runs the promises and `process.nextTick` callbacks that are due, as Node does between two callbacks of its own.
 * Node has had this function since its first versions and offers no documented one; `unavailable.ts` looks for it.
 */
function runMicrotasks(): void {
  (process as unknown as { _tickCallback(): void })._tickCallback();
}
