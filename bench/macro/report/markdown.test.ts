import assert from "node:assert/strict";
import { test } from "node:test";
import { type Scenario, subjects } from "../scenarios/scenario.ts";
import { markdown, ratioTable, scenarioTable, summaryTable, targetTable } from "./markdown.ts";
import type { Results, Run } from "./results.ts";
import { judgeAll } from "./verdicts.ts";

const scenario: Scenario = {
  name: "bare-64",
  title: "Small heads",
  main: "cpu",
  columns: ["cpu", "rate"],
  subjects: subjects(["sluice-node", "nginx", "caddy"]),
  measure: () => Promise.reject(new Error("not run")),
};

function run(subject: string, round: number, cpu: number, problems: readonly string[] = []): Run {
  return { scenario: "bare-64", subject, round, values: { cpu, rate: 1000 }, problems };
}

const runs = [
  run("sluice-node", 1, 30),
  run("nginx", 1, 20),
  run("sluice-node", 2, 66),
  run("nginx", 2, 40),
  run("sluice-node", 3, 9999, ["7 errors while reading"]),
  run("nginx", 3, 20),
];

const target = { scenario: "bare-64", metric: "cpu", ours: "sluice-node", peer: "nginx" } as const;

test("a ratio is the median of the ratios of each round, and an invalid run is in none", () => {
  const [judged] = judgeAll([{ ...target, bound: 1.7 }], runs);
  assert.equal(judged?.found?.median.toFixed(3), "1.575");
  assert.equal(judged?.found?.rounds, 2);
  assert.equal(judged?.verdict, "met");
});

test("a target without a peer is held against the value itself", () => {
  const own = { scenario: "bare-64", metric: "cpu", ours: "sluice-node", bound: 40 } as const;
  const [judged] = judgeAll([own], runs);
  assert.deepEqual(judged?.found, { median: 48, spread: 18, rounds: 2 });
  assert.equal(judged?.verdict, "met within noise");
});

test("the table of a scenario has medians, ratios, and only subjects that were run", () => {
  const [, , ...rows] = scenarioTable(scenario, runs).split("\n");
  assert.deepEqual(
    rows.map((row) => row.split("|").map((cell) => cell.trim())),
    [
      ["", "sluice-node", "48.0", "1000", "", ""],
      ["", "nginx", "20.0", "1000", "1.57 ± 0.07", ""],
    ],
  );
});

test("the summary has a column for each peer that was measured", () => {
  const [head = "", , row = ""] = summaryTable([scenario], runs).split("\n");
  assert.match(head, /sluice-node \| +nginx \|$/);
  assert.match(row, /Small heads: CPU\/request, µs \| +48\.0 \| +20\.0 \|$/);
});

test("the ratios have a row for each Sluice that was measured", () => {
  const [head = "", , ...rows] = ratioTable([scenario], runs).split("\n");
  assert.match(head, /of +\| ÷ nginx \|$/);
  assert.equal(rows.length, 1);
  assert.match(rows[0] ?? "", /Small heads: CPU\/request \| sluice-node \| +1\.57 \|$/);
});

test("the targets have bound, ratio, spread and verdict", () => {
  const text = targetTable(judgeAll([{ ...target, bound: 1.5 }], runs));
  assert.match(text, /bare-64 +\| CPU\/request \| sluice-node \| nginx \|/);
  assert.match(text, /≤ 1\.5 \| +1\.57 ± 0\.07 \| +met within noise \|/);
});

test("the report names circumstances, what was left out, and invalid runs", () => {
  const results: Results = {
    context: {
      date: "2026-11-24T12:00:00.000Z",
      command: "npm run bench -- --only bare",
      revision: "0123456",
      kernel: "linux 6.18",
      cpu: "a processor",
      cpus: 2,
      memoryGiB: 8,
      node: "24.21.0",
      load: "0.00 0.00 0.00",
      rounds: 3,
      seconds: 1,
      warmUp: 1,
      sluice: "the installed package",
      versions: { nginx: "nginx 1.22.1" },
    },
    skipped: [{ name: "varnish", reason: "varnishd is not installed" }],
    runs,
  };
  const text = markdown(results, [scenario], judgeAll([{ ...target, bound: 1.5 }], runs));
  for (const part of [
    "# Macro-benchmark, 2026-11-24",
    "`npm run bench -- --only bare`",
    "linux 6.18; a processor, 2 processors",
    "nginx: nginx 1.22.1",
    "varnish: left out, varnishd is not installed",
    "bare-64, sluice-node, round 3: 7 errors while reading",
  ]) {
    assert.ok(text.includes(part), part);
  }
});
