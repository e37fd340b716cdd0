/**
 * `npm test [-- --system] [-- --only=FOLDER] [-- PATTERN…]`: the whole gate, in order of speed, then every test.
 *
 * `--system` installs missing Debian packages with sudo (root needs no leave). With patterns only the
 * tests that match are run. `--only`: those of a folder of test/integration, none of
 * which may be skipped. SLUICE_TEST_REQUIRE=all turns every skipped test into a failure.
 *
 * Tests over sockets are run twice, once on each transport of the proxy, where the machine allows io_uring.
 *
 * All gates run even if one fails, so that one run shows all there is to repair.
 */

import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join, matchesGlob } from "node:path";
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

/** Tests in which the proxy moves bytes: those that depend on its transport. */
const transportTests = ["test/integration/**/*.test.ts", "test/conformance/**/*.test.ts"];

/** A test, or a file of tests, that takes this long hangs. */
const timeoutMilliseconds = 300_000;

const { values: options, positionals: patterns } = parseArgs({
  options: {
    system: { type: "boolean", default: false },
    only: { type: "string" },
  },
  allowPositionals: true,
});

process.chdir(root);
if (options.only !== undefined) {
  process.env["SLUICE_TEST_REQUIRE"] = "all";
  patterns.push(`test/integration/${options.only}/**/*.test.ts`);
}
const failures: string[] = [];

if (patterns.length === 0) {
  heading("system packages");
  provideSystemPackages(options.system);
  for (const gate of gates) runGate(gate);
}
heading("tests");
const ledger = runTests(patterns.length === 0 ? allTests : patterns, "node");
const again = patterns.length === 0 ? transportTests : patterns;
const onTransport = globSync(again).filter((file) =>
  transportTests.some((glob) => matchesGlob(file, glob)),
);
if (onTransport.length > 0) {
  heading("tests again, on the io_uring transport");
  const without = whyNoUring();
  if (without === null) {
    const { tests, omissions } = runTests(onTransport, "uring");
    process.stdout.write(`${tests} tests on the io_uring transport\n`);
    ledger.omissions.push(...omissions);
  } else {
    process.stdout.write(`${without}\n`);
    ledger.omissions.push({ name: "everything on the io_uring transport", reason: without });
  }
}
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

/** Why the io_uring transport cannot be used here; null if it can. Asked of another process, as its memory is not small. */
function whyNoUring(): string | null {
  const program = `
    import { chooseTransport } from ${JSON.stringify(join(root, "src/transport/choose.ts"))};
    import { Holdings } from ${JSON.stringify(join(root, "src/transport/holdings.ts"))};
    const { transport, without } = chooseTransport({ wish: "uring", descriptors: Infinity,
      sharesListeners: false, holdings: new Holdings(1).buffer, row: 0 });
    await transport.shutdown();
    process.stdout.write(without === null ? "" : \`\${without.reason}; \${without.help}\`);`;
  const asked = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    encoding: "utf8",
  });
  if (asked.status !== 0) return asked.stderr;
  return asked.stdout === "" ? null : asked.stdout;
}

function runTests(globs: readonly string[], transport: "node" | "uring"): Ledger {
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
      {
        stdio: "inherit",
        env: { ...process.env, SLUICE_TEST_TRANSPORT: transport, SLUICE_TRANSPORT: transport },
      },
    );
    if (run.status !== 0) failures.push(`tests (${transport} transport)`);
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
