/**
 * Brings the lines of all workers to one sink: many lines with one call, in memory where the worker
 * has put them. Looks ten times a second while there is something to do, sleeps when there is not, and is woken in
 * between by a worker of which much waits.
 */

import { Buffer } from "node:buffer";

import type { Scheduler } from "#core/time/scheduler.ts";
import type { LineReader } from "#model/shared/line-queue.ts";

/** Takes bytes of finished lines. */
export interface LogSink {
  /**
   * Writes all pieces, one behind the other, however long that takes; their bytes stay as they are until it is done.
   * Resolves with what was given up, which is nothing before `hurry`. Calls do not overlap.
   */
  write(pieces: readonly Uint8Array[]): Promise<readonly Uint8Array[]>;
  /** From now on what cannot be written soon is given up. */
  hurry(): void;
  /** Closes what was opened. Nothing is written any more. */
  close(): Promise<void>;
}

/** How lines are collected. */
export interface LogDrainOptions {
  /** One for each worker. */
  readonly readers: readonly LineReader[];
  readonly sink: LogSink;
  /** Calls back when a worker wakes this thread. @returns stops that */
  readonly onWake: (callback: () => void) => () => void;
  readonly scheduler: Scheduler;
  /** So many lines were dropped since the last time. Called at most once in ten seconds, and when the log is closed. */
  readonly onDropped: (lines: number) => void;
}

/** Longest time that a line waits for others, in ms. */
const DELAY = 100;
/** Between two messages about dropped lines, in ms. */
const SILENCE = 10_000;

const LINE_BREAK = 0x0a;

/** See the head of this file. */
export class LogDrain {
  readonly #options: LogDrainOptions;
  /** What each reader has said to have dropped, at the last look. */
  readonly #seen: number[];
  #dropped = 0;
  #reported = 0;
  #reportedAt = -Infinity;
  readonly #stopWaking: () => void;
  #cancel: (() => void) | null = null;
  #writing: Promise<void> | null = null;
  #closed = false;

  constructor(options: LogDrainOptions) {
    this.#options = options;
    this.#seen = options.readers.map((reader) => reader.dropped);
    this.#stopWaking = options.onWake(() => this.#woken());
    this.#rest();
  }

  /** Lines that were dropped so far: they found no room, or could not be written before the end. */
  get dropped(): number {
    const { readers } = this.#options;
    for (const [row, reader] of readers.entries()) {
      const { dropped } = reader;
      // They count modulo 2³².
      this.#dropped += (dropped - this.#seen[row]!) >>> 0;
      this.#seen[row] = dropped;
    }
    return this.#dropped;
  }

  /** Writes what waits, and closes the sink. To be called when nobody adds to them any more. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopWaking();
    this.#cancel?.();
    this.#options.sink.hurry();
    while (this.#drain()) await this.#writing;
    this.#report(0);
    await this.#options.sink.close();
  }

  #woken(): void {
    const { readers } = this.#options;
    for (const reader of readers) reader.awake();
    if (readers.some((reader) => reader.isPressing)) this.#drain();
    this.#lookLater();
  }

  #lookLater(): void {
    this.#cancel ??= this.#options.scheduler.after(DELAY, () => {
      this.#cancel = null;
      this.#report(SILENCE);
      if (this.#drain()) this.#lookLater();
      else this.#rest();
    });
  }

  /** Sleeps until there is a line; not while there is something to report. */
  #rest(): void {
    const { readers } = this.#options;
    if (this.dropped === this.#reported && readers.every((reader) => reader.sleep())) return;
    for (const reader of readers) reader.awake();
    this.#lookLater();
  }

  /** Begins to write what waits, unless that is under way. False: nothing waits. */
  #drain(): boolean {
    if (this.#writing !== null) return true;
    const pieces: Uint8Array[] = [];
    const counts = this.#options.readers.map((reader) => reader.peek(pieces));
    if (pieces.length === 0) return false;
    this.#writing = this.#write(pieces, counts);
    return true;
  }

  /** `counts`: bytes of each reader in `pieces`. */
  async #write(pieces: readonly Uint8Array[], counts: readonly number[]): Promise<void> {
    const { readers, sink } = this.#options;
    try {
      for (const piece of await sink.write(pieces)) this.#dropped += linesIn(piece);
    } finally {
      for (const [row, reader] of readers.entries()) reader.take(counts[row]!);
      this.#writing = null;
    }
    if (readers.some((reader) => reader.isPressing)) this.#drain();
  }

  #report(silence: number): void {
    const { onDropped, scheduler } = this.#options;
    const lines = this.dropped - this.#reported;
    if (lines === 0 || scheduler.now() - this.#reportedAt < silence) return;
    this.#reported += lines;
    this.#reportedAt = scheduler.now();
    onDropped(lines);
  }
}

function linesIn(bytes: Uint8Array): number {
  let lines = 0;
  for (const byte of bytes) if (byte === LINE_BREAK) lines++;
  return lines;
}

/** A sink for whoever wants text. */
export function textSink(write: (lines: string) => void): LogSink {
  const done = Promise.resolve();
  return {
    write: (pieces) => {
      // Out of shared memory, and whole: workers go on writing there.
      write(Buffer.concat(pieces).toString("utf8"));
      return done.then(() => []);
    },
    hurry: () => undefined,
    close: () => done,
  };
}
