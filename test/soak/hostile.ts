/**
 * `npm run hostile [-- --transport uring|node --minutes 2 --readers 5000 --limit 8000 --more 12000 --workers 2 --seed 1
 * --parts readers,crowd,rage]`:
 * a whole `bin/sluice` among clients that mean it harm, one kind after the other:
 *
 * 1. readers that never read their 10 MiB answer. What another client waits for is measured without and with them, and
 *    printed: the machine decides, so nothing is asserted of it;
 * 2. a crowd that fills `limits.connections`, and more that come: each is told `connection_limit`;
 * 3. for some minutes noise, resets, uploads that stop, tunnels that are cut …, while workers are ended (by what a
 *    filter throws, by a loop, by an exhausted heap) and configurations are applied.
 *
 * All the while clients of our own compare every byte that they get; only when a worker has been ended may
 * connections be cut. After each part everything has to be as it was before: gauges zero, descriptors, and within a
 * minute memory, but for a half and 64 MiB; and no worker has ended but those that were to. The readers come twice.
 *
 * Thousands of answers that nobody reads use up the kernel's memory for TCP (`net.ipv4.tcp_mem`). It may then cut
 * answers of backends that have closed their side; the count of those, TCPAbortOnMemory, is printed, and as many
 * such cuts are forgiven.
 */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { runClients } from "./parts/clients.ts";
import type { Order, Outcome } from "./parts/crowd.ts";
import { type Look, Proxy, Scope, startPart } from "./parts/proxy.ts";
import { startNginx } from "./parts/programs.ts";
import { Tally } from "./parts/tally.ts";

const { values } = parseArgs({
  options: {
    transport: { type: "string", default: "auto" },
    workers: { type: "string", default: "2" },
    minutes: { type: "string", default: "2" },
    readers: { type: "string", default: "5000" },
    limit: { type: "string", default: "8000" },
    more: { type: "string", default: "12000" },
    seed: { type: "string", default: "1" },
    parts: { type: "string", default: "readers,crowd,rage" },
  },
});
const READERS = Number(values.readers);
const LIMIT = Number(values.limit);
const MORE = Number(values.more);
const SEED = Number(values.seed);
const PARTS: ReadonlySet<string> = new Set(values.parts.split(","));
const RAGE_SECONDS = Number(values.minutes) * 60;

/** Clients that compare what they get. */
const WATCHERS = 6;
/** Processes of hostile clients. */
const CROWDS = 3;
const RAGING = 60;
const PROBES = 5000;
const SETTLES = 3000;
const RELOAD_EVERY = 4000;
/** From one end of a worker to the next; one that loops is noticed after 10 s. */
const END_EVERY = 20_000;
const WAYS = ["throw", "loop", "exhaust"] as const;
/** Ms. */
const GIVES_BACK_WITHIN = 60_000;
const MAY_GROW = { share: 0.5, bytes: 64 * 1024 * 1024 } as const;
/** The channel to the helper that copies descriptors, which is let go later. */
const HELPER = 1;

const LARGE = "GET /10m HTTP/1.1\r\nHost: hostile.example\r\n\r\n";
const SMALL = "GET /bulk HTTP/1.1\r\nHost: hostile.example\r\n\r\n";

const mebibytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
const problems: string[] = [];
const scope = new Scope();
const tally = new Tally();
const abortedBefore = abortedForMemory();
/** Nobody is to go on behind an error. */
const state = { stopped: false };
let mayBeCutUntil = 0;
/** Workers that were meant to end. */
let ended = 0;
/** The look that everything is compared with. */
let first: Look | null = null;

try {
  await run();
} catch (error) {
  problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
} finally {
  state.stopped = true;
  await scope.close();
}
for (const problem of problems) console.log(`✗ ${problem}`);
console.log(problems.length === 0 ? "hostile run passed" : "hostile run failed");
process.exit(problems.length === 0 ? 0 : 1);

