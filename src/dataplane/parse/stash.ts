/** Bytes that a client has sent behind the request that is being answered, in order, until their turn. */

import type { Slice } from "#core/bytes/slice.ts";
import type { WorkerCounters } from "../context.ts";

/** Holds slices; counts them among the worker's buffers. */
export class Stash {
  bytes = 0;
  #slices: Slice[] = [];
  readonly #worker: WorkerCounters;

  constructor(worker: WorkerCounters) {
    this.#worker = worker;
  }

  get empty(): boolean {
    return this.#slices.length === 0;
  }

  /** Adds bytes behind the others; ownership passes. */
  push(slice: Slice): void {
    this.#slices.push(slice);
    this.#count(slice.length);
  }

  /** Takes the first slice out; the caller owns it. */
  shift(): Slice {
    const slice = this.#slices.shift()!;
    this.#count(-slice.length);
    return slice;
  }

  /** Puts back the rest of the slice that was taken out. */
  unshift(slice: Slice): void {
    this.#slices.unshift(slice);
    this.#count(slice.length);
  }

  /** Takes everything out; the caller owns it. */
  takeAll(): Slice[] {
    const slices = this.#slices;
    this.#slices = [];
    this.#count(-this.bytes);
    return slices;
  }

  release(): void {
    for (const slice of this.takeAll()) slice.release();
  }

  #count(bytes: number): void {
    this.bytes += bytes;
    if (bytes !== 0) this.#worker.addBuffered(bytes);
  }
}
