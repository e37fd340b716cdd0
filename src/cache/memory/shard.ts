/**
 * A part of the store with a lock of its own: index, queues and blocks. What is said to be "under the lock" is to be
 * called between `lock` and `unlock`; bytes of heads and bodies are written by the one who fills an entry, and read by
 * those who have it pinned.
 */

import { Buddy, orderFor } from "./buddy.ts";
import {
  AT,
  BLOCK,
  BLOCK_SHIFT,
  ENTRY_BYTES,
  type Layout,
  SHARD,
  STATE,
  TOP_ORDER,
} from "./layout.ts";
import { tryLock, unlock } from "./lock.ts";
import { Queues } from "./queues.ts";

/** Entries of one bucket that are looked at: more are only met by those who aim at it. */
const LONGEST_CHAIN = 64;
/** Entries that are evicted under the lock at a time. */
const MOST_EVICTIONS = 32;

/**
 * Sleeps of a millisecond, before a lock is done without. Its holder may have lost its processor for as long, compile, or
 * collect garbage; going without it sooner would send a crowd that wants one answer to the backend.
 */
const FEW_NAPS = 50;

/** The views that all shards share. */
export interface Views {
  readonly words: Int32Array;
  readonly numbers: Float64Array;
  readonly bytes: Uint8Array;
}

/** See the head of this file. Entries are named by the number of their first block, from 1. */
export class Shard {
  readonly index: number;
  readonly words: Int32Array;
  readonly numbers: Float64Array;
  readonly bytes: Uint8Array;
  readonly #layout: Layout;
  readonly #row: number;
  /** Called with a bit for each thread that waits for an entry which has changed. */
  readonly #wake: (waiters: number) => void;
  readonly #buddy: Buddy;
  readonly #queues: Queues;
  /** In words: header, index, next pieces, block 0. */
  readonly #header: number;
  readonly #buckets: number;
  readonly #next: number;
  readonly #base: number;

