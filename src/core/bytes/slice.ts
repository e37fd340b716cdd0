/**
 * Slices: views of bytes whose memory belongs to somebody who must be told when it is no longer used.
 *
 * The rule that everything else rests on: **every reference is released exactly once.** A slice handed
 * to a callback is valid until that callback returns; whoever wants to keep (a part of) it takes a
 * reference of its own with {@link Slice.part} and passes that on or releases it.
 */

/** Counts the references to one piece of memory and takes it back when the last is released. */
export interface SliceOwner {
  /** One more reference. */
  retain(): void;
  /** One reference less; the memory may be reused from now on if it was the last. */
  release(): void;
}

/** A view of `length` bytes of `bytes` from `offset`. One class, so that every call site stays monomorphic. */
export class Slice {
  bytes: Uint8Array;
  offset: number;
  length: number;
  readonly owner: SliceOwner;

  constructor(bytes: Uint8Array, offset: number, length: number, owner: SliceOwner) {
    this.bytes = bytes;
    this.offset = offset;
    this.length = length;
    this.owner = owner;
  }

  /** A new reference to `length` bytes from `offset` bytes into this slice. It has to be released by whoever gets it. */
  part(offset: number, length: number): Slice {
    this.owner.retain();
    return new Slice(this.bytes, this.offset + offset, length, this.owner);
  }

  /** Gives this reference back. The slice must not be used afterwards. */
  release(): void {
    this.owner.release();
  }

  /** The bytes as a view, for code that is done with it before the slice is released. */
  view(): Uint8Array {
    return this.bytes.subarray(this.offset, this.offset + this.length);
  }
}

/** The owner of memory that the garbage collector looks after: nothing to count. */
export const GARBAGE_COLLECTED: SliceOwner = {
  retain(): void {},
  release(): void {},
};

/** A slice over memory that only the garbage collector looks after. */
export function sliceOf(bytes: Uint8Array): Slice {
  return new Slice(bytes, 0, bytes.length, GARBAGE_COLLECTED);
}
