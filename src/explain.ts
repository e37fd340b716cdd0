/**
 * `sluice explain`: what would happen to a request, and why. The decision is that of `route()`, the filters and
 * fields are those of the data plane; only the reasons are found here. A composition root: it joins
 * configuration, snapshot and data plane, and runs neither sockets nor workers.
 */

import { parsePath, type SourceMap, type SourcePosition } from "#config/source-map.ts";
import type { Config } from "#config/types.ts";
import { alternatives, isWritten } from "#control/compile/places.ts";
import { FilterMemories } from "#control/filter-memory.ts";
import { FAILURES, type FailureCode } from "#core/errors.ts";
import { interpretations } from "#core/http/interpretations.ts";
import { normalise } from "#core/http/path.ts";
import { Xorshift } from "#core/random.ts";
import type { Parsed } from "#core/units.ts";
import { isLoop } from "#dataplane/forward/request-fields.ts";
import { isValidUpgrade } from "#dataplane/forward/websocket.ts";
import type { LinkedRoute, LinkedSnapshot } from "#dataplane/linked.ts";
import { Plan } from "#dataplane/plan.ts";
import { route } from "#dataplane/route/route.ts";
import { type FilterRuntime, isCache, LinkError } from "#link/filters.ts";
import { link } from "#link/link.ts";
import type { SnapshotData, UpstreamTimeouts } from "#model/snapshot.ts";
import type { FilterKind } from "#sdk/filter.ts";
import {
  type Edit,
  type FilterEffects,
  type FilterResult,
  ownEdits,
  runFilters,
} from "#explain/effects.ts";
import { explainRoutes, type RouteResult } from "#explain/matchers.ts";
import { type DescribedRequest, type ReadyRequest, readRequest } from "#explain/request.ts";

/** What an explanation is made from. */
export interface ExplainInput {
  readonly config: Config;
  /** What `config` was compiled to. */
  readonly snapshot: SnapshotData;
  /** Where each part of `config` was written. */
  readonly sources: SourceMap;
  /** The built-in filters by name. */
  readonly filters: ReadonlyMap<string, FilterKind>;
  readonly request: DescribedRequest;
}

/** Where something was decided; `null` where the configuration does not say it: a default. */
export type Place = SourcePosition | null;

/** A reading of the path that leads elsewhere. */
export interface Reading {
  readonly path: string;
  /** Name of the route; null: none. */
  readonly route: string | null;
}

/** What is sent to the backend. */
export interface Forwarding {
  readonly upstream: string;
  readonly policy: SnapshotData["upstreams"][number]["balance"];
  readonly upstreamPlace: Place;
  readonly endpoints: readonly {
    readonly name: string;
    readonly weight: number;
    readonly place: Place;
  }[];
  readonly target: string;
  /** Null: the authority of the endpoint that is chosen. */
  readonly host: string | null;
  readonly hostPlace: Place;
  /** Token of the protocol that may be switched to, "" if none was asked for or it is not let through. */
  readonly upgrade: string;
  /** What the proxy changes besides the filters. */
  readonly edits: readonly Edit[];
  readonly timeouts: readonly {
    readonly name: keyof UpstreamTimeouts;
    readonly milliseconds: number;
    readonly place: Place;
  }[];
}

/** What became of a route, and where it is written. */
export interface ExplainedRoute extends RouteResult {
  readonly place: Place;
  /** Of every part of every alternative. */
  readonly places: readonly (readonly Place[])[];
}

/** Everything that `explain` has to say. */
export interface Explanation {
  readonly request: DescribedRequest & {
    readonly target: string;
    readonly authority: string;
    /** The client's address by the trusted-proxy rule. */
    readonly client: string;
  };
  /** What had to be assumed of the request, in a sentence each. */
  readonly notes: readonly string[];
  /** What it was routed by. */
  readonly hostname: string;
  readonly path: string;
  readonly params: Readonly<Record<string, string>>;
  /** Why it is refused; null if it is not. */
  readonly fault: {
    readonly code: FailureCode;
    readonly status: number;
    readonly sentence: string;
  } | null;
  /** For `path_ambiguous`: where the readings of the path lead. Null: there are too many to tell. */
  readonly readings: readonly Reading[] | null;
  /** In the order in which they could be taken. */
  readonly routes: readonly ExplainedRoute[];
  readonly chosen: LinkedRoute | null;
  readonly effects: FilterEffects & { readonly places: readonly Place[] };
  /** Null when it is refused or a filter answers. */
  readonly forwarding: Forwarding | null;
}

