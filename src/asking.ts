/** `sluice certs renew --dry-run` and `sluice certs import` for the process: neither needs a running instance. */

import { homedir } from "node:os";

import { systemScheduler } from "#process/scheduler.ts";
import { importStore } from "#tls/acme/import.ts";
import { planAcme } from "#tls/acme/list.ts";
import { AcmeError } from "#tls/acme/problem.ts";
import { DataError } from "#tls/data-error.ts";
import { dataFolder } from "#tls/data-folder.ts";
import { type ReadingOptions, readOnce } from "./reading.ts";

/** Where the data folder is, and what time it is. */
export interface DataPlace {
  /** `--data`. */
  readonly data: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly directory: string;
  /** Epoch milliseconds. */
  readonly wall: () => number;
}

/** What a command has to say. */
export interface Said {
  readonly ok: boolean;
  /** For people; each line with its break. */
  readonly text: string;
}

/** Says what would be asked of whom for these names, or for all. Asks nobody. */
export async function plan(
  request: ReadingOptions & DataPlace & { readonly names: readonly string[] },
): Promise<Said> {
  const read = await readOnce(request);
  if (!read.ok) return { ok: false, text: read.text };
  const { acme } = read.snapshot;
  if (acme === null)
    return { ok: false, text: "no listener of this configuration has `tls: auto`\n" };
  const sentences = await planAcme(acme, request.names, {
    dataFolder: folderOf(request),
    scheduler: systemScheduler,
    wall: request.wall,
  });
  return { ok: true, text: sentences.map((sentence) => `${sentence}\n`).join("") };
}

/** Takes over the certificates of another program's store. */
export async function importFrom(request: DataPlace & { readonly from: string }): Promise<Said> {
  try {
    const results = await importStore({
      from: request.from,
      dataFolder: folderOf(request),
      scheduler: systemScheduler,
      wall: request.wall,
    });
    return {
      ok: results.every(({ ok }) => ok),
      text: results.map(({ sentence }) => `${sentence}\n`).join(""),
    };
  } catch (error) {
    if (error instanceof DataError) {
      return { ok: false, text: `${error.message}\n  hint: ${error.hint}\n` };
    }
    if (error instanceof AcmeError) return { ok: false, text: `${error.detail}\n` };
    throw error;
  }
}

function folderOf({ data, environment, directory }: DataPlace): string {
  const home = environment["HOME"] ?? homedir();
  const uid = process.getuid?.() ?? -1;
  return dataFolder({ data, environment, directory, home, uid });
}
