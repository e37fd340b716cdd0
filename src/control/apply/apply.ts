/**
 * Puts a configuration in place: compiled, prepared by every worker, its listeners open, then committed by all.
 * Until the commit anything may refuse it, and then nothing has changed.
 */

import type { SnapshotData } from "#model/snapshot.ts";

/** What refused a configuration. */
export interface Refusal {
  readonly ok: false;
  /** For people; may be several lines. */
  readonly reason: string;
}

/** What became of a configuration. */
export type Applied =
  | {
      readonly ok: true;
      readonly generation: number;
      /** Nothing to do: it runs already. */ readonly unchanged: boolean;
    }
  | Refusal;

/** The workers, as seen from here. */
export interface ApplyWorkers {
  prepare(next: ApplyGeneration): Promise<ApplyOutcome>;
  /** `sure`: called when nothing can refuse it any more, before the first worker is told. */
  commit(next: ApplyGeneration, sure: () => Promise<void>): Promise<ApplyOutcome>;
  discard(next: ApplyGeneration): void;
}

/** A generation of the configuration as workers get it. */
export interface ApplyGeneration {
  readonly id: number;
  readonly payload: () => unknown;
  readonly listeners: readonly string[];
}

/** A worker's answer. */
export type ApplyOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly reason: string; readonly place: string | null };

/** The listening sockets, as seen from here. */
export interface ApplyListeners {
  /** Opens what is not open. @returns null, or why it cannot, with nothing new left open */
  open(listeners: SnapshotData["listeners"]): Promise<string | null>;
  /** Lets go of all but these: they close when the workers have left them. */
  keep(listeners: SnapshotData["listeners"]): Promise<void>;
}

/** What applying needs. */
export interface ApplierOptions {
  readonly workers: ApplyWorkers;
  readonly listeners: ApplyListeners;
  /**
   * State beside the snapshot that has to know before the workers do: names are looked up, certificates read.
   * @returns why it cannot be, or null
   */
  readonly before: (next: SnapshotData) => Promise<string | null>;
  /** `next` runs in all workers. */
  readonly after: (next: SnapshotData) => Promise<void>;
  /** `next` was refused; `current` (null at the start) goes on. */
  readonly undo: (next: SnapshotData, current: SnapshotData | null) => void;
  readonly payload: (snapshot: SnapshotData) => unknown;
}

/** Applies one snapshot after the other; calls are not to overlap. */
export class Applier {
  readonly #options: ApplierOptions;
  #current: SnapshotData | null = null;

  constructor(options: ApplierOptions) {
    this.#options = options;
  }

  /** What runs; null before the first. */
  get current(): SnapshotData | null {
    return this.#current;
  }

  /** Two phases; see the head of this file. */
  async apply(next: SnapshotData): Promise<Applied> {
    const current = this.#current;
    if (current?.hash === next.hash) {
      return { ok: true, generation: current.generation, unchanged: true };
    }
    const { workers, listeners } = this.#options;
    const generation: ApplyGeneration = {
      id: next.generation,
      payload: () => this.#options.payload(next),
      listeners: next.listeners.map(({ id }) => id),
    };

    const obstacle = await this.#options.before(next);
    if (obstacle !== null) return this.#refuse(next, obstacle);
    const prepared = await workers.prepare(generation);
    if (!prepared.ok) return this.#refuse(next, sentence(prepared));

    const failure = await listeners.open(next.listeners);
    if (failure !== null) {
      workers.discard(generation);
      return this.#refuse(next, failure);
    }

    // The workers are the last to leave a socket, and only when nobody waits in its queue any more.
    const committed = await workers.commit(generation, () => listeners.keep(next.listeners));
    if (!committed.ok) {
      await listeners.keep(current?.listeners ?? []);
      return this.#refuse(next, sentence(committed));
    }
    this.#current = next;
    await this.#options.after(next);
    return { ok: true, generation: next.generation, unchanged: false };
  }

  #refuse(next: SnapshotData, reason: string): Refusal {
    this.#options.undo(next, this.#current);
    return { ok: false, reason };
  }
}

function sentence(outcome: { readonly reason: string; readonly place: string | null }): string {
  return outcome.place === null ? outcome.reason : `${outcome.place}: ${outcome.reason}`;
}
