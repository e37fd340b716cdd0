/** TLS of the process: the certificates of the configuration, the secrets of tickets, and how workers learn of both. */

import { homedir } from "node:os";

import { FileWatch } from "#control/apply/watch.ts";
import type { Random } from "#core/random.ts";
import type { SnapshotData } from "#model/snapshot.ts";
import type { CertificateUpdate } from "#model/tls.ts";
import type { WorkerPayload, WorkerUpdate } from "#model/worker.ts";
import { systemScheduler } from "#process/scheduler.ts";
import { dataFolder } from "#tls/data-folder.ts";
import { thisMachine } from "#tls/local/this-machine.ts";
import type { CertificateStatus } from "#tls/store/status.ts";
import type { CertificateStore, PreparedCertificates } from "#tls/store/store.ts";
import { TicketSecrets } from "#tls/ticket-secrets.ts";
import type { LogLevel } from "./api.ts";

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
  readonly log: (
    level: LogLevel,
    code: string,
    message: string,
    fields: Readonly<Record<string, unknown>>,
  ) => void;
}

/** What of them workers are started with. */
type Payload = Pick<WorkerPayload, "certificates" | "ticketSecrets">;

/** See the head of this file. Nothing of it is loaded before a configuration asks for TLS. */
export class Certificates {
  readonly #options: CertificatesOptions;
  #store: CertificateStore | null = null;
  #tickets: TicketSecrets | null = null;
  #announced = false;
  #pending: { readonly snapshot: SnapshotData; readonly prepared: PreparedCertificates } | null =
    null;

  constructor(options: CertificatesOptions) {
    this.#options = options;
  }

  /** Those in use. */
  get current(): CertificateUpdate {
    return this.#store?.certificates ?? [];
  }

  /** Those in use, and what is wrong with them. */
  status(): readonly CertificateStatus[] {
    return this.#store?.status() ?? [];
  }

  /** Reads what a snapshot names. @returns why it cannot be used, or null */
  async prepare(next: SnapshotData): Promise<string | null> {
    if (usesTls(next)) {
      const { peerProblems } = await import("#tls/peers.ts");
      const problems = peerProblems(next);
      if (problems.length > 0) return problems.join("\n");
    }
    if (next.certificates.length === 0 && this.#store === null) return null;
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
    for (const sentence of idleRules(next.listeners, prepared.certificates)) {
      this.#options.log("warn", "certificate", sentence, {});
    }
    this.#pending = { snapshot: next, prepared };
    return null;
  }

  /** What was prepared is in use. */
  async commit(): Promise<void> {
    const pending = this.#pending;
    this.#pending = null;
    if (pending === null) return;
    await this.#store?.commit(pending.prepared);
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
      pending?.snapshot === snapshot ? pending.prepared.certificates : this.current;
    return { certificates, ticketSecrets: this.#tickets?.current ?? [] };
  }

  async close(): Promise<void> {
    this.#tickets?.stop();
    await this.#store?.close();
  }

  async #open(): Promise<CertificateStore> {
    if (this.#store !== null) return this.#store;
    const { data, directory, environment, publish, log } = this.#options;
    const { CertificateStore: Store } = await import("#tls/store/store.ts");
    const uid = process.getuid?.() ?? -1;
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
      dataFolder: dataFolder({ data, environment, directory, home: homedir(), uid }),
      machine: thisMachine,
      makesRoot: true,
      onChange: (certificates) => publish({ certificates }),
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
