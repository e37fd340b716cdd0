/** TLS of the process: the certificates of the configuration, the secrets of tickets, and how workers learn of both. */

import { homedir } from "node:os";

import { FileWatch } from "#control/apply/watch.ts";
import type { Random } from "#core/random.ts";
import type { SnapshotData } from "#model/snapshot.ts";
import type { AcmeData, CertificateData, CertificateUpdate, ChallengeUpdate } from "#model/tls.ts";
import type { WorkerPayload, WorkerUpdate } from "#model/worker.ts";
import { systemScheduler } from "#process/scheduler.ts";
import { dataFolder } from "#tls/data-folder.ts";
import { thisMachine } from "#tls/local/this-machine.ts";
import type { CertificateStatus } from "#tls/store/status.ts";
import type { CertificateStore, PreparedCertificates } from "#tls/store/store.ts";
import { TicketSecrets } from "#tls/ticket-secrets.ts";
import type { ObtainingFacts } from "#telemetry/exposition/metrics.ts";
import { ACME_SOURCE } from "#tls/acme/source.ts";
import type { PreparedAcme } from "#tls/acme/manager.ts";
import type { LogLevel } from "./api.ts";
import type { Obtaining } from "./obtaining.ts";

/** How they are made. */
export interface CertificatesOptions {
  /** `--data`. */
  readonly data: string | undefined;
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly random: Random;
  /** Epoch milliseconds. */
  readonly wall: () => number;
  readonly publish: (update: WorkerUpdate) => void;
  /** How many workers run. */
  readonly workers: () => number;
  readonly log: (
    level: LogLevel,
    code: string,
    message: string,
    fields: Readonly<Record<string, unknown>>,
  ) => void;
}

const NO_CHALLENGES: ChallengeUpdate = { version: 0, http: [], tls: [], wanted: [] };
const NOTHING_ASKED: ObtainingFacts = { attempts: new Map(), failures: new Map() };

/** What is being put in place. */
interface Pending {
  readonly snapshot: SnapshotData;
  readonly prepared: PreparedCertificates;
  readonly obtained: PreparedAcme | null;
}

/** What of them workers are started with. */
type Payload = Pick<WorkerPayload, "certificates" | "challenges" | "ticketSecrets">;

/** See the head of this file. Nothing of it is loaded before a configuration asks for TLS. */
export class Certificates {
  readonly #options: CertificatesOptions;
  #store: CertificateStore | null = null;
  #tickets: TicketSecrets | null = null;
  #announced = false;
  #obtaining: Obtaining | null = null;
  #pending: Pending | null = null;

  constructor(options: CertificatesOptions) {
    this.#options = options;
  }

