/** `sluice certs`: the certificates of a configuration, with everything that is wrong with them. */

import { listCertificates } from "#app.ts";
import { askControl, controlPath } from "#process/control-socket.ts";
import { type SourceOptions, instanceName, shortForm } from "./options.ts";
import { controlPlace } from "./run.ts";
import type { Terminal } from "./terminal.ts";

/** What was asked for. */
export interface CertsOptions extends SourceOptions {
  readonly data?: string;
  readonly json?: boolean;
}

/** @returns the exit code: 1 if a certificate is missing, broken or not valid now */
export async function certs(terminal: Terminal, options: CertsOptions): Promise<number> {
  const { environment, directory, color } = terminal;
  const { ok, text, rows } = await listCertificates({
    source: shortForm(options) ?? { configFile: options.config },
    data: options.data,
    running: await ask(terminal, options),
    wall: Date.now,
    environment,
    directory,
    color,
  });
  if (!ok) {
    terminal.err(text);
    return 1;
  }
  terminal.out(options.json === true ? `${JSON.stringify(rows, null, 2)}\n` : text);
  return rows.some(({ broken }) => broken) ? 1 : 0;
}

/** What the running instance says; null if there is none, or it is of another version. */
async function ask(terminal: Terminal, options: SourceOptions): Promise<unknown> {
  const name = await instanceName(options, terminal.directory);
  if (name === null) return null;
  try {
    const path = controlPath(controlPlace(terminal), name);
    const answer = await askControl(path, { command: "certificates" });
    return answer?.ok === true ? answer.details : null;
  } catch {
    return null;
  }
}
