/**
 * A data plane with real sockets in this thread: what integration tests of wire behaviour run against. No
 * configuration file, no workers; timeouts can be made short. Everything it opened is closed by `close`, which
 * also checks that nothing was left behind.
 */

import assert from "node:assert/strict";
import { Store } from "#cache/memory/store.ts";
import type { CacheOptions } from "#cache/options.ts";
import { WorkerCache } from "#cache/worker-cache.ts";
import type { Filter, FilterKind } from "#sdk/filter.ts";
import { Xorshift } from "#core/random.ts";
import { Timer } from "#core/time/timers.ts";
import { DataPlane } from "#dataplane/dataplane.ts";
import type { EndpointState } from "#dataplane/linked.ts";
import type { FilterRuntime } from "#link/filters.ts";
import { link } from "#link/link.ts";
import { EndpointTable, HEALTH } from "#model/shared/endpoint-table.ts";
import { WorkerTable } from "#model/shared/worker-table.ts";
import type { ExchangeRecord, ExchangeSink } from "#model/record.ts";
import type {
  ConnectionTimeouts,
  EndpointAddress,
  FilterData,
  PoolData,
  RetryData,
  RouteData,
  SnapshotData,
  UpstreamTimeouts,
} from "#model/snapshot.ts";
import type { CertificateUpdate, ListenerTlsData, UpstreamTlsData } from "#model/tls.ts";
import type { TicketSecrets } from "#model/worker.ts";
import { WorkerTls } from "#tls/serve/worker-tls.ts";
import type { Listener, SocketAddress, Transport } from "#transport/contract.ts";
import { TestFilterRuntime } from "./filter-runtime.ts";
import { createTestTransport } from "./transports.ts";

/** Where the backend of a proxy under test listens: a port of 127.0.0.1, or an address. */
export type Backend = number | EndpointAddress;

/** What a test wants to be different from the defaults. */
export interface ProxyOptions {
  readonly backends?: readonly Backend[];
  readonly route?: Partial<RouteData>;
  readonly routes?: readonly Partial<RouteData>[];
  readonly timeouts?: Partial<ConnectionTimeouts>;
  readonly upstreamTimeouts?: Partial<UpstreamTimeouts>;
  readonly pool?: Partial<PoolData>;
  readonly retries?: Partial<RetryData>;
  readonly trustedProxies?: readonly string[];
  readonly connections?: number;
  readonly handshakes?: number;
  readonly handshakeRate?: number;
  /** TLS of the listener, and the certificates that there are. */
  readonly tls?: ListenerTlsData;
  readonly certificates?: CertificateUpdate;
  readonly ticketSecrets?: TicketSecrets;
  readonly redirectPort?: number;
  /** TLS of a second listener, which nobody can connect to but whose rules hold. */
  readonly otherTls?: ListenerTlsData;
  /** The listener has left the configuration. */
  readonly gone?: boolean;
  /** The backends speak TLS. */
  readonly upstreamTls?: UpstreamTlsData;
  readonly forwarded?: boolean;
  readonly instance?: string;
  readonly filters?: ReadonlyMap<string, FilterKind>;
  readonly inline?: (place: string) => Filter | null;
  /** Addresses as resolved, where they differ from the backends themselves. */
  readonly addresses?: readonly SocketAddress[];
  readonly ejection?: { consecutiveFailures: number; pause: number; maxPause: number };
  readonly transport?: Transport;
  /** Epoch milliseconds, where it is not the machine's. */
  readonly wall?: () => number;
  /** Takes the records of exchanges in the place of `records`. */
  readonly sink?: ExchangeSink;
  /** Keeps no records and no log lines: for tests that count memory. */
  readonly quiet?: boolean;
}

/** A running data plane. */
export interface TestProxy {
  readonly port: number;
  /** Every exchange that has ended, in that order. */
  readonly records: ExchangeRecord[];
  /** Everything that was said to the process log. */
  readonly logs: { level: string; code: string; message: string }[];
  readonly worker: WorkerTable;
  readonly endpoints: EndpointTable;
  readonly dataPlane: DataPlane;
  /** Runs on other data from now on. */
  apply(options: ProxyOptions): void;
  /** The next record, or the one that has not been asked for yet. */
  nextRecord(): Promise<ExchangeRecord>;
  /** Closes everything; fails if anything of the proxy's is still held. */
  close(): Promise<void>;
}

