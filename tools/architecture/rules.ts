/** The table of layers.ts, and what a table cannot say, as rules of dependency-cruiser. */

import { entryFiles, layers, stages, testFile } from "./layers.ts";

/** The part of a dependency-cruiser rule that is used here. */
export interface Rule {
  readonly name: string;
  readonly severity: "error";
  readonly comment: string;
  readonly from?: Condition;
  readonly module?: Condition;
  readonly to: Condition;
}

interface Condition {
  readonly path?: string | readonly string[];
  readonly pathNot?: string | readonly string[];
  readonly dependencyTypes?: readonly string[];
  readonly dependencyTypesNot?: readonly string[];
  readonly circular?: boolean;
  readonly reachable?: boolean;
  readonly couldNotResolve?: boolean;
}

/** A rule set in the form of dependency-cruiser's configuration file. */
export interface RuleSet {
  readonly forbidden: readonly Rule[];
  readonly required: readonly Rule[];
}

const installed = (name: string): string => `(?:^|/)node_modules/${name}/`;
const npm = ["npm", "npm-dev", "npm-optional", "npm-peer", "npm-no-pkg", "npm-unknown"];
const notTest = { pathNot: testFile };

/** The rows of the table: one rule each for folders, for types, for packages and for `node:` modules. */
function layerRules(): Rule[] {
  return layers.flatMap((layer) => {
    // A row for a subfolder takes its files out of the row of the folder.
    const narrower = layers
      .filter((other) => other !== layer && other.path.startsWith(layer.path))
      .map((other) => other.path);
    const from: Origin = { path: layer.path, pathNot: [testFile, ...narrower] };
    const rule = (kind: string, to: Condition, origin: Origin = from): Rule => ({
      name: `${layer.name}: ${kind}`,
      severity: "error",
      comment: layer.comment,
      from: origin,
      to,
    });

    const types = layer.types ?? [];
    const rules = [
      rule("folders", { path: "^src/", pathNot: [layer.path, ...layer.imports, ...types] }),
    ];
    if (types.length > 0) {
      rules.push(
        rule("types only", {
          path: types,
          pathNot: [layer.path, ...layer.imports],
          dependencyTypesNot: ["type-only"],
        }),
      );
    }
    rules.push(
      ...narrowed(layer.packages ?? {}).map(({ origin, allowed }) =>
        rule(
          "npm packages",
          { dependencyTypes: npm, ...unless(allowed.map(installed)) },
          within(from, origin),
        ),
      ),
    );
    if (layer.builtins !== "any") {
      rules.push(
        ...narrowed(layer.builtins ?? {}).map(({ origin, allowed }) =>
          rule(
            "node: modules",
            {
              dependencyTypes: ["core"],
              ...unless(allowed.map((name) => `^(?:node:)?${name}(?:/|$)`)),
            },
            within(from, origin),
          ),
        ),
      );
    }
    return rules;
  });
}

/** An exception for `patterns`; without any there is none (an empty list would match every path). */
function unless(patterns: readonly string[]): Condition {
  return patterns.length > 0 ? { pathNot: patterns } : {};
}

interface Origin {
  readonly path: string;
  readonly pathNot: readonly string[];
}

interface Narrowed {
  readonly origin: { readonly path?: string; readonly pathNot: readonly string[] };
  readonly allowed: readonly string[];
}

/** Splits `{"": everywhere, "^path": here only}` into one list for each path and one for the rest. */
function narrowed(lists: Readonly<Record<string, readonly string[]>>): Narrowed[] {
  const common = lists[""] ?? [];
  const paths = Object.keys(lists).filter((path) => path !== "");
  return [
    { origin: { pathNot: paths }, allowed: common },
    ...paths.map((path) => ({
      origin: { path, pathNot: [] },
      allowed: [...common, ...(lists[path] ?? [])],
    })),
  ];
}

/** `from`, cut down by `more`; a narrower path stands for both. */
function within(from: Origin, more: Narrowed["origin"]): Origin {
  return { path: more.path ?? from.path, pathNot: [...from.pathNot, ...more.pathNot] };
}

/** The cache stands between filter and balance, on routes that have one, and is kept apart like a stage. */
const anyStage = [...stages, "cache"].join("|");

