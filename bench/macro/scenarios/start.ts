/** How soon a proxy answers, and what it needs before there is anything to do. */

import { setTimeout as sleep } from "node:timers/promises";
import { memory } from "../measure/process.ts";
import { ours, type Scenario, subjects } from "./scenario.ts";

const SETTLE = 4000;
const MANY = 3;

/** Proxies whose number of workers can be chosen. */
const withWorkers = new Set([...ours, "nginx", "haproxy"]);

/** Time from spawn to the first answer with one worker; resident memory with one, and for each further one. */
export const start: Scenario = {
  name: "start",
  title: "Start, and memory when idle",
  main: "start",
  columns: ["start", "resident", "furtherWorker", "pss"],
  subjects: subjects([...ours, "nginx", "haproxy", "caddy", "http-proxy"]),
  measure: async ({ start: begin, subject }) => {
    const one = await begin({ workers: 1 });
    await sleep(SETTLE);
    const { rss, pss } = memory(one.pid);
    await one.stop();
    const values = { start: one.startedIn / 1000, resident: rss / 1e6, pss: pss / 1e6 };
    if (!withWorkers.has(subject.peer)) return { values, problems: [] };

    const many = await begin({ workers: MANY });
    await sleep(SETTLE);
    const furtherWorker = (memory(many.pid).rss - rss) / (MANY - 1) / 1e6;
    return { values: { ...values, furtherWorker }, problems: [] };
  },
};
