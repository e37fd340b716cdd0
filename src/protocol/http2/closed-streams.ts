/** The streams of a connection that were closed last: what still comes for them means different things. */

const KEPT = 128;

/** How a stream was closed. */
export const NEVER_OPEN = 0;
/** Both sides had ended it. */
export const ENDED = 1;
/** We have reset it: frames may have been under way (RFC 9113 §5.4.2). */
export const RESET_BY_US = 2;
export const RESET_BY_CLIENT = 3;
export type Closing = 0 | 1 | 2 | 3;

/** A ring of them. */
export class ClosedStreams {
  readonly #ids: Int32Array = new Int32Array(KEPT);
  readonly #how: Uint8Array = new Uint8Array(KEPT);
  #next = 0;

  add(stream: number, how: Closing): void {
    this.#ids[this.#next] = stream;
    this.#how[this.#next] = how;
    this.#next = (this.#next + 1) % KEPT;
  }

  /** NEVER_OPEN also if it is too long ago. */
  howClosed(stream: number): Closing {
    const at = this.#ids.indexOf(stream);
    return at < 0 ? NEVER_OPEN : (this.#how[at]! as Closing);
  }
}
