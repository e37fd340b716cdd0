/** Scenarios of new connections with TLS: a full handshake for each request. */

import { setTimeout as sleep } from "node:timers/promises";
import { type AbResult, runAb } from "../load/ab.ts";
import { openIdle } from "../load/idle.ts";
import { memory } from "../measure/process.ts";
import { spentDuring } from "../measure/spent.ts";
import type { Metric, Values } from "../report/metrics.ts";
import type { Measured, Scenario, Stage, Subject } from "./scenario.ts";

/** Connections at a time. */
const CONNECTIONS = 64;
/** Time for a process to come to rest after its start, in ms. */
const SETTLE = 4000;

const perHandshake: readonly Metric[] = ["cpu", "user", "system", "machine", "rate", "rss", "pss"];

/** New connections under load. */
export function handshakeScenario(
  name: string,
  title: string,
  subjects: readonly Subject[],
): Scenario {
  return { name, title, subjects, main: "cpu", columns: perHandshake, measure: underLoad };
}

/** What certificates cost: time to the first answer, memory when idle, and then as {@link handshakeScenario}. */
export function certificateScenario(
  name: string,
  title: string,
  subjects: readonly Subject[],
): Scenario {
  const columns: readonly Metric[] = ["start", "resident", ...perHandshake];
  const measure = async (stage: Stage): Promise<Measured> => {
    const running = await stage.start();
    await sleep(SETTLE);
    const resident = memory(running.pid).rss / 1e6;
    const begin = { start: running.startedIn / 1000, resident };
    const { values, problems } = await underLoad({ ...stage, start: async () => running });
    return { values: { ...begin, ...values }, problems };
  };
  return { name, title, subjects, main: "cpu", columns, measure };
}

async function underLoad(stage: Stage): Promise<Measured> {
  const running = await stage.start();
  const { first, answerBytes } = stage.requests("bare");
  // Checks the certificate, too.
  const verify = async (): Promise<void> =>
    (await openIdle(running, 1, first, answerBytes)).close();
  const run = (seconds: number): Promise<AbResult> =>
    runAb({
      port: running.port,
      ca: running.ca,
      path: "/bare",
      connections: CONNECTIONS,
      seconds,
      folder: stage.folder,
    });

  await verify();
  if (stage.warmUp > 0) await run(stage.warmUp);
  const { result, spent } = await spentDuring(running.pid, () => run(stage.seconds));
  const { requests, microseconds, problems } = result;
  const { rss, pss } = memory(running.pid);
  const values: Values = {
    cpu: spent.total / requests,
    user: spent.user / requests,
    system: spent.system / requests,
    machine: spent.machine / requests,
    rate: (requests * 1e6) / microseconds,
    rss: rss / 1e6,
    pss: pss / 1e6,
  };
  await verify();
  return { values, problems };
}
