import { Buffer } from "node:buffer";
import { GARBAGE_COLLECTED, Slice } from "#core/bytes/slice.ts";
import type { Libc } from "./native/libc.ts";
import { Mapping, type MappingLedger } from "./native/mapping.ts";
import { Pinned } from "./native/pinned.ts";

const SLAB = 256 * 1024;
/** Slabs at the most: 16 MiB. What is asked for beyond comes from JavaScript's heap, and is copied when it is sent. */
const MOST_SLABS = 64;
/** Larger pieces come from the heap. */
export const LARGEST_CUT: number = 64 * 1024;

/** Memory that small pieces are cut from, one behind the other. It is free again when the last of them is released. */
class Slab extends Pinned {
  readonly bytes: Uint8Array;
  used = 0;
  readonly #memory: SendMemory;

  constructor(memory: SendMemory, mapping: Mapping) {
    super(mapping);
    this.#memory = memory;
    this.bytes = new Uint8Array(mapping.buffer);
  }

  protected override free(): void {
    this.used = 0;
    this.#memory.freed(this);
  }
}

/** Memory to write into that the kernel can send from without another copy. */
export class SendMemory {
  readonly #libc: Libc;
  readonly #ledger: MappingLedger;
  readonly #slabs: Slab[] = [];
  readonly #free: Slab[] = [];
  #current: Slab;

  /** @throws Error of the system when there is no memory at all */
  constructor(libc: Libc, ledger: MappingLedger) {
    this.#libc = libc;
    this.#ledger = ledger;
    this.#current = this.#map();
  }

  /** Memory of `size` bytes, contents undefined; of JavaScript's heap if it is large or there is no other. */
  cut(size: number): Slice {
    const slice = size <= LARGEST_CUT ? this.cutPinned(size) : null;
    return slice ?? new Slice(Buffer.allocUnsafeSlow(size), 0, size, GARBAGE_COLLECTED);
  }

  /** Memory of at most 64 KiB that the kernel can send from; null if there is none. */
  cutPinned(size: number): Slice | null {
    let slab: Slab | null = this.#current;
    if (slab.used + size > SLAB) slab = this.#next();
    if (slab === null) return null;
    const slice = new Slice(slab.bytes, slab.used, size, slab);
    // Pieces begin at a line of the cache.
    slab.used += (size + 63) & ~63;
    slab.references++;
    return slice;
  }

  /** Called by a slab that nobody uses any more. */
  freed(slab: Slab): void {
    if (slab !== this.#current) this.#free.push(slab);
  }

  /** Unmaps what nobody uses; nothing may be sent any more. @returns how many slabs are still used */
  close(): number {
    const used = this.#slabs.filter((slab) => slab.references > 0).length;
    for (const slab of this.#slabs) {
      if (slab.references === 0) slab.mapping.unmap();
    }
    return used;
  }

  #next(): Slab | null {
    const free = this.#free.pop();
    if (free !== undefined) this.#current = free;
    else if (this.#slabs.length === MOST_SLABS) return null;
    else {
      try {
        this.#current = this.#map();
      } catch {
        return null;
      }
    }
    return this.#current;
  }

  #map(): Slab {
    const slab = new Slab(this, Mapping.anonymous(this.#libc, this.#ledger, SLAB));
    this.#slabs.push(slab);
    return slab;
  }
}
