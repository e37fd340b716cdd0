/** `sluice certs`: the certificates of a configuration, with everything that is wrong with them. */

import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { importCertificates, listCertificates, planCertificates } from "#app.ts";
import {
  type ControlAnswer,
  type ControlRequest,
  askControl,
  controlPath,
} from "#process/control-socket.ts";
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

/** What was asked for with `renew`. */
export interface RenewOptions extends CertsOptions {
  readonly dryRun?: boolean;
}

/** Time between two looks at what has become of it, and how many, milliseconds. */
const LOOK = 1000;
const LOOKS = 180;

/** Gets new certificates for these names. @returns the exit code: 1 if one was not obtained */
export async function renew(
  terminal: Terminal,
  names: readonly string[],
  options: RenewOptions,
): Promise<number> {
  if (options.dryRun === true) {
    const { ok, text } = await planCertificates({ ...placeOf(terminal, options), names });
    if (ok) terminal.out(text);
    else terminal.err(text);
    return ok ? 0 : 1;
  }
  if (names.length === 0) {
    terminal.err("name the hosts that are to get new certificates; `--dry-run` lists them\n");
    return 1;
  }
  let code = 0;
  for (const name of names) if (!(await renewOne(terminal, name, options))) code = 1;
  return code;
}

/** Takes the certificate for a name back, and waits for the new one. @returns the exit code */
export async function revoke(
  terminal: Terminal,
  name: string,
  options: CertsOptions,
): Promise<number> {
  const before = await rowOf(terminal, name, options);
  const answer = await tell(terminal, { command: "revoke", name }, options);
  if (answer?.ok !== true) return refused(terminal, answer);
  terminal.out(`${answer.message}\n`);
  return (await outcome(terminal, name, before, options)) ? 0 : 1;
}

/** Takes over what another program has obtained. @returns the exit code */
export async function importStore(
  terminal: Terminal,
  from: string,
  options: CertsOptions,
): Promise<number> {
  const { environment, directory } = terminal;
  const { data } = options;
  const path = resolve(directory, from);
  const { ok, text } = await importCertificates({
    from: path,
    data,
    environment,
    directory,
    wall: Date.now,
  });
  terminal.out(text);
  return ok ? 0 : 1;
}

async function renewOne(terminal: Terminal, name: string, options: CertsOptions): Promise<boolean> {
  const before = await rowOf(terminal, name, options);
  const answer = await tell(terminal, { command: "renew", name }, options);
  if (answer?.ok !== true) {
    refused(terminal, answer);
    return false;
  }
  return outcome(terminal, name, before, options);
}

/** Waits until there is another certificate, or a reason why not. */
async function outcome(
  terminal: Terminal,
  name: string,
  before: Row | null,
  options: CertsOptions,
): Promise<boolean> {
  for (let looks = 0; looks < LOOKS; looks++) {
    await delay(LOOK);
    const row = await rowOf(terminal, name, options);
    if (row === null) break;
    if (
      row.certificate !== null &&
      row.certificate.fingerprint !== before?.certificate?.fingerprint
    ) {
      terminal.out(
        `${name}: a new certificate is in use, good until ${row.certificate.notAfter}\n`,
      );
      return true;
    }
    if (row.lastError !== null && row.lastError !== undefined) {
      terminal.err(`${row.lastError.sentence}\n`);
      return false;
    }
  }
  terminal.err(
    `${name}: it is still being obtained; \`sluice certs\` and the log say how it goes\n`,
  );
  return false;
}

function refused(terminal: Terminal, answer: ControlAnswer | null): number {
  const message =
    answer?.message ??
    "no running instance was found: authorities look for the answer where the name leads, so one has to run";
  terminal.err(`${message}\n`);
  return 1;
}

type Row = Awaited<ReturnType<typeof listCertificates>>["rows"][number];

async function rowOf(terminal: Terminal, name: string, options: CertsOptions): Promise<Row | null> {
  const rows = await ask(terminal, options);
  if (!Array.isArray(rows)) return null;
  return (rows as readonly Row[]).find((row) => row.name === name) ?? null;
}

function placeOf(
  terminal: Terminal,
  options: CertsOptions,
): Parameters<typeof planCertificates>[0] {
  const { environment, directory, color } = terminal;
  return {
    source: shortForm(options) ?? { configFile: options.config },
    data: options.data,
    wall: Date.now,
    environment,
    directory,
    color,
    names: [],
  };
}

/** What the running instance says; null if there is none, or it is of another version. */
async function ask(terminal: Terminal, options: SourceOptions): Promise<unknown> {
  const answer = await tell(terminal, { command: "certificates" }, options);
  return answer?.ok === true ? answer.details : null;
}

/** The running instance's answer; null if there is none. */
async function tell(
  terminal: Terminal,
  request: ControlRequest,
  options: SourceOptions,
): Promise<ControlAnswer | null> {
  const name = await instanceName(options, terminal.directory);
  if (name === null) return null;
  try {
    return await askControl(controlPath(controlPlace(terminal), name), request);
  } catch {
    return null;
  }
}
