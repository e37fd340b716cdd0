/** Rounds over scenarios over subjects: each is started alone, measured, and ended. */

import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type RequestLibrary, requestLibrary } from "./load/library.ts";
import { runWrk } from "./load/wrk.ts";
import { startBackend } from "./machine/backend.ts";
import { type CertificateLibrary, certificateLibrary } from "./machine/certificates.ts";
import type { Running } from "./machine/launch.ts";
import type { Options } from "./options.ts";
import type { Peer } from "./peers/peer.ts";
import { byRound, type Run } from "./report/results.ts";
import type { Measured, Scenario, Stage, Subject, Variant } from "./scenarios/scenario.ts";

/** Where the rate of `fixed-rate` comes from. */
const SATURATED = { scenario: "headline-64", peer: "nginx", connections: 64, share: 0.3 };
/** Its rate when nginx was not measured. */
const DEFAULT_RATE = 5000;

/** Seconds of load before a measurement, for each worker of a peer that is compiled late: so much longer. */
const LATE_FACTOR = 3;

/** Seconds of load before the measurement of a subject. */
export function warmUpOf(peer: Peer | undefined, { variant }: Subject, warmUp: number): number {
  return peer?.isCompiledLate === true ? warmUp * LATE_FACTOR * (variant.workers ?? 1) : warmUp;
}

/** A benchmark under way. */
export class Runner {
  readonly runs: Run[] = [];
  readonly #peers: ReadonlyMap<string, Peer>;
  readonly #scenarios: readonly Scenario[];
  readonly #options: Options;
  readonly #folder: string;
  readonly #requests: RequestLibrary;
  readonly #certificates: CertificateLibrary;
  readonly #report: (run: Run, scenario: Scenario) => void;
  readonly #rates: Map<number, Promise<number>> = new Map();
  #backendPort = 0;
  #starts = 0;

  /** `report` hears of every run when it is over. Files lie in `folder`. */
  constructor(
    peers: readonly Peer[],
    scenarios: readonly Scenario[],
    options: Options,
    folder: string,
    report: (run: Run, scenario: Scenario) => void,
  ) {
    this.#peers = new Map(peers.map((peer) => [peer.name, peer]));
    this.#scenarios = scenarios;
    this.#options = options;
    this.#folder = folder;
    this.#requests = requestLibrary(folder);
    this.#certificates = certificateLibrary(folder);
    this.#report = report;
  }

  /** Runs everything. A subject that fails is recorded with its problem, and the rest goes on. */
  async run(): Promise<readonly Run[]> {
    const backend = await startBackend(join(this.#folder, "backend"));
    this.#backendPort = backend.port;
    try {
      for (let round = 1; round <= this.#options.rounds; round++) await this.#round(round);
    } finally {
      await backend.stop();
    }
    return this.runs;
  }

  async #round(round: number): Promise<void> {
    for (const scenario of this.#scenarios) {
      const here = scenario.subjects.filter(({ peer }) => this.#peers.has(peer));
      // Each round begins with another one, so that none is always first.
      const offset = here.length === 0 ? 0 : (round - 1) % here.length;
      for (const subject of [...here.slice(offset), ...here.slice(0, offset)]) {
        const { values, problems } = await this.#measure(scenario, subject, round);
        const run = { scenario: scenario.name, subject: subject.label, round, values, problems };
        this.runs.push(run);
        this.#report(run, scenario);
      }
    }
  }

  async #measure(scenario: Scenario, subject: Subject, round: number): Promise<Measured> {
    const started: Running[] = [];
    const folder = join(this.#folder, `start-${++this.#starts}`);
    mkdirSync(folder);
    const stage: Stage = {
      subject,
      folder,
      seconds: this.#options.seconds,
      warmUp: warmUpOf(this.#peers.get(subject.peer), subject, this.#options.warmUp),
      idleConnections: this.#options.idleConnections,
      requests: this.#requests,
      fixedRate: () => this.#rate(round),
      start: async (variant) => {
        const own = join(folder, String(started.length));
        mkdirSync(own);
        const running = await this.#start(subject.peer, { ...subject.variant, ...variant }, own);
        started.push(running);
        return running;
      },
    };
    try {
      return await scenario.measure(stage);
    } catch (error) {
      return { values: {}, problems: [error instanceof Error ? error.message : String(error)] };
    } finally {
      for (const running of started) await running.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  }

  async #start(name: string, variant: Variant, folder: string): Promise<Running> {
    const peer = this.#peers.get(name);
    if (peer === undefined) throw new Error(`no peer ${name}`);
    const { certificates, workers = 1, accessLog = false, routes = 0 } = variant;
    const running = await peer.start({
      backendPort: this.#backendPort,
      workers,
      accessLog,
      routes,
      tls: certificates === undefined ? undefined : this.#certificates(certificates),
      folder,
    });
    if ((certificates === undefined) === (running.ca === undefined)) return running;
    await running.stop();
    throw new Error(`${name} does not speak TLS here`);
  }

  /** The rate of a round: measured once in it, the same for all. */
  #rate(round: number): Promise<number> {
    const known = this.#rates.get(round) ?? this.#measureRate(round);
    this.#rates.set(round, known);
    return known;
  }

  async #measureRate(round: number): Promise<number> {
    if (this.#options.rate > 0) return this.#options.rate;
    const { scenario, peer, connections, share } = SATURATED;
    const measured = byRound(this.runs, scenario, peer, "rate").get(round);
    if (measured !== undefined) return Math.round(measured * share);
    if (!this.#peers.has(peer)) return DEFAULT_RATE;

    const folder = join(this.#folder, `rate-${round}`);
    mkdirSync(folder);
    const running = await this.#start(peer, {}, folder);
    try {
      const { seconds } = this.#options;
      const requests = this.#requests("headline");
      const { port, ca } = running;
      const result = await runWrk({ port, ca, connections, seconds, requests, pause: 0, folder });
      return Math.round(((result.requests * 1e6) / result.microseconds) * share);
    } finally {
      await running.stop();
    }
  }
}
