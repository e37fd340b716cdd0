/** `sluice check`: says everything that is wrong with a configuration. */

import { checkConfig } from "#app.ts";
import { type SourceOptions, shortForm } from "./options.ts";
import type { Terminal } from "./terminal.ts";

/** @returns the exit code: 0 when the configuration can be used, warnings or not */
export async function check(terminal: Terminal, options: SourceOptions): Promise<number> {
  const { ok, text, summary } = await checkConfig(
    {
      source: shortForm(options) ?? { configFile: options.config },
      directory: terminal.directory,
      environment: terminal.environment,
      color: terminal.color,
    },
    Date.now,
  );
  if (text !== "") terminal.err(text);
  if (ok) terminal.out(`${summary}\n`);
  return ok ? 0 : 1;
}
