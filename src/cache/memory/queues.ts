/**
 * Which entry is forgotten next: S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023).
 *
 *     new ─► small ──used more than once──► main ──used since──┐
 *              │ (a tenth)                   ▲ └───────────────┘
 *              └─► ghosts ──asked for again──┘
 *
 * What is asked for once only passes the small queue and pushes nothing else out, so a scan does no harm. Hits write
 * one word and move nothing. To be called under the shard's lock.
 */

import { AT, BLOCK_SHIFT, SHARD } from "./layout.ts";

const SMALL = 1;
const MAIN = 2;
/** The small queue's share of the blocks that are in use. */
const SMALL_SHARE = 0.1;
/** Entries that are looked at before it is given up: all of them may be pinned. */
const MOST_TRIES = 64;
/** Entries that are given another round because they have been used. */
const PATIENT_TRIES = 32;

/** See the head of this file. */
export class Queues {
  readonly #words: Int32Array;
  readonly #header: number;
  readonly #base: number;
  readonly #ghosts: number;
  readonly #ghostMask: number;

  /** All places in words. `ghosts`: how many there is room for, a power of two. */
  constructor(words: Int32Array, header: number, base: number, ghostsAt: number, ghosts: number) {
    this.#words = words;
    this.#header = header;
    this.#base = base;
    this.#ghosts = ghostsAt;
    this.#ghostMask = ghosts - 1;
  }

  /** A new entry. */
  enter(entry: number, hash: number): void {
    this.#push(entry, this.#isGhost(hash) ? MAIN : SMALL);
  }

  /** The entry is out of the index. */
  leave(entry: number): void {
    if (this.#get(entry, AT.QUEUE) !== 0) this.#remove(entry);
  }

  /** The entry has become larger by so many blocks, or smaller. */
  resize(entry: number, blocks: number): void {
    const queue = this.#get(entry, AT.QUEUE);
    if (queue !== 0) this.#words[this.#header + blocksOf(queue)]! += blocks;
  }

  /** The entry to be forgotten next, which is not pinned; 0 if none was found. */
  victim(): number {
    const words = this.#words;
    const header = this.#header;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const small = words[header + SHARD.SMALL_TAIL]!;
      const main = words[header + SHARD.MAIN_TAIL]!;
      const isFull =
        words[header + SHARD.SMALL_BLOCKS]! > words[header + SHARD.USED]! * SMALL_SHARE;
      const fromSmall = small !== 0 && (isFull || main === 0);
      const entry = fromSmall ? small : main;
      if (entry === 0) return 0;
      const uses = this.#get(entry, AT.USES);
      // The index has one pin: with another, somebody fills or reads it.
      const isPinned = Atomics.load(words, this.#place(entry, AT.PINS)) > 1;
      // Where everything is in use, the oldest goes all the same.
      const isWeary = tries >= PATIENT_TRIES;
      if (!isPinned && (isWeary || (fromSmall ? uses <= 1 : uses === 0))) {
        if (fromSmall) this.#remember(this.#get(entry, AT.HASH));
        return entry;
      }
      this.#remove(entry);
      if (fromSmall && uses > 1) {
        this.#set(entry, AT.USES, 0);
        this.#push(entry, MAIN);
      } else {
        if (!fromSmall && uses > 0) this.#set(entry, AT.USES, uses - 1);
        this.#push(entry, fromSmall ? SMALL : MAIN);
      }
    }
    return 0;
  }

  // ── ghosts: hashes of what passed the small queue, for as long as the main queue is ────────────────

  #remember(hash: number): void {
    const words = this.#words;
    const at = this.#ghosts + (hash & this.#ghostMask) * 2;
    words[at] = hash;
    words[at + 1] = ++words[this.#header + SHARD.CLOCK]!;
  }

  #isGhost(hash: number): boolean {
    const words = this.#words;
    const at = this.#ghosts + (hash & this.#ghostMask) * 2;
    if (words[at] !== hash || words[at + 1] === 0) return false;
    const age = (words[this.#header + SHARD.CLOCK]! - words[at + 1]!) | 0;
    return age <= Math.max(words[this.#header + SHARD.MAIN_ENTRIES]!, 16);
  }

  // ── the two queues, each a list from the newest (head) to the oldest (tail) ────────────────────────

  #push(entry: number, queue: number): void {
    const words = this.#words;
    const headAt = this.#header + (queue === SMALL ? SHARD.SMALL_HEAD : SHARD.MAIN_HEAD);
    const head = words[headAt]!;
    this.#set(entry, AT.QUEUE, queue);
    this.#set(entry, AT.QUEUE_PREVIOUS, 0);
    this.#set(entry, AT.QUEUE_NEXT, head);
    if (head === 0) words[headAt + 1] = entry;
    else this.#set(head, AT.QUEUE_PREVIOUS, entry);
    words[headAt] = entry;
    words[this.#header + blocksOf(queue)]! += this.#get(entry, AT.BLOCKS);
    if (queue === MAIN) words[this.#header + SHARD.MAIN_ENTRIES]!++;
  }

  #remove(entry: number): void {
    const words = this.#words;
    const queue = this.#get(entry, AT.QUEUE);
    const headAt = this.#header + (queue === SMALL ? SHARD.SMALL_HEAD : SHARD.MAIN_HEAD);
    const previous = this.#get(entry, AT.QUEUE_PREVIOUS);
    const next = this.#get(entry, AT.QUEUE_NEXT);
    if (previous === 0) words[headAt] = next;
    else this.#set(previous, AT.QUEUE_NEXT, next);
    if (next === 0) words[headAt + 1] = previous;
    else this.#set(next, AT.QUEUE_PREVIOUS, previous);
    this.#set(entry, AT.QUEUE, 0);
    words[this.#header + blocksOf(queue)]! -= this.#get(entry, AT.BLOCKS);
    if (queue === MAIN) words[this.#header + SHARD.MAIN_ENTRIES]!--;
  }

  #place(entry: number, word: number): number {
    return this.#base + (entry << (BLOCK_SHIFT - 2)) + word;
  }

  #get(entry: number, word: number): number {
    return this.#words[this.#place(entry, word)]!;
  }

  #set(entry: number, word: number, value: number): void {
    this.#words[this.#place(entry, word)] = value;
  }
}

function blocksOf(queue: number): number {
  return queue === SMALL ? SHARD.SMALL_BLOCKS : SHARD.MAIN_BLOCKS;
}
