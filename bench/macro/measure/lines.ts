/** Whether an access log was really written. */

import { createReadStream } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const NEWLINE = 10;
const ATTEMPTS = 10;
const PAUSE = 200;

/** Lines of a file; if there are fewer than `expected`, waits up to two seconds for a writer that collects them. */
export async function countLines(file: string, expected: number): Promise<number> {
  let lines = 0;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    lines = 0;
    for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
      for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) lines++;
    }
    if (lines >= expected) break;
    await sleep(PAUSE);
  }
  return lines;
}