async function run(): Promise<void> {
  const needed = 2 * LIMIT + 2000;
  if (descriptorLimit() < needed) throw new Error(`needs \`ulimit -n ${needed}\``);
  const nginx = await startNginx(scope);
  const { first: own } = await startPart(scope, "backend.ts", [values.seed]);
  const proxy = await Proxy.start(
    scope,
    "sluice.config.ts",
    (version) => configuration(version, nginx, Number(own)),
    { SLUICE_TRANSPORT: values.transport, SLUICE_WORKER_HEAP_MB: "256" },
  );
  console.log(`${proxy.transport}; seed ${SEED}`);
  const crowds = await Promise.all(
    Array.from({ length: CROWDS }, async () => (await startPart(scope, "crowd.ts", [])).child),
  );
  const tell = async (order: (index: number) => Order): Promise<Outcome> => {
    const outcomes = await Promise.all(
      crowds.map(async (child, index) => {
        const answer = once(child, "message") as Promise<[Outcome]>;
        child.send(order(index));
        return (await answer)[0];
      }),
    );
    return outcomes.reduce(join);
  };

  await watched(proxy, "warm-up", async () => {
    await tell((index) => ({ do: "rage", port: proxy.port, clients: 30, seconds: 8, seed: index }));
    await proxy.reload();
  });
  const parts = { readers, crowd, rage };
  for (const [name, part] of Object.entries(parts)) {
    if (!PARTS.has(name)) continue;
    await watched(proxy, name, () => part(proxy, tell));
    if (part === readers) await watched(proxy, `${name}, again`, () => part(proxy, tell));
  }

  console.log(`own clients: ${tally.toString()}`);
  const { metrics } = await proxy.look();
  console.log(`failures: ${metrics.list("sluice_failures_total")}`);
  const aborted = abortedForMemory() - abortedBefore;
  console.log(`cut by the kernel for want of memory: ${aborted}`);
  const cuts = tally.failures.filter((failure) => failure.endsWith("cut (ECONNRESET)"));
  if (cuts.length <= aborted) {
    problems.push(...tally.failures.filter((failure) => !cuts.includes(failure)));
  } else {
    problems.push(...tally.failures);
  }
  const restarts = metrics.sum("sluice_worker_restarts_total");
  if (restarts !== ended) problems.push(`${restarts} workers were replaced, and ${ended} ended`);
  const bugs = metrics.sum("sluice_bugs_total");
  if (bugs !== 0) problems.push(`sluice_bugs_total is ${bugs}`);
  const unexpected = proxy
    .complaints()
    .filter((line) => !/on purpose|no sign of life|out of heap memory/.test(line));
  problems.push(...unexpected.slice(0, 20));
  await proxy.sluice.stop();
}

/** Plays a part beside clients that watch, then looks at what is left of it. */
async function watched(proxy: Proxy, name: string, part: () => Promise<void>): Promise<void> {
  console.log(`── ${name}`);
  let running = true;
  const watching = runClients(WATCHERS, {
    port: proxy.port,
    seed: SEED + tally.sent,
    tally,
    leaving: 0.1,
    breaking: 0.02,
    mayBeCut: () => performance.now() < mayBeCutUntil,
    goesOn: () => running && !state.stopped,
  });
  await part();
  running = false;
  await watching;
  const { look, busy } = await proxy.rest(
    first === null ? Infinity : first.descriptors + (ended > 0 ? HELPER : 0),
  );
  first ??= look;
  const bound = first.pss * (1 + MAY_GROW.share) + MAY_GROW.bytes;
  const begin = performance.now();
  let { pss } = look;
  while (pss > bound && performance.now() - begin < GIVES_BACK_WITHIN) {
    await sleep(1000);
    ({ pss } = await proxy.look());
  }
  const waited = Math.round((performance.now() - begin) / 1000);
  console.log(
    `   at rest: ${look.descriptors} descriptors, PSS ${mebibytes(look.pss)}, RSS ${mebibytes(look.rss)}, after ${waited} s PSS ${mebibytes(pss)}; own clients so far: ${tally.answered} answered, ${tally.cut} cut`,
  );
  if (busy !== "") problems.push(`${name}: not at rest: ${busy}`);
  if (!proxy.alive) throw new Error(`${name}: the process has ended`);
  if (look.descriptors > first.descriptors + (ended > 0 ? HELPER : 0)) {
    problems.push(
      `${name}: ${look.descriptors} descriptors are open, and ${first.descriptors} were`,
    );
  }
  if (pss > bound) {
    problems.push(`${name}: memory grew from ${mebibytes(first.pss)} to ${mebibytes(pss)}`);
  }
}

