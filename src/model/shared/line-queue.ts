/**
 * Finished lines on their way from one worker to the control thread, as bytes in blocks of shared memory.
 *
 *     row      [ cells of the writer ] [ cells of the reader ] [ a few for each block ] [ block 0 ] [ block 1 ] …
 *
 *     blocks   in the order of use:   ▓▓▓▓▓▓▓▓   ▓▓▓▓▓▓▓░   ▓▓▓▒░░░░░    ▓ lines that wait   ▒ the line being written
 *                                     ▲ TAIL                ▲ HEAD
 *
 * One thread writes and one reads, and neither waits for the other. A line counts from the moment that its end stands in
 * the cell of its block, so a thread that ends in the middle of a line leaves no part of it behind, and the next one in
 * its row goes on where its last whole line ends. A line that finds no room is counted and forgotten.
 *
 * The writer takes the first block that is free: as long as the reader keeps up these are always the same few, in the
 * cache and in memory, though there is room for a reader that is held up for a while.
 *
 * A reader that has found nothing goes to sleep: it says so, looks once more, and is woken by the next line. One that is
 * awake looks by its own clock, and is woken only when several blocks are full.
 */

import type { ByteWriter } from "#core/bytes/writer.ts";

// A line of cache for each side.
/** Which use of a block is the newest, and the oldest that has not been read to its end: counts, modulo 2³². */
const HEAD = 0;
const TAIL = 16;
/** Lines that found no room, modulo 2³². */
const DROPPED = 1;
/** Bytes that have been read of the oldest block. */
const READ = 17;
/** The next line has to wake the reader. */
const ASLEEP = 18;
/** The block of each use, modulo their number. */
const ORDER = 32;
/** By block, how many bytes of lines are in it. Behind these, also by block: whether it is in use. */
const FILLED = ORDER;

/** Full blocks that are not to be left waiting. */
const MANY = 4;

/** Blocks of each row, and their bytes. */
export interface QueueSize {
  /** A power of two. */
  readonly blocks: number;
  /** Longer lines are dropped. */
  readonly bytes: number;
}

/** 8 MiB. */
const USUAL: QueueSize = { blocks: 64, bytes: 128 * 1024 };

/** Where the parts of a row are, for both sides. */
class Row {
  readonly cells: Int32Array;
  readonly bytes: Uint8Array;
  readonly size: QueueSize;
  readonly filled: number;
  readonly taken: number;

  constructor(buffer: SharedArrayBuffer, row: number, size: QueueSize) {
    const start = row * bytesOfRow(size);
    const cells = cellsOfRow(size);
    const length = size.blocks * size.bytes;
    this.cells = new Int32Array(buffer, start, cells);
    this.bytes = new Uint8Array(buffer, start + cells * Int32Array.BYTES_PER_ELEMENT, length);
    this.size = size;
    this.filled = FILLED + size.blocks;
    this.taken = FILLED + 2 * size.blocks;
  }

  get head(): number {
    return Atomics.load(this.cells, HEAD);
  }

  get tail(): number {
    return Atomics.load(this.cells, TAIL);
  }

  /** The block of a use. */
  blockOf(use: number): number {
    return this.cells[ORDER + (use & (this.size.blocks - 1))]!;
  }

  filledOf(block: number): number {
    return Atomics.load(this.cells, this.filled + block);
  }
}

/** Bytes for so many rows: 8 MiB each; the memory behind them is only used when lines are written. */
export function lineQueueBytes(rows: number, size: QueueSize = USUAL): number {
  return rows * bytesOfRow(size);
}

function cellsOfRow(size: QueueSize): number {
  // Whole lines of cache.
  return (ORDER + 3 * size.blocks + 15) & ~15;
}

function bytesOfRow(size: QueueSize): number {
  return cellsOfRow(size) * Int32Array.BYTES_PER_ELEMENT + size.blocks * size.bytes;
}

/** The side of the worker. */
export class LineWriter {
  readonly #row: Row;
  readonly #bytes: Uint8Array;
  readonly #cells: Int32Array;
  readonly #wake: () => void;
  #head: number;
  /** The newest block: its number, where it begins and ends in the bytes of the row, and where its last line ends. */
  #block: number;
  #end: number;
  #at: number;
  /** The oldest use for which the reader has been woken. */
  #wokenFor: number;

