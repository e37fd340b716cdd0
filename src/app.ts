/**
 * Composition root of the process: the only file that knows every folder. It owns shared memory, listening sockets
 * and workers, applies configurations, and feeds the workers what changes between them (addresses, health).
 */

import { randomBytes } from "node:crypto";
import { EventEmitter } from "node:events";

import type { ConfigOrigin } from "#config/load.ts";
import { changedSettings, inUse } from "#config/settings.ts";
import type { Config } from "#config/types.ts";
import { announce } from "#control/announce.ts";
import { Applier } from "#control/apply/apply.ts";
import { ApplyQueue } from "#control/apply/queue.ts";
import type { ConfigReader, ReadConfig } from "#control/apply/read.ts";
import { FileWatch } from "#control/apply/watch.ts";
import { isWritten } from "#control/compile/places.ts";
import { Discovery } from "#control/discovery/discovery.ts";
import { resolveHost } from "#control/discovery/resolver.ts";
import { HealthChecker } from "#control/health/health.ts";
import { httpProbe } from "#control/health/probe.ts";
import { Rows } from "#control/rows.ts";
import { Xorshift } from "#core/random.ts";
import { HEALTH } from "#model/shared/endpoint-table.ts";
import type { SharedTables } from "#model/shared/tables.ts";
import type { EndpointData, SnapshotData } from "#model/snapshot.ts";
import type { WorkerPayload } from "#model/worker.ts";
import { ListenerSet } from "#process/listeners/listener-set.ts";
import { systemScheduler } from "#process/scheduler.ts";
import type { Supervision, WorkerPool } from "#process/workers.ts";
import {
  ConfigError,
  type ConfigSource,
  type ListeningAddress,
  type LogLevel,
  type ProxyCache,
  type ProxyEvents,
  type ProxyOptions,
  type ProxyStatus,
  type ReloadResult,
} from "./api.ts";
import type { CertificateStatus } from "#tls/store/status.ts";
import { Certificates } from "./certificates.ts";
import { Fleet, workersFor } from "./fleet.ts";
import { Observer } from "./observing.ts";
import { originOf, readerFor } from "./reading.ts";

export * from "./commands.ts";
export { checkConfig, explainRequest } from "./reading.ts";

/** How an app runs, with every default filled in. */
export interface AppOptions extends Required<
  Omit<ProxyOptions, "writeAccess" | "log" | "workerHeapMb" | "transport" | "data">
> {
  readonly source: ConfigSource;
  readonly writeAccess?: ProxyOptions["writeAccess"];
  readonly log?: ProxyOptions["log"];
  readonly workerHeapMb?: number;
  readonly data?: ProxyOptions["data"];
  readonly transport?: ProxyOptions["transport"];
  /** Times of the workers' supervision, where they are not the usual ones. */
  readonly supervision?: Partial<Supervision>;
}

/** Longest wait at the start for names to resolve, in ms: after it requests say that they do not. */
const FIRST_LOOKUP = 3000;

/** Everything that exists only while the app listens. */
interface Running {
  readonly tables: SharedTables;
  /** `workers` and `transport` as they were at the start: they cannot change any more. */
  readonly workers: Config["workers"];
  readonly transport: Config["transport"];
  readonly listeners: ListenerSet;
  readonly fleet: Fleet;
  readonly pool: WorkerPool;
  readonly discovery: Discovery;
  readonly health: HealthChecker;
  readonly certificates: Certificates;
  readonly applier: Applier;
  readonly watch: FileWatch;
}

/** A reverse proxy inside this process. Made by {@link createApp}. */
export class App extends EventEmitter<ProxyEvents> {
  readonly #options: AppOptions;
  readonly #rows: Rows;
  readonly #reader: ConfigReader;
  readonly #queue: ApplyQueue = new ApplyQueue();
  readonly #observer: Observer;
  #origin: ConfigOrigin;
  #read: ReadConfig;
  #running: Running | null = null;
  #listening = false;
  #closing: Promise<void> | null = null;

