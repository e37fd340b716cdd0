/** What the process tells about itself: its log, the access log, metrics, and the admin listener that serves them. */

import type { Admin } from "#admin/admin.ts";
import type { Config } from "#config/types.ts";
import { urlOf } from "#control/announce.ts";
import type { SharedTables } from "#model/shared/tables.ts";
import { packageVersion } from "#process/package-version.ts";
import { systemScheduler } from "#process/scheduler.ts";
import {
  type CacheFacts,
  type CertificateFacts,
  type ControlCounters,
  type ObtainingFacts,
  Metrics,
  createControlCounters,
} from "#telemetry/exposition/metrics.ts";
import { CONTENT_TYPES, formatFor } from "#telemetry/exposition/text.ts";
import { processFacts } from "#telemetry/process-facts.ts";
import { LogDrain, textSink } from "#telemetry/sinks/log-drain.ts";
import { openLogWriter } from "#telemetry/sinks/log-writer.ts";
import { createProcessLog, logMessage } from "#telemetry/sinks/process-log.ts";
import type { LogEntry, LogLevel, ProxyOptions } from "./api.ts";

/** How an observer is made. */
export interface ObserverOptions {
  readonly log?: ProxyOptions["log"];
  readonly writeAccess?: ProxyOptions["writeAccess"];
  readonly level: LogLevel;
  readonly color: boolean;
  readonly defaultAdmin: boolean;
  /** Of local time, minutes east of UTC. */
  readonly utcOffset: number;
  /** Epoch milliseconds. */
  readonly wall: () => number;
  readonly onEntry: (entry: LogEntry) => void;
  /** Why no traffic should be sent here; empty if it should. */
  readonly reasons: () => readonly string[];
}

/** See the head of this file. */
export class Observer {
  readonly counters: ControlCounters = createControlCounters();
  /** Somebody has asked whether traffic should be sent here. */
  readinessAsked = false;

  readonly #options: ObserverOptions;
  readonly #log: ReturnType<typeof createProcessLog> | null;
  #metrics: Metrics | null = null;
  #access: LogDrain | null = null;
  #admin: { readonly configured: string; readonly listener: Admin } | null = null;

  constructor(options: ObserverOptions) {
    this.#options = options;
    const { log, level, color, utcOffset } = options;
    this.#log =
      log === undefined ? null : createProcessLog({ ...log, level, colour: color, utcOffset });
  }

  /** Writes to the process's log. */
  say(entry: LogEntry): void {
    if (this.#log !== null) logMessage(this.#log, entry);
    this.#options.onEntry(entry);
  }

  /**
   * Opens the access log, and the metrics over these tables. `transport`: how the workers move bytes; `certificates`: those
   * that are shown, and how often they were asked for.
   */
  async open(
    fleet: {
      readonly tables: SharedTables;
      readonly transport: string;
      readonly cache: { readonly figures: CacheFacts | null };
    },
    certificates: {
      readonly current: readonly CertificateFacts[];
      readonly counts: ObtainingFacts;
    },
  ): Promise<Metrics> {
    const { tables } = fleet;
    this.#access = await this.#openAccess(tables);
    const { wall } = this.#options;
    this.#metrics = new Metrics({
      tables,
      control: this.counters,
      build: {
        version: packageVersion(),
        node: process.versions.node,
        transport: () => fleet.transport,
      },
      facts: processFacts,
      wall,
      startedWall: wall(),
      logDropped: () => this.#access?.dropped ?? 0,
      certificates: () => certificates.current,
      obtaining: () => certificates.counts,
      cache: () => fleet.cache.figures,
    });
    return this.#metrics;
  }

  /** Another configuration is in use. */
  async adapt(next: Config): Promise<void> {
    if (this.#log !== null) this.#log.level = next.log.level;
    if (this.#wanted(next)?.text === this.#admin?.configured) return;
    await this.#admin?.listener.close();
    this.#admin = null;
    await this.openAdmin(next).catch((error: unknown) => {
      this.#fault("admin", error instanceof Error ? error.message : String(error));
    });
  }

  /** @throws Error if the configuration names an address that cannot be had */
  async openAdmin(config: Config): Promise<void> {
    const wanted = this.#wanted(config);
    if (wanted === null) return;
    const { createAdmin } = await import("#admin/admin.ts");
    const result = await createAdmin({
      address: wanted.address,
      metrics: (accept) => {
        const format = formatFor(accept);
        return { contentType: CONTENT_TYPES[format], body: this.#metrics?.expose(format) ?? "" };
      },
      ready: () => {
        this.readinessAsked = true;
        const reasons = this.#options.reasons();
        return { ready: reasons.length === 0, reasons };
      },
      onError: (error) => this.#fault("admin", String(error)),
    });
    if (result.ok) {
      this.#admin = { configured: wanted.text, listener: result.admin };
      const url = urlOf(result.admin.address);
      const message = `metrics and health on ${url}`;
      this.say({ level: "info", code: "admin", message, fields: { url } });
      return;
    }
    const { message } = result.failure;
    if (wanted.written) throw new Error(`${message}: name another with \`admin\`, or \`off\``);
    const consequence = `${message}: there are no metrics; \`admin\` names another address`;
    this.say({ level: "warn", code: "admin", message: consequence, fields: {} });
  }

  /** Closes everything; what was logged is written. */
  async close(): Promise<void> {
    await this.#admin?.listener.close();
    await this.#access?.close();
    this.#admin = null;
    this.#access = null;
  }

  async #openAccess({ lines, workers }: SharedTables): Promise<LogDrain> {
    const { writeAccess } = this.#options;
    const sink =
      writeAccess !== undefined
        ? textSink(writeAccess)
        : await openLogWriter({
            to: 1,
            onError: (error) =>
              this.#fault("access_log", `the access log cannot be written: ${error.message}`),
          });
    return new LogDrain({
      readers: lines.readers(),
      sink,
      onWake: (callback) => workers.onRing(callback),
      scheduler: systemScheduler,
      onDropped: (count) => this.#warnOfDropped(count),
    });
  }

  #warnOfDropped(lines: number): void {
    const message = `${lines} lines of the access log were dropped: they come faster than they are taken; look at what reads them, or write fewer (\`log.access\`)`;
    this.say({ level: "warn", code: "access_log_dropped", message, fields: { lines } });
  }

  /** The admin listener that there should be. */
  #wanted({ admin }: Config): Config["admin"] {
    return admin !== null && (admin.written || this.#options.defaultAdmin) ? admin : null;
  }

  #fault(code: string, message: string): void {
    this.say({ level: "error", code, message, fields: {} });
  }
}
