/** The access log of a worker: each line is written where the control thread reads it. */

import { ByteWriter } from "#core/bytes/writer.ts";
import type { ExchangeRecord } from "#model/record.ts";
import type { LineWriter } from "#model/shared/line-queue.ts";
import type { LogData } from "#model/snapshot.ts";
import { combinedLines } from "./access/combined.ts";
import { JsonLines } from "./access/json-lines.ts";
import { jsonLine } from "./access/json.ts";
import { prettyLines } from "./access/pretty.ts";

/** How lines are written. */
export interface AccessLogOptions {
  /** Where lines go. */
  readonly lines: LineWriter;
  /** Of dates, minutes east of UTC. */
  readonly utcOffset: number;
  /** Whether `pretty` lines are coloured. */
  readonly colour: boolean;
}

/** Writes a line for each exchange in the format of the configuration. */
export class AccessLog {
  readonly #options: AccessLogOptions;
  readonly #lines: LineWriter;
  readonly #writer: ByteWriter = new ByteWriter();
  readonly #jsonLines: JsonLines;
  #isJson = false;
  #line: ((record: ExchangeRecord) => string) | null = null;

  constructor(options: AccessLogOptions) {
    this.#options = options;
    this.#lines = options.lines;
    this.#jsonLines = new JsonLines(this.#writer);
  }

  /** From now on lines have this format; `off`: nothing is even put together. */
  use(format: LogData["access"]): void {
    this.#isJson = format === "json";
    this.#line = this.#lineOf(format);
  }

  /** Logs an exchange that has ended. */
  write(record: ExchangeRecord): void {
    if (this.#line === null) return;
    const lines = this.#lines;
    const writer = this.#writer;
    lines.begin(writer);
    if (!this.#isJson || !this.#jsonLines.write(record)) {
      // Also what has been written of a line that is to be written in another way.
      lines.begin(writer);
      writer.utf8(this.#line(record));
    }
    lines.commit(writer);
  }

  #lineOf(format: LogData["access"]): ((record: ExchangeRecord) => string) | null {
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