type Tell = (order: (index: number) => Order) => Promise<Outcome>;

function shareOf(total: number, index: number): number {
  return Math.floor(total / CROWDS) + (index < total % CROWDS ? 1 : 0);
}

async function readers(proxy: Proxy, tell: Tell): Promise<void> {
  console.log(`   without: ${await probe(proxy.port)}`);
  const outcome = await tell((index) => ({
    do: "come",
    port: proxy.port,
    count: shareOf(READERS, index),
    request: LARGE,
    reads: false,
  }));
  say(outcome);
  if (outcome.held !== READERS) problems.push(`${outcome.held} of ${READERS} readers are held`);
  // Not what the rush costs, but what those who are there do.
  await sleep(SETTLES);
  console.log(`   with:    ${await probe(proxy.port)}`);
  describe(await proxy.look());
  await tell(() => ({ do: "leave" }));
  console.log(`   after:   ${await probe(proxy.port)}`);
}

async function crowd(proxy: Proxy, tell: Tell): Promise<void> {
  const before = (await proxy.metrics()).sum("sluice_connections_refused_total");
  const watchersBefore = tally.refused;
  const outcome = await tell((index) => ({
    do: "come",
    port: proxy.port,
    count: shareOf(LIMIT + MORE, index),
    request: SMALL,
    reads: true,
  }));
  say(outcome);
  const early = tally.refused - watchersBefore;
  const look = await proxy.look();
  const late = tally.refused - watchersBefore;
  describe(look);
  const refused = look.metrics.sum("sluice_connections_refused_total") - before;
  const told = outcome.refused + (outcome.failed["ECONNRESET"] ?? 0);
  // Of the watchers some may hold a connection, and some be told after this look.
  if (outcome.held > LIMIT || outcome.held < LIMIT - WATCHERS) {
    problems.push(`a crowd: ${outcome.held} connections are held, with a limit of ${LIMIT}`);
  }
  if (look.metrics.sum("sluice_connections") > LIMIT) problems.push("a crowd: beyond the limit");
  console.log(`   refused: ${refused} by the metrics, ${told + early} to ${told + late} told`);
  if (refused < told + early - WATCHERS || refused > told + late + WATCHERS) {
    problems.push(`a crowd: ${refused} refused, ${told + early} to ${told + late} told`);
  }
  const others = Object.entries(outcome.failed).filter(([reason]) => reason !== "ECONNRESET");
  if (others.length > 0) problems.push(`a crowd: ${JSON.stringify(outcome.failed)}`);
  await tell(() => ({ do: "leave" }));
}

async function rage(proxy: Proxy, tell: Tell): Promise<void> {
  const raging = { running: true };
  const reloading = (async () => {
    while (raging.running && !state.stopped) {
      await proxy.reload();
      await sleep(RELOAD_EVERY);
    }
  })();
  const ending = (async () => {
    for (let number = 0; raging.running && !state.stopped; number++) {
      const way = WAYS[number % WAYS.length]!;
      const restarts = (await proxy.metrics()).sum("sluice_worker_restarts_total");
      mayBeCutUntil = Infinity;
      ended++;
      await endWorker(proxy.port, way);
      await until(async () => {
        const metrics = await proxy.metrics();
        const replaced = metrics.sum("sluice_worker_restarts_total") > restarts;
        return (
          replaced && metrics.sum("sluice_workers", 'state="running"') >= Number(values.workers)
        );
      });
      console.log(`   a worker was ended (${way}), and is replaced`);
      // Whoever was cut has seen it by then.
      mayBeCutUntil = performance.now() + 2000;
      await sleep(END_EVERY);
    }
  })();
  const outcome = await tell((index) => ({
    do: "rage",
    port: proxy.port,
    clients: Math.ceil(RAGING / CROWDS),
    seconds: RAGE_SECONDS,
    seed: SEED * 100 + index,
  }));
  describe(await proxy.look());
  say(outcome);
  raging.running = false;
  await Promise.all([reloading, ending]);
}

/** Sends the request that ends a worker, again if it did not get there. */
async function endWorker(port: number, way: string): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.resume();
  socket.write(`GET /end/${way} HTTP/1.1\r\nHost: hostile.example\r\n\r\n`);
  await new Promise((resolve) => socket.once("close", resolve));
}

