import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { cruise, installChecker, type Report } from "./cruise.ts";
import { layers, stages } from "./layers.ts";

type Files = Readonly<Record<string, string>>;

/** A small proxy that keeps every rule. */
const soundTree: Files = {
  "package.json": JSON.stringify({
    name: "stub",
    type: "module",
    imports: { "#*.ts": "./src/*.ts" },
    dependencies: { zod: "1.0.0", yaml: "1.0.0", pino: "1.0.0" },
  }),
  ...Object.fromEntries(
    ["zod", "yaml", "pino"].flatMap((name) => [
      [`node_modules/${name}/package.json`, JSON.stringify({ name, main: "index.js" })],
      [`node_modules/${name}/index.js`, ""],
    ]),
  ),
  "src/core/errors.ts": "export type Failure = string;",
  "src/core/time.ts": 'import "./errors.ts"; export const tick = 1;',
  "src/protocol/parse.ts": 'import "#core/errors.ts"; import "node:buffer";',
  "src/transport/contract.ts": 'import "#core/errors.ts";',
  "src/transport/node/listen.ts": 'import "node:net"; import "../contract.ts";',
  "src/transport/choose.ts": 'import "./node/listen.ts";',
  "src/model/snapshot.ts": 'import "#core/errors.ts"; export class Snapshot {}',
  "src/sdk/index.ts":
    'import type { Snapshot } from "#model/snapshot.ts"; export type S = Snapshot;',
  "src/sdk/config.ts": 'export * from "zod";',
  "src/filters/redirect/config.ts": 'import "#sdk/config.ts"; export type Config = string;',
  "src/filters/redirect/filter.ts":
    'import "#sdk/index.ts"; import type { Config } from "./config.ts"; export type C = Config;',
  "src/filters/respond/filter.ts": 'import "#sdk/index.ts";',
  "src/filters/runtime.ts": 'import "./redirect/filter.ts"; import "./respond/filter.ts";',
  "src/filters/schemas.ts": 'import "./redirect/config.ts";',
  "src/link/link.ts": 'import "#model/snapshot.ts"; import "#filters/runtime.ts";',
  "src/dataplane/exchange.ts": 'import "#core/errors.ts";',
  ...Object.fromEntries(
    stages.map((stage) => [
      `src/dataplane/${stage}/index.ts`,
      'import "../exchange.ts"; import "#transport/contract.ts"; import "#protocol/parse.ts";',
    ]),
  ),
  "src/dataplane/lifecycle.ts": stages.map((stage) => `import "./${stage}/index.ts";`).join("\n"),
  "src/telemetry/metrics.ts": 'import "#core/time.ts";',
  "src/telemetry/sinks/file.ts": 'import "pino";',
  "src/config/read.ts": 'import "yaml"; import "zod"; import "node:fs";',
  "src/control/compile.ts": 'import "#config/read.ts"; import "#model/snapshot.ts";',
  "src/process/memory.ts": 'import "#core/time.ts";',
  "src/process/supervisor.ts": 'import "node:worker_threads"; import "./memory.ts";',
  "src/app.ts":
    'import "#control/compile.ts"; import "#process/supervisor.ts"; import "#filters/schemas.ts"; import "#telemetry/sinks/file.ts";',
  "src/index.ts": 'import "./app.ts";',
  "src/cli/main.ts": 'import "#app.ts"; import "#config/read.ts";',
  "src/worker.ts":
    'import "#dataplane/lifecycle.ts"; import "#link/link.ts"; import "#transport/choose.ts"; import "#process/memory.ts"; import "#telemetry/metrics.ts";',
  "src/core/errors.test.ts": 'import "node:fs"; import "./errors.ts"; import "#model/snapshot.ts";',
};

/** One deliberate violation: what the file says, and the only rule that it breaks. */
interface Violation {
  readonly breaks: string;
  readonly file: string;
  readonly text: string;
}

