import { Buffer } from "node:buffer";
import { GARBAGE_COLLECTED, Slice } from "#core/bytes/slice.ts";

const SLAB = 64 * 1024;
/** Above this a piece gets memory of its own, so that no more than a quarter of a slab is ever wasted. */
const LARGEST_CUT = 16 * 1024;

/**
 * Cuts small pieces from one large buffer after the other, so that a response head does not cost a buffer
 * of its own. Nothing is handed out twice: a slab is forgotten when it is used up, and collected when the
 * last piece of it is.
 */
export class Slab {
  #bytes: Buffer = Buffer.allocUnsafeSlow(SLAB);
  #used = 0;

  /** Memory of `size` bytes, contents undefined. */
  cut(size: number): Slice {
    if (size > LARGEST_CUT) {
      return new Slice(Buffer.allocUnsafeSlow(size), 0, size, GARBAGE_COLLECTED);
    }
    if (this.#used + size > SLAB) {
      this.#bytes = Buffer.allocUnsafeSlow(SLAB);
      this.#used = 0;
    }
    const slice = new Slice(this.#bytes, this.#used, size, GARBAGE_COLLECTED);
    this.#used += size;
    return slice;
  }
}
