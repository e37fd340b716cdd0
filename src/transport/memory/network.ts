import type { Random } from "#core/random.ts";
import { TimerWheel } from "#core/time/wheel.ts";
import type { SocketAddress, Transport } from "../contract.ts";
import { addressKey, type Behaviour } from "./address.ts";
import type { Block, BlockLedger } from "./block.ts";
import type { MemoryConnection, Step } from "./connection.ts";
import { type MemoryListener, MemoryTransport, type TransportHome } from "./transport.ts";

/** Bytes that a direction of a connection holds, unless told otherwise. */
const WINDOW = 64 * 1024;
/** Steps in one `run`: more means that two sides feed each other for ever. */
const MOST_STEPS = 5_000_000;

/** Options of a network. */
export interface MemoryNetworkOptions {
  readonly random: Random;
  /** Bytes that each direction of a connection holds, 64 KiB unless given. */
  readonly window?: number;
  /** Called when there is something to do and `run` should be called; for tests that do not run it by hand. */
  readonly onWork?: () => void;
}

/**
 * A network in memory, for tests: transports that reach each other, time that moves by hand, and deliveries in
 * random sizes and order that a seed repeats exactly. It is unkind on purpose: what a callback received is
 * overwritten as soon as the contract allows, and references are counted strictly.
 *
 * Nothing happens by itself: `run` delivers until all is quiet, `advance` moves the time.
 */
export class MemoryNetwork implements BlockLedger, TransportHome {
  readonly random: Random;
  readonly timers: TimerWheel = new TimerWheel(0);
  readonly window: number;
  /** Memory in use. */
  readonly blocks: Set<Block> = new Set();
  /** Every connection that is not closed, both sides. */
  readonly connections: Set<MemoryConnection> = new Set();
  /** Listening sockets by address, see `addressKey`. */
  readonly listeners: Map<string, MemoryListener> = new Map();

  readonly #behaviours: Map<string, Behaviour> = new Map();
  readonly #tasks: (() => void)[] = [];
  readonly #onWork: (() => void) | undefined;
  #nextPort = 40_000;
  #running = false;

  constructor(options: MemoryNetworkOptions) {
    this.random = options.random;
    this.window = options.window ?? WINDOW;
    this.#onWork = options.onWork;
  }

  /** Another host on the network. `address`: what its connections come from. */
  transport(address = "127.0.0.1"): Transport {
    return new MemoryTransport(this, address);
  }

  /** Sets how connections to `address` turn out from now on. */
  behave(address: SocketAddress, behaviour: Behaviour): void {
    this.#behaviours.set(addressKey(address), behaviour);
  }

  /** How a connection to `address` turns out. */
  behaviourOf(address: SocketAddress): Behaviour {
    return this.#behaviours.get(addressKey(address)) ?? {};
  }

  /** A port that nobody uses. */
  freePort(): number {
    return this.#nextPort++;
  }

  /** Runs `task` before the next delivery. */
  defer(task: () => void): void {
    this.#tasks.push(task);
    this.wake();
  }

  /** There may be something to do. */
  wake(): void {
    if (!this.#running) this.#onWork?.();
  }

  /** Delivers, in random order, until nothing is left to do at this time. */
  run(): void {
    if (this.#running) throw new Error("run was called by a handler");
    this.#running = true;
    try {
      for (let count = 0; this.#step(); count++) {
        if (count === MOST_STEPS) throw new Error("the network does not come to rest");
      }
    } finally {
      this.#running = false;
    }
  }

  /** Moves the time on by `ms`, from deadline to deadline, delivering what is due before and after each. */
  advance(ms: number): void {
    const target = this.timers.now + ms;
    this.run();
    for (;;) {
      const deadline = this.timers.nextDeadline();
      if (deadline > target) break;
      this.#fire(deadline);
    }
    this.#fire(target);
  }

  /** @throws Error that lists what is still open, in use or armed. */
  assertClean(): void {
    const left: string[] = [];
    for (const block of this.blocks) left.push(`not released: ${block.describe()}`);
    if (this.connections.size > 0) left.push(`connections open: ${this.connections.size}`);
    if (this.listeners.size > 0)
      left.push(`listeners open: ${[...this.listeners.keys()].join(", ")}`);
    if (this.#tasks.length > 0) left.push(`deferred tasks: ${this.#tasks.length}`);
    if (this.timers.size > 0) left.push(`timers armed: ${this.timers.size}`);
    if (left.length > 0) throw new Error(`the network is not clean:\n${left.join("\n")}`);
  }

  #fire(now: number): void {
    this.#running = true;
    try {
      this.timers.advance(now);
    } finally {
      this.#running = false;
    }
    this.run();
  }

  #step(): boolean {
    const task = this.#tasks.shift();
    if (task !== undefined) {
      task();
      return true;
    }
    const choices: (() => void)[] = [];
    const steps: Step[] = [];
    for (const connection of this.connections) {
      connection.listSteps(steps);
      for (const step of steps) choices.push(() => connection.perform(step));
      steps.length = 0;
    }
    for (const listener of this.listeners.values()) {
      if (listener.ready) choices.push(() => listener.accept());
    }
    if (choices.length === 0) return false;
    choices[this.random.int(choices.length)]!();
    return true;
  }
}

/** Makes a network; see {@link MemoryNetwork}. */
export function createMemoryNetwork(options: MemoryNetworkOptions): MemoryNetwork {
  return new MemoryNetwork(options);
}