  constructor(
    index: number,
    views: Views,
    layout: Layout,
    row: number,
    wake: (waiters: number) => void,
  ) {
    this.index = index;
    this.words = views.words;
    this.numbers = views.numbers;
    this.bytes = views.bytes;
    this.#layout = layout;
    this.#row = row;
    this.#wake = wake;
    const start = layout.shardsAt + index * layout.shardBytes;
    this.#header = start / 4;
    this.#buckets = (start + layout.indexAt) / 4;
    this.#next = (start + layout.nextAt) / 4;
    this.#base = (start + layout.blocksAt - BLOCK) / 4;
    const orders = views.bytes.subarray(
      start + layout.ordersAt,
      start + layout.ordersAt + layout.blocks,
    );
    this.#buddy = new Buddy(views.words, this.#header, orders, start + layout.blocksAt);
    this.#queues = new Queues(
      views.words,
      this.#header,
      this.#base,
      (start + layout.ghostsAt) / 4,
      layout.ghosts,
    );
  }

  // ── the lock ────────────────────────────────────────────────────────────────────────────────────────

  /** False: somebody else keeps it; do without. `naps`: how often to sleep a moment before. */
  lock(naps: number = FEW_NAPS): boolean {
    return tryLock(this.words, this.#header + SHARD.LOCK, this.#row, naps);
  }

  unlock(): void {
    unlock(this.words, this.#header + SHARD.LOCK);
  }

  /** Row of the thread that holds the lock, -1 if none does. */
  get holder(): number {
    return Atomics.load(this.words, this.#header + SHARD.LOCK) - 1;
  }

  // ── words of entries ────────────────────────────────────────────────────────────────────────────────

  /** The place of a word of an entry. */
  at(entry: number, word: number): number {
    return this.#base + (entry << (BLOCK_SHIFT - 2)) + word;
  }

  get(entry: number, word: number): number {
    return this.words[this.#base + (entry << (BLOCK_SHIFT - 2)) + word]!;
  }

  set(entry: number, word: number, value: number): void {
    this.words[this.#base + (entry << (BLOCK_SHIFT - 2)) + word] = value;
  }

  /** As `get`, of a word that another thread changes without the lock. */
  load(entry: number, word: number): number {
    return Atomics.load(this.words, this.at(entry, word));
  }

  number(entry: number, place: number): number {
    return this.numbers[this.at(entry, 0) / 2 + place]!;
  }

  setNumber(entry: number, place: number, value: number): void {
    this.numbers[this.at(entry, 0) / 2 + place] = value;
  }

  /** Where a piece begins, in bytes of the buffer. */
  byteAt(piece: number): number {
    return (this.#base + (piece << (BLOCK_SHIFT - 2))) * 4;
  }

  // ── the index, under the lock ───────────────────────────────────────────────────────────────────────

  /** The entry of a key; 0 if there is none. */
  find(key: string, hash: number): number {
    let entry = this.words[this.#bucket(hash)]!;
    for (let steps = 0; entry !== 0 && steps < LONGEST_CHAIN; steps++) {
      if (this.get(entry, AT.HASH) === hash && this.hasKey(entry, key)) return entry;
      entry = this.get(entry, AT.CHAIN);
    }
    return 0;
  }

  hasKey(entry: number, key: string): boolean {
    const length = key.length;
    if (this.get(entry, AT.KEY_BYTES) !== length) return false;
    const start = this.byteAt(entry) + ENTRY_BYTES;
    const { bytes } = this;
    for (let i = 0; i < length; i++) {
      if (bytes[start + i] !== (key.charCodeAt(i) & 0xff)) return false;
    }
    return true;
  }

  /** Makes an entry that nobody can find yet, pinned once for whoever links it; 0 if there is no room. */
  create(key: string, urlBytes: number, hash: number, state: number): number {
    const size = ENTRY_BYTES + key.length;
    const entry = size > BLOCK << TOP_ORDER ? 0 : this.#takeOne(orderFor(size));
    if (entry === 0) return 0;
    const at = this.at(entry, 0);
    this.words.fill(0, at, at + ENTRY_BYTES / 4);
    const start = at * 4 + ENTRY_BYTES;
    for (let i = 0; i < key.length; i++) this.bytes[start + i] = key.charCodeAt(i);
    this.set(entry, AT.STATE, state);
    this.set(entry, AT.HASH, hash);
    this.set(entry, AT.KEY_BYTES, key.length);
    this.set(entry, AT.URL_BYTES, urlBytes);
    this.set(entry, AT.LENGTH, -1);
    this.set(entry, AT.BLOCKS, 1 << this.#buddy.orderOf(entry));
    this.set(entry, AT.PINS, 1);
    this.words[this.#header + SHARD.ENTRIES]!++;
    return entry;
  }

  /** From now on it can be found, and evicted. Its first pin is the index's. */
  link(entry: number): void {
    const bucket = this.#bucket(this.get(entry, AT.HASH));
    this.set(entry, AT.CHAIN, this.words[bucket]!);
    this.words[bucket] = entry;
    Atomics.store(this.words, this.at(entry, AT.LINKED), 1);
    this.#queues.enter(entry, this.get(entry, AT.HASH));
  }

  /** From now on it cannot be found; it is given back when nobody has it pinned any more. */
  unlink(entry: number): void {
    if (this.get(entry, AT.LINKED) === 0) return;
    const bucket = this.#bucket(this.get(entry, AT.HASH));
    let link = bucket;
    while (this.words[link] !== entry) link = this.at(this.words[link]!, AT.CHAIN);
    this.words[link] = this.get(entry, AT.CHAIN);
    this.#queues.leave(entry);
    Atomics.store(this.words, this.at(entry, AT.LINKED), 0);
    this.wake(entry);
    if (Atomics.sub(this.words, this.at(entry, AT.PINS), 1) === 1) this.free(entry);
  }

  /** Tells those who wait for a change of the entry. */
  wake(entry: number): void {
    const waiters = Atomics.exchange(this.words, this.at(entry, AT.WAITERS), 0);
    if (waiters !== 0) this.#wake(waiters);
  }

  /** Walks all entries of one bucket; `visit` may unlink the one that it is shown. */
  visit(bucket: number, visit: (entry: number) => void): void {
    let entry = this.words[this.#buckets + bucket]!;
    while (entry !== 0) {
      const next = this.get(entry, AT.CHAIN);
      visit(entry);
      entry = next;
    }
  }

  get buckets(): number {
    return this.#layout.buckets;
  }

  #bucket(hash: number): number {
    return this.#buckets + (hash & (this.#layout.buckets - 1));
  }

  /** A number that no spec of this shard has had before. */
  nextGeneration(): number {
    return ++this.words[this.#header + SHARD.GENERATION]!;
  }

  // ── memory, under the lock ──────────────────────────────────────────────────────────────────────────

  /** Adds a piece of some `bytes` to an entry's account; what is evicted for it is gone. 0 if there is no room. */
  take(entry: number, bytes: number): number {
    const piece = this.#takeOne(orderFor(bytes));
    if (piece !== 0) this.#account(entry, 1 << this.#buddy.orderOf(piece));
    return piece;
  }

  /** Gives a piece of an entry back. */
  give(entry: number, piece: number): void {
    this.#account(entry, -(1 << this.#buddy.orderOf(piece)));
    this.#buddy.give(piece);
  }

  /** Adds a piece of at most `1 << order` blocks to the body. False if there is no room. */
  grow(entry: number, order: number): boolean {
    this.#makeRoom(1 << order);
    let piece = 0;
    // A body may lie in many pieces: rather smaller ones than more that is forgotten.
    for (let size = order; piece === 0 && size >= 0; size--) piece = this.#buddy.take(size);
    if (piece === 0) return false;
    this.words[this.#next + piece - 1] = 0;
    const last = this.get(entry, AT.BODY_LAST);
    if (last === 0) Atomics.store(this.words, this.at(entry, AT.BODY_FIRST), piece);
    else Atomics.store(this.words, this.#next + last - 1, piece);
    this.set(entry, AT.BODY_LAST, piece);
    this.#account(entry, 1 << this.#buddy.orderOf(piece));
    return true;
  }

  /** Gives back what the body's last piece has beyond `used` bytes. */
  trim(entry: number, used: number): void {
    let piece = this.get(entry, AT.BODY_LAST);
    let rest = used;
    while (this.#buddy.orderOf(piece) > 0) {
      const half = this.sizeOf(piece) / 2;
      if (rest <= half) {
        this.give(entry, this.#buddy.split(piece));
      } else {
        // Both halves stay, the second perhaps cut further. They lie side by side: who reads on notices nothing.
        const second = this.#buddy.split(piece);
        this.words[this.#next + second - 1] = 0;
        Atomics.store(this.words, this.#next + piece - 1, second);
        this.set(entry, AT.BODY_LAST, second);
        piece = second;
        rest -= half;
      }
    }
  }

  /** Bytes of a piece. */
  sizeOf(piece: number): number {
    return BLOCK << this.#buddy.orderOf(piece);
  }

  /** The piece of the body behind this one; 0 if there is none yet. */
  after(piece: number): number {
    return Atomics.load(this.words, this.#next + piece - 1);
  }

  /** Gives all memory of an entry back. Nobody has it pinned. */
  free(entry: number): void {
    let piece = this.get(entry, AT.BODY_FIRST);
    while (piece !== 0) {
      const next = this.words[this.#next + piece - 1]!;
      this.#buddy.give(piece);
      piece = next;
    }
    const head = this.get(entry, AT.HEAD);
    if (head !== 0) this.#buddy.give(head);
    this.set(entry, AT.STATE, 0);
    this.#buddy.give(entry);
    this.words[this.#header + SHARD.ENTRIES]!--;
  }

  #account(entry: number, blocks: number): void {
    this.words[this.at(entry, AT.BLOCKS)]! += blocks;
    this.#queues.resize(entry, blocks);
  }

  #takeOne(order: number): number {
    this.#makeRoom(1 << order);
    let piece = this.#buddy.take(order);
    for (let tries = 0; piece === 0 && tries < MOST_EVICTIONS; tries++) {
      if (!this.#evict()) return 0;
      piece = this.#buddy.take(order);
    }
    return piece;
  }

  /** Evicts until so many blocks are free, or it would take too long. */
  #makeRoom(blocks: number): void {
    const { words } = this;
    const most = this.#layout.blocks - blocks;
    for (let tries = 0; tries < MOST_EVICTIONS; tries++) {
      if (words[this.#header + SHARD.USED]! <= most || !this.#evict()) return;
    }
  }

  #evict(): boolean {
    const victim = this.#queues.victim();
    if (victim === 0) return false;
    this.words[this.#header + SHARD.EVICTIONS]!++;
    this.unlink(victim);
    return true;
  }

  // ── figures ─────────────────────────────────────────────────────────────────────────────────────────

  /** Bytes in use, entries, and how many have been evicted. */
  figures(): { readonly bytes: number; readonly entries: number; readonly evictions: number } {
    const word = (at: number): number => this.words[this.#header + at]!;
    return {
      bytes: word(SHARD.USED) * BLOCK,
      entries: word(SHARD.ENTRIES),
      evictions: word(SHARD.EVICTIONS),
    };
  }

  /** An entry of the index has been used. */
  touch(entry: number): void {
    const uses = this.get(entry, AT.USES);
    if (uses < 3) this.set(entry, AT.USES, uses + 1);
  }

  /** Is it complete, or will it never be? */
  isSettled(entry: number): boolean {
    const state = this.load(entry, AT.STATE);
    return state !== STATE.FILLING && state !== STATE.OPEN;
  }
}
