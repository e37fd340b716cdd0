/** `sluice trust`: makes this machine trust the local certificate authority, or undoes it. */

import { trustLocal } from "#app.ts";
import type { Terminal } from "./terminal.ts";

/** What was asked for. */
export interface TrustCommandOptions {
  readonly data?: string;
  readonly uninstall?: boolean;
  readonly dryRun?: boolean;
}

/** @returns the exit code: 0 when every trust store of this machine is as it should be */
export async function trust(terminal: Terminal, options: TrustCommandOptions): Promise<number> {
  const { data, uninstall = false, dryRun = false } = options;
  const ok = await trustLocal({
    data,
    uninstall,
    dryRun,
    wall: Date.now,
    environment: terminal.environment,
    directory: terminal.directory,
    say: (line) => terminal.out(`${line}\n`),
    complain: (line) => terminal.err(`${line}\n`),
  });
  return ok ? 0 : 1;
}
