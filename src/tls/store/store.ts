/**
 * All certificates that the configuration asks for, kept current. A configuration is prepared first, which may find
 * problems and changes nothing, and then committed; from then on files are watched, local certificates renewed, and
 * whoever uses them is told of each change.
 */

import { isoDate } from "#core/time/calendar.ts";
import type { Random } from "#core/random.ts";
import type { Scheduler } from "#core/time/scheduler.ts";
import type { CertificateData, CertificateSourceData, CertificateUpdate } from "#model/tls.ts";
import { DataError } from "../data-error.ts";
import { LocalSource } from "../local/local-source.ts";
import type { Machine } from "../local/machine.ts";
import { type LocalRoot, openRoot, readRoot } from "../local/root.ts";
import type { TlsLog } from "../log.ts";
import { type FetchOcsp, fetchOcsp } from "../ocsp/fetch.ts";
import { Stapler } from "../ocsp/stapler.ts";
import { ExpiryWarnings } from "./expiry.ts";
import { type BrokenPair, type LoadedPair, type Remark, loadPair, remarkText } from "./files.ts";
import { FilesSource, type FilesSourceData, SETTLE } from "./files-source.ts";
import { type CertificateStatus, statusOf } from "./status.ts";

/** Says when files have other contents. */
export interface FilesWatcher {
  /** These are the files from now on. */
  watch(files: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** How a store is made. */
export interface CertificateStoreOptions {
  readonly scheduler: Scheduler;
  /** Epoch milliseconds. */
  readonly wall: () => number;
  /** Makes what watches files; called once, at the first commit that names any. */
  readonly watch: (onChange: () => void) => FilesWatcher;
  /** Where the local authority is kept. */
  readonly dataFolder: string;
  readonly machine: () => Machine;
  /** False: a local authority that does not exist is not made either; for commands that only look. */
  readonly makesRoot: boolean;
  /** There are other certificates than at the last commit or call. */
  readonly onChange: (update: CertificateUpdate) => void;
  readonly log: TlsLog;
  /** Spreads what is asked of OCSP responders. */
  readonly random: Random;
  /** Asks OCSP responders, if not by HTTP. */
  readonly fetchOcsp?: FetchOcsp;
}

/** Something about a source that a person should know. */
export interface CertificateProblem {
  /** `error`: there is no certificate, and the configuration cannot be used. */
  readonly severity: "error" | "warning";
  /** Id of the source. */
  readonly source: string;
  /** Of the option: `listen[0].tls.cert`. */
  readonly place: string;
  /** One clause without a full stop; names the file. */
  readonly message: string;
  readonly hint: string | null;
}

/** A source that has a certificate. */
type Kept = FilesSource | LocalSource;

/** A configuration's certificates, which nothing uses yet. */
export interface PreparedCertificates {
  /** In the order of the sources; those with an error are left out. */
  readonly certificates: CertificateUpdate;
  readonly problems: readonly CertificateProblem[];
  /** For {@link CertificateStore.commit}: how often users had been told of changes before. */
  readonly told: number;
  /** For {@link CertificateStore.commit}. */
  readonly entries: readonly PreparedEntry[];
}

/** What is known of one source. */
export interface PreparedEntry {
  readonly source: CertificateSourceData;
  readonly found:
    | { readonly kind: "files"; readonly pair: LoadedPair }
    | { readonly kind: "local"; readonly kept: LocalSource }
    | { readonly kind: "none" };
}

/** Time between two looks at clock and machine, in milliseconds: a laptop that wakes up is current soon. */
const LOOK = 60_000;

/** How long before its end the root of the local authority is warned about, in milliseconds. */
const ROOT_ENDS = 90 * 86_400_000;

/** See the head of this file. */
export class CertificateStore {
  readonly #options: CertificateStoreOptions;
  readonly #warnings: ExpiryWarnings = new ExpiryWarnings();
  readonly #stapler: Stapler;
  #kept: readonly Kept[] = [];
  #root: Promise<LocalRoot | null> | null = null;
  #watcher: FilesWatcher | null = null;
  #cancelLook: (() => void) | null = null;
  #cancelAgain: (() => void) | null = null;
  /** The files are being read; `again`: and have changed meanwhile. */
  #reading: Promise<void> | null = null;
  #again = false;
  /** How often users were told of changes. */
  #told = 0;
  #closed = false;

  constructor(options: CertificateStoreOptions) {
    this.#options = options;
    this.#stapler = new Stapler({
      fetch: options.fetchOcsp ?? fetchOcsp,
      scheduler: options.scheduler,
      wall: options.wall,
      random: options.random,
      log: options.log,
      onChange: () => this.#tell(),
    });
  }

  /** What is in use. */
  get certificates(): CertificateUpdate {
    return this.#kept.map(({ certificate }) => this.#stapled(certificate));
  }

