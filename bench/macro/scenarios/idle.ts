/** What a connection costs that is open and unused, after one request on it. */

import { setTimeout as sleep } from "node:timers/promises";
import { openIdle } from "../load/idle.ts";
import { memory } from "../measure/process.ts";
import { ours, type Scenario, subjects } from "./scenario.ts";

/** Connections that are used and closed before memory is read the first time. */
const WARM_UP = 500;
const SETTLE = 700;

/** Memory of the process with connections, less its memory before them, divided by their number. */
export const idle: Scenario = {
  name: "idle",
  title: "Idle connections, one request on each before",
  main: "connectionPss",
  columns: ["connectionPss", "connectionRss", "rss", "pss"],
  subjects: subjects([...ours, "nginx", "haproxy", "caddy", "http-proxy"]),
  measure: async ({ start, requests, idleConnections }) => {
    const running = await start();
    const { first, answerBytes } = requests("bare");
    const warm = await openIdle(
      running.port,
      Math.min(WARM_UP, idleConnections),
      first,
      answerBytes,
    );
    warm.close();
    await sleep(SETTLE);

    const before = memory(running.pid);
    const connections = await openIdle(running.port, idleConnections, first, answerBytes);
    await sleep(SETTLE);
    const after = memory(running.pid);
    const { open } = connections;
    connections.close();
    return {
      values: {
        connectionPss: (after.pss - before.pss) / idleConnections,
        connectionRss: (after.rss - before.rss) / idleConnections,
        rss: after.rss / 1e6,
        pss: after.pss / 1e6,
      },
      problems:
        open === idleConnections ? [] : [`${idleConnections - open} connections were closed`],
    };
  },
};
