/** The cache of one worker: the store, the time, and those in this worker who wait for entries to change. */

import { Store } from "./memory/store.ts";

/** Somebody who waits. */
export interface Watcher {
  /** Entries have changed: look whether it was yours. */
  check(): void;
}

/** What the cache needs of the thread around it. */
export interface CacheParts {
  readonly buffer: SharedArrayBuffer;
  /** As the store was made with. */
  readonly memory: number;
  readonly rows: number;
  readonly row: number;
  /** Wakes another thread, which then calls `onDoorbell`. */
  readonly ring: (row: number) => void;
  /** Epoch milliseconds. */
  readonly wall: () => number;
}

/** See the head of this file. */
export class Cache {
  readonly store: Store;
  readonly wall: () => number;
  readonly #watchers: Set<Watcher> = new Set();
  #rung = false;
  #abandoned = false;
  #checking = false;

  constructor({ buffer, memory, rows, row, ring, wall }: CacheParts) {
    this.wall = wall;
    this.store = new Store(buffer, memory, rows, row, (other) => {
      // Those here need no bell: whoever has changed something calls `settle`.
      if ((other & 31) === (row & 31)) this.#rung = true;
      if (other !== row) ring(other);
    });
  }

  watch(watcher: Watcher): void {
    this.#watchers.add(watcher);
  }

  unwatch(watcher: Watcher): void {
    this.#watchers.delete(watcher);
  }

  /** Another thread has changed something that is waited for here. */
  onDoorbell(): void {
    if (this.#watchers.size === 0) return;
    this.#rung = true;
    this.settle();
  }

  /** Another store takes its place, and nobody fills this one any more: those who wait are told. */
  abandon(): void {
    this.#abandoned = true;
    this.#rung = true;
    this.settle();
  }

  get abandoned(): boolean {
    return this.#abandoned;
  }

  get isWatched(): boolean {
    return this.#watchers.size > 0;
  }

  /** To be called after a change, when no lock is held: those here who wait for it get to know. */
  settle(): void {
    if (!this.#rung || this.#checking) return;
    this.#checking = true;
    while (this.#rung) {
      this.#rung = false;
      // A copy: whoever is told may stop waiting, and others may begin to.
      const watchers = [...this.#watchers];
      for (const watcher of watchers) {
        if (this.#watchers.has(watcher)) watcher.check();
      }
    }
    this.#checking = false;
  }
}
