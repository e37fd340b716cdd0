/** Scenarios under load: wrk sends, the proxy's processor time is counted. */

import { join } from "node:path";
import type { RequestName, RequestSet } from "../load/library.ts";
import { openIdle } from "../load/idle.ts";
import { runWrk, type WrkResult } from "../load/wrk.ts";
import type { Running } from "../machine/launch.ts";
import { memory } from "../measure/process.ts";
import { type Spent, spentDuring } from "../measure/spent.ts";
import type { Metric, Values } from "../report/metrics.ts";
import { countLines } from "../measure/lines.ts";
import type { Measured, Scenario, Stage, Subject } from "./scenario.ts";

const GIB = 2 ** 30;
/** Connections of the load before a measurement, at least. */
const WARM_CONNECTIONS = 64;

const perRequest: readonly Metric[] = [
  "cpu",
  "user",
  "system",
  "machine",
  "rate",
  "p50",
  "p99",
  "p999",
  "rss",
  "pss",
];
const perGiB: readonly Metric[] = [
  "cpuPerGiB",
  "userPerGiB",
  "systemPerGiB",
  "machinePerGiB",
  "gibPerSecond",
  "p50",
  "p99",
  "rss",
  "pss",
];

/** What distinguishes one from another. */
export interface LoadOptions {
  readonly name: string;
  readonly title: string;
  readonly requests: RequestName | ((subject: Subject) => RequestName);
  readonly connections: number;
  readonly subjects: readonly Subject[];
  /** What the ratios are made of; without it, processor time for each request. */
  readonly main?: Metric;
  /** Processor time is given for each GiB of body instead of for each request. */
  readonly isBulk?: boolean;
  /** Requests are sent at the rate of {@link Stage.fixedRate} instead of as fast as it goes. */
  readonly isPaced?: boolean;
}

/** A scenario under load. */
export function loadScenario(options: LoadOptions): Scenario {
  const { name, title, subjects, isBulk = false } = options;
  return {
    name,
    title,
    subjects,
    main: options.main ?? (isBulk ? "cpuPerGiB" : "cpu"),
    columns: isBulk ? perGiB : perRequest,
    measure: (stage) => measure(stage, options),
  };
}

async function measure(stage: Stage, options: LoadOptions): Promise<Measured> {
  const { requests: named, connections } = options;
  const set = stage.requests(typeof named === "string" ? named : named(stage.subject));
  const rate = options.isPaced === true ? await stage.fixedRate() : 0;
  const running = await stage.start();
  await verify(running, set);
  const run = (seconds: number, connections: number, rate: number): Promise<WrkResult> =>
    runWrk({
      port: running.port,
      ca: running.ca,
      connections,
      seconds,
      requests: set,
      pause: rate === 0 ? 0 : (connections / rate) * 1000,
      folder: stage.folder,
    });
  // As fast as it goes, whatever comes after: what counts for a compiler is the number of requests.
  const many = options.isBulk === true ? connections : Math.max(WARM_CONNECTIONS, connections);
  if (stage.warmUp > 0) await run(stage.warmUp, many, 0);

  const { result, spent } = await spentDuring(running.pid, () =>
    run(stage.seconds, connections, rate),
  );

  const achieved = (result.requests * 1e6) / result.microseconds;
  const problems = [...result.problems];
  if (achieved < rate * 0.9) {
    problems.push(`only ${achieved.toFixed(0)} of ${rate.toFixed(0)} requests/s were sent`);
  }
  if (stage.subject.variant.accessLog === true) {
    const lines = await countLines(join(running.folder, "access.log"), result.requests);
    if (lines < result.requests) {
      problems.push(`the access log has ${lines} lines for ${result.requests} requests`);
    }
  }
  const values = valuesOf(result, spent, set, running);
  await verify(running, set);
  return { values, problems };
}

/** One exchange by hand, before and after: the status has to be 200 and the answer whole. */
async function verify(running: Running, set: RequestSet): Promise<void> {
  const connections = await openIdle(running, 1, set.first, set.answerBytes);
  connections.close();
}

function valuesOf(result: WrkResult, spent: Spent, set: RequestSet, { pid }: Running): Values {
  const { requests, microseconds } = result;
  const { rss, pss } = memory(pid);
  const { total, user, system, machine } = spent;
  // Downloads are counted as they arrive, uploads when they are complete.
  const gib = (set.bodyBytes > 0 ? requests * set.bodyBytes : result.bytes) / GIB;
  return {
    cpu: total / requests,
    user: user / requests,
    system: system / requests,
    machine: machine / requests,
    rate: (requests * 1e6) / microseconds,
    p50: result.p50 / 1000,
    p99: result.p99 / 1000,
    p999: result.p999 / 1000,
    rss: rss / 1e6,
    pss: pss / 1e6,
    cpuPerGiB: total / 1e6 / gib,
    userPerGiB: user / 1e6 / gib,
    systemPerGiB: system / 1e6 / gib,
    machinePerGiB: machine / 1e6 / gib,
    gibPerSecond: (gib * 1e6) / microseconds,
  };
}
