/**
 * The allocator of a shard: pieces of 1 to 256 blocks, each a power of two. Free pieces of one size form a list whose
 * links lie in the pieces themselves. To be called under the shard's lock.
 */

import { BLOCK, BLOCK_SHIFT, SHARD, TOP_BLOCKS, TOP_ORDER } from "./layout.ts";

/** In the table of orders: this block begins a piece that is free. The order itself is stored plus one. */
const IS_FREE = 0x80;
const NONE = 0;

/** See the head of this file. Blocks are numbered from 1. */
export class Buddy {
  readonly #words: Int32Array;
  readonly #orders: Uint8Array;
  readonly #header: number;
  /** Where, in words, block 0 would be if there were one. */
  readonly #base: number;
  readonly #count: number;

  /**
   * @param words the whole buffer
   * @param header word at which the shard's header begins
   * @param orders its table of orders, a byte for each block
   * @param blocksAt byte at which its blocks begin
   */
  constructor(words: Int32Array, header: number, orders: Uint8Array, blocksAt: number) {
    this.#words = words;
    this.#orders = orders;
    this.#header = header;
    this.#base = (blocksAt - BLOCK) / 4;
    this.#count = orders.length;
  }

  /** A piece of `1 << order` blocks; 0 if there is none. */
  take(order: number): number {
    let found = order;
    while (found <= TOP_ORDER && this.#words[this.#header + SHARD.FREE + found] === NONE) found++;
    let piece: number;
    if (found > TOP_ORDER) {
      const fresh = this.#words[this.#header + SHARD.FRESH]!;
      if (fresh === this.#count) return NONE;
      this.#words[this.#header + SHARD.FRESH] = fresh + TOP_BLOCKS;
      piece = fresh + 1;
      found = TOP_ORDER;
    } else {
      piece = this.#words[this.#header + SHARD.FREE + found]!;
      this.#drop(piece, found);
    }
    while (found > order) {
      found--;
      this.#put(piece + (1 << found), found);
    }
    this.#orders[piece - 1] = order + 1;
    this.#words[this.#header + SHARD.USED]! += 1 << order;
    return piece;
  }

  /** The size of a piece that is in use, as a power of two of blocks. */
  orderOf(piece: number): number {
    return this.#orders[piece - 1]! - 1;
  }

  /** Gives a piece back, and joins it with its free neighbours. */
  give(piece: number): void {
    let order = this.orderOf(piece);
    this.#words[this.#header + SHARD.USED]! -= 1 << order;
    let start = piece - 1;
    this.#orders[start] = 0;
    while (order < TOP_ORDER) {
      const buddy = start ^ (1 << order);
      if (this.#orders[buddy] !== (IS_FREE | (order + 1))) break;
      this.#drop(buddy + 1, order);
      start &= ~(1 << order);
      order++;
    }
    this.#put(start + 1, order);
  }

  /** Cuts a piece in use into two of half its size; the second one's number. */
  split(piece: number): number {
    const order = this.orderOf(piece) - 1;
    const second = piece + (1 << order);
    this.#orders[second - 1] = order + 1;
    this.#orders[piece - 1] = order + 1;
    return second;
  }

  #put(piece: number, order: number): void {
    const words = this.#words;
    const list = this.#header + SHARD.FREE + order;
    const first = words[list]!;
    const at = this.#base + (piece << (BLOCK_SHIFT - 2));
    words[at] = NONE;
    words[at + 1] = first;
    if (first !== NONE) words[this.#base + (first << (BLOCK_SHIFT - 2))] = piece;
    words[list] = piece;
    this.#orders[piece - 1] = IS_FREE | (order + 1);
  }

  #drop(piece: number, order: number): void {
    const words = this.#words;
    const at = this.#base + (piece << (BLOCK_SHIFT - 2));
    const previous = words[at]!;
    const next = words[at + 1]!;
    if (previous === NONE) words[this.#header + SHARD.FREE + order] = next;
    else words[this.#base + (previous << (BLOCK_SHIFT - 2)) + 1] = next;
    if (next !== NONE) words[this.#base + (next << (BLOCK_SHIFT - 2))] = previous;
    this.#orders[piece - 1] = 0;
  }
}

/** The order of the smallest piece that holds so many bytes; the largest there is if none does. */
export function orderFor(bytes: number): number {
  const blocks = (bytes + BLOCK - 1) >> BLOCK_SHIFT;
  if (blocks <= 1) return 0;
  return Math.min(32 - Math.clz32(blocks - 1), TOP_ORDER);
}