  /** What is in use, for people. */
  status(): CertificateStatus[] {
    const wall = this.#options.wall();
    return this.#kept.map((kept) => {
      const { problem = null, pair = null } = kept instanceof FilesSource ? kept : {};
      const ocsp = this.#stapler.problem(kept.certificate.fingerprint);
      const problems = [
        ...(problem === null ? [] : [remarkText(problem)]),
        ...(ocsp === null ? [] : [ocsp]),
        ...(pair?.warnings ?? []).map(remarkText),
      ];
      return statusOf(kept.source, this.#stapled(kept.certificate), problems, wall);
    });
  }

  /**
   * Reads what these sources name. Changes nothing, but for one thing: the root of the local authority is made if a
   * source needs it and `makesRoot` is set. Never rejects for what users can get wrong.
   */
  async prepare(sources: readonly CertificateSourceData[]): Promise<PreparedCertificates> {
    const told = this.#told;
    const looked = await inBatches(sources, async (source) => {
      const problems: CertificateProblem[] = [];
      const found =
        source.kind === "files"
          ? await this.#prepareFiles(source, problems)
          : await this.#prepareLocal(source, problems);
      return { entry: { source, found }, problems };
    });
    const entries = looked.map(({ entry }) => entry);
    const problems = looked.flatMap((one) => one.problems);
    const certificates = entries.flatMap(({ found }): CertificateData[] => {
      if (found.kind === "none") return [];
      return [
        this.#stapled(found.kind === "files" ? found.pair.certificate : found.kept.certificate),
      ];
    });
    return { certificates, problems, told, entries };
  }

  /**
   * What was prepared is in use from now on. Does not call `onChange`, because whoever commits has the certificates
   * already; unless it was called since the preparation, with those that are no longer in use.
   * @returns when changes of the files are noticed
   */
  async commit(prepared: PreparedCertificates): Promise<void> {
    const before = new Map(this.#kept.map((kept) => [kept.source.id, kept]));
    this.#kept = prepared.entries.flatMap(({ source, found }): Kept[] => {
      if (found.kind === "none") return [];
      if (found.kind === "local") return [found.kept];
      return [this.#keepFiles(source, found.pair, before.get(source.id))];
    });
    if (prepared.told !== this.#told) this.#tell();
    this.#warn();
    this.#staple();
    this.#cancelLook ??= this.#options.scheduler.after(LOOK, () => this.#look());
    await this.#watch();
  }

  /** Watches nothing any more. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#stapler.stop();
    this.#cancelLook?.();
    this.#cancelAgain?.();
    await this.#watcher?.close();
    await this.#reading;
  }

  async #prepareFiles(
    source: FilesSourceData,
    problems: CertificateProblem[],
  ): Promise<PreparedEntry["found"]> {
    const pair = await this.#load(source);
    const add = (severity: CertificateProblem["severity"], remark: Remark): void => {
      const { message, hint, about } = remark;
      const place = about === "pair" ? source.place : `${source.place}.${about}`;
      problems.push({ severity, source: source.id, place, message, hint });
    };
    if (!pair.ok) {
      add("error", pair.problem);
      return { kind: "none" };
    }
    for (const warning of pair.warnings) add("warning", warning);
    return { kind: "files", pair };
  }

  /** Of files that are in use, one may be replaced in this very moment: they get the time to agree. */
  async #load(source: FilesSourceData): Promise<LoadedPair | BrokenPair> {
    const before = this.#kept.find(({ source: { id } }) => id === source.id);
    const known =
      before instanceof FilesSource && samePaths(before.source, source) ? before.pair : null;
    const { scheduler } = this.#options;
    const start = scheduler.now();
    for (;;) {
      const pair = await loadPair(source, source.id, known);
      if (pair.ok || known === null || scheduler.now() - start >= SETTLE) return pair;
      await new Promise<void>((resolve) => void scheduler.after(SETTLE / 10, resolve));
    }
  }

  async #prepareLocal(
    source: Extract<CertificateSourceData, { kind: "local" }>,
    problems: CertificateProblem[],
  ): Promise<PreparedEntry["found"]> {
    const { id, place } = source;
    const add = (severity: CertificateProblem["severity"], message: string, hint: string | null) =>
      void problems.push({ severity, source: id, place, message, hint });
    try {
      const root = await this.#openRoot();
      if (root === null) return { kind: "none" };
      if (root.warning !== null) add("warning", root.warning, null);
      const { wall, machine } = this.#options;
      const end = root.certificate.validToDate.getTime();
      if (end - wall() < ROOT_ENDS) {
        const message = `the root of the local certificate authority expires on ${isoDate(end)}`;
        add(
          "warning",
          message,
          `delete ${root.file} before that, and run \`sluice trust\` for a new one`,
        );
      }
      const before = this.#kept.find((kept) => kept.source.id === id)?.certificate ?? null;
      const kept = new LocalSource(source, { root, wall, machine }, before);
      for (const reason of kept.refused) add("warning", reason, null);
      return { kind: "local", kept };
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      add("error", error.message, error.hint);
      return { kind: "none" };
    }
  }

  /** The root that certificates in use are signed with stays, whatever becomes of its file. */
  #openRoot(): Promise<LocalRoot | null> {
    this.#root ??= this.#readRoot().then(
      (root) => {
        if (root === null) this.#root = null;
        return root;
      },
      (error: unknown) => {
        this.#root = null;
        throw error;
      },
    );
    return this.#root;
  }

  #readRoot(): Promise<LocalRoot | null> {
    const { dataFolder, wall, machine, makesRoot } = this.#options;
    const options = { folder: dataFolder, wall, hostname: machine().hostname };
    return makesRoot ? openRoot(options) : readRoot(options);
  }

  #keepFiles(source: CertificateSourceData, pair: LoadedPair, before: Kept | undefined): Kept {
    if (source.kind !== "files") throw new Error("a pair of files for a source that has none");
    if (!(before instanceof FilesSource) || !samePaths(before.source, source)) {
      return new FilesSource(source, pair);
    }
    before.adopt(source, pair);
    return before;
  }

  async #watch(): Promise<void> {
    const files = this.#kept.flatMap((kept) =>
      kept instanceof FilesSource ? [kept.files.cert, kept.files.key] : [],
    );
    if (files.length === 0 && this.#watcher === null) return;
    this.#watcher ??= this.#options.watch(() => this.#changed());
    await this.#watcher.watch([...new Set(files)]);
    // What has changed between reading and watching.
    this.#changed();
    await this.#reading;
  }

  /** Reads all files again; a change meanwhile is read afterwards. */
  #changed(): void {
    if (this.#closed) return;
    this.#again = true;
    this.#reading ??= this.#readAgain().finally(() => {
      this.#reading = null;
    });
  }

  async #readAgain(): Promise<void> {
    let changed = false;
    while (this.#again && !this.#closed) {
      this.#again = false;
      this.#cancelAgain?.();
      this.#cancelAgain = null;
      let soonest = Infinity;
      const { scheduler, log } = this.#options;
      const files = this.#kept.filter((kept) => kept instanceof FilesSource);
      for (const found of await inBatches(files, (kept) => kept.check(scheduler.now, log))) {
        changed ||= found.changed;
        soonest = Math.min(soonest, found.again ?? Infinity);
      }
      if (soonest < Infinity && !this.#closed) {
        this.#cancelAgain = this.#options.scheduler.after(soonest, () => this.#changed());
      }
    }
    if (!changed) return;
    this.#staple();
    this.#tell();
  }

  #look(): void {
    if (this.#closed) return;
    this.#cancelLook = this.#options.scheduler.after(LOOK, () => this.#look());
    let changed = false;
    for (const kept of this.#kept) {
      if (kept instanceof LocalSource && kept.check()) changed = true;
    }
    if (changed) this.#tell();
    this.#stapler.check();
    this.#warn();
  }

  #staple(): void {
    const pairs = this.#kept.flatMap((kept) => (kept instanceof FilesSource ? [kept.pair] : []));
    this.#stapler.update(
      pairs.map(({ certificate: { fingerprint, names }, revocation }) => ({
        fingerprint,
        names,
        revocation,
      })),
    );
  }

  #stapled(certificate: CertificateData): CertificateData {
    const ocsp = this.#stapler.answer(certificate.fingerprint);
    return ocsp === null ? certificate : { ...certificate, ocsp };
  }

  #tell(): void {
    if (this.#closed) return;
    this.#told++;
    this.#options.onChange(this.certificates);
  }

  /** Of local certificates nothing needs to be said: they are made anew. */
  #warn(): void {
    const kept = this.#kept.filter((one) => one instanceof FilesSource);
    const { scheduler, wall, log } = this.#options;
    const due = this.#warnings.due(
      kept.map(({ certificate }) => certificate),
      wall(),
      scheduler.now(),
    );
    for (const { fingerprint, sentence } of due) {
      const one = kept.find(({ certificate }) => certificate.fingerprint === fingerprint);
      const { names, notAfter } = one?.certificate ?? { names: [], notAfter: 0 };
      const { cert = "", key = "" } = one?.files ?? {};
      const files = cert === key ? cert : `${cert} and ${key}`;
      log(
        "warn",
        "certificate_expiry",
        `${sentence}: renew it and replace ${files}, which needs no reload`,
        { names, notAfter: isoDate(notAfter), fingerprint },
      );
    }
  }
}

/** How many files are open at once. */
const BATCH = 32;

async function inBatches<T, R>(
  all: readonly T[],
  work: (one: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  for (let at = 0; at < all.length; at += BATCH) {
    results.push(...(await Promise.all(all.slice(at, at + BATCH).map(work))));
  }
  return results;
}

function samePaths(a: FilesSourceData, b: FilesSourceData): boolean {
  return a.cert === b.cert && a.key === b.key;
}
