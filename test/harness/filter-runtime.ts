/** What filters have of their worker, in tests: memory that is there for every key, and a clock that tests may set. */

import type { FilterChain } from "#dataplane/linked.ts";
import type { FilterRuntime } from "#link/filters.ts";
import type { FilterMemoryData } from "#model/snapshot.ts";
import { FILTER_SEED_BYTES } from "#model/worker.ts";

/** A callback that waits for its time. */
interface Alarm {
  readonly at: number;
  readonly callback: () => void;
}

/** See the head of this file. */
export class TestFilterRuntime implements FilterRuntime {
  readonly row: number;
  time: number;
  /** Filters of routes that were linked over it: a worker links a route once, for all its requests. */
  readonly chains: Map<string, FilterChain> = new Map();
  readonly #memories = new Map<string, SharedArrayBuffer>();
  readonly #alarms = new Set<Alarm>();

  constructor(row = 0, time = 1000) {
    this.row = row;
    this.time = time;
  }

  now(): number {
    return this.time;
  }

  after(milliseconds: number, callback: () => void): () => void {
    const alarm: Alarm = { at: this.time + milliseconds, callback };
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  }

  /** Callbacks that wait. */
  get waiting(): number {
    return this.#alarms.size;
  }

  /** Lets time pass; what is due is called in its order. */
  pass(milliseconds: number): void {
    const until = this.time + milliseconds;
    for (;;) {
      const due = [...this.#alarms].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#alarms.delete(due);
      this.time = Math.max(this.time, due.at);
      due.callback();
    }
    this.time = until;
  }

  /** Allocates the memory of a filter, unless it is there. */
  provide(memory: FilterMemoryData | null, workers = 1): void {
    if (memory === null || this.#memories.has(memory.key)) return;
    const size = FILTER_SEED_BYTES + memory.bytes + workers * memory.perWorker;
    const buffer = new SharedArrayBuffer(size);
    new Uint8Array(buffer).set(Uint8Array.from({ length: FILTER_SEED_BYTES }, (_, i) => i + 1));
    this.#memories.set(memory.key, buffer);
  }

  memory(key: string): SharedArrayBuffer | undefined {
    return this.#memories.get(key);
  }
}
