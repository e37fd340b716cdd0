/**
 * A reporter for `node --test` that prints what a summary of counts hides: the number of tests on the
 * first line, then each test that was skipped or is marked as to do, as JSON, one a line.
 */

import type { TestEvent } from "node:test/reporters";

/** A test that has not been run, or whose result was not asked for. */
export interface Omission {
  /** The file and the names from the outermost suite to the test. */
  readonly name: string;
  readonly reason: string;
}

/** What the reporter prints, read back. */
export interface Ledger {
  readonly tests: number;
  readonly omissions: Omission[];
}

/** The reporter. */
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const names: string[] = [];
  const omissions: Omission[] = [];
  let tests = 0;
  for await (const { type, data } of events) {
    if (type === "test:start") {
      names.length = data.nesting;
      names[data.nesting] = data.name;
    } else if (type === "test:pass" || type === "test:fail") {
      if (data.details.type !== "suite") tests++;
      const omitted = data.skip ?? data.todo;
      if (omitted === undefined || omitted === false) continue;
      omissions.push({
        name: [relative(data.file), ...names.slice(0, data.nesting), data.name].join(" › "),
        reason: typeof omitted === "string" ? omitted : data.todo ? "to do" : "no reason given",
      });
    }
  }
  yield `${tests}\n`;
  for (const omission of omissions) yield `${JSON.stringify(omission)}\n`;
}

/** Reads what the reporter printed. */
export function readLedger(text: string): Ledger {
  const [tests = "0", ...lines] = text.trim().split("\n");
  return {
    tests: Number(tests),
    omissions: lines.map((line) => JSON.parse(line) as Omission),
  };
}

function relative(file: string | undefined): string {
  return file?.replace(`${process.cwd()}/`, "") ?? "?";
}
