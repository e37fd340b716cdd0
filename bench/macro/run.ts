/**
 * `npm run bench [-- OPTIONS]`: Sluice and other proxies on the same backend under the same load; see
 * docs/internals/benchmarks.md. Ends with 1 when a run was invalid.
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { missing } from "../../test/harness/requires.ts";
import { describeMachine, describeRevision } from "./machine/context.ts";
import { killAll } from "./machine/launch.ts";
import { checkout, installPackage } from "./machine/package.ts";
import { isWanted, type Options, readOptions, usage } from "./options.ts";
import { allPeers } from "./peers/all.ts";
import { type Peer, printedVersion } from "./peers/peer.ts";
import { markdown } from "./report/markdown.ts";
import { format, metrics } from "./report/metrics.ts";
import type { Results, Run, Skipped } from "./report/results.ts";
import { judgeAll } from "./report/verdicts.ts";
import { Runner, warmUpOf } from "./runner.ts";
import { scenarios } from "./scenarios/all.ts";
import type { Scenario } from "./scenarios/scenario.ts";
import { targets } from "./targets.ts";

/** Seconds of a measurement beside its load: start, verification, end. */
const OVERHEAD = 0.6;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function describe(run: Run, { columns }: Scenario): string {
  const values = columns
    .slice(0, 8)
    .map((column) => `${metrics[column].title} ${format(column, run.values[column])}`);
  const outcome =
    run.problems.length === 0
      ? ""
      : `  INVALID: ${run.problems.join("; ").replaceAll(/\s+/gu, " ")}`;
  return `${run.round}  ${run.scenario.padEnd(16)} ${run.subject.padEnd(28)} ${values.join("  ")}${outcome}`;
}

/** Peers that can run, and why the others cannot. */
function choosePeers(
  all: readonly Peer[],
  wanted: readonly Scenario[],
  options: Options,
): { readonly peers: readonly Peer[]; readonly skipped: readonly Skipped[] } {
  const used = new Set(wanted.flatMap(({ subjects }) => subjects.map(({ peer }) => peer)));
  const chosen = all.filter(
    ({ name }) => used.has(name) && (options.peers.length === 0 || options.peers.includes(name)),
  );
  const skipped = chosen.flatMap((peer) => {
    const reason = peer.absent();
    return reason === undefined ? [] : [{ name: peer.name, reason }];
  });
  const left = new Set(skipped.map(({ name }) => name));
  return { peers: chosen.filter(({ name }) => !left.has(name)), skipped };
}

async function bench(options: Options, args: readonly string[], folder: string): Promise<void> {
  let root: string | undefined = options.checkout ? checkout : undefined;
  const all = allPeers(() => {
    if (root === undefined) say("Packing and installing Sluice …");
    return (root ??= installPackage(join(folder, "package")));
  });
  const wanted = scenarios.filter(({ name }) => isWanted(name, options.only));
  if (wanted.length === 0) throw new Error("no scenario has such a name; see --list");
  const known = new Set(all.map(({ name }) => name));
  const unknown = options.peers.filter((name) => !known.has(name));
  if (unknown.length > 0) throw new Error(`no peer is named ${unknown.join(", ")}; see --list`);

  const { peers, skipped } = choosePeers(all, wanted, options);
  for (const { name, reason } of skipped) say(`${name} is left out: ${reason}`);
  const byName = new Map(peers.map((peer) => [peer.name, peer]));
  const measurements = wanted
    .flatMap(({ subjects }) => subjects)
    .filter(({ peer }) => byName.has(peer));
  const seconds = measurements
    .map((each) => warmUpOf(byName.get(each.peer), each, options.warmUp))
    .reduce((sum, warmUp) => sum + warmUp + options.seconds + OVERHEAD, 0);
  const minutes = Math.ceil((seconds * options.rounds) / 60);
  say(
    `${measurements.length} measurements in each of ${options.rounds} rounds: about ${minutes} min`,
  );

  const context = {
    date: new Date().toISOString(),
    command: ["npm run bench", ...(args.length === 0 ? [] : ["--", ...args])].join(" "),
    revision: describeRevision(checkout),
    ...describeMachine(),
    rounds: options.rounds,
    seconds: options.seconds,
    warmUp: options.warmUp,
    sluice: options.checkout ? "the sources of the checkout" : "the installed package",
    versions: {
      ...Object.fromEntries(peers.map((peer) => [peer.name, peer.version()])),
      backend: `nginx ${printedVersion("nginx", ["-v"], /nginx\/(\S+)/u)}`,
      load: `wrk ${printedVersion("wrk", ["-v"], /wrk (?:\w+\/)?(\S+)/u)}; for handshakes ab ${printedVersion("ab", ["-V"], /Version (\S+)/u)}`,
    },
  };
  const runner = new Runner(peers, wanted, options, folder, (run, scenario) =>
    say(describe(run, scenario)),
  );
  const runs = await runner.run();

  const results: Results = { context, skipped, runs };
  const names = new Set(wanted.map(({ name }) => name));
  const judged = judgeAll(
    targets.filter(({ scenario }) => names.has(scenario)),
    runs,
  );
  const report = markdown(results, wanted, judged);
  say(`\n${report}`);
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify({ ...results, targets: judged }, null, 2)}\n`);
  }
  if (options.markdown !== undefined) writeFileSync(options.markdown, report);
  if (runs.some(({ problems }) => problems.length > 0)) process.exitCode = 1;
}

async function main(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options.show === "help") return say(usage);
  if (options.show === "list") {
    say(
      `scenarios:\n${scenarios.map(({ name, title }) => `  ${name.padEnd(16)} ${title}`).join("\n")}`,
    );
    return say(
      `peers:\n  ${allPeers(() => checkout)
        .map(({ name }) => name)
        .join(", ")}`,
    );
  }
  if (process.platform !== "linux") throw new Error("the benchmark reads /proc and needs Linux");
  const reason = missing("nginx", "wrk", "ab");
  if (reason !== false)
    throw new Error(`${reason}; the backend is nginx, the load comes from wrk and ab`);

  const folder = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  process.on("exit", () => {
    killAll();
    rmSync(folder, { recursive: true, force: true });
  });
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(130));
  await bench(options, args, folder);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