const violations: readonly Violation[] = [
  { file: "src/core/a.ts", text: 'import "#model/snapshot.ts";', breaks: "core: folders" },
  { file: "src/core/b.ts", text: 'import "node:fs";', breaks: "core: node: modules" },
  { file: "src/core/c.ts", text: 'import "zod";', breaks: "core: npm packages" },
  {
    file: "src/core/d.ts",
    text: 'import type { Snapshot } from "#model/snapshot.ts"; export type T = Snapshot;',
    breaks: "core: folders",
  },
  { file: "src/protocol/a.ts", text: 'import "node:net";', breaks: "protocol: node: modules" },
  {
    file: "src/transport/a.ts",
    text: 'import "#model/snapshot.ts";',
    breaks: "transport: folders",
  },
  { file: "src/model/a.ts", text: 'import "zod";', breaks: "model: npm packages" },
  {
    file: "src/sdk/a.ts",
    text: 'import { Snapshot } from "#model/snapshot.ts"; export type T = Snapshot;',
    breaks: "sdk: types only",
  },
  { file: "src/sdk/b.ts", text: 'import "zod";', breaks: "sdk: npm packages" },
  {
    file: "src/link/a.ts",
    text: 'import "#dataplane/exchange.ts";',
    breaks: "link: types only",
  },
  {
    file: "src/dataplane/parse/a.ts",
    text: 'import "../route/index.ts";',
    breaks: "a stage never imports another stage",
  },
  {
    file: "src/dataplane/shared.ts",
    text: 'import "./route/index.ts";',
    breaks: "only lifecycle.ts imports stages",
  },
  {
    file: "src/dataplane/log/a.ts",
    text: 'import "#config/read.ts";',
    breaks: "dataplane: folders",
  },
  {
    file: "src/dataplane/log/b.ts",
    text: 'import "#telemetry/sinks/file.ts";',
    breaks: "dataplane: folders",
  },
  {
    file: "src/dataplane/log/c.ts",
    text: 'import "node:net";',
    breaks: "dataplane: node: modules",
  },
  {
    file: "src/filters/redirect/a.ts",
    text: 'import "../respond/filter.ts";',
    breaks: "a filter never imports another filter",
  },
  {
    file: "src/filters/redirect/b.ts",
    text: 'import "#dataplane/exchange.ts";',
    breaks: "filters: folders",
  },
  {
    file: "src/filters/redirect/c.ts",
    text: 'import "./config.ts";',
    breaks: "a filter's run time is free of schemas",
  },
  { file: "src/telemetry/a.ts", text: 'import "pino";', breaks: "telemetry: npm packages" },
  { file: "src/config/a.ts", text: 'import "#process/memory.ts";', breaks: "config: folders" },
  { file: "src/config/b.ts", text: 'import "node:net";', breaks: "config: node: modules" },
  {
    file: "src/process/a.ts",
    text: 'import "#transport/node/listen.ts";',
    breaks: "only transport/ knows its implementations",
  },
  {
    file: "src/transport/uring/a.ts",
    text: 'import "../node/listen.ts";',
    breaks: "a transport does not know the other",
  },
  {
    file: "src/control/a.ts",
    text: 'import "#app.ts";',
    breaks: "only cli and index.ts import app.ts",
  },
  {
    file: "src/control/b.ts",
    text: 'import "../config/read.ts";',
    breaks: "across folders: #folder/file.ts",
  },
  {
    file: "src/control/c.ts",
    text: 'import "#control/compile.ts";',
    breaks: "inside a folder: relative",
  },
  { file: "src/control/d.ts", text: 'import "./nowhere.ts";', breaks: "no unresolved import" },
  {
    file: "test/integration/a.ts",
    text: 'import "../../src/core/time.ts";',
    breaks: "into a folder: #folder/file.ts",
  },
  {
    file: "src/control/e.ts",
    text: 'import "../../test/integration/b.ts";',
    breaks: "nothing imports tests",
  },
  {
    file: "test/integration/b.ts",
    text: 'import "#core/errors.test.ts";',
    breaks: "tests do not import tests",
  },
];

/** Rules that a file outside the program, or beside another violation, breaks as a matter of course. */
const incidental = new Set(["no dead file"]);

