import type { Slice } from "#core/bytes/slice.ts";
import { SliceQueue } from "../slice-queue.ts";
import { Pinned } from "./native/pinned.ts";
import type { Piece, Ring } from "./native/ring.ts";
import { LARGEST_CUT, type SendMemory } from "./send-memory.ts";

/** What is sent at once at the most. */
const LARGEST_SEND = 256 * 1024;
/** Slices that are no longer than this together are copied into one: cheaper than a vector. */
const LARGEST_COPY = 16 * 1024;
/** Slices in one send. */
const MOST_SLICES = 64;

/** The pieces of the entry that is being made; empty between calls. */
const PIECES: Piece[] = [];

/** What a connection has to send: slices in order, cut off from the front as the kernel takes them. */
export class Outgoing extends SliceQueue {
  readonly #memory: SendMemory;
  /** Copies of what the kernel cannot send from where it is, for the send under way. */
  #staging: Slice | null = null;
  /** Slices that go into the next send. */
  #chosen = 0;

  constructor(memory: SendMemory) {
    super();
    this.#memory = memory;
  }

  /**
   * Chooses what goes into the next send, and copies what has to be copied. The queue must not be empty, and no
   * send be under way.
   *
   * @returns false if there is no memory for copies
   */
  prepare(): boolean {
    const most = Math.min(this.count, MOST_SLICES);
    const copyAll = this.size <= LARGEST_COPY && most > 1;
    let copied = 0;
    let length = 0;
    let chosen = 0;
    while (chosen < most) {
      const slice = this.at(chosen);
      const copies = copyAll || !(slice.owner instanceof Pinned);
      // The first goes in part if it must.
      if (chosen > 0 && length + slice.length > LARGEST_SEND) break;
      if (copies && copied > 0 && copied + slice.length > LARGEST_CUT) break;
      if (copies) copied += Math.min(slice.length, LARGEST_CUT);
      length += slice.length;
      chosen++;
      if (copied >= LARGEST_CUT) break;
    }
    this.#chosen = chosen;
    if (copied === 0) return true;
    const staging = this.#memory.cutPinned(copied);
    if (staging === null) return false;
    this.#staging = staging;
    this.#copy(staging, copyAll);
    return true;
  }

  /** Makes the entry for what was prepared. */
  send(ring: Ring, low: number, high: number, fd: number): void {
    const staging = this.#staging;
    const first = this.at(0);
    if (this.#chosen === 1 && staging === null) {
      const length = Math.min(first.length, LARGEST_SEND);
      ring.send(low, high, fd, first.owner as Pinned, first.offset, length);
    } else if (staging !== null && (this.#chosen === 1 || this.size <= LARGEST_COPY)) {
      ring.send(low, high, fd, staging.owner as Pinned, staging.offset, staging.length);
    } else {
      ring.sendAll(low, high, fd, this.#pieces());
      PIECES.length = 0;
    }
  }

  /** The kernel has taken `count` bytes from the front. */
  settle(count: number): void {
    this.#dropStaging();
    this.take(count);
  }

  /** Nothing is wanted any more. A send may be under way only if {@link settle} or this follows when it has come back. */
  release(): void {
    this.#dropStaging();
    this.clear();
  }

  #dropStaging(): void {
    this.#staging?.release();
    this.#staging = null;
  }

  #copy(staging: Slice, copyAll: boolean): void {
    let at = staging.offset;
    const end = staging.offset + staging.length;
    for (let i = 0; i < this.#chosen; i++) {
      const slice = this.at(i);
      if (!copyAll && slice.owner instanceof Pinned) continue;
      const length = Math.min(slice.length, end - at);
      staging.bytes.set(slice.bytes.subarray(slice.offset, slice.offset + length), at);
      at += length;
    }
  }

  /** Where each slice of the next send is: in its own memory, or in the copy. */
  #pieces(): readonly Piece[] {
    const staging = this.#staging;
    let at = staging?.offset ?? 0;
    for (let i = 0; i < this.#chosen; i++) {
      const { owner, offset, length } = this.at(i);
      if (owner instanceof Pinned) {
        PIECES.push({ owner, offset, length });
      } else {
        const copied = Math.min(length, staging!.offset + staging!.length - at);
        PIECES.push({ owner: staging!.owner as Pinned, offset: at, length: copied });
        at += copied;
      }
    }
    return PIECES;
  }
}
