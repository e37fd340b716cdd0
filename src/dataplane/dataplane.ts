/** The data plane of one worker as its composition root uses it. What happens to requests is in `lifecycle.ts`. */

import { Timer, type TimerOwner } from "#core/time/timers.ts";
import type { Answer, Question } from "#sdk/filter.ts";
import type { Acceptor } from "#transport/contract.ts";
import { chooseEndpoint } from "./balance/select.ts";
import type { DataPlaneContext } from "./context.ts";
import { ask } from "./forward/ask.ts";
import { Pools } from "./forward/pools.ts";
import { Lifecycle } from "./lifecycle.ts";
import type { LinkedSnapshot, LinkedUpstream } from "./linked.ts";
import { requestIds } from "./request-ids.ts";
import { readOncePerTurn } from "./turn-clock.ts";

/** What the composition root provides. */
export type DataPlaneParts = Omit<
  DataPlaneContext,
  "snapshot" | "left" | "draining" | "challenges"
>;

/** How long tunnels get to close in an orderly way when a drain is over, milliseconds. */
const CLOSING_GRACE = 1000;

/** Serves connections by the snapshot that was applied last. */
export class DataPlane implements TimerOwner {
  readonly #parts: DataPlaneParts;
  readonly #pools: Pools = new Pools();
  #context: DataPlaneContext | null = null;
  #lifecycle: Lifecycle | null = null;
  readonly #drainTimer: Timer = new Timer(this, 0);
  #drained: (() => void) | null = null;
  #closing = false;
  #challenges: ReadonlyMap<string, string> = new Map();

  constructor(parts: DataPlaneParts) {
    this.#parts = parts;
  }

  /** From now on requests run on this snapshot; those under way end on theirs. */
  apply(snapshot: LinkedSnapshot): void {
    if (this.#context === null) {
      const clock = readOncePerTurn(this.#parts.clock, this.#parts.transport.timers);
      this.#context = {
        ...this.#parts,
        clock,
        snapshot,
        left: new Map(),
        draining: false,
        challenges: this.#challenges,
      };
      this.#lifecycle = new Lifecycle(
        this.#context,
        this.#pools,
        requestIds(this.#parts.clock, this.#parts.random),
      );
    } else {
      const { listeners } = this.#context.snapshot;
      this.#context.left = new Map([...listeners].filter(([id]) => !snapshot.listeners.has(id)));
      this.#context.snapshot = snapshot;
    }
    this.#pools.prune(snapshot);
  }

  /** From now on certificate authorities get these answers, by token. */
  setChallenges(challenges: ReadonlyMap<string, string>): void {
    this.#challenges = challenges;
    if (this.#context !== null) this.#context.challenges = challenges;
  }

  /** There are other certificates, or none will come: connections that wait for one are looked at again. */
  onCertificates(): void {
    for (const greeting of this.#lifecycle?.door.greetings ?? []) greeting.onCertificates();
  }

  /** Serves the connections of a listener, named by its id. @throws Error before `apply` */
  acceptor(listener: string): Acceptor {
    if (this.#lifecycle === null) throw new Error("no snapshot has been applied yet");
    return this.#lifecycle.door.acceptor(listener);
  }

  /** Sends a request of a filter's own. @throws Error before `apply` */
  ask(upstream: LinkedUpstream, question: Question): Promise<Answer> {
    const context = this.#context;
    if (context === null) throw new Error("no snapshot has been applied yet");
    const endpoint = chooseEndpoint(upstream, []);
    return ask({ context, pools: this.#pools, upstream, endpoint, question });
  }

  /** Another worker has rung: a connection to a backend became free there, or is wanted there. */
  onDoorbell(): void {
    this.#pools.onDoorbell();
  }

  /**
   * Ends what can be ended without loss: unused connections now, others after their answer. What is still there
   * after `deadline` milliseconds is closed. Resolves when nothing is left.
   */
  drain(deadline: number): Promise<void> {
    const context = this.#context;
    const lifecycle = this.#lifecycle;
    if (context === null || lifecycle === null) return Promise.resolve();
    context.draining = true;
    this.#pools.closeIdle();
    lifecycle.connections.drain();
    return new Promise((resolve) => {
      this.#drained = resolve;
      lifecycle.onLess = () => this.#checkDrained();
      context.transport.timers.schedule(this.#drainTimer, Math.max(1, deadline));
      this.#checkDrained();
    });
  }

  #checkDrained(): void {
    const lifecycle = this.#lifecycle!;
    const { connections, tunnels, passThroughs, door } = lifecycle;
    if (connections.size > 0 || tunnels.size > 0 || passThroughs.size > 0) return;
    if (door.greetings.size > 0) return;
    this.#context!.transport.timers.cancel(this.#drainTimer);
    this.#drained?.();
    this.#drained = null;
  }

  onTimer(): void {
    const lifecycle = this.#lifecycle!;
    if (!this.#closing) {
      this.#closing = true;
      lifecycle.tunnels.closeAll();
      lifecycle.passThroughs.closeAll();
      for (const greeting of lifecycle.door.greetings) greeting.destroy();
      lifecycle.connections.destroy();
      this.#context!.transport.timers.schedule(this.#drainTimer, CLOSING_GRACE);
      return;
    }
    lifecycle.tunnels.destroyAll();
    lifecycle.passThroughs.destroyAll();
  }
}