const furtherRules: readonly Rule[] = [
  {
    name: "no cycles",
    severity: "error",
    comment: "two modules that need each other are one module, or miss a third",
    from: {},
    to: { circular: true },
  },
  {
    name: "no unresolved import",
    severity: "error",
    comment: "what cannot be found cannot be checked",
    from: {},
    to: { couldNotResolve: true },
  },
  {
    name: "a stage never imports another stage",
    severity: "error",
    comment: "the order of the stages is written in lifecycle.ts alone",
    from: { path: `^src/dataplane/(${anyStage})/`, ...notTest },
    to: { path: `^src/dataplane/(?:${anyStage})/`, pathNot: "^src/dataplane/$1/" },
  },
  {
    name: "only lifecycle.ts imports stages",
    severity: "error",
    comment:
      "what stages share lies beside them and does not know them (dataplane.ts holds their state)",
    from: {
      path: "^src/dataplane/[^/]+[.]ts$",
      pathNot: [testFile, "/(?:lifecycle|dataplane)[.]ts$"],
    },
    to: { path: `^src/dataplane/(?:${anyStage})/` },
  },
  {
    name: "only worker.ts imports lifecycle.ts",
    severity: "error",
    comment:
      "lifecycle.ts is the table of contents of a request; workers get it through dataplane.ts",
    from: { path: "^src/", pathNot: [testFile, "^src/(?:worker|dataplane/dataplane)[.]ts$"] },
    to: { path: "^src/dataplane/lifecycle[.]ts$" },
  },
  {
    name: "the data plane has a folder for each stage",
    severity: "error",
    comment: `a folder of dataplane/ is a stage, or the cache: ${stages.join(", ")}`,
    from: {},
    to: { path: "^src/dataplane/[^/]+/", pathNot: `^src/dataplane/(?:${anyStage})/` },
  },
  {
    name: "a filter never imports another filter",
    severity: "error",
    comment: "filters are combined by routes, not by each other",
    from: { path: "^src/filters/([^/]+)/", ...notTest },
    to: { path: "^src/filters/[^/]+/", pathNot: "^src/filters/$1/" },
  },
  {
    name: "a filter's run time is free of schemas",
    severity: "error",
    comment: "filter.ts runs in workers, where the schema library must not be loaded",
    from: { path: "^src/filters/", pathNot: [testFile, "/config[.]ts$", "/schemas[.]ts$"] },
    to: {
      path: ["^src/sdk/config[.]ts$", "^src/filters/[^/]+/config[.]ts$"],
      dependencyTypesNot: ["type-only"],
    },
  },
  {
    name: "the two lists name every filter",
    severity: "error",
    comment: "runtime.ts lists what runs, schemas.ts what is written; each reads its own side only",
    from: { path: "^src/filters/runtime[.]ts$" },
    to: { path: "^src/filters/(?:[^/]+/config|schemas)[.]ts$" },
  },
  {
    name: "a transport does not know the other",
    severity: "error",
    comment: "each transport is complete behind contract.ts",
    from: { path: "^src/transport/(node|uring)/", ...notTest },
    to: { path: "^src/transport/(?:node|uring)/", pathNot: "^src/transport/$1/" },
  },
  {
    name: "only transport/ knows its implementations",
    severity: "error",
    comment: "worker.ts asks transport/choose.ts for one; everyone else sees contract.ts",
    from: { path: "^src/", pathNot: [testFile, "^src/transport/"] },
    to: { path: "^src/transport/(?:node|uring)/" },
  },
  {
    name: "only cli and index.ts import app.ts",
    severity: "error",
    comment: "app.ts is the outermost ring",
    from: { path: "^src/", pathNot: [testFile, "^src/index[.]ts$", "^src/cli/"] },
    to: { path: "^src/app[.]ts$" },
  },
  {
    name: "the dashboard sees admin/contract",
    severity: "error",
    comment: "the dashboard is a client of the admin API, and shares its types only",
    from: { path: "^dashboard/" },
    to: { path: "^src/", pathNot: "^src/admin/contract/" },
  },
  {
    name: "the dashboard imports types",
    severity: "error",
    comment: "the dashboard is a client of the admin API, and shares its types only",
    from: { path: "^dashboard/" },
    to: { path: "^src/admin/contract/", dependencyTypesNot: ["type-only"] },
  },
  {
    name: "nothing imports tests",
    severity: "error",
    comment: "tests are no part of the program",
    from: { path: "^src/", ...notTest },
    to: { path: ["^(?:test|bench|examples|tools)/", testFile] },
  },
  {
    name: "tests do not import tests",
    severity: "error",
    comment: "what two tests share has a name of its own and is not run as a test",
    from: { path: "[.]ts$" },
    to: { path: "[.]test[.]ts$" },
  },
  {
    name: "across folders: #folder/file.ts",
    severity: "error",
    comment: "a relative import that leaves its folder of src/ hides an edge between layers",
    from: { path: "^src/([^/]+)/" },
    to: {
      path: "^src/",
      pathNot: "^src/$1/",
      dependencyTypesNot: ["aliased-subpath-import"],
    },
  },
  {
    name: "into a folder: #folder/file.ts",
    severity: "error",
    comment: "a file outside the folders of src/ names them as they name each other",
    from: { path: ["^src/[^/]+[.]ts$", "^(?:test|bench|tools)/"] },
    to: { path: "^src/[^/]+/", dependencyTypesNot: ["aliased-subpath-import"] },
  },
  {
    name: "inside a folder: relative",
    severity: "error",
    comment: "a # import says that a layer is entered, so a folder does not use it on itself",
    from: { path: "^src/([^/]+)/" },
    to: { path: "^src/$1/", dependencyTypes: ["aliased-subpath-import"] },
  },
  {
    name: "no dead file",
    severity: "error",
    comment:
      "what neither an executable nor the public interface reaches is not part of the program",
    from: { path: entryFiles },
    to: { path: "^src/", pathNot: [testFile, ...entryFiles], reachable: false },
  },
];

/** Every stage has a call in lifecycle.ts: also the proof that the checker has seen the data plane. */
const requiredRules: readonly Rule[] = stages.map((stage) => ({
  name: `lifecycle.ts imports ${stage}`,
  severity: "error",
  comment: "a request passes all eight stages, and lifecycle.ts is where that can be read",
  module: { path: "^src/dataplane/lifecycle[.]ts$" },
  to: { path: `^src/dataplane/${stage}/` },
}));

/** All rules. */
export function ruleSet(): RuleSet {
  return { forbidden: [...layerRules(), ...furtherRules], required: requiredRules };
}
