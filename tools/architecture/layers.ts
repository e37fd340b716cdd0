/**
 * Who may import whom: the one table that the checker and ARCHITECTURE.md both read.
 *
 * A layer is a folder of src/ or a file beside them. What a layer does not list, it may not import.
 * Every pattern is a regular expression on paths relative to the repository.
 */

/** One row of the table. */
export interface Layer {
  /** What the row is called, in messages and in the printed table. */
  readonly name: string;
  /** Paths that belong to the layer. */
  readonly path: string;
  /** Paths in src/ that it may import, beside its own. */
  readonly imports: readonly string[];
  /** Paths in src/ that it may import with `import type` only. */
  readonly types?: readonly string[];
  /** npm packages; a key narrows them to the files that match it. */
  readonly packages?: Readonly<Record<string, readonly string[]>>;
  /** Modules of Node.js; "any", or names without `node:`. A key narrows them as above. */
  readonly builtins?: "any" | Readonly<Record<string, readonly string[]>>;
  /** Why the row is as it is: one sentence, printed with a violation. */
  readonly comment: string;
}

const everywhere = "";

/** All of a folder of src/, tests excepted: they are no part of the program. */
const folder = (name: string): string => `^src/${name}/`;

/** The eight stages of a request, in their order. */
export const stages: readonly string[] = [
  "accept",
  "parse",
  "route",
  "filter",
  "balance",
  "forward",
  "respond",
  "log",
];

/** Tests, and files of src/ that serve tests alone: suites, fixtures, the transport in memory. */
export const testFile = "[.](?:test|suite|fixture)[.]ts$|/testing/|^src/transport/memory/";

/** Where execution starts, and what is public: everything else in src/ must be reachable from here. */
export const entryFiles: readonly string[] = [
  "^src/cli/main[.]ts$",
  "^src/(?:index|light|worker)[.]ts$",
  "^src/sdk/(?:index|config)[.]ts$",
  "^src/admin/contract/",
];

