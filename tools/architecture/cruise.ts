/**
 * Runs dependency-cruiser over a tree and adds what its rules cannot express: which packages a worker
 * loads when types are left out, and that anything was seen at all.
 *
 * The checker parses with TypeScript 6 and sees nothing, silently, when it finds version 7 beside it.
 * It therefore has its own folder, its own lock file and its own node_modules.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { controlPlanePackages } from "./layers.ts";
import { type RuleSet, ruleSet } from "./rules.ts";

const here = import.meta.dirname;
const executable = join(here, "node_modules/dependency-cruiser/bin/dependency-cruiser.mjs");

/** A tree with fewer modules than this in src/ has not been read properly. */
const fewestModules = 20;

/** One edge or module that breaks a rule. */
export interface Violation {
  readonly rule: string;
  readonly from: string;
  readonly to: string;
  readonly comment: string;
}

/** What a run has found. */
export interface Report {
  /** Modules seen in src/. */
  readonly modules: number;
  readonly dependencies: number;
  readonly violations: readonly Violation[];
}

/** The part of dependency-cruiser's JSON output that is read here. */
interface Output {
  readonly modules: readonly Module[];
  readonly summary: {
    readonly totalDependenciesCruised: number;
    readonly violations: readonly {
      readonly from: string;
      readonly to: string;
      readonly cycle?: readonly { readonly name: string }[];
      readonly rule: { readonly name: string };
    }[];
  };
}

interface Module {
  readonly source: string;
  readonly dependencies: readonly {
    readonly resolved: string;
    readonly dependencyTypes: readonly string[];
  }[];
}

const noSummary = { totalDependenciesCruised: 0, violations: [] };

/** Installs the checker when it is missing or older than its lock file. Throws when npm fails. */
export function installChecker(): void {
  const installed = join(here, "node_modules/.package-lock.json");
  const isFresh =
    existsSync(installed) &&
    statSync(installed).mtimeMs >= statSync(join(here, "package-lock.json")).mtimeMs;
  if (isFresh) return;
  const npm = process.platform === "win32" ? "npm.cmd" : "npm";
  const run = spawnSync(npm, ["--prefix", here, "ci", "--no-audit", "--no-fund"], {
    cwd: here,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  if (run.status !== 0) throw new Error(`npm ci in tools/architecture failed:\n${run.stderr}`);
}

/** Checks the tree at `root`. Throws when the checker itself fails. */
export function cruise(root: string): Report {
  const rules = ruleSet();
  const comments = new Map(
    [...rules.forbidden, ...rules.required].map((rule) => [rule.name, rule.comment]),
  );
  const output = runChecker(root, rules);
  const modules = output.modules.filter((module) => module.source.startsWith("src/")).length;
  const violations: Violation[] = output.summary.violations.map((found) => ({
    rule: found.rule.name,
    from: found.from,
    to: found.cycle?.map((step) => step.name).join(" → ") ?? found.to,
    comment: comments.get(found.rule.name) ?? "",
  }));
  violations.push(...loadedByWorker(output.modules));
  if (modules < fewestModules) {
    violations.push({
      rule: "the tree was seen",
      from: "src/",
      to: `${modules} modules`,
      comment: `a run that reads fewer than ${fewestModules} modules proves nothing`,
    });
  }
  return { modules, dependencies: output.summary.totalDependenciesCruised, violations };
}

function runChecker(root: string, rules: RuleSet): Output {
  const folder = mkdtempSync(join(tmpdir(), "architecture-"));
  try {
    const config = join(folder, "config.json");
    writeFileSync(config, JSON.stringify(configuration(rules)));
    const trees = ["src", "test", "bench", "dashboard"].filter((tree) =>
      existsSync(join(root, tree)),
    );
    if (trees.length === 0) return { modules: [], summary: noSummary };
    const run = spawnSync(
      process.execPath,
      [executable, "--config", config, "--output-type", "json", ...trees],
      { cwd: root, encoding: "utf8", maxBuffer: 1 << 28 },
    );
    if (!run.stdout.startsWith("{")) {
      throw new Error(`dependency-cruiser failed:\n${run.stdout}${run.stderr}`);
    }
    return JSON.parse(run.stdout) as Output;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function configuration(rules: RuleSet): object {
  return {
    ...rules,
    options: {
      doNotFollow: { path: "node_modules" },
      exclude: { path: "(?:^|/)(?:dist|coverage)/" },
      // Type-only edges count: a layer that needs another's types depends on it.
      tsPreCompilationDeps: true,
      enhancedResolveOptions: {
        conditionNames: ["source", "import", "node", "default", "types"],
        extensions: [".ts", ".js", ".json"],
        exportsFields: ["exports"],
      },
    },
  };
}

/** Control-plane packages that worker.ts reaches over edges which exist at run time. */
function loadedByWorker(modules: readonly Module[]): Violation[] {
  const bySource = new Map(modules.map((module) => [module.source, module]));
  const reachedFrom = new Map<string, string>([["src/worker.ts", ""]]);
  const violations: Violation[] = [];
  for (const source of reachedFrom.keys()) {
    for (const edge of bySource.get(source)?.dependencies ?? []) {
      if (edge.dependencyTypes.includes("type-only") || reachedFrom.has(edge.resolved)) continue;
      reachedFrom.set(edge.resolved, source);
      const name = packageName(edge.resolved);
      if (name === undefined || !controlPlanePackages.includes(name)) continue;
      violations.push({
        rule: "a worker does not load control-plane packages",
        from: pathTo(source, reachedFrom),
        to: name,
        comment: "they cost time and memory in every worker; import their types, or nothing",
      });
    }
  }
  return violations;
}

function packageName(resolved: string): string | undefined {
  return /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)/u.exec(resolved)?.[1];
}

function pathTo(source: string, reachedFrom: ReadonlyMap<string, string>): string {
  const path: string[] = [];
  for (let at = source; at !== ""; at = reachedFrom.get(at) ?? "") path.unshift(at);
  return path.join(" → ");
}
