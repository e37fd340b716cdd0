/**
 * `npm test [-- --system] [-- PATTERN…]`: the whole gate, in order of speed, then every test.
 *
 * `--system` installs missing Debian packages with sudo (root needs no leave). With patterns only the
 * tests that match are run. SLUICE_TEST_REQUIRE=all turns every skipped test into a failure.
 *
 * All gates run even if one fails, so that one run shows all there is to repair.
 */

import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Ledger, readLedger } from "./ledger.ts";
import { provideSystemPackages } from "./system.ts";

const root = join(import.meta.dirname, "../..");

/** Scripts of package.json, quickest first. */
const gates = ["format:check", "lint", "docs:check", "typecheck", "architecture", "knip"];

const allTests = [
  "src/**/*.test.ts",
  "tools/*/*.test.ts",
  "test/**/*.test.ts",
  "bench/**/*.test.ts",
  "examples/**/*.test.ts",
];

/** A test, or a file of tests, that takes this long hangs. */
const timeoutMilliseconds = 300_000;

const { values: options, positionals: patterns } = parseArgs({
  options: { system: { type: "boolean", default: false } },
  allowPositionals: true,
});

process.chdir(root);
const failures: string[] = [];

if (patterns.length === 0) {
  heading("system packages");
  provideSystemPackages(options.system);
  for (const gate of gates) runGate(gate);
}
heading("tests");
const ledger = runTests(patterns.length === 0 ? allTests : patterns);
listOmissions(ledger);

process.stdout.write(
  failures.length === 0 ? "\nAll passed.\n" : `\nFailed: ${failures.join(", ")}.\n`,
);
process.exitCode = failures.length === 0 ? 0 : 1;

function heading(text: string): void {
  process.stdout.write(`\n── ${text} ${"─".repeat(Math.max(0, 72 - text.length))}\n`);
}

function runGate(script: string): void {
  heading(script);
  const isWindows = process.platform === "win32";
  const gate = spawnSync(isWindows ? "npm.cmd" : "npm", ["run", "--silent", script], {
    stdio: "inherit",
    shell: isWindows,
  });
  if (gate.status !== 0) failures.push(script);
}

function runTests(globs: readonly string[]): Ledger {
  const files = globSync(globs, { exclude: ["**/node_modules/**"] }).toSorted();
  const folder = mkdtempSync(join(tmpdir(), "sluice-tests-"));
  try {
    const record = join(folder, "ledger");
    const run = spawnSync(
      process.execPath,
      [
        "--test",
        // Tests start servers and workers of their own: more at a time would only queue up.
        `--test-concurrency=${Math.min(4, availableParallelism())}`,
        `--test-timeout=${timeoutMilliseconds}`,
        "--test-reporter=spec",
        "--test-reporter-destination=stdout",
        `--test-reporter=${join(import.meta.dirname, "ledger.ts")}`,
        `--test-reporter-destination=${record}`,
        ...files,
      ],
      { stdio: "inherit" },
    );
    if (run.status !== 0) failures.push("tests");
    const found = readLedger(readFileSync(record, "utf8"));
    if (found.tests === 0) failures.push("tests (none were found)");
    return found;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function listOmissions({ omissions }: Ledger): void {
  if (omissions.length === 0) return;
  heading(`skipped: ${omissions.length}`);
  for (const { name, reason } of omissions) process.stdout.write(`${name}\n    ${reason}\n`);
  if (process.env["SLUICE_TEST_REQUIRE"] === "all") failures.push("skipped tests");
}
