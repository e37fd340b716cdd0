/**
 * Composition root of a worker: one thread that runs the data plane. It joins transport, linked snapshots and data
 * plane, and does what the control thread asks (`process/protocol.ts`). Nothing in it waits for a file or a name,
 * but for the modules of a TypeScript configuration while a generation is prepared.
 */

import { fileURLToPath } from "node:url";
import { getHeapStatistics } from "node:v8";
import { parentPort, workerData } from "node:worker_threads";

import type { CacheOptions } from "#cache/options.ts";
import { WorkerCache } from "#cache/worker-cache.ts";
import { importConfig } from "#config/module.ts";
import { Xorshift } from "#core/random.ts";
import type { Clock } from "#core/time/clock.ts";
import { Timer } from "#core/time/timers.ts";
import { DataPlane } from "#dataplane/dataplane.ts";
import type { EndpointLoad, EndpointState, LinkedSnapshot } from "#dataplane/linked.ts";
import { FILTERS } from "#filters/runtime.ts";
import { type FilterRuntime, LinkError } from "#link/filters.ts";
import { link } from "#link/link.ts";
import { HEALTH } from "#model/shared/endpoint-table.ts";
import { openTables } from "#model/shared/tables.ts";
import type { ModuleData } from "#model/snapshot.ts";
import type { CertificateUpdate, ChallengeUpdate } from "#model/tls.ts";
import type {
  AddressUpdate,
  WorkerBoot,
  WorkerPayload,
  WorkerReport,
  WorkerUpdate,
} from "#model/worker.ts";
import { releaseMemory } from "#process/heap.ts";
import { Heartbeats } from "#process/heartbeat.ts";
import { IdleMemory } from "#process/idle-memory.ts";
import type { FromWorker, ToWorker, WorkerStart } from "#process/protocol.ts";
import type { Filter } from "#sdk/filter.ts";
import type { Listener, ListenSource } from "#transport/contract.ts";
import { AccessLog } from "#telemetry/access-log.ts";
import { createExchangeTelemetry } from "#telemetry/exchange-telemetry.ts";
import { processFacts } from "#telemetry/process-facts.ts";
import { WorkerTls } from "#tls/serve/worker-tls.ts";
import { chooseTransport } from "#transport/choose.ts";

type RequestHook = NonNullable<Filter["onRequestHead"]>;
type Control = ToWorker<WorkerPayload, WorkerUpdate>;

const start = workerData as WorkerStart<WorkerBoot>;
const { row, workers, boot } = start;
const port = parentPort;
if (port === null) throw new Error("worker.ts runs in a worker thread");

const say = (message: FromWorker<WorkerReport>): void => port.postMessage(message);
const report = (what: WorkerReport): void => say({ type: "report", report: what });

// ── parts that live as long as the thread ────────────────────────────────────────────────────────────

const { transport, without, refused } = chooseTransport({
  wish: boot.transport,
  descriptors: processFacts().maxFds ?? Infinity,
  sharesListeners: workers > 1,
  holdings: boot.holdings,
  row,
});
report({
  kind: "transport",
  name: transport.name,
  reason: without === null ? null : `${without.reason}; ${without.help}`,
});
const clock: Clock = { now: () => performance.now(), wall: () => Date.now() };
const random = new Xorshift(boot.seed + row);
const tables = openTables(boot.memory, workers, row);
const accessLog = new AccessLog({
  lines: tables.lines.writer(),
  utcOffset: boot.utcOffset,
  colour: boot.color,
});
const dataPlane = new DataPlane({
  transport,
  clock,
  random,
  endpoints: tables.endpoints,
  worker: tables.workers,
  sink: createExchangeTelemetry({ metrics: tables.metrics, log: accessLog }),
  log: (level, code, message, fields = {}) => report({ kind: "log", level, code, message, fields }),
  resolveSoon: (slot) => report({ kind: "connect-failed", slot }),
});

