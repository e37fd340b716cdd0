import * as at from "./layout.ts";
import type { Libc } from "./libc.ts";
import { Mapping, type MappingLedger } from "./mapping.ts";
import { Pinned } from "./pinned.ts";
import type { Ring } from "./ring.ts";

/** How a group of buffers is made. */
export interface BufferGroupOptions {
  /** Its number in the ring. */
  readonly id: number;
  /** Bytes of each buffer. */
  readonly size: number;
  /** Buffers at the most; a power of two. */
  readonly most: number;
  /** How many are added at a time. */
  readonly step: number;
}

/** One buffer that the kernel receives into. Bytes from `start` of `bytes` belong to it. */
export class ReceiveBuffer extends Pinned {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly #group: BufferGroup;
  readonly #number: number;

  constructor(
    group: BufferGroup,
    number: number,
    mapping: Mapping,
    bytes: Uint8Array,
    start: number,
  ) {
    super(mapping);
    this.#group = group;
    this.#number = number;
    this.bytes = bytes;
    this.start = start;
  }

  protected override free(): void {
    this.#group.giveBack(this.#number);
  }
}

/**
 * Buffers that the kernel takes from when bytes arrive, and that come back when the last slice of them is released
 * (a provided-buffer ring, `IORING_REGISTER_PBUF_RING`). It grows in steps, up to its bound; beyond that receives
 * end with ENOBUFS.
 *
 * SAFETY: a buffer is in the kernel's ring or out, never both: `take` and `giveBack` alternate, and a Pinned throws when
 * it is released once too often. The memory is mapped until the ring of the kernel is closed.
 */
export class BufferGroup {
  readonly id: number;
  /** Bytes of each buffer. */
  readonly size: number;
  readonly #options: BufferGroupOptions;
  readonly #libc: Libc;
  readonly #ledger: MappingLedger;
  readonly #ring: Mapping;
  readonly #words: Uint32Array;
  readonly #halves: Uint16Array;
  readonly #mappings: Mapping[] = [];
  readonly #buffers: ReceiveBuffer[] = [];
  #tail = 0;
  #out = 0;

  /** @throws Error of the system */
  constructor(libc: Libc, ledger: MappingLedger, ring: Ring, options: BufferGroupOptions) {
    this.#libc = libc;
    this.#ledger = ledger;
    this.#options = options;
    this.id = options.id;
    this.size = options.size;
    const bytes = options.most * at.BUF_BYTES;
    this.#ring = Mapping.anonymous(libc, ledger, Math.max(bytes, 4096));
    this.#words = new Uint32Array(this.#ring.buffer);
    this.#halves = new Uint16Array(this.#ring.buffer);
    const registration = new Uint32Array(at.BUF_REG_WORDS);
    const address = this.#ring.at(0, bytes);
    registration[0] = address;
    registration[1] = Math.floor(address / 2 ** 32);
    registration[2] = options.most;
    registration[3] = options.id;
    ring.register(at.REGISTER_PBUF_RING, registration, 1);
  }

  /** Buffers that exist. */
  get total(): number {
    return this.#buffers.length;
  }

  /** Buffers that the kernel may take. */
  get free(): number {
    return this.#buffers.length - this.#out;
  }

  /** Less than a quarter of all that there may ever be is left: nobody may keep one for long. */
  get scarce(): boolean {
    return this.#options.most - this.#out < this.#options.most >>> 2;
  }

  /** Adds a step of buffers when less than half a step is left. @returns false at the bound, or without memory */
  grow(): boolean {
    const { most, step, size } = this.#options;
    if (this.free >= step >>> 1) return true;
    const count = Math.min(step, most - this.#buffers.length);
    if (count === 0) return this.free > 0;
    let mapping: Mapping;
    try {
      mapping = Mapping.anonymous(this.#libc, this.#ledger, count * size);
    } catch {
      return this.free > 0;
    }
    this.#mappings.push(mapping);
    const bytes = new Uint8Array(mapping.buffer);
    for (let i = 0; i < count; i++) {
      const number = this.#buffers.length;
      this.#buffers.push(new ReceiveBuffer(this, number, mapping, bytes, i * size));
      this.#provide(number);
    }
    return true;
  }

  /** The buffer that a completion names, with one reference. */
  take(number: number): ReceiveBuffer {
    const buffer = this.#buffers[number]!;
    if (buffer.references !== 0) throw new Error("the kernel has used a buffer that is out");
    buffer.references = 1;
    this.#out++;
    return buffer;
  }

  /** A buffer is free again. Called by the buffer. */
  giveBack(number: number): void {
    this.#out--;
    this.#provide(number);
  }

  /** Unmaps the memory; the ring of the kernel must be closed. Buffers that are still out keep theirs, which is returned. */
  close(): number {
    this.#ring.unmap();
    if (this.#out > 0) return this.#out;
    for (const mapping of this.#mappings) mapping.unmap();
    return 0;
  }

  /** Puts it where the kernel takes from. */
  #provide(number: number): void {
    // The ring is gone, and with it whoever could receive.
    if (this.#ring.buffer.detached) return;
    const { most, size } = this.#options;
    const buffer = this.#buffers[number]!;
    const word = (this.#tail & (most - 1)) << 2;
    const address = buffer.mapping.at(buffer.start, size);
    this.#words[word] = address;
    this.#words[word + 1] = Math.floor(address / 2 ** 32);
    this.#words[word + 2] = size;
    this.#halves[(word << 1) + 6] = number;
    this.#tail = (this.#tail + 1) & 0xffff;
    // The tail, which lies in the reserved part of the first entry.
    this.#halves[7] = this.#tail;
  }
}
