import { Slice, type SliceOwner } from "#core/bytes/slice.ts";

/** What memory is overwritten with as soon as nobody may use it any more. */
export const POISON = 0xdb;

/** Who keeps count of the blocks that are in use. */
export interface BlockLedger {
  readonly blocks: Set<Block>;
}

/**
 * One piece of memory whose references are counted strictly: a release too many and a reference taken too late
 * throw, and when the last is gone the bytes are poisoned, so that whoever still looks at them finds out.
 */
export class Block implements SliceOwner {
  readonly bytes: Uint8Array;
  readonly #ledger: BlockLedger;
  readonly #purpose: string;
  #references = 1;

  /** Begins with one reference. `purpose` is what a leak is reported as. */
  constructor(ledger: BlockLedger, size: number, purpose: string) {
    this.bytes = new Uint8Array(size).fill(POISON);
    this.#ledger = ledger;
    this.#purpose = purpose;
    ledger.blocks.add(this);
  }

  /** All of it as a slice; that is the reference the block began with. */
  slice(): Slice {
    return new Slice(this.bytes, 0, this.bytes.length, this);
  }

  retain(): void {
    if (this.#references === 0)
      throw new Error(`${this.#purpose}: part of it taken after the last release`);
    this.#references++;
  }

  release(): void {
    if (this.#references === 0) throw new Error(`${this.#purpose}: released more often than taken`);
    this.#references--;
    if (this.#references > 0) return;
    this.bytes.fill(POISON);
    this.#ledger.blocks.delete(this);
  }

  /** For reports of leaks. */
  describe(): string {
    return `${this.#purpose}, ${this.bytes.length} bytes, ${this.#references} references`;
  }
}