  /**
   * Goes on where the thread before has stopped.
   *
   * @param buffer at least `lineQueueBytes(row + 1, size)` bytes
   * @param wake wakes the thread that reads
   */
  constructor(buffer: SharedArrayBuffer, row: number, wake: () => void, size: QueueSize = USUAL) {
    const own = new Row(buffer, row, size);
    const { cells, head, tail } = own;
    this.#row = own;
    this.#bytes = own.bytes;
    this.#cells = cells;
    this.#wake = wake;
    this.#head = head;
    this.#block = own.blockOf(head);
    this.#end = (this.#block + 1) * size.bytes;
    this.#at = this.#block * size.bytes + own.filledOf(this.#block);
    this.#wokenFor = tail - 1;
    // A thread may have ended between taking a block and using it. The reader frees before it moves on: what is in no
    // use by now is free, whatever it does meanwhile.
    const used = new Set<number>();
    for (let use = tail; use !== head; use = (use + 1) | 0) used.add(own.blockOf(use));
    used.add(this.#block);
    for (let block = 0; block < size.blocks; block++) {
      if (!used.has(block)) Atomics.store(cells, own.taken + block, 0);
    }
    Atomics.store(cells, own.taken + this.#block, 1);
  }

  /** Lends the room behind the last line to `writer`; what it had is forgotten. `commit` or another `begin` follows. */
  begin(writer: ByteWriter): void {
    writer.lend(this.#bytes, this.#at, this.#end - this.#at);
  }

  /** Hands on what was written since `begin`, as a whole: one line. Drops it if there is no room. */
  commit(writer: ByteWriter): void {
    const cells = this.#cells;
    const { length } = writer;
    if (writer.bytes === this.#bytes) {
      this.#at += length;
      const { filled, size } = this.#row;
      Atomics.store(cells, filled + this.#block, this.#at - this.#end + size.bytes);
    } else if (!this.#commitElsewhere(writer.view())) {
      Atomics.add(cells, DROPPED, 1);
      return;
    }
    if (Atomics.load(cells, ASLEEP) !== 0) {
      Atomics.store(cells, ASLEEP, 0);
      this.#wake();
    }
  }

  /** The line had to move to the writer's own memory: the block is full. */
  #commitElsewhere(line: Uint8Array): boolean {
    const { size, filled, taken } = this.#row;
    const cells = this.#cells;
    let block = 0;
    while (block < size.blocks && Atomics.load(cells, taken + block) !== 0) block++;
    if (block === size.blocks || line.length > size.bytes) return false;
    Atomics.store(cells, taken + block, 1);
    this.#block = block;
    this.#end = (block + 1) * size.bytes;
    this.#at = block * size.bytes + line.length;
    this.#bytes.set(line, block * size.bytes);
    this.#head = (this.#head + 1) | 0;
    Atomics.store(cells, filled + block, line.length);
    Atomics.store(cells, ORDER + (this.#head & (size.blocks - 1)), block);
    Atomics.store(cells, HEAD, this.#head);
    this.#wakeForMany();
    return true;
  }

  /** Once for each time that the reader has come further. */
  #wakeForMany(): void {
    const { tail } = this.#row;
    if (((this.#head - tail) | 0) < MANY || this.#wokenFor === tail) return;
    this.#wokenFor = tail;
    this.#wake();
  }
}

/** The side of the control thread. */
export class LineReader {
  readonly #row: Row;

  /** @param buffer at least `lineQueueBytes(row + 1, size)` bytes */
  constructor(buffer: SharedArrayBuffer, row: number, size: QueueSize = USUAL) {
    this.#row = new Row(buffer, row, size);
  }

  /** Lines that found no room since the process began, modulo 2³². */
  get dropped(): number {
    return Atomics.load(this.#row.cells, DROPPED);
  }

  /** So much waits that it should not be left waiting. */
  get isPressing(): boolean {
    const { head, tail } = this.#row;
    return ((head - tail) | 0) >= MANY;
  }

  /** What waits, whole lines in pieces that stay as they are until `take`. Adds them to `pieces`; returns their bytes. */
  peek(pieces: Uint8Array[]): number {
    const row = this.#row;
    // First: what is said of the blocks before it does not change any more.
    const { head } = row;
    let from = row.cells[READ]!;
    let count = 0;
    for (let use = row.tail; ; use = (use + 1) | 0) {
      const block = row.blockOf(use);
      const filled = row.filledOf(block);
      const start = block * row.size.bytes;
      if (filled > from) pieces.push(row.bytes.subarray(start + from, start + filled));
      count += filled - from;
      from = 0;
      if (use === head) return count;
    }
  }

  /** The first `count` of the bytes that wait have been read, and their room is free. */
  take(count: number): void {
    const row = this.#row;
    const { cells, head } = row;
    let use = row.tail;
    let end = cells[READ]! + count;
    for (;;) {
      const block = row.blockOf(use);
      const filled = row.filledOf(block);
      if (use === head || end < filled) break;
      end -= filled;
      Atomics.store(cells, row.taken + block, 0);
      use = (use + 1) | 0;
      Atomics.store(cells, TAIL, use);
    }
    cells[READ] = end;
  }

  /** From now on the next line wakes the reader. False, and nothing is changed, if there is one already. */
  sleep(): boolean {
    const { cells } = this.#row;
    Atomics.store(cells, ASLEEP, 1);
    // A line that came before the store is seen here, one that comes after it sees the store.
    if (this.peek([]) === 0) return true;
    Atomics.store(cells, ASLEEP, 0);
    return false;
  }

  /** The reader is awake, whoever has woken it. */
  awake(): void {
    Atomics.store(this.#row.cells, ASLEEP, 0);
  }
}
