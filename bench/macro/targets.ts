/** What Sluice is meant to reach: upper bounds, each for a scenario, a metric and a transport. */

import type { Metric } from "./report/metrics.ts";

/** One bound. */
export interface Target {
  readonly scenario: string;
  readonly metric: Metric;
  /** Label of the subject that is to reach it. */
  readonly ours: string;
  /** The subject that it is divided by; without it the bound is absolute, in the unit of the metric. */
  readonly peer?: string;
  readonly bound: number;
}

/** Bounds for `ours` against several peers. */
function against(
  scenarios: readonly string[],
  metric: Metric,
  ours: string,
  bounds: Readonly<Record<string, number>>,
): readonly Target[] {
  return scenarios.flatMap((scenario) =>
    Object.entries(bounds).map(([peer, bound]) => ({ scenario, metric, ours, peer, bound })),
  );
}

/** A bound in the unit of the metric, for both transports. */
function absolute(scenario: string, metric: Metric, bound: number): readonly Target[] {
  return ["sluice-uring", "sluice-node"].map((ours) => ({ scenario, metric, ours, bound }));
}

const uring = "sluice-uring";
const node = "sluice-node";

/** All targets, in the order of the report. */
export const targets: readonly Target[] = [
  ...against(["headline-64", "bare-64"], "cpu", uring, { nginx: 0.85, haproxy: 0.8, caddy: 0.15 }),
  ...against(["headline-64", "bare-64"], "cpu", node, {
    nginx: 2.2,
    caddy: 0.35,
    "http-proxy": 0.4,
  }),
  ...against(["headline-512", "bare-512"], "cpu", uring, { nginx: 0.8 }),
  ...against(["headline-512", "bare-512"], "cpu", node, { nginx: 2.2 }),
  ...against(["headline-1", "bare-1"], "p50", uring, { nginx: 1.1 }),
  ...against(["headline-1", "bare-1"], "p50", node, { nginx: 1.5 }),
  ...against(["fixed-rate"], "p99", uring, { nginx: 1.5 }),
  ...against(["fixed-rate"], "p999", uring, { nginx: 1.5 }),
  ...against(["fixed-rate"], "p99", node, { nginx: 2.5 }),
  ...against(["fixed-rate"], "p999", node, { nginx: 2.5 }),
  ...against(["access-log"], "cpu", uring, { nginx: 0.9 }),
  ...against(["access-log"], "cpu", node, { nginx: 2.2 }),
  ...against(["download"], "cpuPerGiB", uring, { "nginx-tuned": 1.05, nginx: 0.45, haproxy: 0.8 }),
  ...against(["download"], "cpuPerGiB", node, { "nginx-tuned": 1.8 }),
  ...against(["upload"], "cpuPerGiB", uring, { "nginx-tuned": 1.05 }),
  ...against(["upload"], "cpuPerGiB", node, { "nginx-tuned": 2 }),
  ...against(["idle"], "connectionPss", uring, { haproxy: 2 }),
  { scenario: "idle", metric: "connectionPss", ours: node, bound: 8192 },
  ...absolute("start", "resident", 95),
  ...absolute("start", "furtherWorker", 25),
  ...absolute("start", "start", 0.5),
  ...against(["tls-64"], "cpu", uring, { nginx: 0.9 }),
  ...against(["tls-64"], "cpu", node, { nginx: 2.5 }),
  ...against(["tls-new"], "cpu", uring, { nginx: 1.2 }),
  ...against(["tls-new"], "cpu", node, { nginx: 2 }),
  ...against(["tls-download"], "cpuPerGiB", uring, { "nginx-tuned": 1.2 }),
  ...[uring, node].flatMap((name) =>
    (["start", "resident", "cpu"] as const).map((metric): Target => ({
      scenario: "tls-certificates",
      metric,
      ours: `${name}, 1 000 certificates`,
      peer: `${name}, 1 certificate`,
      bound: 1.1,
    })),
  ),
  ...[uring, node].map((name): Target => ({
    scenario: "routes",
    metric: "cpu",
    ours: `${name}, 10 000 routes`,
    peer: `${name}, 10 routes`,
    bound: 1.05,
  })),
];
