/**
 * Writes finished lines to a descriptor or a file without ever blocking this thread for it: each call takes all that
 * there is, and goes through the pool of threads. A full disk or a reader that sleeps is waited for; whoever adds lines
 * meanwhile drops those that find no room.
 */

import { close, constants, fstatSync, open, openSync, writev } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import type { LogSink } from "./log-drain.ts";

/** Where lines go to. */
export interface LogWriterOptions {
  /** Descriptor 1 or 2, which stay open when the log is closed, or the path of a file, which is appended to. */
  readonly to: 1 | 2 | string;
  /** Told once when writing begins to fail, and again after it has worked in between. */
  readonly onError: (error: Error) => void;
}

/**
 * Waits between two tries, in ms: doubled from the first to the last. A pipe that is full is mostly empty again at once;
 * one whose reader sleeps should not cost anything.
 */
const PAUSE = { first: 1, last: 100 } as const;
/** Tries, `PAUSE.last` apart, that somebody who is leaving waits for a reader. */
const LAST_TRIES = 5;

/**
 * Opens a log.
 * @throws Error if the file cannot be opened
 */
export async function openLogWriter(options: LogWriterOptions): Promise<LogSink> {
  const { to } = options;
  const fd = typeof to === "number" ? unblocked(to) : await promisify(open)(to, "a", 0o640);
  return new LogWriter(options, fd);
}

class LogWriter implements LogSink {
  readonly #options: LogWriterOptions;
  readonly #fd: number;
  #failing = false;
  /** Null: as many as it takes. */
  #triesLeft: number | null = null;
  /** Ends the pause that is under way. */
  #pausing: AbortController | null = null;

  constructor(options: LogWriterOptions, fd: number) {
    this.#options = options;
    this.#fd = fd;
  }

  async write(pieces: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    let rest = pieces;
    let pause: number = PAUSE.first;
    while (rest.length > 0) {
      const { error, count } = await written(this.#fd, rest);
      if (count > 0) {
        rest = behind(rest, count);
        this.#failing = false;
        pause = PAUSE.first;
      } else if (!(await this.#mayTryAgain(error, pause))) {
        return rest;
      } else {
        pause = Math.min(pause * 2, PAUSE.last);
      }
    }
    return rest;
  }

  hurry(): void {
    this.#triesLeft ??= LAST_TRIES;
    this.#pausing?.abort();
  }

  async close(): Promise<void> {
    if (this.#fd !== this.#options.to) await promisify(close)(this.#fd);
  }

  /** Waits a while. False: nobody has time for that any more. */
  async #mayTryAgain(error: NodeJS.ErrnoException | null, pause: number): Promise<boolean> {
    const isFull = error === null || error.code === "EAGAIN";
    if (this.#triesLeft === null) {
      if (!isFull) this.#fail(error);
      await this.#pause(pause, false);
      return true;
    }
    // A reader may wake up; what cannot be written for another reason now never will be.
    if (isFull && this.#triesLeft > 0) {
      this.#triesLeft--;
      await this.#pause(PAUSE.last, true);
      return true;
    }
    this.#fail(error ?? new Error("it takes nothing"));
    return false;
  }

  /** `holds`: the process does not end before. */
  async #pause(pause: number, holds: boolean): Promise<void> {
    this.#pausing = new AbortController();
    const { signal } = this.#pausing;
    await sleep(pause, undefined, { ref: holds, signal }).catch(() => undefined);
    this.#pausing = null;
  }

  #fail(error: Error): void {
    if (this.#failing) return;
    this.#failing = true;
    this.#options.onError(error);
  }
}

/** One call. `count`: bytes that it has taken; not all of them, if a pipe or a disk is full. */
function written(
  fd: number,
  pieces: readonly Uint8Array[],
): Promise<{ readonly error: NodeJS.ErrnoException | null; readonly count: number }> {
  return new Promise((resolve) => {
    writev(fd, pieces, null, (error, count) => resolve({ error, count: error ? 0 : count }));
  });
}

/** What is left of `pieces` without the first `count` bytes. */
function behind(pieces: readonly Uint8Array[], count: number): Uint8Array[] {
  let index = 0;
  let skipped = 0;
  while (index < pieces.length && skipped + pieces[index]!.length <= count) {
    skipped += pieces[index++]!.length;
  }
  const rest = pieces.slice(index);
  if (rest.length > 0) rest[0] = rest[0]!.subarray(count - skipped);
  return rest;
}

/**
 * A pipe to somebody who does not read blocks whoever writes, and a thread of the pool that is blocked keeps even
 * `process.exit` waiting. The same pipe opened anew does not block, and leaves alone the processes that share the
 * descriptor that was given. Only Linux can open a pipe again; elsewhere, and for everything but pipes (sockets
 * cannot be opened at all), the descriptor itself is used.
 */
function unblocked(fd: number): number {
  if (process.platform !== "linux" || !fstatSync(fd).isFIFO()) return fd;
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return fd;
  }
}
