/** One short round of the real thing: whether it works, not how fast anything is. */

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { missing, unless } from "../../test/harness/requires.ts";
import { checkout } from "./machine/package.ts";
import { readOptions } from "./options.ts";
import { allPeers } from "./peers/all.ts";
import { nginxDefault } from "./peers/nginx.ts";
import type { Peer } from "./peers/peer.ts";
import { scenarioTable } from "./report/markdown.ts";
import type { Run } from "./report/results.ts";
import { Runner } from "./runner.ts";
import { scenarios } from "./scenarios/all.ts";
import { targets } from "./targets.ts";

const skip =
  missing("wrk", "nginx", "ab") ||
  unless(process.platform === "linux", "the benchmark reads /proc");

async function runScenario(
  t: TestContext,
  name: string,
  peerName: string,
  all: readonly Peer[] = allPeers(() => checkout),
): Promise<readonly Run[]> {
  const folder = mkdtempSync(join(tmpdir(), "sluice-bench-test-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const options = readOptions([
    "--quick",
    "--warm-up",
    "0",
    "--connections",
    "20",
    "--rate",
    "500",
  ]);
  const peers = all.filter((peer) => peer.name === peerName);
  const wanted = scenarios.filter((scenario) => scenario.name === name);
  return new Runner(peers, wanted, options, folder, () => undefined).run();
}

/** Why a peer cannot be measured here; false when it can. */
function absence(name: string): string | false {
  const peer = allPeers(() => checkout).find((each) => each.name === name);
  return unless(peer?.absent() === undefined, peer?.absent() ?? "");
}

function assertMeasured(runs: readonly Run[], metrics: readonly (keyof Run["values"])[]): void {
  assert.equal(runs.length, 1);
  const [run] = runs;
  assert.deepEqual(run?.problems, []);
  for (const metric of metrics) {
    const value = run?.values[metric];
    assert.ok(value !== undefined && Number.isFinite(value), metric);
  }
}

test("a load on Sluice is measured", { skip, timeout: 60_000 }, async (t) => {
  const runs = await runScenario(t, "access-log", "sluice-node");
  assertMeasured(runs, ["cpu", "user", "system", "machine", "rate", "p50", "p999", "rss", "pss"]);
  const scenario = scenarios.find(({ name }) => name === "access-log");
  assert.ok(scenario !== undefined);
  assert.match(scenarioTable(scenario, runs), /^\| sluice-node \|/m);
});

test("a load at a fixed rate on nginx is measured", { skip, timeout: 60_000 }, async (t) => {
  const runs = await runScenario(t, "fixed-rate", "nginx");
  // A busy machine may be too slow for the rate: that is recorded, and is no fault of the program.
  const others = runs.map((run) => ({
    ...run,
    problems: run.problems.filter((problem) => !problem.endsWith("requests/s were sent")),
  }));
  assertMeasured(others, ["cpu", "p99", "p999"]);
});

test(
  "idle connections and the start of nginx are measured",
  { skip, timeout: 60_000 },
  async (t) => {
    assertMeasured(await runScenario(t, "idle", "nginx"), ["connectionPss", "connectionRss"]);
    assertMeasured(await runScenario(t, "start", "nginx"), ["start", "resident", "furtherWorker"]);
  },
);

test(
  "a load with TLS is measured on Sluice and the others",
  { skip, timeout: 120_000 },
  async (t) => {
    for (const peer of ["sluice-node", "sluice-uring", "nginx", "haproxy", "caddy"]) {
      await t.test(peer, { skip: absence(peer) }, async (t) => {
        assertMeasured(await runScenario(t, "tls-64", peer), ["cpu", "rate"]);
      });
    }
  },
);

test(
  "full handshakes are measured with one and with many certificates",
  { skip, timeout: 120_000 },
  async (t) => {
    assertMeasured(await runScenario(t, "tls-new", "sluice-node"), ["cpu", "user", "rate"]);
    const runs = await runScenario(t, "tls-certificates", "nginx");
    assert.deepEqual(
      runs.map(({ subject }) => subject),
      ["nginx, 1 certificate", "nginx, 1 000 certificates"],
    );
    for (const run of runs) assertMeasured([run], ["cpu", "start", "resident"]);
  },
);

test(
  "large bodies and idle connections with TLS are measured",
  { skip, timeout: 60_000 },
  async (t) => {
    assertMeasured(await runScenario(t, "tls-download", "nginx-tuned"), ["cpuPerGiB"]);
    assertMeasured(await runScenario(t, "tls-idle", "nginx"), ["connectionPss"]);
  },
);

test(
  "a peer that answers without TLS is not measured as one with it",
  { skip, timeout: 60_000 },
  async (t) => {
    const plain: Peer = {
      ...nginxDefault,
      start: (options) => nginxDefault.start({ ...options, tls: undefined }),
    };
    const [run] = await runScenario(t, "tls-64", "nginx", [plain]);
    assert.deepEqual(run?.problems, ["nginx does not speak TLS here"]);
  },
);

test("every subject of a scenario is a peer, and its label is its own", () => {
  const known = new Set(allPeers(() => checkout).map(({ name }) => name));
  for (const { name, subjects } of scenarios) {
    assert.deepEqual(
      subjects.filter(({ peer }) => !known.has(peer)),
      [],
      name,
    );
    assert.equal(new Set(subjects.map(({ label }) => label)).size, subjects.length, name);
  }
});

test("every target names a scenario that measures both sides", () => {
  for (const { scenario, ours, peer } of targets) {
    const labels = scenarios
      .find(({ name }) => name === scenario)
      ?.subjects.map(({ label }) => label);
    assert.ok(labels?.includes(ours), `${scenario}: ${ours}`);
    assert.ok(peer === undefined || labels?.includes(peer), `${scenario}: ${peer}`);
  }
});
