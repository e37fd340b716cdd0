/** Certificates that are obtained, looked at without running anything: what there is, and what would be asked of whom. */

import { access } from "node:fs/promises";
import { join } from "node:path";

import { Xorshift } from "#core/random.ts";
import type { Scheduler } from "#core/time/scheduler.ts";
import type { AcmeData } from "#model/tls.ts";
import type { CertificateStatus } from "../store/status.ts";
import { AcmeEntry } from "./entry.ts";
import { AcmeFolder } from "./folder.ts";
import { statusOfEntry } from "./status.ts";

/** What looking takes. */
export interface AcmeListOptions {
  readonly dataFolder: string;
  readonly scheduler: Scheduler;
  /** Epoch milliseconds. */
  readonly wall: () => number;
}

/** One row for each name. */
export async function listAcme(
  data: AcmeData,
  options: AcmeListOptions,
): Promise<CertificateStatus[]> {
  const rows: CertificateStatus[] = [];
  for (const { entry, folder } of await entriesOf(data, options)) {
    rows.push(statusOfEntry(entry, data.place, folder, options.wall(), options.scheduler.now()));
  }
  return rows;
}

/** Sentences: for which name whom would be asked, how, and under which account. `names` empty: all. */
export async function planAcme(
  data: AcmeData,
  names: readonly string[],
  options: AcmeListOptions,
): Promise<string[]> {
  const folder = new AcmeFolder(options.dataFolder, options);
  const accounts: string[] = [];
  for (const { name, directory } of data.issuers) {
    const file = join(folder.path, "accounts", `${name}.json`);
    const there = await access(file).then(
      () => true,
      () => false,
    );
    const whose = data.email === null ? "without an address" : `for ${data.email}`;
    const account = there ? `with the account in ${file}` : `with a new account ${whose}`;
    accounts.push(`${name} (${directory}), ${account}`);
  }
  const sentences: string[] = [];
  for (const { entry } of await entriesOf(data, options)) {
    if (names.length > 0 && !names.includes(entry.name)) continue;
    const challenges = entry.challenges(data.challenges);
    sentences.push(
      challenges.length === 0
        ? `${entry.name}: nobody would be asked, since a wildcard needs acme.dns`
        : `${entry.name}: by ${challenges.join(", then ")}, of ${accounts.join("; else of ")}`,
    );
  }
  for (const name of names) {
    if (!data.names.includes(name)) sentences.push(`${name}: no certificate is obtained for it`);
  }
  return sentences;
}

async function entriesOf(
  data: AcmeData,
  options: AcmeListOptions,
): Promise<{ readonly entry: AcmeEntry; readonly folder: AcmeFolder }[]> {
  const folder = new AcmeFolder(options.dataFolder, options);
  const random = new Xorshift(0);
  const entries = data.names.map((name) => ({ entry: new AcmeEntry(name, random), folder }));
  for (const { entry } of entries) await entry.load(folder);
  return entries;
}
