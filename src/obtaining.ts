/** Certificates that are obtained (ACME), put together for the process: network, DNS, and the workers that answer. */

import type { Random } from "#core/random.ts";
import type { Scheduler } from "#core/time/scheduler.ts";
import type { CertificateUpdate, ChallengeUpdate } from "#model/tls.ts";
import { packageVersion } from "#process/package-version.ts";
import { systemScheduler } from "#process/scheduler.ts";
import { dnsSolver } from "#tls/acme/dns/solver.ts";
import { AcmeManager } from "#tls/acme/manager.ts";
import { httpsFetch } from "#tls/acme/request.ts";
import type { TlsLog } from "#tls/log.ts";

/** What a process has for it. */
export interface ObtainingOptions {
  readonly dataFolder: string;
  /** Where programs are started. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly random: Random;
  /** Epoch milliseconds. */
  readonly wall: () => number;
  readonly log: TlsLog;
  /** Tells all workers. */
  readonly publish: (challenges: ChallengeUpdate) => void;
  /** How many workers there are to be told. */
  readonly workers: () => number;
  readonly onChange: (certificates: CertificateUpdate) => void;
}

/** The manager, and where it is said which worker knows of which challenges. */
export interface Obtaining {
  readonly manager: AcmeManager;
  readonly heard: Heard;
}

/** Puts it together; nothing is asked of anybody yet. */
export function openObtaining(options: ObtainingOptions): Obtaining {
  const { dataFolder, directory, environment, random, wall, log } = options;
  const heard = new Heard(systemScheduler, options.publish, options.workers);
  const manager = new AcmeManager({
    dataFolder,
    scheduler: systemScheduler,
    random,
    wall,
    log,
    fetch: ({ ca }) => httpsFetch(ca, `sluice/${packageVersion()}`),
    dns: (data) => dnsSolver(data, { scheduler: systemScheduler, directory, environment, wall }),
    publish: (update) => heard.publish(update),
    onChange: options.onChange,
  });
  return { manager, heard };
}

/** Longest wait for workers to say that they know of a challenge, milliseconds. */
const PATIENCE = 2000;

/** An authority may ask any worker: it is let in when all of them know the answer. */
export class Heard {
  readonly #scheduler: Scheduler;
  readonly #send: (update: ChallengeUpdate) => void;
  readonly #workers: () => number;
  /** Newest version that each worker has. */
  readonly #versions: Map<number, number> = new Map();
  readonly #waiting: Set<() => void> = new Set();

  constructor(
    scheduler: Scheduler,
    send: (update: ChallengeUpdate) => void,
    workers: () => number,
  ) {
    this.#scheduler = scheduler;
    this.#send = send;
    this.#workers = workers;
  }

  /** A worker has this version. */
  onChallenges(worker: number, version: number): void {
    this.#versions.set(worker, version);
    for (const look of this.#waiting) look();
  }

  /** Resolves when all workers have it, or have had the time for it. */
  publish(update: ChallengeUpdate): Promise<void> {
    this.#send(update);
    return new Promise((resolve) => {
      const end = (): void => {
        this.#waiting.delete(look);
        cancel();
        resolve();
      };
      const look = (): void => {
        const known = [...this.#versions.values()].filter((one) => one >= update.version);
        if (known.length >= this.#workers()) end();
      };
      const cancel = this.#scheduler.after(PATIENCE, end);
      this.#waiting.add(look);
      look();
    });
  }
}
