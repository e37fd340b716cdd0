/** `sluice explain`: says what would happen to a request. */

import { explainRequest } from "#app.ts";
import { type SourceOptions, shortForm } from "./options.ts";
import type { Terminal } from "./terminal.ts";

/** The options of `explain`. */
export interface ExplainOptions extends SourceOptions {
  readonly header?: readonly (readonly [name: string, value: string])[];
  readonly clientIp: string;
}

/** @returns the exit code: 0 when there is an explanation, whatever it says */
export async function explain(
  terminal: Terminal,
  method: string,
  url: string,
  options: ExplainOptions,
): Promise<number> {
  const { ok, text } = await explainRequest(
    {
      source: shortForm(options) ?? { configFile: options.config },
      directory: terminal.directory,
      environment: terminal.environment,
      color: terminal.color,
    },
    { method, url, headers: options.header ?? [], clientIp: options.clientIp },
  );
  if (ok) terminal.out(text);
  else terminal.err(text);
  return ok ? 0 : 1;
}
