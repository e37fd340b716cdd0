/** What a connection costs that is open and unused, after one request on it. */

import { setTimeout as sleep } from "node:timers/promises";
import { openIdle } from "../load/idle.ts";
import { memory } from "../measure/process.ts";
import {
  ours,
  type Measured,
  type Scenario,
  type Stage,
  type Subject,
  subjects,
} from "./scenario.ts";

/** Connections that are used and closed before memory is read the first time. */
const WARM_UP = 500;
const SETTLE = 700;

/** Memory of the process with connections, less its memory before them, divided by their number: `share` of the usual one. */
export function idleScenario(
  name: string,
  title: string,
  subjects: readonly Subject[],
  share = 1,
): Scenario {
  return {
    name,
    title,
    subjects,
    main: "connectionPss",
    columns: ["connectionPss", "connectionRss", "rss", "pss"],
    measure: (stage) => measure(stage, Math.ceil(stage.idleConnections * share)),
  };
}

async function measure({ start, requests }: Stage, count: number): Promise<Measured> {
  const running = await start();
  const { first, answerBytes } = requests("bare");
  const warm = await openIdle(running, Math.min(WARM_UP, count), first, answerBytes);
  warm.close();
  await sleep(SETTLE);

  const before = memory(running.pid);
  const connections = await openIdle(running, count, first, answerBytes);
  await sleep(SETTLE);
  const after = memory(running.pid);
  const { open } = connections;
  connections.close();
  return {
    values: {
      connectionPss: (after.pss - before.pss) / count,
      connectionRss: (after.rss - before.rss) / count,
      rss: after.rss / 1e6,
      pss: after.pss / 1e6,
    },
    problems: open === count ? [] : [`${count - open} connections were closed`],
  };
}

/** Without TLS. */
export const idle: Scenario = idleScenario(
  "idle",
  "Idle connections, one request on each before",
  subjects([...ours, "nginx", "haproxy", "caddy", "http-proxy"]),
);
