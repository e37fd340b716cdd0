import type { SliceOwner } from "#core/bytes/slice.ts";
import type { Mapping } from "./mapping.ts";

/**
 * An owner of slices whose bytes the kernel can send from where they are. `offset` of such a slice counts from the
 * beginning of the mapping.
 */
export abstract class Pinned implements SliceOwner {
  readonly mapping: Mapping;
  /** References that are out. */
  references = 0;

  constructor(mapping: Mapping) {
    this.mapping = mapping;
  }

  retain(): void {
    this.references++;
  }

  release(): void {
    this.references--;
    if (this.references === 0) this.free();
    else if (this.references < 0) throw new Error("a slice was released twice");
  }

  /** Nobody uses it any more. */
  protected abstract free(): void;
}
