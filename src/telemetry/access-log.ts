/** The access log of a worker: lines are collected and handed on in batches. */

import { Timer, type TimerOwner, type Timers } from "#core/time/timers.ts";
import type { ExchangeRecord } from "#model/record.ts";
import type { LogData } from "#model/snapshot.ts";
import { combinedLines } from "./access/combined.ts";
import { JsonLines } from "./access/json-lines.ts";
import { jsonLine } from "./access/json.ts";
import { prettyLines } from "./access/pretty.ts";

/** Takes finished lines; each ends with a line break. */
export interface LogPort {
  write(lines: string): void;
}

/** How lines are written. */
export interface AccessLogOptions {
  readonly port: LogPort;
  readonly timers: Timers;
  /** Of dates, minutes east of UTC. */
  readonly utcOffset: number;
  /** Whether `pretty` lines are coloured. */
  readonly colour: boolean;
}

/** Characters after which a batch is handed on at once. */
const BATCH = 16 * 1024;
/** Longest time that a line waits, in milliseconds. */
const DELAY = 100;

/** Writes a line for each exchange in the format of the configuration. */
export class AccessLog implements TimerOwner {
  readonly #options: AccessLogOptions;
  readonly #timer: Timer;
  #format: LogData["access"] = "off";
  #line: ((record: ExchangeRecord) => string) | null = null;
  #lines = "";
  /** Lines behind those of `#lines`. */
  readonly #jsonLines: JsonLines = new JsonLines();

  constructor(options: AccessLogOptions) {
    this.#options = options;
    this.#timer = new Timer(this, 0);
  }

  /** From now on lines have this format; `off`: nothing is even put together. */
  use(format: LogData["access"]): void {
    if (format === this.#format) return;
    this.#format = format;
    this.#line = this.#writer(format);
  }

  /** Logs an exchange that has ended. */
  write(record: ExchangeRecord): void {
    if (this.#line === null) return;
    if (this.#length() === 0) this.#options.timers.schedule(this.#timer, DELAY);
    if (this.#format !== "json" || !this.#jsonLines.add(record)) {
      this.#lines = this.#collected() + this.#line(record);
    }
    if (this.#length() >= BATCH) this.flush();
  }

  /** Hands on what has been collected. To be called before the worker ends. */
  flush(): void {
    if (this.#length() === 0) return;
    const lines = this.#collected();
    this.#lines = "";
    this.#options.timers.cancel(this.#timer);
    this.#options.port.write(lines);
  }

  #length(): number {
    return this.#lines.length + this.#jsonLines.length;
  }

  #collected(): string {
    return this.#jsonLines.length === 0 ? this.#lines : this.#lines + this.#jsonLines.take();
  }

  onTimer(): void {
    this.flush();
  }

  #writer(format: LogData["access"]): ((record: ExchangeRecord) => string) | null {
    const { utcOffset, colour } = this.#options;
    switch (format) {
      case "json":
        return jsonLine;
      case "combined":
        return combinedLines(utcOffset);
      case "pretty":
        return prettyLines(utcOffset, colour);
      case "off":
        return null;
    }
  }
}