/** Starts a data plane that listens on a free port of 127.0.0.1. */
export async function startProxy(options: ProxyOptions): Promise<TestProxy> {
  const transport = options.transport ?? createTestTransport();
  const endpoints = new EndpointTable(
    new SharedArrayBuffer(EndpointTable.byteLength(1)),
    1,
    0,
    () => undefined,
  );
  const worker = new WorkerTable(new SharedArrayBuffer(WorkerTable.byteLength(1)), 1, 0);
  const records: ExchangeRecord[] = [];
  const logs: { level: string; code: string; message: string }[] = [];
  const waiting: ((record: ExchangeRecord) => void)[] = [];
  let handedOut = 0;
  const random = new Xorshift(1);
  const states = new Map<number, EndpointState>();
  const stateOf = (slot: number): EndpointState => {
    let state = states.get(slot);
    if (state === undefined) states.set(slot, (state = { slot, addresses: [] }));
    return state;
  };
  const cache = new WorkerCache({
    rows: 1,
    row: 0,
    ring: () => assert.fail("there is no other worker"),
    wall: options.wall ?? Date.now,
  });
  cache.use({ buffer: Store.allocate(MEMORY, 1, 7), memory: MEMORY });
  const dataPlane = new DataPlane({
    transport,
    clock: { now: () => performance.now(), wall: options.wall ?? Date.now },
    random,
    endpoints,
    worker,
    sink: options.sink ?? {
      onExchange(record) {
        if (options.quiet === true) return;
        const kept = copyOf(record);
        records.push(kept);
        const waiter = waiting.shift();
        if (waiter !== undefined) {
          handedOut++;
          waiter(kept);
        }
      },
    },
    log: (level, code, message) => {
      if (options.quiet !== true) logs.push({ level, code, message });
    },
    resolveSoon: () => undefined,
  });
  const tls = new WorkerTls(transport.tls, (name, reason) =>
    logs.push({ level: "error", code: "certificate_unusable", message: `${name}: ${reason}` }),
  );
  const filterRuntime = new TestFilterRuntime();
  const runtimeFor = (data: SnapshotData): FilterRuntime => {
    for (const { filters } of data.routes) {
      for (const filter of filters) {
        if (filter.kind === "built-in") filterRuntime.provide(filter.memory);
      }
    }
    return {
      row: 0,
      now: () => transport.timers.now,
      after: (milliseconds, callback) => {
        const timer = new Timer({ onTimer: callback }, 0);
        transport.timers.schedule(timer, milliseconds);
        return () => transport.timers.cancel(timer);
      },
      memory: (key) => filterRuntime.memory(key),
    };
  };
  const apply = (changed: ProxyOptions): void => {
    const data = snapshotOf(changed);
    const certificates = changed.certificates ?? [];
    tls.setTicketSecrets(changed.ticketSecrets ?? []);
    for (const endpoint of data.upstreams[0]?.endpoints ?? []) {
      stateOf(endpoint.slot).addresses = changed.addresses ?? [endpoint.address];
    }
    dataPlane.apply(
      link(data, {
        filters: changed.filters ?? new Map(),
        inline: changed.inline ?? (() => null),
        filterRuntime: runtimeFor(data),
        ask: (upstream, question) => dataPlane.ask(upstream, question),
        endpointState: stateOf,
        listenerTls: tls.prepare(data, certificates),
        upstreamContext: (one) => tls.upstreamContext(one),
        cache: (one, identity) => cache.route(one as CacheOptions, identity),
        load: {
          inFlight: (slot) => endpoints.inFlight(slot),
          available: (slot) => endpoints.available(slot, Date.now()),
          healthy: (slot) => endpoints.health(slot) !== HEALTH.DOWN,
        },
        random,
      }),
    );
    tls.commit(data, certificates);
  };
  apply(options);
  const listener: Listener = await transport.listen(
    { kind: "address", address: { kind: "tcp", host: "127.0.0.1", port: 0 } },
    dataPlane.acceptor(LISTENER),
  );
  assert.equal(listener.address.kind, "tcp");
  return {
    port: listener.address.kind === "tcp" ? listener.address.port : 0,
    records,
    logs,
    worker,
    endpoints,
    dataPlane,
    apply,
    nextRecord: () => {
      if (handedOut < records.length) return Promise.resolve(records[handedOut++]!);
      return new Promise((resolve) => waiting.push(resolve));
    },
    close: async () => {
      await listener.close();
      await dataPlane.drain(1);
      await transport.shutdown();
      const totals = worker.totals();
      assert.equal(totals.connections, 0, "every client connection was given back");
      assert.equal(totals.exchanges, 0, "every exchange has ended");
      assert.equal(totals.tunnels, 0, "every tunnel has ended");
      assert.equal(totals.buffered, 0, "no buffered byte is left");
      for (const slot of states.keys()) {
        assert.equal(endpoints.inFlight(slot), 0, "no request is counted as under way");
        assert.equal(endpoints.connections(slot), 0, "every backend connection was given back");
        assert.equal(endpoints.idle(slot), 0, "no idle connection is counted");
        assert.equal(endpoints.pending(slot), 0, "nothing is counted as queued");
      }
    },
  };
}