/** The rows, from the innermost layer outwards. */
export const layers: readonly Layer[] = [
  {
    name: "core",
    path: folder("core"),
    imports: [],
    comment: "core is the vocabulary of every layer: it knows nobody, and runs without Node.js",
  },
  {
    name: "protocol",
    path: folder("protocol"),
    imports: [folder("core")],
    builtins: { [everywhere]: ["buffer"] },
    comment: "a codec turns bytes into messages and back; it has no sockets, clocks or promises",
  },
  {
    name: "transport",
    path: folder("transport"),
    imports: [folder("core")],
    packages: { "^src/transport/uring/": ["koffi"] },
    builtins: "any",
    comment:
      "a transport moves bytes for whoever implements its callbacks, and never calls by name",
  },
  {
    name: "model",
    path: folder("model"),
    imports: [folder("core")],
    comment: "the model is data that control writes and the data plane reads; it has no behaviour",
  },
  {
    name: "sdk",
    path: folder("sdk"),
    imports: [folder("core")],
    types: [folder("model")],
    packages: { "^src/sdk/config[.]ts$": ["zod"] },
    comment: "plug-ins depend on the sdk; whatever it imports, they depend on as well",
  },
  {
    name: "link",
    path: folder("link"),
    imports: [
      folder("core"),
      folder("model"),
      folder("sdk"),
      "^src/filters/runtime[.]ts$",
      // The structures that these two stages search at run time; link fills them from the snapshot.
      "^src/dataplane/(?:route|balance)/",
    ],
    types: ["^src/dataplane/[^/]+[.]ts$", "^src/transport/tls[.]ts$"],
    comment: "linking turns a snapshot into closures and arrays; it runs in every worker",
  },
  {
    name: "dataplane",
    path: folder("dataplane"),
    imports: [
      folder("core"),
      folder("protocol"),
      "^src/transport/contract[.]ts$",
      "^src/transport/tls[.]ts$",
      folder("model"),
      folder("sdk"),
      "^src/telemetry/(?!sinks/)",
    ],
    builtins: { [everywhere]: ["buffer", "crypto"] },
    comment:
      "the data plane reaches sockets, timers, time and configuration through what it is given",
  },
  {
    name: "cache",
    path: folder("cache"),
    imports: [folder("core")],
    builtins: { [everywhere]: ["crypto"], "^src/cache/stores/": ["fs", "path", "sqlite"] },
    comment: "the cache engine is usable without a proxy around it",
  },
  {
    name: "telemetry",
    path: folder("telemetry"),
    imports: [folder("core"), folder("model")],
    packages: { "^src/telemetry/sinks/": ["pino", "@opentelemetry/[^/]+"] },
    builtins: "any",
    comment:
      "instruments are shared by both planes, so they know neither, only the counters that both see",
  },
  {
    name: "filters",
    path: folder("filters"),
    imports: [folder("sdk")],
    packages: {
      "^src/filters/auth-jwt/": ["jose"],
      "^src/filters/auth-oidc/": ["oauth4webapi", "openid-client"],
      "^src/filters/auth-basic/": ["bcryptjs"],
      "^src/filters/geo-ip/": ["mmdb-lib"],
      "^src/filters/waf/": ["re2js"],
      "^src/filters/rewrite/": ["parse5-html-rewriting-stream"],
    },
    builtins: { [everywhere]: ["buffer", "crypto", "zlib", "stream"] },
    comment: "a built-in filter sees what a plug-in sees: the sdk, and nothing deeper",
  },
  {
    name: "filters/cache",
    path: folder("filters/cache"),
    imports: [folder("sdk"), folder("cache")],
    builtins: { [everywhere]: ["buffer", "crypto", "zlib", "stream"] },
    comment: "the cache filter is the one adapter that may also see the cache engine",
  },
  {
    name: "tls",
    path: folder("tls"),
    imports: [folder("core"), folder("model"), folder("telemetry")],
    types: [
      "^src/transport/contract[.]ts$",
      "^src/transport/tls[.]ts$",
      "^src/dataplane/linked[.]ts$",
    ],
    builtins: "any",
    comment:
      "certificates reach the data plane through its own interface, and OpenSSL through the transport's",
  },
  {
    name: "config",
    path: folder("config"),
    imports: [folder("core"), folder("sdk")],
    types: [folder("model")],
    packages: { [everywhere]: ["zod", "yaml", "smol-toml"] },
    builtins: { [everywhere]: ["fs", "module", "path", "url"] },
    comment:
      "the configuration is what a person writes; what runs it, and how, is none of its business",
  },
  {
    name: "control",
    path: folder("control"),
    imports: ["core", "model", "sdk", "telemetry", "tls", "config"].map(folder),
    packages: { [everywhere]: ["chokidar", "re2js"] },
    builtins: "any",
    comment: "the control plane talks to the data plane by snapshots and shared counters alone",
  },
  {
    name: "admin",
    path: folder("admin"),
    imports: ["core", "model", "telemetry", "config", "control"].map(folder),
    packages: { [everywhere]: ["hono", "@hono/node-server", "zod"] },
    builtins: "any",
    comment: "the admin API is a client of the control plane",
  },
  {
    name: "process",
    path: folder("process"),
    imports: ["core", "telemetry"].map(folder),
    packages: { "^src/process/shared-state/": ["@redis/client"] },
    builtins: "any",
    comment: "process supervision does not know what its workers do",
  },
  {
    name: "cli",
    path: folder("cli"),
    imports: [
      folder("core"),
      folder("config"),
      folder("process"),
      "^src/app[.]ts$",
      "^src/index[.]ts$",
    ],
    types: [folder("admin/contract")],
    packages: { [everywhere]: ["commander"] },
    builtins: "any",
    comment: "a command starts the application or talks to a running one; it takes nothing apart",
  },
  {
    name: "app.ts",
    path: "^src/app[.]ts$",
    imports: ["^src/(?!cli/|index[.]ts|light[.]ts|worker[.]ts)"],
    builtins: "any",
    comment: "app.ts puts the process together; it is the only file that knows every folder",
  },
  {
    name: "index.ts",
    path: "^src/index[.]ts$",
    imports: ["^src/(?:app|api)[.]ts$", folder("config"), folder("sdk"), folder("core")],
    types: [folder("model"), folder("process"), folder("telemetry"), folder("filters")],
    builtins: "any",
    comment: "the public entry re-exports; it has no behaviour of its own",
  },
  {
    name: "light.ts",
    path: "^src/light[.]ts$",
    imports: [folder("sdk"), "^src/config/define[.]ts$"],
    types: ["^src/index[.]ts$"],
    comment: "light.ts is what `sluice` means inside a worker: it must load next to nothing",
  },
  {
    name: "worker.ts",
    path: "^src/worker[.]ts$",
    imports: [
      ...["core", "protocol", "transport", "model", "link", "dataplane", "sdk", "cache", "tls"].map(
        folder,
      ),
      "^src/filters/runtime[.]ts$",
      "^src/telemetry/(?!sinks/)",
      // A configuration in TypeScript is a module that every worker loads for its functions.
      "^src/config/module[.]ts$",
      // What the two ends of a worker share: memory, the messages on its port, its sign of life.
      "^src/process/(?:memory|protocol|heartbeat|heap|idle-memory)[.]ts$",
    ],
    builtins: "any",
    comment: "worker.ts puts a worker together, of data-plane parts only",
  },
];

/** npm packages that a worker must never load, however indirectly: they are slow and large. */
export const controlPlanePackages: readonly string[] = [
  "zod",
  "yaml",
  "smol-toml",
  "commander",
  "chokidar",
  "pino",
  "sonic-boom",
  "hono",
  "@hono/node-server",
];
