/** The memory that filters share between workers: allocated here, and kept for as long as the configuration has them. */

import type { FilterMemoryData, SnapshotData } from "#model/snapshot.ts";
import { FILTER_SEED_BYTES, type FilterRegions } from "#model/worker.ts";

interface Region {
  readonly buffer: SharedArrayBuffer;
  readonly data: FilterMemoryData;
}

/** See the head of this file. */
export class FilterMemories {
  readonly #workers: number;
  readonly #fillRandom: (bytes: Uint8Array) => void;
  readonly #regions: Map<string, Region> = new Map();

  /**
   * @param workers how many there are
   * @param fillRandom writes bytes that nobody can guess
   */
  constructor(workers: number, fillRandom: (bytes: Uint8Array) => void) {
    this.#workers = workers;
    this.#fillRandom = fillRandom;
  }

  /** The memory of a snapshot's filters: what there is already, and new for others. */
  of(snapshot: Pick<SnapshotData, "routes">): FilterRegions {
    const regions = new Map<string, SharedArrayBuffer>();
    for (const data of memoriesOf(snapshot)) regions.set(data.key, this.#region(data));
    return regions;
  }

  /** Only this snapshot runs any more: what its filters do not have is forgotten. */
  retain(snapshot: Pick<SnapshotData, "routes">): void {
    const keys = new Set(Array.from(memoriesOf(snapshot), ({ key }) => key));
    for (const key of this.#regions.keys()) if (!keys.has(key)) this.#regions.delete(key);
  }

  /** Takes back what a dead worker had. */
  clearWorker(row: number): void {
    for (const { buffer, data } of this.#regions.values()) {
      const words = data.perWorker / Uint32Array.BYTES_PER_ELEMENT;
      if (words === 0) continue;
      const shared = new Uint32Array(buffer, FILTER_SEED_BYTES, words);
      const offset = FILTER_SEED_BYTES + data.bytes + row * data.perWorker;
      const own = new Uint32Array(buffer, offset, words);
      for (const [index, had] of own.entries()) {
        if (had === 0) continue;
        Atomics.sub(shared, index, had);
        own[index] = 0;
      }
    }
  }

  #region(data: FilterMemoryData): SharedArrayBuffer {
    let region = this.#regions.get(data.key);
    if (region === undefined) {
      const size = FILTER_SEED_BYTES + data.bytes + data.perWorker * this.#workers;
      const buffer = new SharedArrayBuffer(size);
      const seed = new Uint8Array(FILTER_SEED_BYTES);
      this.#fillRandom(seed);
      new Uint8Array(buffer).set(seed);
      region = { buffer, data };
      this.#regions.set(data.key, region);
    }
    return region.buffer;
  }
}

function* memoriesOf(snapshot: Pick<SnapshotData, "routes">): Generator<FilterMemoryData> {
  for (const { filters } of snapshot.routes) {
    for (const filter of filters) {
      if (filter.kind === "built-in" && filter.memory !== null) yield filter.memory;
    }
  }
}
