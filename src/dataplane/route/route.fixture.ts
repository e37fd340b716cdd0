/** Routes and requests for the tests of this stage. */

import { CidrSet } from "#core/collections/cidr.ts";
import { RequestHead } from "#core/http/message.ts";
import type { HostData, SnapshotData } from "#model/snapshot.ts";
import type { HostPattern, ParsedMatch, PathPattern, ValueTest } from "#model/match.ts";
import type { LinkedRoute, LinkedSnapshot } from "../linked.ts";
import type { RouterEntry } from "./candidate.ts";
import { IndexedRouter } from "./router.ts";

/** A host as in a configuration: `example.com`, `*.example.com`, `**.example.com`, `*`. */
export function host(text: string): HostPattern {
  if (text === "*") return { kind: "any" };
  if (text.startsWith("**.")) return { kind: "any-depth", name: text.slice(3) };
  if (text.startsWith("*.")) return { kind: "one-label", name: text.slice(2) };
  return { kind: "exact", name: text };
}

/** A path as in a configuration; a regular expression if it begins with `~`. */
export function path(text: string): PathPattern {
  if (text === "/*") return { kind: "any" };
  if (text.startsWith("~")) return { kind: "regex", source: text.slice(1) };
  if (text.endsWith("/*")) return { kind: "prefix", path: text.slice(0, -2) };
  if (!text.includes("/:")) return { kind: "exact", path: text };
  const segments = text.slice(1).split("/");
  return {
    kind: "pattern",
    segments: segments.map((segment) => {
      if (!segment.startsWith(":")) return { kind: "literal", text: segment };
      return segment.endsWith("*")
        ? { kind: "rest", name: segment.slice(1, -1) }
        : { kind: "parameter", name: segment.slice(1) };
    }),
  };
}

/** What a route of a test differs in. */
export interface RouteOptions {
  readonly hosts?: readonly string[];
  readonly paths?: readonly string[];
  readonly methods?: readonly string[];
  readonly headers?: Readonly<Record<string, ValueTest>>;
  readonly query?: Readonly<Record<string, ValueTest>>;
  readonly clientIp?: readonly string[];
  readonly priority?: number;
  readonly lenient?: boolean;
  readonly host?: HostData;
}

/** A match of the options' patterns; everything without any. */
export function match(options: RouteOptions): ParsedMatch {
  return {
    hosts: (options.hosts ?? ["*"]).map(host),
    paths: (options.paths ?? ["/*"]).map(path),
    methods: options.methods ?? [],
    headers: Object.entries(options.headers ?? {}).map(([name, test]) => ({ name, test })),
    query: Object.entries(options.query ?? {}).map(([name, test]) => ({ name, test })),
    clientIp: (options.clientIp ?? []).map((text) => {
      const [address = "", bits = "32"] = text.split("/");
      return { text, family: 4, address: address.split(".").map(Number), bits: Number(bits) };
    }),
  };
}

/** Routes named `a`, `b`, `c` … in the order given. */
export function entries(routes: readonly RouteOptions[]): RouterEntry[] {
  return routes.map((options, index) => ({
    route: linked(String.fromCharCode(97 + index), index, options),
    matches: [match(options)],
    priority: options.priority ?? 0,
  }));
}

function linked(name: string, index: number, options: RouteOptions): LinkedRoute {
  return {
    place: `routes[${index}]`,
    name,
    identity: name,
    slot: index,
    upstream: null,
    filters: { all: [], requestHead: [], requestData: [], responseHead: [], end: [] },
    cache: null,
    strict: options.lenient !== true,
    host: options.host ?? { kind: "preserve" },
    upgrades: new Set(),
    timeouts: { connect: 0, firstByte: 0, responseIdle: 0, tunnelIdle: 0 },
  };
}

/** A snapshot of these routes, as far as routing looks at it. */
export function snapshot(routes: readonly RouteOptions[]): LinkedSnapshot {
  const all = entries(routes);
  return {
    // Routing reads the router alone.
    data: {} as SnapshotData,
    routes: all.map((entry) => entry.route),
    upstreams: new Map(),
    trustedProxies: new CidrSet([]),
    router: new IndexedRouter(all),
    listeners: new Map(),
    demanding: [],
  };
}

/** The head of a request. */
export function request(
  method: string,
  authority: string,
  target: string,
  headers: readonly (readonly [name: string, value: string])[] = [],
): RequestHead {
  const head = new RequestHead();
  head.method = method;
  head.authority = authority;
  head.target = target;
  for (const [name, value] of headers) head.headers.append(name, value);
  return head;
}
