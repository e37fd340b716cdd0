/** The cache of a worker over its life: the memory may be replaced by another under routes that go on. */

import { Cache } from "./cache.ts";
import type { CacheOptions } from "./options.ts";
import { type CacheSubject, type Lookup, RouteCache } from "./route-cache.ts";

/** Shared memory as the control thread has made it. */
export interface CacheMemory {
  readonly buffer: SharedArrayBuffer;
  readonly memory: number;
}

/** What it needs of the thread around it. */
export interface CacheSurroundings {
  readonly rows: number;
  readonly row: number;
  /** Wakes another thread, which then calls `onDoorbell`. */
  readonly ring: (row: number) => void;
  /** Epoch milliseconds. */
  readonly wall: () => number;
}

/** See the head of this file. */
export class WorkerCache {
  readonly #surroundings: CacheSurroundings;
  #memory: CacheMemory | null = null;
  #current: Cache | null = null;
  /** Those before it, from which answers may still be read. */
  #former: Cache[] = [];

  constructor(surroundings: CacheSurroundings) {
    this.#surroundings = surroundings;
  }

  /** Goes on with this memory. `broken`: a thread has died in the middle of changing the one before. */
  use(memory: CacheMemory, broken = false): void {
    if (memory.buffer === this.#memory?.buffer) return;
    const former = this.#current;
    this.#memory = memory;
    this.#current = new Cache({ ...memory, ...this.#surroundings });
    if (former === null) return;
    this.#former = [...this.#former.filter(({ isWatched }) => isWatched), former];
    if (broken) former.abandon();
  }

  /** The cache of a route with these options. */
  route(options: CacheOptions, identity: string): SwitchingRoute {
    return new SwitchingRoute(() => this.#current!, options, identity);
  }

  onDoorbell(): void {
    this.#current?.onDoorbell();
    for (const cache of this.#former) cache.onDoorbell();
  }
}

/** A route's cache on whichever memory there is. */
class SwitchingRoute {
  readonly #current: () => Cache;
  readonly #options: CacheOptions;
  readonly #identity: string;
  #route: RouteCache | null = null;

  constructor(current: () => Cache, options: CacheOptions, identity: string) {
    this.#current = current;
    this.#options = options;
    this.#identity = identity;
  }

  lookup(subject: CacheSubject, round: number): Lookup {
    const cache = this.#current();
    if (this.#route?.cache !== cache) {
      this.#route = new RouteCache(cache, this.#options, this.#identity);
    }
    return this.#route.lookup(subject, round);
  }
}