const tls = new WorkerTls(transport.tls, (name, reason) =>
  report({
    kind: "log",
    level: "error",
    code: "certificate_unusable",
    message: `the certificate for ${name === "" ? "clients without a server name" : name} cannot be used: ${reason}`,
    fields: { name },
  }),
);

const cache = new WorkerCache({
  rows: workers + 1,
  row,
  ring: tables.workers.ring,
  wall: () => clock.wall(),
});

tables.workers.onRing(() => {
  dataPlane.onDoorbell();
  cache.onDoorbell();
});

/** From this worker's clock to the one that all threads of the machine share, milliseconds. */
const shared = Number(process.hrtime.bigint()) / 1e6 - clock.now();

/** What filters have of this worker, but for the memory of their generation. */
const filterRuntime: Omit<FilterRuntime, "memory"> = {
  row,
  now: () => transport.timers.now + shared,
  after: (milliseconds, callback) => {
    const timer = new Timer({ onTimer: callback }, 0);
    transport.timers.schedule(timer, milliseconds);
    return () => transport.timers.cancel(timer);
  },
};

/** What balancers look at. */
const load: EndpointLoad = {
  inFlight: (slot) => tables.endpoints.inFlight(slot),
  available: (slot) => tables.endpoints.available(slot, clock.wall()),
  healthy: (slot) => tables.endpoints.health(slot) !== HEALTH.DOWN,
};

const heartbeats = new Heartbeats(start.heartbeats);
const beat = new Timer(
  {
    onTimer: (timer) => {
      heartbeats.beat(row);
      transport.timers.schedule(timer, Heartbeats.INTERVAL);
    },
  },
  0,
);
heartbeats.beat(row);
transport.timers.schedule(beat, Heartbeats.INTERVAL);

const idleMemory = new IdleMemory({
  cpu: () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  },
  held: () => getHeapStatistics().external_memory,
  exchanges: () => tables.workers.exchanges(row),
  collect: () => releaseMemory(),
  onFreed: () => report({ kind: "freed" }),
});
const look = new Timer(
  {
    onTimer: (timer) => {
      idleMemory.look();
      transport.timers.schedule(timer, IdleMemory.INTERVAL);
    },
  },
  0,
);
transport.timers.schedule(look, IdleMemory.INTERVAL);

/** What this worker knows of endpoints, by slot; outlives snapshots. */
const states = new Map<number, EndpointState>();
const listeners = new Map<string, Listener>();
/** Linked and waiting for its commit. */
let prepared: {
  readonly id: number;
  readonly snapshot: LinkedSnapshot;
  readonly certificates: CertificateUpdate;
} | null = null;

// ── what the control thread asks ─────────────────────────────────────────────────────────────────────

port.on("message", (message: Control) => {
  switch (message.type) {
    case "prepare":
      void prepare(message.id, message.payload);
      break;
    case "commit":
      void commit(message);
      break;
    case "discard":
      if (prepared?.id === message.id) prepared = null;
      break;
    case "update":
      update(message.update);
      break;
    case "drain":
      void drain(message.deadline);
      break;
  }
});

async function prepare(id: number, payload: WorkerPayload): Promise<void> {
  const { snapshot, addresses, certificates, challenges, ticketSecrets, filterMemory } = payload;
  if (refused) {
    const reason = `\`transport: uring\` is not possible here: ${without?.reason}. ${without?.help}; or write \`transport: auto\``;
    say({ type: "refused", id, reason, place: null });
    return;
  }
  try {
    const module = snapshot.module === null ? null : await importModule(snapshot.module);
    learn(addresses);
    tls.setTicketSecrets(ticketSecrets);
    answer(challenges);
    if (payload.cache !== null) cache.use(payload.cache);
    const linked = link(snapshot, {
      filters: FILTERS,
      inline: (place) => filterAt(module, place),
      filterRuntime: { ...filterRuntime, memory: (key) => filterMemory.get(key) },
      ask: (upstream, question) => dataPlane.ask(upstream, question),
      endpointState: stateOf,
      listenerTls: tls.prepare(snapshot, certificates),
      upstreamContext: (data) => tls.upstreamContext(data),
      cache: (options, identity) => cache.route(options as CacheOptions, identity),
      load,
      random,
    });
    prepared = { id, snapshot: linked, certificates };
    say({ type: "prepared", id });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const place = error instanceof LinkError ? error.place : null;
    say({ type: "refused", id, reason, place });
  }
}

