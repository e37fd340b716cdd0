import { SliceQueue } from "../../slice-queue.ts";
import type { Mapping } from "../native/mapping.ts";
import { Pinned } from "../native/pinned.ts";

/** What is encrypted at once at the most: three records of the largest size (RFC 8446 §5.1). */
export const LARGEST_WRITE: number = 48 * 1024;
/** Slices from this length on are encrypted from where they are, though others could be joined to them. */
const WORTH_A_RECORD = 16 * 1024;

/** Memory that small slices are gathered in, to be encrypted as one record. */
export class Gathering extends Pinned {
  readonly bytes: Uint8Array;

  /** @param mapping of {@link LARGEST_WRITE} bytes */
  constructor(mapping: Mapping) {
    super(mapping);
    this.bytes = new Uint8Array(mapping.buffer);
  }

  protected override free(): void {
    // It goes when its mapping does.
  }
}

/** What a connection has to encrypt, in order. */
export class Plaintext extends SliceQueue {
  /** Where {@link next} has found bytes. */
  owner: Pinned;
  start = 0;
  readonly #gathering: Gathering;

  constructor(gathering: Gathering) {
    super();
    this.#gathering = gathering;
    this.owner = gathering;
  }

  /** Finds what is to be encrypted next, and sets `owner` and `start`. There must be something. @returns bytes */
  next(): number {
    const first = this.at(0);
    if (first.owner instanceof Pinned && (this.count === 1 || first.length >= WORTH_A_RECORD)) {
      this.owner = first.owner;
      this.start = first.offset;
      return Math.min(first.length, LARGEST_WRITE);
    }
    this.owner = this.#gathering;
    this.start = 0;
    return this.#gather();
  }

  #gather(): number {
    const { bytes } = this.#gathering;
    let at = 0;
    for (let i = 0; i < this.count && at < LARGEST_WRITE; i++) {
      const slice = this.at(i);
      const length = Math.min(slice.length, LARGEST_WRITE - at);
      bytes.set(slice.bytes.subarray(slice.offset, slice.offset + length), at);
      at += length;
    }
    return at;
  }
}
