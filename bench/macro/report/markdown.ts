/** The report: circumstances, targets, and a table for each scenario. */

import { ours, type Scenario } from "../scenarios/scenario.ts";
import { format, heading, metrics } from "./metrics.ts";
import { medianOf, type Results, type Run } from "./results.ts";
import type { Spread } from "./statistics.ts";
import { table } from "./table.ts";
import { type Judged, ratioOf } from "./verdicts.ts";

/** Median and spread, as in `0.83 ± 0.02`. */
export function writeSpread(found: Spread | undefined, digits = 2): string {
  if (found === undefined) return "–";
  return `${found.median.toFixed(digits)} ± ${found.spread.toFixed(digits)}`;
}

/** What one scenario has shown: a row for each subject, with the ratio of each Sluice to it. */
export function scenarioTable(scenario: Scenario, runs: readonly Run[]): string {
  const { name, columns, main } = scenario;
  const seen = new Set(runs.filter((run) => run.scenario === name).map(({ subject }) => subject));
  const subjects = scenario.subjects.filter(({ label }) => seen.has(label));
  const own = subjects.filter(({ peer }) => ours.includes(peer));
  const rows = subjects.map(({ label }) => [
    label,
    ...columns.map((column) => format(column, medianOf(runs, name, label, column))),
    ...own.map((each) =>
      each.label === label
        ? ""
        : writeSpread(
            ratioOf(runs, { scenario: name, metric: main, ours: each.label, peer: label }),
          ),
    ),
  ]);
  const head = ["", ...columns.map(heading), ...own.map(({ label }) => `${label} ÷ it`)];
  return table(head, rows);
}

/** Every target with ratio, spread and verdict. */
export function targetTable(judged: readonly Judged[]): string {
  return table(
    ["scenario", "what", "of", "to", "bound", "found", "verdict"],
    judged.map(({ scenario, metric, ours: own, peer, bound, found, verdict }) => {
      const { title, unit, digits } = metrics[metric];
      const isRatio = peer !== undefined;
      return [
        scenario,
        isRatio || unit === "" ? title : `${title}, ${unit}`,
        own,
        peer ?? "",
        `≤ ${bound}`,
        writeSpread(found, isRatio ? 2 : digits),
        verdict,
      ];
    }),
    4,
  );
}

/** Peers of the summaries. */
const summaryPeers = ["nginx", "nginx-tuned", "haproxy", "varnish", "caddy", "http-proxy"];

/** The most important numbers in one table, for the README: a row for each scenario, a column for each peer. */
export function summaryTable(scenarios: readonly Scenario[], runs: readonly Run[]): string {
  const seen = new Set(runs.map(({ subject }) => subject));
  const columns = [...ours, ...summaryPeers].filter((label) => seen.has(label));
  const rows = scenarios
    .filter(({ name }) =>
      runs.some((run) => run.scenario === name && columns.includes(run.subject)),
    )
    .map(({ name, title, main }) => [
      `${title}: ${heading(main)}`,
      ...columns.map((label) => format(main, medianOf(runs, name, label, main))),
    ]);
  return table(["", ...columns], rows);
}

/** Ratios in one table, for the README: a row for each scenario and transport, a column for each peer. */
export function ratioTable(scenarios: readonly Scenario[], runs: readonly Run[]): string {
  const seen = new Set(runs.map(({ subject }) => subject));
  const columns = summaryPeers.filter((label) => seen.has(label));
  const rows = scenarios.flatMap(({ name, title, main }) =>
    ours
      .filter((own) => runs.some((run) => run.scenario === name && run.subject === own))
      .map((own) => [
        `${title}: ${metrics[main].title}`,
        own,
        ...columns.map((peer) => {
          const found = ratioOf(runs, { scenario: name, metric: main, ours: own, peer });
          return found === undefined ? "–" : found.median.toFixed(2);
        }),
      ]),
  );
  return table(["", "of", ...columns.map((label) => `÷ ${label}`)], rows, 2);
}

function circumstances({ context, skipped }: Results): string {
  const lines = [
    `Command: \`${context.command}\``,
    `Kernel ${context.kernel}; ${context.cpu}, ${context.cpus} processors, ${context.memoryGiB} GiB; load average at the start ${context.load}`,
    `Node.js ${context.node}; Sluice from ${context.sluice}, commit ${context.revision}`,
    `${context.rounds} rounds, ${context.seconds} s for each measurement after ${context.warmUp} s of load, three times that where code is compiled late (V8)`,
    ...Object.entries(context.versions).map(([name, version]) => `${name}: ${version}`),
    ...skipped.map(({ name, reason }) => `${name}: left out, ${reason}`),
  ];
  return lines.map((line) => `- ${line}`).join("\n");
}

function invalidRuns(runs: readonly Run[]): string {
  const bad = runs.filter(({ problems }) => problems.length > 0);
  if (bad.length === 0) return "None.";
  return bad
    .map(
      ({ scenario, subject, round, problems }) =>
        `- ${scenario}, ${subject}, round ${round}: ${problems.join("; ").replaceAll(/\s+/gu, " ")}`,
    )
    .join("\n");
}

/** The whole report. */
export function markdown(
  results: Results,
  scenarios: readonly Scenario[],
  judged: readonly Judged[],
): string {
  const { runs, context } = results;
  const run = scenarios.filter(({ name }) => runs.some(({ scenario }) => scenario === name));
  const sections = [
    `# Macro-benchmark, ${context.date.slice(0, 10)}`,
    circumstances(results),
    "Numbers are medians of the rounds. A ratio is the median of the ratios of each round; behind it stands half the distance between the smallest and the largest.",
    "## Summary",
    summaryTable(run, runs),
    ratioTable(run, runs),
    "## Targets",
    targetTable(judged),
    ...(context.rounds === 1 ? ["One round has no spread: these verdicts mean little."] : []),
    "## Invalid runs",
    invalidRuns(runs),
    ...run.flatMap((scenario) => [
      `## ${scenario.name}: ${scenario.title}`,
      `Ratios are of ${metrics[scenario.main].title}.`,
      scenarioTable(scenario, runs),
    ]),
  ];
  return `${sections.join("\n\n")}\n`;
}
