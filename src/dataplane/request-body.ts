/**
 * The part of a request's body that is held: what the backend has not taken yet, and, as long as the
 * request may have to be sent again, the little that it has.
 *
 *     slices   [ a ][ b ][ c ][ d ]
 *               sent ──────►│ waiting
 *
 * Once more than the limit has arrived the body cannot be replayed; what was sent is then released.
 */

import type { HeaderList } from "#core/http/header-list.ts";
import type { Slice } from "#core/bytes/slice.ts";

/** Shared by all requests without a body: nothing is ever put in. */
const NONE: Slice[] = [];

/** Holds slices of a body in order. */
export class RequestBody {
  /** All of it has arrived. */
  complete = false;
  /** Fields behind the body, if it was chunked and had any. */
  trailers: HeaderList | null = null;
  /** Nothing has been taken yet: whatever was pushed can still be sent, to anyone. */
  untouched = true;
  #slices: Slice[] = NONE;
  #sent = 0;
  #waiting = 0;
  #held = 0;
  #replayLimit: number;

  /** @param replayLimit bytes that may be kept for sending the request again; 0: none */
  constructor(replayLimit: number) {
    this.#replayLimit = replayLimit;
  }

  /** Bytes that wait to be sent. */
  get waiting(): number {
    return this.#waiting;
  }

  /** What is kept, in order; all that has arrived as long as nothing was taken. */
  get slices(): readonly Slice[] {
    return this.#slices;
  }

  /** Bytes that are kept in memory. */
  get held(): number {
    return this.#held;
  }

  /** Everything that has arrived can be sent again. */
  get replayable(): boolean {
    return this.#replayLimit >= 0;
  }

  /** Sets how much may be kept, before anything has arrived. */
  limitReplay(bytes: number): void {
    this.#replayLimit = bytes;
  }

  /** Adds bytes; ownership passes. */
  push(slice: Slice): void {
    if (this.#slices === NONE) this.#slices = [slice];
    else this.#slices.push(slice);
    this.#waiting += slice.length;
    this.#held += slice.length;
    if (this.replayable && this.#held > this.#replayLimit) this.#giveUpReplay();
  }

  /** The next slice to send, as a reference of the caller's own, or null. */
  take(): Slice | null {
    const slice = this.#slices[this.#sent];
    if (slice === undefined) return null;
    this.#waiting -= slice.length;
    this.untouched = false;
    if (this.replayable) {
      this.#sent++;
      return slice.part(0, slice.length);
    }
    this.#held -= slice.length;
    this.#slices.shift();
    return slice;
  }

  /** Starts again from the first byte. Only while `replayable`. */
  rewind(): void {
    for (let i = 0; i < this.#sent; i++) this.#waiting += this.#slices[i]!.length;
    this.#sent = 0;
  }

  /** The request will not be sent again: releases what was sent. */
  giveUpReplay(): void {
    if (this.replayable) this.#giveUpReplay();
  }

  /** Releases everything. */
  release(): void {
    for (const slice of this.#slices) slice.release();
    this.#slices = NONE;
    this.#sent = 0;
    this.#waiting = 0;
    this.#held = 0;
    this.#replayLimit = -1;
  }

  #giveUpReplay(): void {
    this.#replayLimit = -1;
    for (let i = 0; i < this.#sent; i++) {
      const slice = this.#slices[i]!;
      this.#held -= slice.length;
      slice.release();
    }
    if (this.#sent > 0) this.#slices.splice(0, this.#sent);
    this.#sent = 0;
  }
}
