/** TXT records by a program of the user's own. */

import { execFile } from "node:child_process";

import { type DnsProvider, type TxtRecord, dnsFault } from "./provider.ts";

/** Longest that it may run, milliseconds. */
const LONGEST = 120_000;

/** How it is started. */
export interface ExecOptions {
  /** Program and arguments; `present` or `cleanup`, name and value are put behind. */
  readonly command: readonly string[];
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Calls a program, which is to end with 0 when the record is made. */
export function execProvider({ command, directory, environment }: ExecOptions): DnsProvider {
  const call = (action: string, { name, value }: TxtRecord): Promise<void> =>
    new Promise((resolve, reject) => {
      const [program = "", ...args] = command;
      execFile(
        program,
        [...args, action, name, value],
        { cwd: directory, env: { ...environment }, timeout: LONGEST, maxBuffer: 256 * 1024 },
        (error, _stdout, stderr) => {
          if (error === null) return resolve();
          const said = stderr.trim().split("\n").at(-1) ?? "";
          const how =
            error.code === "ENOENT"
              ? "does not exist"
              : error.killed === true
                ? "did not end within two minutes"
                : `ended with ${String(error.code ?? error.signal)}`;
          reject(dnsFault(`${program} ${action} ${name} ${how}${said === "" ? "" : `: ${said}`}`));
        },
      );
    });
  return {
    present: (record) => call("present", record),
    cleanup: (record) => call("cleanup", record),
  };
}