  /** Those in use. */
  get current(): CertificateUpdate {
    return [...(this.#store?.certificates ?? []), ...(this.#manager?.certificates ?? [])];
  }

  /** How often certificates were asked for. */
  get counts(): ObtainingFacts {
    return this.#manager?.counts ?? NOTHING_ASKED;
  }

  /** Those in use, and what is wrong with them. */
  status(): readonly CertificateStatus[] {
    return [...(this.#store?.status() ?? []), ...(this.#manager?.status() ?? [])];
  }

  /** A new certificate for a name, now. @returns false: none is obtained for it */
  renew(name: string): boolean {
    return this.#manager?.renew(name) ?? false;
  }

  /** Takes the certificate of a name back, and gets a new one. @throws Error with a sentence */
  async revoke(name: string): Promise<void> {
    if (this.#manager === undefined) throw new Error(`no certificate is obtained for ${name}`);
    await this.#manager.revoke(name);
  }

  /** A worker answers certificate authorities by this update. */
  onChallenges(worker: number, version: number): void {
    this.#obtaining?.heard.onChallenges(worker, version);
  }

  /** Reads what a snapshot names. @returns why it cannot be used, or null */
  async prepare(next: SnapshotData): Promise<string | null> {
    if (usesTls(next)) {
      const { peerProblems } = await import("#tls/peers.ts");
      const problems = peerProblems(next);
      if (problems.length > 0) return problems.join("\n");
    }
    const obtained = await this.#prepareAcme(next.acme);
    if (next.certificates.length === 0 && next.acme === null && this.#store === null) return null;
    const store = await this.#open();
    const prepared = await store.prepare(next.certificates);
    const sentences: string[] = [];
    for (const { severity, place, message, hint } of prepared.problems) {
      const sentence = `${place}: ${message}${hint === null ? "" : `; ${hint}`}`;
      if (severity === "error") sentences.push(sentence);
      else this.#options.log("warn", "certificate", sentence, { place });
    }
    if (sentences.length > 0) return sentences.join("\n");
    const { idleRules } = await import("#tls/idle-rules.ts");
    for (const sentence of idleRules(next.listeners, [
      ...prepared.certificates,
      ...toCome(next.acme),
    ])) {
      this.#options.log("warn", "certificate", sentence, {});
    }
    this.#pending = { snapshot: next, prepared, obtained };
    return null;
  }

  /** What was prepared is in use. */
  async commit(): Promise<void> {
    const pending = this.#pending;
    this.#pending = null;
    if (pending === null) return;
    await this.#store?.commit(pending.prepared);
    if (pending.obtained !== null) this.#manager?.commit(pending.obtained);
    this.#announceLocal(pending.snapshot);
  }

  /** Says once what the browser's warning is about. */
  #announceLocal({ certificates }: SnapshotData): void {
    if (this.#announced || !certificates.some(({ kind }) => kind === "local")) return;
    this.#announced = true;
    const message =
      "certificates come from the local authority, for development: `sluice trust` makes browsers on this machine believe it";
    this.#options.log("info", "local_authority", message, {});
  }

  /** What was prepared is not going to be used. */
  discard(): void {
    this.#pending = null;
  }

  /** What a worker needs to prepare a snapshot. */
  payload(snapshot: SnapshotData): Payload {
    const pending = this.#pending;
    const certificates =
      pending?.snapshot === snapshot
        ? [...pending.prepared.certificates, ...(pending.obtained?.certificates ?? [])]
        : this.current;
    const known = this.#manager?.board.current ?? NO_CHALLENGES;
    // What is still to be obtained is said with the listeners: a client may come before the first update.
    const names = toCome(snapshot.acme).flatMap((one) => one.names);
    const challenges = { ...known, wanted: [...new Set([...known.wanted, ...names])] };
    return { certificates, challenges, ticketSecrets: this.#tickets?.current ?? [] };
  }

  async close(): Promise<void> {
    this.#tickets?.stop();
    await this.#manager?.close();
    await this.#store?.close();
  }

  get #manager(): Obtaining["manager"] | undefined {
    return this.#obtaining?.manager;
  }

  /** Loaded when a configuration asks for it. */
  async #prepareAcme(data: AcmeData | null): Promise<PreparedAcme | null> {
    if (data === null && this.#obtaining === null) return null;
    if (this.#obtaining === null) {
      const { openObtaining } = await import("./obtaining.ts");
      const { publish } = this.#options;
      this.#obtaining = openObtaining({
        ...this.#options,
        dataFolder: this.#dataFolder,
        publish: (challenges) => publish({ challenges }),
        onChange: () => publish({ certificates: this.current }),
      });
    }
    return this.#obtaining.manager.prepare(data);
  }

  get #dataFolder(): string {
    const { data, environment, directory } = this.#options;
    const uid = process.getuid?.() ?? -1;
    return dataFolder({ data, environment, directory, home: homedir(), uid });
  }

  async #open(): Promise<CertificateStore> {
    if (this.#store !== null) return this.#store;
    const { publish, log } = this.#options;
    const { CertificateStore: Store } = await import("#tls/store/store.ts");
    this.#store = new Store({
      scheduler: systemScheduler,
      random: this.#options.random,
      wall: this.#options.wall,
      watch: (onChange) =>
        new FileWatch({
          scheduler: systemScheduler,
          onChange,
          log: (level, message, fields) => log(level, "file_watch", message, fields),
        }),
      dataFolder: this.#dataFolder,
      machine: thisMachine,
      makesRoot: true,
      onChange: () => publish({ certificates: this.current }),
      log,
    });
    this.#tickets = new TicketSecrets(systemScheduler, (ticketSecrets) =>
      publish({ ticketSecrets }),
    );
    return this.#store;
  }
}

/** On either side. */
function usesTls({ listeners, upstreams }: SnapshotData): boolean {
  return listeners.some(({ tls }) => tls !== null) || upstreams.some(({ tls }) => tls !== null);
}

/** What rules are held against: those that there will be. */
function toCome(acme: AcmeData | null): Pick<CertificateData, "names" | "source">[] {
  return (acme?.names ?? []).map((name) => ({ names: [name], source: ACME_SOURCE }));
}
