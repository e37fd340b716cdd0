/**
 * The metrics of the process as a scraper gets them. A scrape asks nobody: it reads shared memory, and what the
 * control plane has said about names and itself.
 */

import { FAILURE_CODES } from "#core/errors.ts";
import { ABUSES } from "#core/http/abuse.ts";
import {
  ENDPOINT_CELLS,
  FILTER_ACTIONS,
  FILTER_CELLS,
  HISTOGRAM_CELLS,
  MetricsTable,
  OUTCOMES,
  ROUTE_CELLS,
  STATUS_CLASSES,
} from "#model/shared/metrics-table.ts";
import type { SharedTables } from "#model/shared/tables.ts";
import { WORKER_STATES } from "#model/shared/worker-table.ts";
import type { SnapshotData } from "#model/snapshot.ts";
import type { CertificateData } from "#model/tls.ts";
import type { ProcessFacts } from "../process-facts.ts";
import { INSTRUMENTS } from "./instruments.ts";
import { SlotNames } from "./slots.ts";
import { type ExpositionFormat, ExpositionText } from "./text.ts";

/** What the control plane counts of itself; it writes, the exposition reads. */
export interface ControlCounters {
  workerRestarts: number;
  reloadsApplied: number;
  reloadsRefused: number;
  lastReloadSuccessful: boolean;
}

/** Nothing has happened yet. */
export function createControlCounters(): ControlCounters {
  return { workerRestarts: 0, reloadsApplied: 0, reloadsRefused: 0, lastReloadSuccessful: true };
}

/** Where the numbers come from. */
export interface MetricsOptions {
  readonly tables: SharedTables;
  readonly control: Readonly<ControlCounters>;
  readonly build: {
    readonly version: string;
    readonly node: string;
    /** As the workers have chosen. */
    readonly transport: () => string;
  };
  readonly facts: () => ProcessFacts;
  /** Epoch milliseconds, now and when the process began. */
  readonly wall: () => number;
  readonly startedWall: number;
  /** Lines of the access log that were lost. */
  readonly logDropped: () => number;
  /** The certificates that are shown. */
  readonly certificates: () => readonly CertificateFacts[];
  /** How often certificates were asked for. */
  readonly obtaining: () => ObtainingFacts;
  /** What the cache holds and has done; null: there is none. */
  readonly cache: () => CacheFacts | null;
}

/** What is told of the cache. */
export interface CacheFacts {
  readonly bytes: number;
  readonly entries: number;
  readonly evictions: number;
  readonly hits: number;
  readonly staleHits: number;
  readonly misses: number;
  readonly collapsed: number;
  readonly bypassed: number;
  readonly stored: number;
  readonly revalidated: number;
  readonly unstorable: number;
  readonly failed: number;
  readonly purged: number;
}

/** How often authorities were asked for certificates, and how often that came to nothing. */
export interface ObtainingFacts {
  /** By issuer. */
  readonly attempts: ReadonlyMap<string, number>;
  /** By issuer and reason. */
  readonly failures: ReadonlyMap<string, ReadonlyMap<string, number>>;
}

/** What is told of a certificate. */
export type CertificateFacts = Pick<CertificateData, "names" | "source" | "notAfter">;

interface EndpointName {
  readonly upstream: string;
  readonly endpoint: string;
}

interface FilterName {
  readonly route: string;
  readonly filter: string;
}

/** Name of the rows that belong to no single route. */
const NO_ROUTE = "(none)";
const OTHER_ROUTES = "(other)";

/** The metrics of one process. */
export class Metrics {
  readonly #options: MetricsOptions;
  readonly #routes: SlotNames<string>;
  readonly #endpoints: SlotNames<EndpointName>;
  readonly #filters: SlotNames<FilterName>;
  #generation = 0;

