/** `sluice certs` for the process: the certificates of a configuration, read from its files or told by who runs it. */

import { homedir } from "node:os";

import { Xorshift } from "#core/random.ts";
import { systemScheduler } from "#process/scheduler.ts";
import { dataFolder } from "#tls/data-folder.ts";
import { thisMachine } from "#tls/local/this-machine.ts";
import { listCertificates } from "#tls/store/list.ts";
import { type CertificateStatus, renderStatus } from "#tls/store/status.ts";
import { CertificateStore } from "#tls/store/store.ts";
import { type ReadingOptions, readOnce } from "./reading.ts";

/** What is to be listed. */
export interface ListingRequest extends ReadingOptions {
  /** `--data`. */
  readonly data: string | undefined;
  /** Epoch milliseconds. */
  readonly wall: () => number;
  /** What the running instance has said, if there is one. */
  readonly running: unknown;
}

/** What there is. */
export interface Listing {
  /** False: the configuration cannot be read, and `text` says why. */
  readonly ok: boolean;
  /** For people. */
  readonly text: string;
  readonly rows: readonly CertificateStatus[];
}

/** Lists the certificates of a configuration. */
export async function list(request: ListingRequest): Promise<Listing> {
  const running = isRows(request.running) ? request.running : null;
  const read = await readOnce(request);
  if (!read.ok) {
    if (running === null) return { ok: false, text: read.text, rows: [] };
    return { ok: true, text: textOf(running), rows: running };
  }
  const { wall, data, environment, directory } = request;
  const home = environment["HOME"] ?? homedir();
  const uid = process.getuid?.() ?? -1;
  const folder = dataFolder({ data, environment, directory, home, uid });
  const store = new CertificateStore({
    scheduler: systemScheduler,
    wall,
    watch: () => ({ watch: () => Promise.resolve(), close: () => Promise.resolve() }),
    dataFolder: folder,
    machine: thisMachine,
    makesRoot: false,
    random: new Xorshift(0),
    onChange: () => undefined,
    log: () => undefined,
  });
  const { certificates, acme } = read.snapshot;
  const written = await listCertificates(store, certificates, wall());
  if (acme !== null) {
    const { listAcme } = await import("#tls/acme/list.ts");
    written.push(
      ...(await listAcme(acme, { dataFolder: folder, scheduler: systemScheduler, wall })),
    );
  }
  const rows = running === null ? written : merge(running, written);
  return { ok: true, text: textOf(rows), rows };
}

/** What runs, with what would be wrong with the files if they were read now, and what does not run yet. */
function merge(
  running: readonly CertificateStatus[],
  written: readonly CertificateStatus[],
): CertificateStatus[] {
  const key = ({ kind, file, name }: CertificateStatus): string => `${kind} ${name ?? file ?? ""}`;
  const serving = new Map(running.map((row) => [key(row), row]));
  return written.map((row) => {
    const served = serving.get(key(row));
    if (served === undefined) return row;
    const problems = new Set([
      ...served.problems,
      ...(row.certificate === null ? row.problems : []),
    ]);
    return {
      ...served,
      place: row.place,
      broken: served.broken || row.broken,
      problems: [...problems],
    };
  });
}

function textOf(rows: readonly CertificateStatus[]): string {
  return rows.length === 0 ? "no listener of this configuration has TLS\n" : renderStatus(rows);
}

/** Whether it is what an instance of this version says. */
function isRows(value: unknown): value is readonly CertificateStatus[] {
  return (
    Array.isArray(value) &&
    value.every((row: unknown) => typeof row === "object" && row !== null && "problems" in row)
  );
}