async function commit(message: Extract<Control, { type: "commit" }>): Promise<void> {
  if (prepared?.id !== message.id) throw new Error(`generation ${message.id} was not prepared`);
  const { snapshot, certificates } = prepared;
  dataPlane.apply(snapshot);
  tls.commit(snapshot.data, certificates);
  dataPlane.onCertificates();
  accessLog.use(snapshot.data.log.access);
  prepared = null;
  tables.workers.setGeneration(message.id);
  tables.workers.setState(row, "running");
  for (const { id, fd } of message.open) {
    const source = fd === null ? sourceOf(snapshot, id) : ({ kind: "descriptor", fd } as const);
    listeners.set(id, await transport.listen(source, dataPlane.acceptor(id)));
  }
  // A listener that is left takes what is in the kernel's queue before it closes; nobody has to wait for that.
  for (const id of message.close) {
    void listeners.get(id)?.close();
    listeners.delete(id);
  }
  say({ type: "committed", id: message.id });
}

/** The address of a listener that this worker binds itself. */
function sourceOf({ data }: LinkedSnapshot, id: string): ListenSource {
  const listener = data.listeners.find((one) => one.id === id);
  if (listener === undefined) throw new Error(`the snapshot has no listener ${id}`);
  return { kind: "address", address: listener.address };
}

function update({
  addresses,
  certificates,
  challenges,
  ticketSecrets,
  cache: memory,
}: WorkerUpdate): void {
  if (addresses !== undefined) learn(addresses);
  if (certificates !== undefined) {
    tls.use(certificates);
    dataPlane.onCertificates();
  }
  if (challenges !== undefined) answer(challenges);
  if (ticketSecrets !== undefined) tls.setTicketSecrets(ticketSecrets);
  if (memory !== undefined) cache.use(memory, true);
}

/** How certificate authorities are answered from now on; whoever waits for that is told. */
function answer(challenges: ChallengeUpdate): void {
  tls.setChallenges(challenges);
  dataPlane.setChallenges(new Map(challenges.http));
  dataPlane.onCertificates();
  report({ kind: "challenges", version: challenges.version });
}

/** New addresses of endpoints: connections from now on go there. */
function learn(addresses: AddressUpdate): void {
  for (const [slot, known] of addresses) stateOf(slot).addresses = known;
}

async function drain(deadline: number): Promise<void> {
  tables.workers.setState(row, "draining");
  await Promise.all(Array.from(listeners.values(), (listener) => listener.close()));
  listeners.clear();
  await dataPlane.drain(deadline);
  say({ type: "drained" });
}

function stateOf(slot: number): EndpointState {
  let state = states.get(slot);
  if (state === undefined) {
    state = { slot, addresses: [] };
    states.set(slot, state);
  }
  return state;
}

// ── inline filters of a TypeScript configuration ─────────────────────────────────────────────────────

async function importModule({ url, generation }: ModuleData): Promise<unknown> {
  const { value } = await importConfig(fileURLToPath(url), {
    generation,
    aliases: boot.aliases,
    environment: boot.environment,
  });
  return value;
}

/** Follows a place such as `routes[3].use[0]` into the configuration's value. */
function filterAt(module: unknown, place: string): Filter | null {
  let value: unknown = module;
  for (const key of place.split(/[.[\]]+/).filter((part) => part !== "")) {
    if (typeof value !== "object" || value === null) return null;
    value = (value as Readonly<Record<string, unknown>>)[key];
  }
  // A function is short for a filter that has only the first hook.
  if (typeof value === "function") return { onRequestHead: value as RequestHook };
  return typeof value === "object" && value !== null ? value : null;
}