  constructor(options: MetricsOptions) {
    this.#options = options;
    const { metrics } = options.tables;
    this.#routes = new SlotNames(
      (slot) => metrics.route(slot),
      (name) => name,
    );
    this.#endpoints = new SlotNames(
      (slot) => metrics.endpoint(slot),
      ({ upstream, endpoint }) => `${upstream}\n${endpoint}`,
    );
    this.#filters = new SlotNames(
      (slot) => metrics.filter(slot),
      ({ route, filter }) => `${route}\n${filter}`,
    );
  }

  /** This configuration runs from now on: series are named after its routes and endpoints. */
  use(snapshot: Pick<SnapshotData, "generation" | "routes" | "upstreams">): void {
    this.#generation = snapshot.generation;
    this.#routes.set([
      ...snapshot.routes
        .filter(({ slot }) => slot < MetricsTable.ROUTES)
        .map(({ slot, name }) => [slot, name] as const),
      [MetricsTable.OTHER_ROUTE, OTHER_ROUTES],
      [MetricsTable.NO_ROUTE, NO_ROUTE],
    ]);
    this.#endpoints.set(
      snapshot.upstreams.flatMap((upstream) =>
        upstream.endpoints.map(
          ({ slot, name }) => [slot, { upstream: upstream.name, endpoint: name }] as const,
        ),
      ),
    );
    this.#filters.set(
      snapshot.routes.flatMap(({ name: route, filters }) =>
        filters.flatMap((filter) =>
          filter.kind === "inline" || filter.slot < 0
            ? []
            : [[filter.slot, { route, filter: filter.name }] as const],
        ),
      ),
    );
  }

  /** All metrics as text. */
  expose(format: ExpositionFormat): string {
    const text = new ExpositionText(format);
    const { version, node, transport } = this.#options.build;
    text.family(INSTRUMENTS.build).sample(1, version, node, transport());
    this.#exposeRoutes(text);
    this.#exposeUpstreams(text);
    this.#exposeEndpoints(text);
    this.#exposeConnections(text);
    this.#exposeCache(text);
    this.#exposeControl(text);
    this.#exposeProcess(text);
    return text.end();
  }

  #exposeRoutes(text: ExpositionText): void {
    const { tables } = this.#options;
    const routes = [...this.#routes.cells().values()];
    text.family(INSTRUMENTS.requests);
    for (const { name, cells } of routes) {
      STATUS_CLASSES.forEach((status, i) => text.sample(cells[i]!, name, status));
    }
    text.family(INSTRUMENTS.duration);
    for (const { name, cells } of routes)
      text.histogram(histogramAt(cells, ROUTE_CELLS.duration), name);
    text.family(INSTRUMENTS.bytesIn);
    for (const { name, cells } of routes) text.sample(cells[ROUTE_CELLS.bytesIn]!, name);
    text.family(INSTRUMENTS.bytesOut);
    for (const { name, cells } of routes) text.sample(cells[ROUTE_CELLS.bytesOut]!, name);
    text.family(INSTRUMENTS.exchanges).sample(tables.workers.totals().exchanges);
    text.family(INSTRUMENTS.failures);
    const failures = tables.metrics.failures();
    FAILURE_CODES.forEach((code, i) => text.sample(failures[i]!, code));
    text.family(INSTRUMENTS.filterActions);
    for (const { name, cells } of this.#filters.cells().values()) {
      FILTER_ACTIONS.forEach((action, i) => {
        const { route, filter } = name;
        // Filters that nobody has told to observe, and things that do not happen, make no series.
        const done = cells[FILTER_CELLS.enforced + i]!;
        const spared = cells[FILTER_CELLS.observed + i]!;
        if (done > 0) text.sample(done, route, filter, "enforce", action);
        if (spared > 0) text.sample(spared, route, filter, "observe", action);
      });
    }
  }

  #exposeUpstreams(text: ExpositionText): void {
    const endpoints = [...this.#endpoints.cells().values()];
    text.family(INSTRUMENTS.upstreamRequests);
    for (const { name, cells } of endpoints) {
      OUTCOMES.forEach((outcome, i) =>
        text.sample(cells[i]!, name.upstream, name.endpoint, outcome),
      );
    }
    const sums = new Map<string, { attempts: number; retries: number }>();
    for (const { name, cells } of endpoints) {
      const sum = sums.get(name.upstream) ?? { attempts: 0, retries: 0 };
      sum.attempts += cells[ENDPOINT_CELLS.attempts]!;
      sum.retries += cells[ENDPOINT_CELLS.retries]!;
      sums.set(name.upstream, sum);
    }
    text.family(INSTRUMENTS.attempts);
    for (const [upstream, { attempts }] of sums) text.sample(attempts, upstream);
    text.family(INSTRUMENTS.retries);
    for (const [upstream, { retries }] of sums) text.sample(retries, upstream);
    text.family(INSTRUMENTS.firstByte);
    for (const { name, cells } of endpoints) {
      text.histogram(histogramAt(cells, ENDPOINT_CELLS.firstByte), name.upstream, name.endpoint);
    }
    text.family(INSTRUMENTS.connect);
    for (const { name, cells } of endpoints) {
      text.histogram(histogramAt(cells, ENDPOINT_CELLS.connect), name.upstream, name.endpoint);
    }
  }

  #exposeEndpoints(text: ExpositionText): void {
    const all = this.#gauges();
    text.family(INSTRUMENTS.inFlight);
    for (const gauges of all)
      text.sample(gauges.inFlight, gauges.name.upstream, gauges.name.endpoint);
    text.family(INSTRUMENTS.upstreamConnections);
    for (const gauges of all) {
      // Workers count the two one after the other, so that for a moment there may seem to be more unused than open.
      const active = Math.max(gauges.connections - gauges.idle, 0);
      text.sample(active, gauges.name.upstream, gauges.name.endpoint, "active");
      text.sample(gauges.idle, gauges.name.upstream, gauges.name.endpoint, "idle");
    }
    text.family(INSTRUMENTS.waiting);
    for (const gauges of all)
      text.sample(gauges.waiting, gauges.name.upstream, gauges.name.endpoint);
    text.family(INSTRUMENTS.up);
    for (const gauges of all) text.sample(gauges.up, gauges.name.upstream, gauges.name.endpoint);
    text.family(INSTRUMENTS.ejections);
    for (const gauges of all)
      text.sample(gauges.ejections, gauges.name.upstream, gauges.name.endpoint);
  }

  #exposeConnections(text: ExpositionText): void {
    const totals = this.#options.tables.workers.totals();
    text.family(INSTRUMENTS.connections).sample(totals.connections);
    text.family(INSTRUMENTS.accepted).sample(totals.accepted);
    text.family(INSTRUMENTS.refused).sample(totals.refused);
    const { full, resumed, failed, open } = totals.handshakes;
    text
      .family(INSTRUMENTS.handshakes)
      .sample(full, "full")
      .sample(resumed, "resumed")
      .sample(failed, "failed");
    text.family(INSTRUMENTS.handshakesOpen).sample(open);
    text.family(INSTRUMENTS.abuses);
    for (const [index, kind] of ABUSES.entries()) text.sample(totals.abuses[index]!, kind);
    text.family(INSTRUMENTS.certificateExpiry);
    for (const { names, source, notAfter } of this.#options.certificates()) {
      text.sample(notAfter / 1000, names[0] ?? "", source);
    }
    const { attempts, failures } = this.#options.obtaining();
    text.family(INSTRUMENTS.certificateAttempts);
    for (const [issuer, count] of attempts) text.sample(count, issuer);
    text.family(INSTRUMENTS.certificateFailures);
    for (const [issuer, reasons] of failures) {
      for (const [reason, count] of reasons) text.sample(count, issuer, reason);
    }
    text.family(INSTRUMENTS.tunnels).sample(totals.tunnels);
    text.family(INSTRUMENTS.buffers).sample(totals.buffered);
  }

  #exposeCache(text: ExpositionText): void {
    const cache = this.#options.cache();
    if (cache === null) return;
    text
      .family(INSTRUMENTS.cacheRequests)
      .sample(cache.hits, "hit")
      .sample(cache.staleHits, "stale")
      .sample(cache.misses, "miss")
      .sample(cache.collapsed, "collapsed")
      .sample(cache.bypassed, "bypass");
    text
      .family(INSTRUMENTS.cacheAnswers)
      .sample(cache.stored, "stored")
      .sample(cache.revalidated, "revalidated")
      .sample(cache.unstorable, "unstorable")
      .sample(cache.failed, "failed");
    text
      .family(INSTRUMENTS.cacheForgotten)
      .sample(cache.evictions, "evicted")
      .sample(cache.purged, "purged");
    text.family(INSTRUMENTS.cacheEntries).sample(cache.entries);
    text.family(INSTRUMENTS.cacheBytes).sample(cache.bytes);
  }

  #exposeControl(text: ExpositionText): void {
    const { control, tables } = this.#options;
    const states = tables.workers.states();
    text.family(INSTRUMENTS.workers);
    for (const state of WORKER_STATES) text.sample(states[state], state);
    text.family(INSTRUMENTS.restarts).sample(control.workerRestarts);
    text.family(INSTRUMENTS.generation).sample(this.#generation);
    text
      .family(INSTRUMENTS.reloads)
      .sample(control.reloadsApplied, "applied")
      .sample(control.reloadsRefused, "refused");
    text.family(INSTRUMENTS.reloadOk).sample(control.lastReloadSuccessful ? 1 : 0);
    text.family(INSTRUMENTS.logDropped).sample(this.#options.logDropped());
    text.family(INSTRUMENTS.bugs).sample(tables.metrics.bugs());
  }

  #exposeProcess(text: ExpositionText): void {
    const facts = this.#options.facts();
    text.family(INSTRUMENTS.memory).sample(facts.residentBytes);
    text.family(INSTRUMENTS.cpu).sample(facts.cpuSeconds);
    if (facts.openFds !== null) text.family(INSTRUMENTS.openFds).sample(facts.openFds);
    if (facts.maxFds !== null) text.family(INSTRUMENTS.maxFds).sample(facts.maxFds);
    text.family(INSTRUMENTS.started).sample(this.#options.startedWall / 1000);
  }

  /** One set of gauges for each (upstream, endpoint): one that is written twice has several slots. */
  #gauges(): Gauges[] {
    const { endpoints } = this.#options.tables;
    const wall = this.#options.wall();
    const all = new Map<string, Gauges>();
    for (const [slot, name] of this.#endpoints.entries()) {
      const key = `${name.upstream}\n${name.endpoint}`;
      const sum = all.get(key);
      all.set(key, {
        name,
        inFlight: endpoints.inFlight(slot) + (sum?.inFlight ?? 0),
        connections: endpoints.connections(slot) + (sum?.connections ?? 0),
        idle: endpoints.idle(slot) + (sum?.idle ?? 0),
        waiting: endpoints.pending(slot) + (sum?.waiting ?? 0),
        ejections: endpoints.ejections(slot) + (sum?.ejections ?? 0),
        up: endpoints.available(slot, wall) || sum?.up === 1 ? 1 : 0,
      });
    }
    return [...all.values()];
  }
}

interface Gauges {
  readonly name: EndpointName;
  readonly inFlight: number;
  readonly connections: number;
  readonly idle: number;
  readonly waiting: number;
  readonly ejections: number;
  readonly up: number;
}

function histogramAt(cells: Float64Array, at: number): Float64Array {
  return cells.subarray(at, at + HISTOGRAM_CELLS);
}