/** Median and 99th percentile of exchanges one after the other, each on the same connection. */
async function probe(port: number): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await once(socket, "connect");
  const times: number[] = [];
  let waiting: (() => void) | null = null;
  let text = "";
  socket.on("data", (bytes) => {
    text += bytes.toString("latin1");
    const head = text.indexOf("\r\n\r\n");
    if (head < 0 || text.length < head + 4 + 1024) return;
    text = "";
    waiting?.();
  });
  socket.on("error", () => waiting?.());
  for (let i = 0; i < PROBES && !socket.destroyed; i++) {
    const begin = performance.now();
    socket.write(SMALL);
    await new Promise<void>((resolve) => (waiting = resolve));
    times.push(performance.now() - begin);
  }
  socket.destroy();
  if (times.length < PROBES) problems.push(`a probe was cut after ${times.length} answers`);
  times.sort((a, b) => a - b);
  const at = (share: number): string =>
    `${times[Math.floor(times.length * share)]?.toFixed(2) ?? "?"} ms`;
  return `p50 ${at(0.5)}, p99 ${at(0.99)} of ${times.length}`;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await holds()); tries++) {
    if (tries > 300) throw new Error("a worker that was ended is not replaced");
    await sleep(200);
  }
}

function join(a: Outcome, b: Outcome): Outcome {
  const add = (one: Outcome["failed"], other: Outcome["failed"]): Outcome["failed"] => {
    const sum: Record<string, number> = { ...one };
    for (const [name, count] of Object.entries(other)) sum[name] = (sum[name] ?? 0) + count;
    return sum;
  };
  return {
    held: a.held + b.held,
    refused: a.refused + b.refused,
    failed: add(a.failed, b.failed),
    deeds: add(a.deeds, b.deeds),
  };
}

function say({ held, refused, failed, deeds }: Outcome): void {
  console.log(
    `   ${held} held, ${refused} refused; failed ${JSON.stringify(failed)}; ${JSON.stringify(deeds)}`,
  );
}

function describe({ descriptors, pss, rss, metrics }: Look): void {
  console.log(
    `   ${descriptors} descriptors, PSS ${mebibytes(pss)}, RSS ${mebibytes(rss)}; ${metrics.busy()}`,
  );
}

/** TCPAbortOnMemory: connections that the kernel has cut since the machine was started. */
function abortedForMemory(): number {
  const [names = "", numbers = ""] = readFileSync("/proc/net/netstat", "utf8").split("\n");
  return Number(numbers.split(" ")[names.split(" ").indexOf("TCPAbortOnMemory")] ?? 0);
}

function descriptorLimit(): number {
  const limits = readFileSync("/proc/self/limits", "utf8");
  const found = /^Max open files +(\S+)/m.exec(limits)?.[1] ?? "0";
  return found === "unlimited" ? Infinity : Number(found);
}

function configuration(version: number, nginx: number, own: number): string {
  return `
import { CONTINUE, defineConfig } from "sluice";
const kept: unknown[] = [];
export default defineConfig({
  listen: "127.0.0.1:0",
  admin: "127.0.0.1:0",
  workers: ${values.workers},
  log: { access: "off" },
  limits: { connections: ${LIMIT} },
  upstreams: {
    bulk: { endpoints: "http://127.0.0.1:${nginx}", ejection: "off" },
    own: "http://127.0.0.1:${own}",
    broken: { endpoints: "http://127.0.0.1:${own}", ejection: "off" },
  },
  routes: [
    { name: "bulk", match: ["/bulk", "/10m"], to: "bulk" },
    { name: "broken", match: "/broken/*", to: "broken" },
    {
      name: "end",
      match: "/end/*",
      use: [{
        onRequestHead({ request }) {
          switch (request.path) {
            case "/end/throw":
              setTimeout(() => { throw new Error("thrown on purpose"); }, 0);
              break;
            case "/end/exhaust":
              for (;;) kept.push(Array.from({ length: 1000 }, () => ({})));
            case "/end/loop":
              for (;;);
          }
          return CONTINUE;
        },
      }],
      to: "own",
    },
    {
      name: "own",
      match: "/*",
      upgrade: ["echo"],
      use: [{ responseHeaders: { set: { "X-Version": "${version}" } } }],
      to: "own",
    },
  ],
});
`;
}
