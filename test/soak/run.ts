/**
 * `npm run soak [-- --requests 20000000 --transport uring|node --workers 2 --seconds N --clients 24 --seed 1]`: a whole
 * `bin/sluice` under many requests, then a look at what is left of them.
 *
 * The volume comes from wrk with nginx behind the proxy (without the two, the clients below do all). Beside it
 * clients of our own compare every byte of every answer, and leave now and then; their backend breaks off now and
 * then. The configuration is reloaded all the while. It passes when
 *
 * - every request was answered with the bytes that belong to it, or its connection was seen to end for a reason;
 * - the metrics agree with what was sent;
 * - afterwards all gauges are zero, no descriptor more is open than after the warm-up, and memory has grown by no
 *   more than a quarter and 32 MiB since then;
 * - no worker has ended, and the proxy has not complained of itself.
 *
 * It ends when the requests are sent or the seconds are over (3600).
 */

import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { findProgram } from "../harness/requires.ts";
import { runClients } from "./parts/clients.ts";
import { type Look, Proxy, Scope, startPart } from "./parts/proxy.ts";
import { runWrk, startNginx } from "./parts/programs.ts";
import { Tally } from "./parts/tally.ts";

const { values } = parseArgs({
  options: {
    requests: { type: "string", default: "20000000" },
    seconds: { type: "string", default: "3600" },
    transport: { type: "string", default: "auto" },
    workers: { type: "string", default: "2" },
    clients: { type: "string", default: "24" },
    seed: { type: "string", default: "1" },
  },
});
const REQUESTS = Number(values.requests);
const SECONDS = Number(values.seconds);
const CLIENTS = Number(values.clients);
const SEED = Number(values.seed);

/** Connections of wrk, and how long one run of it takes at the most, in seconds. */
const WRK_CONNECTIONS = 64;
const WRK_SECONDS = 10;
const WARM_UP = { wrkSeconds: 6, seconds: 8 } as const;
const RELOAD_EVERY = 5000;
const LOOK_EVERY = 10_000;
const MAY_GROW = { share: 0.25, bytes: 32 * 1024 * 1024 } as const;

const mebibytes = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
const problems: string[] = [];
const scope = new Scope();
/** Nobody is to go on behind an error. */
const state = { stopped: false };

try {
  await run();
} catch (error) {
  problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
} finally {
  state.stopped = true;
  await scope.close();
}
for (const problem of problems) console.log(`✗ ${problem}`);
console.log(problems.length === 0 ? "soak passed" : "soak failed");
process.exit(problems.length === 0 ? 0 : 1);