/** Explains a request. Fails only for what is no request. */
export async function explain(input: ExplainInput): Promise<Parsed<Explanation>> {
  const { snapshot: data, sources } = input;
  let snapshot: LinkedSnapshot;
  try {
    snapshot = linkForExplaining(input);
  } catch (error) {
    if (!(error instanceof LinkError)) throw error;
    return { ok: false, message: error.message, hint: `look at \`${error.place}\`` };
  }
  const read = readRequest(input.request, snapshot.trustedProxies, data.listeners);
  if (!read.ok) return read;
  const request = read.value;
  const { head, clientIp } = request;
  const received = { target: head.target, authority: head.authority, client: clientIp };
  const plan = new Plan();
  const code = faultOf(snapshot, request, plan);
  const chosen = code === null ? plan.route : null;
  const entries = data.routes.map(({ matches, priority }, index) => ({
    route: snapshot.routes[index]!,
    matches,
    priority,
  }));
  const results = isMatched(code) ? explainRoutes(entries, { head, clientIp, plan }, chosen) : [];
  const routes = results.map((result) => located(result, sources));
  const isAmbiguous = code === "path_ambiguous";
  const readings = isAmbiguous ? readingsOf(snapshot, request, plan) : [];
  const effects =
    chosen === null
      ? { dropped: [], filters: [], answer: null }
      : await runFilters(chosen, request, plan, cacheOf(data, chosen));
  const isSent =
    effects.answer === null && effects.filters.every(({ outcome }) => PASSING.has(outcome));
  return {
    ok: true,
    value: {
      request: { ...input.request, ...received },
      notes: request.notes,
      hostname: plan.hostname,
      path: plan.path,
      params: Object.fromEntries(plan.params),
      fault:
        code === null ? null : { code, status: FAILURES[code].status, sentence: sentenceOf(code) },
      readings,
      routes,
      chosen,
      effects: { ...effects, places: effects.filters.map(({ place }) => placeOf(sources, place)) },
      forwarding:
        chosen?.upstream !== null && chosen !== null && isSent
          ? forwardingOf(input, snapshot, chosen, request, plan, effects.dropped)
          : null,
    },
  };
}

/** Where the cache of a route is written; null: it has none. */
function cacheOf({ routes }: SnapshotData, { place }: LinkedRoute): string | null {
  const filters = routes.find((route) => route.place === place)?.filters ?? [];
  return filters.find(isCache)?.place ?? null;
}

/** Outcomes of filters with which a request goes on. */
const PASSING: ReadonlySet<FilterResult["outcome"]> = new Set([
  "ran",
  "would run",
  "observed",
  "response only",
]);

/** As on the page that the client gets, which may refer to `explain`: that would lead in a circle here. */
function sentenceOf(code: FailureCode): string {
  return FAILURES[code].sentence.replace("; `sluice explain` shows why", "");
}

function located(result: RouteResult, sources: SourceMap): ExplainedRoute {
  const [, index] = parsePath(result.route.place);
  const places = result.alternatives.map(({ matchers }, at) => {
    const written = alternatives(Number(index), at);
    return matchers.map(({ part }) => {
      // Names of fields may hold dots: what follows the first one is the name.
      const [key = "", ...name] = part.split(".");
      const below = name.length === 0 ? [key] : [key, name.join(".")];
      return placeOf(sources, ...written.map((place) => [...place, ...below]), ...written);
    });
  });
  return { ...result, place: placeOf(sources, result.route.place), places };
}

/** Routes the request, and decides what the stages before and behind that would; why it is refused, or null. */
function faultOf(
  snapshot: LinkedSnapshot,
  { head, clientIp }: ReadyRequest,
  plan: Plan,
): FailureCode | null {
  route(snapshot, head, clientIp, plan);
  if (head.method === "CONNECT" || head.method === "TRACE") return "method_not_allowed";
  if (isLoop(head.headers, snapshot.data.instance)) return "loop_detected";
  if (plan.route === null) return plan.fault;
  if (!plan.route.upgrades.has(head.upgrade)) head.upgrade = "";
  return isValidUpgrade(head) ? null : "upgrade_invalid";
}

