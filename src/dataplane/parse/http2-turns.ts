/** The streams of an HTTP/2 connection that have bytes to send, and whose turn it is. */

import type { Http2Stream } from "./http2-stream.ts";

/** Streams in the order of their turns. */
export class Http2Turns {
  readonly #waiting: Set<Http2Stream> = new Set();
  /** When data last went out, by the wheel's `now`. */
  movedAt = 0;

  get size(): number {
    return this.#waiting.size;
  }

  /** It has bytes that wait; if it did not before, it comes last. */
  add(stream: Http2Stream): void {
    this.#waiting.add(stream);
  }

  delete(stream: Http2Stream): void {
    this.#waiting.delete(stream);
  }

  clear(): void {
    this.#waiting.clear();
  }

  /** Of the most urgent streams that have a window, the one that has waited longest; it waits no more. */
  next(): Http2Stream | null {
    let next: Http2Stream | null = null;
    for (const stream of this.#waiting) {
      if (stream.sendWindow <= 0 || (next !== null && stream.urgency >= next.urgency)) continue;
      next = stream;
      if (this.#waiting.size === 1) break;
    }
    if (next !== null) this.#waiting.delete(next);
    return next;
  }

  /**
   * Calls back for each stream that has waited `limit` milliseconds for the client to open a window.
   *
   * @param isShut nothing can be sent on any stream
   * @returns when to look again, in milliseconds; 0: nobody waits
   */
  eachStalled(
    now: number,
    limit: number,
    isShut: boolean,
    onStalled: (stream: Http2Stream) => void,
  ): number {
    let wait = limit;
    for (const stream of this.#waiting) {
      const since = this.#stalledSince(stream, isShut);
      const left = since < 0 ? limit : limit - (now - since);
      if (left > 0) wait = Math.min(wait, left);
      else onStalled(stream);
    }
    return this.#waiting.size > 0 ? wait : 0;
  }

  /** Since when it waits for a window; -1: it does not, others had their turn. */
  #stalledSince(stream: Http2Stream, isShut: boolean): number {
    if (stream.sendWindow <= 0) return stream.movedAt;
    return isShut ? Math.max(stream.queuedAt, this.movedAt) : -1;
  }
}