const roots: string[] = [];

function check(files: Files): Report {
  const root = mkdtempSync(join(tmpdir(), "architecture-test-"));
  roots.push(root);
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), `${text}\n`);
  }
  return cruise(root);
}

const rulesBroken = (report: Report): string[] => report.violations.map(({ rule }) => rule);

before(installChecker);
after(() => {
  for (const root of roots) rmSync(root, { recursive: true });
});

test("a tree that keeps every rule is passed, and all of it is seen", () => {
  const report = check(soundTree);
  assert.deepEqual(report.violations, []);
  assert.equal(
    report.modules,
    Object.keys(soundTree).filter((file) => file.startsWith("src/")).length,
  );
});

describe("a deliberate violation is reported by the rule it breaks, and by that one alone", () => {
  let report: Report;
  before(() => {
    const added: Record<string, string> = {};
    for (const { file, text } of violations) added[file] = text;
    report = check({ ...soundTree, ...added });
  });
  for (const { file, text, breaks } of violations) {
    test(`${file}: ${text}`, () => {
      const found = report.violations.filter((violation) => violation.from === file);
      const rules = found.map(({ rule }) => rule).filter((rule) => !incidental.has(rule));
      // An edge may break the row of its layer as well as the rule made for it.
      const rows = new Set(layers.map((layer) => `${layer.name}: folders`));
      assert.deepEqual(
        rules.filter((rule) => rule === breaks || !rows.has(rule)),
        [breaks],
      );
      assert.notEqual(found.find(({ rule }) => rule === breaks)?.comment, "");
    });
  }
});

test("a worker that reaches the schema library is reported with the way it does", () => {
  const report = check({
    ...soundTree,
    "src/filters/respond/filter.ts": 'import "#sdk/index.ts"; import "#sdk/config.ts";',
  });
  const found = report.violations.find(({ to }) => to === "zod");
  assert.equal(found?.rule, "a worker does not load control-plane packages");
  assert.match(
    found.from,
    /^src\/worker\.ts → .*src\/filters\/respond\/filter\.ts → src\/sdk\/config/u,
  );
});

test("a cycle is reported, of types as well", () => {
  const report = check({
    ...soundTree,
    "src/core/errors.ts":
      'import type { tick } from "./time.ts"; export type Failure = typeof tick;',
  });
  assert.ok(rulesBroken(report).includes("no cycles"));
});

test("a file that nothing reaches is dead", () => {
  const report = check({ ...soundTree, "src/core/forgotten.ts": "export const nobody = 1;" });
  assert.deepEqual(
    report.violations.map(({ rule, to }) => [rule, to]),
    [["no dead file", "src/core/forgotten.ts"]],
  );
});

test("a lifecycle that leaves out a stage is reported", () => {
  const report = check({
    ...soundTree,
    "src/dataplane/lifecycle.ts": stages
      .filter((stage) => stage !== "balance")
      .map((stage) => `import "./${stage}/index.ts";`)
      .join("\n"),
  });
  assert.ok(rulesBroken(report).includes("lifecycle.ts imports balance"));
});

test("a stage that imports lifecycle.ts is reported", () => {
  const report = check({
    ...soundTree,
    "src/dataplane/log/index.ts": 'import "../lifecycle.ts";',
  });
  assert.ok(rulesBroken(report).includes("only worker.ts imports lifecycle.ts"));
});

test("a ninth folder in the data plane is reported", () => {
  const report = check({
    ...soundTree,
    "src/dataplane/lifecycle.ts": `${soundTree["src/dataplane/lifecycle.ts"]} import "./audit/index.ts";`,
    "src/dataplane/audit/index.ts": "export const audit = 1;",
  });
  assert.deepEqual(rulesBroken(report), ["the data plane has a folder for each stage"]);
});

test("a run that sees next to nothing fails", () => {
  const report = check({ "package.json": "{}", "src/index.ts": "export const alone = 1;" });
  assert.deepEqual(rulesBroken(report), ["the tree was seen"]);
});