  constructor(options: AppOptions, rows: Rows, reader: ConfigReader, read: ReadConfig) {
    super();
    this.#options = options;
    this.#rows = rows;
    this.#reader = reader;
    this.#origin = originOf(options.source);
    this.#read = read;
    this.#observer = new Observer({
      ...options,
      level: read.config.log.level,
      // Of local time, minutes east of UTC.
      utcOffset: -new Date().getTimezoneOffset(),
      wall: Date.now,
      onEntry: (entry) => void this.emit("log", entry),
      reasons: () => this.#reasons(),
    });
  }

  /** The configuration that runs, or will. */
  get config(): Config {
    return this.#read.config;
  }

  /** Warnings about that configuration, for people; "" without any. */
  get warnings(): string {
    return this.#read.text;
  }

  /** Where connections are accepted; empty while nothing listens. */
  get addresses(): readonly ListeningAddress[] {
    const addresses = this.#running?.listeners.addresses() ?? [];
    const secure = new Set(
      this.config.listen.flatMap(({ text, tls }) => (tls === null ? [] : [text])),
    );
    return addresses.map(({ configured, url }) => ({
      configured,
      url: secure.has(configured) ? url.replace(/^http:/, "https:") : url,
    }));
  }

  /** The cache of all workers; null while nothing runs. */
  get cache(): ProxyCache | null {
    return this.#running?.fleet.cache ?? null;
  }

  /** The certificates in use, and what is wrong with them. */
  get certificates(): readonly CertificateStatus[] {
    return this.#running?.certificates.status() ?? [];
  }

  /** Certificates that are obtained, to be renewed or revoked by hand; null while nothing listens. */
  get obtaining(): Pick<Certificates, "renew" | "revoke"> | null {
    return this.#running?.certificates ?? null;
  }

  /** How it is doing now. */
  get status(): ProxyStatus {
    const { pool, tables, applier } = this.#running ?? {};
    const totals = tables?.workers.totals();
    return {
      ready: this.#reasons().length === 0,
      generation: applier?.current?.generation ?? 0,
      workers: {
        running: pool?.ready ?? 0,
        wanted: pool?.count ?? 0,
        deaths: this.#observer.counters.workerRestarts,
      },
      connections: totals?.connections ?? 0,
      exchanges: totals?.exchanges ?? 0,
      tunnels: totals?.tunnels ?? 0,
    };
  }

  /**
   * What SIGTERM waits between "not ready" and closing the listeners, in ms: `timeouts.stopDelay` if it is written
   * or somebody has asked for readiness. Where nobody looks there is nobody to wait for.
   */
  get stopDelay(): number {
    const { config, sources } = this.#read;
    const wanted = this.#observer.readinessAsked || isWritten(sources, ["timeouts", "stopDelay"]);
    return wanted ? config.timeouts.stopDelay : 0;
  }

  /**
   * Starts the workers and listens.
   * @throws Error with the reason if an address cannot be bound or the workers refuse the configuration
   */
  listen(): Promise<void> {
    if (this.#listening || this.#closing !== null) {
      return Promise.reject(new Error("listen can be called once"));
    }
    this.#listening = true;
    // Whoever wants to reload or close meanwhile comes after it.
    return this.#queue.submit(null, () => this.#listen());
  }

  /**
   * Applies the configuration as it is now, or another one. Never rejects: what cannot be applied leaves the old
   * one running, and the reason is in the result.
   */
  reload(source?: ConfigSource): Promise<ReloadResult> {
    return this.#queue.submit(source === undefined ? "again" : null, async () => {
      const before = this.config;
      const result = await this.#reload(source === undefined ? this.#origin : originOf(source));
      const { counters } = this.#observer;
      const repaired = result.ok && !counters.lastReloadSuccessful;
      counters.lastReloadSuccessful = result.ok;
      if (!result.ok) {
        counters.reloadsRefused++;
        const message = `the old configuration stays in use: ${result.reason}`;
        this.say("error", "reload_refused", message);
      } else if (!result.unchanged) {
        counters.reloadsApplied++;
        this.say("info", "reloaded", inUse(result.generation, before, this.config));
      } else if (repaired) {
        const message = "the configuration is as it was before; it stays in use";
        this.say("info", "reload_repaired", message);
      }
      this.emit("reload", result);
      return result;
    });
  }

  /**
   * Stops: not ready at once, listeners closed after `delay` ms (default 0), then what is under way may end within
   * `drain` ms (default: `timeouts.drain`).
   */
  close(times: { readonly delay?: number; readonly drain?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(times.delay ?? 0, times.drain ?? this.config.timeouts.drain);
    return this.#closing;
  }

  /** Writes to the process's log. */
  say(
    level: LogLevel,
    code: string,
    message: string,
    fields: Readonly<Record<string, unknown>> = {},
  ): void {
    this.#observer.say({ level, code, message, fields });
  }

  async #listen(): Promise<void> {
    const running = await this.#assemble();
    this.#running = running;
    try {
      // They load while names are resolved.
      running.pool.start();
      await running.listeners.adopt(this.#options.environment);
      const applied = await running.applier.apply(this.#read.snapshot);
      if (!applied.ok) throw new Error(applied.reason);
      this.#announce(running);
      await this.#observer.openAdmin(this.#read.config);
    } catch (error) {
      await this.#dismantle();
      throw error;
    }
    if (this.#options.watch) await running.watch.watch(this.#read.files);
    this.emit("listening", this.addresses);
  }

  async #reload(origin: ConfigOrigin): Promise<ReloadResult> {
    if (this.#closing !== null) return { ok: false, reason: "the proxy is stopping" };
    const read = await this.#reader.read(origin);
    const running = this.#running;
    // Also a configuration that is wrong is watched: the next change may repair it.
    if (running !== null && this.#options.watch) await running.watch.watch(read.files);
    if (!read.ok) return { ok: false, reason: read.text };

    let unchanged = false;
    let warnings = read.text;
    if (running !== null) {
      const applied = await running.applier.apply(read.snapshot);
      this.#rows.retain(applied.ok ? read.keys : this.#read.keys);
      if (!applied.ok) return applied;
      unchanged = applied.unchanged && changedSettings(this.#read.config, read.config).length === 0;
      warnings += await this.#adapt(running, read.config);
    }
    this.#origin = origin;
    this.#read = read;
    return {
      ok: true,
      generation: running?.applier.current?.generation ?? read.snapshot.generation,
      unchanged,
      warnings,
    };
  }

  /** What of a configuration concerns the control thread alone. @returns warnings, as lines */
  async #adapt(running: Running, next: Config): Promise<string> {
    await this.#observer.adapt(next);
    const messages: string[] = [];
    if (next.workers !== running.workers) {
      messages.push("another number of `workers` takes effect at the next start");
    }
    if (next.transport !== running.transport) {
      messages.push("another `transport` takes effect at the next start");
    }
    for (const message of messages) this.say("warn", "needs_restart", message);
    return messages.map((message) => `warning: ${message}\n`).join("");
  }

  async #close(delay: number, drain: number): Promise<void> {
    await this.#queue.idle();
    const running = this.#running;
    if (running === null) return;
    await running.watch.close();
    if (delay > 0) {
      await new Promise<void>((resolve) => void systemScheduler.after(delay, resolve));
    }
    // As with a reload: the workers are the last to leave a socket, when nobody waits in its queue any more.
    await running.listeners.keep([]);
    await running.pool.drain(drain);
    await this.#dismantle();
  }

  async #dismantle(): Promise<void> {
    const running = this.#running;
    if (running === null) return;
    running.discovery.stop();
    running.health.stop();
    await running.certificates.close();
    await running.watch.close();
    await running.fleet.stop();
    await running.listeners.close();
    await this.#observer.close();
    this.#running = null;
  }

  async #assemble(): Promise<Running> {
    const listeners = new ListenerSet();
    listeners.warm();
    const count = this.#workers(listeners);
    const random = new Xorshift(randomBytes(4).readUInt32LE());
    const fleet = this.#fleet(count, listeners, random);
    const { tables, pool } = fleet;
    this.#rows.tables = tables;
    const discovery = new Discovery({
      resolve: resolveHost,
      scheduler: systemScheduler,
      random,
      publish: (addresses) => pool.update({ addresses }),
      log: (level, message, fields) => this.say(level, "name_resolution", message, fields),
    });
    const certificates = this.#certificates(pool, random);
    const health = new HealthChecker({
      probe: httpProbe,
      scheduler: systemScheduler,
      random,
      addresses: ({ slot }) => discovery.addresses().get(slot) ?? [],
      setHealthy: (slot, healthy) =>
        tables.endpoints.setHealth(slot, healthy ? HEALTH.UP : HEALTH.DOWN),
      log: (level, message, fields) => this.say(level, "health_check", message, fields),
    });
    const metrics = await this.#observer.open(fleet, certificates);
    const applier = new Applier({
      workers: pool,
      listeners,
      before: async (next) => {
        discovery.update([...endpointsOf(applier.current), ...endpointsOf(next)]);
        await Promise.race([
          discovery.settled(),
          new Promise<void>((resolve) => void systemScheduler.after(FIRST_LOOKUP, resolve)),
        ]);
        return certificates.prepare(next);
      },
      after: async (next) => {
        discovery.update(endpointsOf(next));
        health.update(next.upstreams);
        metrics.use(next);
        fleet.filterMemories.retain(next);
        await certificates.commit();
      },
      undo: (_next, current) => {
        discovery.update(endpointsOf(current));
        certificates.discard();
      },
      payload: (snapshot): WorkerPayload => ({
        snapshot,
        addresses: discovery.addresses(),
        filterMemory: fleet.filterMemories.of(snapshot),
        cache: fleet.cache.memoryFor(snapshot),
        ...certificates.payload(snapshot),
      }),
    });
    const watch = new FileWatch({
      scheduler: systemScheduler,
      onChange: () => void this.reload(),
      log: (level, message, fields) => this.say(level, "file_watch", message, fields),
    });
    return {
      tables,
      workers: this.config.workers,
      transport: this.config.transport,
      listeners,
      fleet,
      pool,
      discovery,
      health,
      certificates,
      applier,
      watch,
    };
  }

  #certificates(pool: WorkerPool, random: Xorshift): Certificates {
    return new Certificates({
      data: this.#options.data,
      directory: this.#options.directory,
      environment: this.#options.environment,
      random,
      wall: Date.now,
      publish: (update) => pool.update(update),
      workers: () => pool.ready,
      log: (level, code, message, fields) => this.say(level, code, message, fields),
    });
  }

  #workers(listeners: ListenerSet): number {
    const wanted = workersFor(this.config);
    if (listeners.canShare || wanted === 1) return wanted;
    const message = "listening sockets cannot be shared on this platform: there is one worker";
    this.say("info", "one_worker", message);
    return 1;
  }

  #fleet(count: number, listeners: ListenerSet, random: Xorshift): Fleet {
    const { color, environment, workerHeapMb, supervision, transport } = this.#options;
    return new Fleet({
      count,
      transport: transport ?? this.config.transport,
      listeners,
      random,
      color,
      // Of local time, minutes east of UTC.
      utcOffset: -new Date().getTimezoneOffset(),
      environment,
      heapMb: workerHeapMb,
      supervision,
      say: (entry) => this.#observer.say(entry),
      onChallenges: (worker, version) => this.#running?.certificates.onChallenges(worker, version),
      onConnectFailed: (slot) => this.#running?.discovery.connectFailed(slot),
      onDeath: (worker, reason) => {
        this.#observer.counters.workerRestarts++;
        this.emit("workerRestart", { worker, reason });
      },
      onFatal: (reason) => void this.emit("error", new Error(reason)),
    });
  }

  /** Why no traffic should be sent here; empty if it should. */
  #reasons(): string[] {
    if (this.#closing !== null) return ["stopping"];
    const { pool, applier } = this.#running ?? {};
    if (pool === undefined || applier?.current === null) return ["starting"];
    return pool.ready > 0 ? [] : ["no worker runs"];
  }

  #announce({ fleet }: Running): void {
    for (const { configured, url } of this.addresses) {
      this.say("info", "listening", `listening on ${url}`, { address: configured, url });
    }
    for (const { code, message, fields } of announce(this.config)) {
      this.say("info", code, message, fields);
    }
    fleet.announce();
  }
}

/**
 * Reads and checks the configuration; nothing is opened yet.
 * @throws ConfigError with everything that is wrong with it
 */
export async function createApp(options: AppOptions): Promise<App> {
  const rows = new Rows(systemScheduler.now);
  const reader = readerFor(options, rows);
  const read = await reader.read(originOf(options.source));
  if (!read.ok) throw new ConfigError(read.text);
  return new App(options, rows, reader, read);
}

function* endpointsOf(snapshot: SnapshotData | null): Generator<EndpointData> {
  for (const upstream of snapshot?.upstreams ?? []) yield* upstream.endpoints;
}
