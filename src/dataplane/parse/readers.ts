/** What it takes to read requests: lent to connections that have one, so that those without do not hold it. */

import { RequestParser } from "#protocol/http1/request-parser.ts";
import { Plan } from "../plan.ts";

/** Readers that are kept for the next who needs one, per worker. */
const MOST_KEPT = 256;

/** A parser with the memory that heads are read into, and a record for the plan of what it reads. */
export class Reader {
  readonly parser: RequestParser = new RequestParser();
  readonly plan: Plan = new Plan();
}

/** The readers of a worker that nobody uses; the one used last is lent first, as its memory is warm. */
export class Readers {
  readonly #kept: Reader[] = [];

  take(): Reader {
    return this.#kept.pop() ?? new Reader();
  }

  /** It must be used no more: what it has read is forgotten, and another client's request takes its place. */
  giveBack(reader: Reader): void {
    if (this.#kept.length === MOST_KEPT) return;
    reader.parser.reset();
    this.#kept.push(reader);
  }
}
