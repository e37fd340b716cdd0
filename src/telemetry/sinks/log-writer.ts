/**
 * Writes finished lines to a descriptor or a file without ever waiting for it. What cannot be written in time is
 * held up to a limit, then dropped and counted: a full disk or a reader that sleeps must not stop a proxy.
 */

import { constants, fstatSync, openSync } from "node:fs";

// A CommonJS module whose exports Node does not see by name.
import sonicBoom, { type SonicBoom } from "sonic-boom";

/** Where lines go to. */
export interface LogWriterOptions {
  /** Descriptor 1 or 2, which stay open when the log is closed, or the path of a file, which is appended to. */
  readonly to: 1 | 2 | string;
  /** Most bytes that are held; 4 MiB if not given. */
  readonly maxBuffered?: number;
  /** Told once when writing begins to fail, and again after it has worked in between. */
  readonly onError: (error: Error) => void;
}

/** A log that is open. */
export interface LogWriter {
  /** Takes lines, each with its line break. */
  write(lines: string): void;
  /** Lines that were dropped so far. */
  readonly dropped: number;
  /** Writes what is held, then closes. Resolves also when it cannot be written. */
  close(): Promise<void>;
}

const MAX_BUFFERED = 4 * 1024 * 1024;
/** Retries, 100 ms apart, that somebody who is leaving waits for a reader. */
const LAST_RETRIES = 5;

/**
 * Opens a log.
 * @throws Error if the file cannot be opened
 */
export async function openLogWriter(options: LogWriterOptions): Promise<LogWriter> {
  const writer = new BoomWriter(options);
  await writer.opened;
  return writer;
}

class BoomWriter implements LogWriter {
  readonly opened: Promise<void>;
  dropped = 0;

  readonly #options: LogWriterOptions;
  readonly #boom: SonicBoom;
  #failing = false;
  #retries = 0;
  #closed = false;

  constructor(options: LogWriterOptions) {
    this.#options = options;
    const boom = new sonicBoom.SonicBoom({
      fd: typeof options.to === "number" ? unblocked(options.to) : options.to,
      sync: false,
      append: true,
      mode: 0o640,
      maxLength: options.maxBuffered ?? MAX_BUFFERED,
      retryEAGAIN: () => !this.#closed || this.#retries++ < LAST_RETRIES,
    });
    this.#boom = boom;
    this.opened = new Promise((resolve, reject) => {
      boom.once("ready", resolve);
      boom.once("error", reject);
    });
    boom.on("drop", (lines: string) => this.#drop(lines));
    boom.on("error", (error: Error) => this.#fail(error));
    boom.on("write", () => {
      this.#failing = false;
    });
  }

  write(lines: string): void {
    if (this.#closed) this.#drop(lines);
    else this.#boom.write(lines);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    const boom = this.#boom;
    await new Promise<void>((resolve) => {
      boom.once("close", resolve);
      // What cannot be written now never will be.
      boom.once("error", () => {
        boom.destroy();
        resolve();
      });
      boom.end();
    });
  }

  #drop(lines: string): void {
    for (let at = lines.indexOf("\n"); at >= 0; at = lines.indexOf("\n", at + 1)) this.dropped++;
  }

  #fail(error: Error): void {
    if (this.#failing) return;
    this.#failing = true;
    this.#options.onError(error);
  }
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
