/** A header block that comes in several frames (RFC 9113 §4.3). */

import { MAX_FRAME } from "./codes.ts";

/** The longest block, as it is sent: a head that is too large by little is answered, not cut. */
const MOST_BYTES: number = 4 * MAX_FRAME;
/** CONTINUATION frames of one block; who needs more sends needlessly small ones. */
const MOST_FRAMES = 32;

const NOTHING: Uint8Array = new Uint8Array(0);

/** Gathers one block after the other. */
export class HeaderBlock {
  /** Its end has not come. */
  open = false;
  stream = 0;
  endStream = false;
  dependsOnItself = false;
  bytes: Uint8Array = NOTHING;
  length = 0;
  #frames = 0;

  begin(stream: number, endStream: boolean, dependsOnItself: boolean): void {
    this.open = true;
    this.stream = stream;
    this.endStream = endStream;
    this.dependsOnItself = dependsOnItself;
    this.length = this.#frames = 0;
  }

  /** Adds what a frame holds; false: it becomes too much. */
  add(source: Uint8Array, start: number, end: number): boolean {
    const needed = this.length + end - start;
    if (needed > MOST_BYTES || ++this.#frames > MOST_FRAMES) return false;
    if (needed > this.bytes.length) {
      const grown = new Uint8Array(Math.min(MOST_BYTES, Math.max(needed, this.bytes.length * 2)));
      grown.set(this.bytes.subarray(0, this.length));
      this.bytes = grown;
    }
    this.bytes.set(source.subarray(start, end), this.length);
    this.length = needed;
    return true;
  }

  /** It is complete; whoever has taken its bytes may use them until the next begins. */
  close(): void {
    this.open = false;
    this.bytes = NOTHING;
  }
}