/** Records are valid during the call only. */
function copyOf(record: ExchangeRecord): ExchangeRecord {
  return {
    startedWall: record.startedWall,
    requestId: record.requestId,
    clientIp: record.clientIp,
    method: record.method,
    scheme: record.scheme,
    host: record.host,
    target: record.target,
    version: record.version,
    status: record.status,
    requestBytes: record.requestBytes,
    responseBytes: record.responseBytes,
    fields: null,
    userAgent: record.userAgent,
    referer: record.referer,
    route: record.route,
    routeSlot: record.routeSlot,
    upstream: record.upstream,
    endpoint: record.endpoint,
    endpointSlot: record.endpointSlot,
    attempts: record.attempts,
    queueMs: record.queueMs,
    connectMs: record.connectMs,
    firstByteMs: record.firstByteMs,
    totalMs: record.totalMs,
    failure: record.failure,
    failureDetail: record.failureDetail,
    filterActions: record.filterActions,
    upgrade: record.upgrade,
  };
}

/** Of the cache, bytes. */
const MEMORY = 4 * 1024 * 1024;

/** Id of the listener that clients come to. */
const LISTENER = "test";

function listener(
  id: string,
  tls: ListenerTlsData | null,
  redirectPort: number | null,
): SnapshotData["listeners"][number] {
  return { id, address: { kind: "tcp", host: "127.0.0.1", port: 0 }, tls, redirectPort };
}

function snapshotOf(options: ProxyOptions): SnapshotData {
  const backends = options.backends ?? [];
  return {
    generation: 1,
    hash: "test",
    listeners: [
      ...(options.gone === true
        ? []
        : [listener(LISTENER, options.tls ?? null, options.redirectPort ?? null)]),
      ...(options.otherTls === undefined ? [] : [listener("other", options.otherTls, null)]),
    ],
    certificates: [],
    acme: null,
    upstreams: [
      {
        name: "app",
        endpoints: backends.map((backend, index) => ({
          slot: index,
          name: typeof backend === "number" ? `http://127.0.0.1:${backend}` : `backend ${index}`,
          address:
            typeof backend === "number"
              ? { kind: "tcp", host: "127.0.0.1", port: backend }
              : backend,
          weight: 1,
          secure: options.upstreamTls !== undefined,
        })),
        balance: "round-robin",
        timeouts: {
          connect: 3000,
          firstByte: 60_000,
          responseIdle: 120_000,
          tunnelIdle: 3_600_000,
          ...options.upstreamTimeouts,
        },
        pool: {
          maxConnections: 0,
          maxPending: 1024,
          queueTimeout: 5000,
          idle: 4000,
          idleMax: 60_000,
          maxIdle: 64,
          ...options.pool,
        },
        retries: {
          attempts: 1,
          statuses: [],
          idempotencyKey: false,
          bufferBytes: 65_536,
          budgetRatio: 0.2,
          budgetMinimum: 3,
          ...options.retries,
        },
        ejection: options.ejection ?? { consecutiveFailures: 5, pause: 10_000, maxPause: 300_000 },
        health: null,
        tls: options.upstreamTls ?? null,
      },
    ],
    routes: (options.routes ?? [options.route ?? {}]).map((route, index) => ({
      place: `routes[${index}]`,
      name: "/*",
      identity: `route ${index}`,
      slot: index,
      matches: [ANYTHING],
      priority: 0,
      filters: [],
      upstream: "app",
      pathPolicy: "strict",
      host: { kind: "preserve" },
      upgrades: ["websocket"],
      timeouts: {},
      ...route,
    })),
    trustedProxies: options.trustedProxies ?? [],
    timeouts: {
      handshake: 10_000,
      head: 15_000,
      bodyIdle: 60_000,
      bodyRate: 240,
      bodyGrace: 10_000,
      keepAlive: 65_000,
      write: 60_000,
      ...options.timeouts,
    },
    limits: {
      connections: options.connections ?? 10_000,
      handshakes: options.handshakes ?? 1000,
      handshakeRate: options.handshakeRate ?? 0,
    },
    log: { access: "off" },
    cacheMemory: MEMORY,
    instance: options.instance ?? "sluice-test",
    forwarded: options.forwarded ?? false,
    module: null,
  };
}

/** The match of a route that takes everything. */
export const ANYTHING: RouteData["matches"][number] = {
  hosts: [{ kind: "any" }],
  paths: [{ kind: "any" }],
  methods: [],
  headers: [],
  query: [],
  clientIp: [],
};

/** An inline filter of a route. */
export function inlineFilter(name: string): FilterData {
  return { kind: "inline", name, place: `routes[0].use[${name}]` };
}