/** A request that has no host or path to match with is refused before any route. */
function isMatched(code: FailureCode | null): boolean {
  return code !== "request_host_invalid" && code !== "request_target_invalid";
}

/** The snapshot over nothing: every endpoint is there, and nothing is under way. */
function linkForExplaining({ snapshot, filters }: ExplainInput): LinkedSnapshot {
  return link(snapshot, {
    filters,
    // What functions of the configuration do is known when they run.
    inline: () => ({}),
    filterRuntime: runtimeOver(snapshot),
    ask: () => Promise.reject(new Error("nobody is asked here")),
    endpointState: (slot) => ({ slot, addresses: [] }),
    listenerTls: new Map(),
    upstreamContext: () => ({
      current: () => ({ released: false, release: () => undefined }),
    }),
    cache: () => null,
    load: { inFlight: () => 0, available: () => true, healthy: () => true },
    random: new Xorshift(0),
  });
}

/** Filters are made as in a worker; those that depend on any of this are not run. */
function runtimeOver({ routes }: SnapshotData): FilterRuntime {
  const memories = new FilterMemories(1, () => undefined).of({ routes });
  return {
    row: 0,
    now: () => 0,
    after: () => () => undefined,
    memory: (key) => memories.get(key),
  };
}

function readingsOf(
  snapshot: LinkedSnapshot,
  { head, clientIp }: ReadyRequest,
  plan: Plan,
): Reading[] | null {
  const [raw = ""] = head.target.split("?", 1);
  const others = interpretations(raw);
  if (others === null) return null;
  return [normalise(raw) ?? raw, ...others].map((path) => ({
    path,
    route:
      snapshot.router.match(plan.hostname, path, plan.query, head, clientIp, null)?.name ?? null,
  }));
}

function forwardingOf(
  { config, sources, snapshot: data }: ExplainInput,
  snapshot: LinkedSnapshot,
  chosen: LinkedRoute,
  request: ReadyRequest,
  plan: Plan,
  dropped: readonly Edit[],
): Forwarding {
  const upstream = chosen.upstream?.name ?? "";
  const written = data.upstreams.find(({ name }) => name === upstream);
  const endpoints = written?.endpoints ?? [];
  const host = plan.host === "" ? null : plan.host;
  const first = chosen.upstream?.endpoints[0]?.authority ?? "";
  return {
    upstream,
    policy: written?.balance ?? "round-robin",
    upstreamPlace: placeOf(sources, ["upstreams", upstream]),
    endpoints: endpoints.map(({ name, weight }, index) => ({
      name,
      weight,
      place: placeOf(
        sources,
        ["upstreams", upstream, "endpoints", index],
        ["upstreams", upstream, "endpoints"],
        ["upstreams", upstream],
      ),
    })),
    target: plan.target,
    host,
    hostPlace: placeOf(sources, `${chosen.place}.host`),
    upgrade: request.head.upgrade,
    edits: ownEdits(snapshot, request, plan, host ?? first, dropped),
    timeouts: TIMEOUTS.map((name) => ({
      name,
      milliseconds: chosen.timeouts[name],
      place: timeoutPlace(config, sources, chosen, upstream, name),
    })),
  };
}

const TIMEOUTS: readonly (keyof UpstreamTimeouts)[] = [
  "connect",
  "firstByte",
  "responseIdle",
  "tunnelIdle",
];

/** The route's word counts before the upstream's, and that before the global one. */
function timeoutPlace(
  config: Config,
  sources: SourceMap,
  chosen: LinkedRoute,
  upstream: string,
  name: keyof UpstreamTimeouts,
): Place {
  const index = config.routes.findIndex((_, at) => `routes[${at}]` === chosen.place);
  if (config.routes[index]?.timeouts[name] !== undefined) {
    return placeOf(sources, ["routes", index, "timeouts", name]);
  }
  const own = config.upstreams.find((one) => one.name === upstream);
  if (own?.timeouts[name] !== undefined) {
    return placeOf(sources, ["upstreams", upstream, "timeouts", name]);
  }
  return placeOf(sources, ["timeouts", name]);
}

/** The first of these places that is written; null if none is: `at` would answer with what surrounds it. */
function placeOf(
  sources: SourceMap,
  ...places: readonly (string | readonly (string | number)[])[]
): Place {
  for (const place of places) {
    const keys = typeof place === "string" ? parsePath(place) : place;
    if (isWritten(sources, keys)) return sources.at(keys);
  }
  return null;
}
