/** The cache as the control thread has it: it makes the memory, and clears up behind workers that have died. */

import { type Forgotten, forget } from "#cache/forget.ts";
import { Store } from "#cache/memory/store.ts";
import type { Random } from "#core/random.ts";
import type { SnapshotData } from "#model/snapshot.ts";
import type { CacheMemory } from "#model/worker.ts";
import type { CacheFigures, ProxyCache } from "./api.ts";

/** See the head of this file. */
export class ProcessCache implements ProxyCache {
  readonly #workers: number;
  readonly #random: Random;
  readonly #ring: (row: number) => void;
  #memory: CacheMemory | null = null;
  #store: Store | null = null;

  /** @param ring wakes a worker */
  constructor(workers: number, random: Random, ring: (row: number) => void) {
    this.#workers = workers;
    this.#random = random;
    this.#ring = ring;
  }

  /** The memory for a snapshot; null if no route of it has a cache. */
  memoryFor({ routes, cacheMemory }: SnapshotData): CacheMemory | null {
    const isUsed = routes.some(({ filters }) =>
      filters.some((filter) => filter.kind === "built-in" && filter.name === "cache"),
    );
    if (!isUsed) return null;
    if (this.#memory?.memory !== cacheMemory) this.#allocate(cacheMemory);
    return this.#memory;
  }

  /**
   * Lets go what a dead worker has held.
   *
   * @returns memory that has to take the place of the one before; null: all is well
   */
  clearWorker(row: number): CacheMemory | null {
    if (this.#store === null || this.#store.clearRow(row)) return null;
    this.#allocate(this.#memory!.memory);
    return this.#memory;
  }

  /** Forgets stored answers. @returns how many entries; 0 without a cache */
  forget(what: Forgotten): number {
    return this.#store === null ? 0 : forget(this.#store, what);
  }

  /** What is in it, and what it has done; null without a cache. */
  get figures(): CacheFigures | null {
    const store = this.#store;
    if (store === null) return null;
    return { ...store.figures(), memory: this.#memory!.memory, ...store.counted() };
  }

  #allocate(memory: number): void {
    const rows = this.#workers + 1;
    const buffer = Store.allocate(memory, rows, this.#random.int(2 ** 31));
    this.#memory = { buffer, memory };
    this.#store = new Store(buffer, memory, rows, this.#workers, this.#ring);
  }
}