async function run(): Promise<void> {
  const volume = findProgram("wrk") !== undefined && findProgram("nginx") !== undefined;
  const nginx = volume ? await startNginx(scope) : 1;
  const { first: own } = await startPart(scope, "backend.ts", [values.seed]);
  const proxy = await Proxy.start(
    scope,
    "sluice.yaml",
    (version) => configuration(version, nginx, Number(own)),
    { SLUICE_TRANSPORT: values.transport },
  );
  console.log(`${proxy.transport}; ${REQUESTS} requests, seed ${SEED}`);
  const tally = new Tally();
  let wrkRequests = 0;
  let wrkRuns = 0;

  const wrk = async (seconds: number): Promise<void> => {
    const result = await runWrk(proxy.port, "/bulk", WRK_CONNECTIONS, seconds);
    wrkRequests += result.requests;
    wrkRuns++;
    for (const problem of result.problems) problems.push(`wrk: ${problem}`);
  };
  const clients = (goesOn: () => boolean, seed: number): Promise<void> =>
    runClients(CLIENTS, {
      port: proxy.port,
      seed,
      tally,
      leaving: 0.2,
      breaking: 0.02,
      mayBeCut: () => false,
      goesOn: () => !state.stopped && goesOn(),
    });

  // The same load as afterwards, so that whatever grows to fit it has grown.
  let warm = true;
  const warming = clients(() => warm, SEED);
  await Promise.all([volume ? wrk(WARM_UP.wrkSeconds) : null, sleep(WARM_UP.seconds * 1000)]);
  await proxy.reload();
  warm = false;
  await warming;
  const { look: before } = await proxy.rest(Infinity);
  show("after the warm-up", before);

  const deadline = performance.now() + SECONDS * 1000;
  const total = (): number => wrkRequests + tally.sent + tally.left;
  const goesOn = (): boolean =>
    total() < REQUESTS && performance.now() < deadline && tally.failures.length < 50;
  let running = true;
  const reloading = every(
    RELOAD_EVERY,
    () => running,
    () => proxy.reload(),
  );
  const looks: Look[] = [];
  const looking = every(
    LOOK_EVERY,
    () => running,
    async () => {
      const look = await proxy.look();
      looks.push(look);
      show(`${total()} requests`, look);
    },
  );
  const verifying = clients(goesOn, SEED + 1);
  while (goesOn()) {
    if (!volume) {
      await sleep(1000);
      continue;
    }
    const rate = Math.max(1000, wrkRequests / (wrkRuns * WRK_SECONDS));
    const left = Math.min((REQUESTS - total()) / rate, (deadline - performance.now()) / 1000);
    await wrk(Math.max(1, Math.min(WRK_SECONDS, Math.ceil(left))));
  }
  await verifying;
  running = false;
  await Promise.all([reloading, looking]);

  const { look: after, busy } = await proxy.rest(before.descriptors);
  show("at rest", after);
  console.log(`wrk: ${wrkRequests} in ${wrkRuns} runs; own clients: ${tally.toString()}`);
  console.log(`failures: ${after.metrics.list("sluice_failures_total")}`);

  problems.push(...tally.failures);
  if (busy !== "") problems.push(`not at rest: ${busy}`);
  if (after.descriptors > before.descriptors) {
    problems.push(`${after.descriptors} descriptors are open, and ${before.descriptors} were`);
  }
  const bound = before.pss * (1 + MAY_GROW.share) + MAY_GROW.bytes;
  if (after.pss > bound) {
    problems.push(`memory grew from ${mebibytes(before.pss)} to ${mebibytes(after.pss)}`);
  }
  agree("requests of wrk", after.metrics.sum("sluice_requests_total", 'route="bulk"'), {
    least: wrkRequests,
    // What is under way when wrk ends is not in its count.
    most: wrkRequests + wrkRuns * WRK_CONNECTIONS,
  });
  const ownRoutes = ["own", "broken", "(none)"].map((route) =>
    after.metrics.sum("sluice_requests_total", `route="${route}"`),
  );
  agree(
    "requests of own clients",
    ownRoutes.reduce((sum, count) => sum + count, 0),
    { least: tally.answered, most: tally.sent + tally.left },
  );
  if (tally.answered + tally.cut < tally.sent) {
    problems.push(`${tally.sent - tally.answered - tally.cut} requests have no end`);
  }
  for (const name of ["sluice_bugs_total", "sluice_worker_restarts_total"]) {
    if (after.metrics.sum(name) !== 0) problems.push(`${name} is ${after.metrics.sum(name)}`);
  }
  problems.push(...proxy.complaints());
  await proxy.sluice.stop();
}

function agree(
  what: string,
  counted: number,
  { least, most }: { least: number; most: number },
): void {
  console.log(`${what}: ${counted} by the metrics, ${least} to ${most} by the clients`);
  if (counted < least || counted > most) {
    problems.push(`${what}: the metrics say ${counted}, the clients ${least} to ${most}`);
  }
}

function show(when: string, { descriptors, pss, rss, metrics }: Look): void {
  const busy = metrics.busy();
  console.log(
    `${when}: ${descriptors} descriptors, PSS ${mebibytes(pss)}, RSS ${mebibytes(rss)}; ${busy === "" ? "all gauges zero" : busy}`,
  );
}

async function every(
  pause: number,
  goesOn: () => boolean,
  task: () => Promise<void>,
): Promise<void> {
  while (goesOn() && !state.stopped) {
    for (let waited = 0; waited < pause && goesOn(); waited += 250) await sleep(250);
    if (goesOn()) await task();
  }
}

function configuration(version: number, nginx: number, own: number): string {
  return `
listen: 127.0.0.1:0
admin: 127.0.0.1:0
workers: ${values.workers}
log: { access: off }
upstreams:
  bulk: "http://127.0.0.1:${nginx}"
  own: "http://127.0.0.1:${own}"
  broken: { endpoints: "http://127.0.0.1:${own}", ejection: off }
routes:
  - { name: bulk, match: /bulk, to: bulk }
  - { name: broken, match: /broken/*, to: broken }
  - name: own
    match: /*
    upgrade: [echo]
    use: [{ responseHeaders: { set: { X-Version: "${version}" } } }]
    to: own
`;
}
