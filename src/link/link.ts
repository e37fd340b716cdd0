/**
 * Linking: a snapshot's data becomes what the data plane runs on. Done once for each configuration in each
 * worker; requests then follow references and call closures.
 */

import { CidrSet } from "#core/collections/cidr.ts";
import type { Random } from "#core/random.ts";
import { createBalancer } from "#dataplane/balance/select.ts";
import type {
  EndpointLoad,
  EndpointState,
  LinkedEndpoint,
  LinkedRoute,
  LinkedSnapshot,
  LinkedUpstream,
  ListenerTls,
  UpstreamContext,
} from "#dataplane/linked.ts";
import type { RouteCache } from "#dataplane/route-cache.ts";
import { IndexedRouter } from "#dataplane/route/router.ts";
import type {
  EndpointAddress,
  EndpointData,
  RouteData,
  SnapshotData,
  UpstreamData,
  UpstreamTimeouts,
} from "#model/snapshot.ts";
import type { UpstreamTlsData } from "#model/tls.ts";
import type { Answer, Filter, FilterKind, Question } from "#sdk/filter.ts";
import type { BackendName } from "#transport/tls.ts";
import { type FilterRuntime, type FilterSource, isCache, linkFilters } from "./filters.ts";

/** What linking needs of the worker around it. */
export interface LinkEnvironment {
  /** The built-in filters by name. */
  readonly filters: ReadonlyMap<string, FilterKind>;
  /** The filter that the configuration's module holds at a place such as `routes[3].use[0]`; null if there is none. */
  inline(place: string): Filter | null;
  /** What filters have of the worker. */
  readonly filterRuntime: FilterRuntime;
  /** Sends a request of a filter's own. */
  ask(upstream: LinkedUpstream, question: Question): Promise<Answer>;
  /** The state of an endpoint, which outlives snapshots. */
  endpointState(slot: number): EndpointState;
  /** TLS of the listeners, by id. */
  readonly listenerTls: ReadonlyMap<string, ListenerTls>;
  /** Contexts for connections to an upstream. @throws Error if they cannot be made */
  upstreamContext(data: UpstreamTlsData): UpstreamContext;
  /** The cache of a route with these options; null: there is no memory for one. */
  cache(options: unknown, identity: string): RouteCache | null;
  readonly load: EndpointLoad;
  readonly random: Random;
}

/** Without an upstream there are no attempts to time. */
const NO_TIMEOUTS: UpstreamTimeouts = { connect: 0, firstByte: 0, responseIdle: 0, tunnelIdle: 0 };

/**
 * Makes a snapshot ready to run.
 *
 * @throws LinkError if a filter cannot be made; then nothing of the snapshot may be used
 */
export function link(data: SnapshotData, environment: LinkEnvironment): LinkedSnapshot {
  const upstreams = new Map<string, LinkedUpstream>();
  const timeouts = new Map<string, UpstreamTimeouts>();
  for (const upstream of data.upstreams) {
    upstreams.set(upstream.name, linkUpstream(upstream, environment));
    timeouts.set(upstream.name, upstream.timeouts);
  }
  const source: FilterSource = {
    filters: environment.filters,
    inline: (place) => environment.inline(place),
    runtime: environment.filterRuntime,
    ask: (upstream, question) => environment.ask(found(upstreams, upstream), question),
  };
  const routes = data.routes.map((route) =>
    linkRoute(
      route,
      route.upstream === null ? null : found(upstreams, route.upstream),
      route.upstream === null ? NO_TIMEOUTS : found(timeouts, route.upstream),
      source,
      linkCache(route, environment),
    ),
  );
  const router = new IndexedRouter(
    data.routes.map(({ matches, priority }, index) => ({
      route: routes[index]!,
      matches,
      priority,
    })),
  );
  return {
    data,
    routes,
    upstreams,
    trustedProxies: new CidrSet(data.trustedProxies),
    router,
    listeners: new Map(
      data.listeners.map(({ id, redirectPort }) => [
        id,
        { tls: environment.listenerTls.get(id) ?? null, redirectPort },
      ]),
    ),
    demanding: demanding(data, environment.listenerTls),
  };
}

function demanding(
  data: SnapshotData,
  listenerTls: LinkEnvironment["listenerTls"],
): readonly ListenerTls[] {
  return data.listeners.flatMap(({ id, tls }) => {
    const linked = listenerTls.get(id);
    const demands = tls?.policies.some(
      ({ clientCertificates }) => clientCertificates?.mode === "require",
    );
    return demands === true && linked !== undefined ? [linked] : [];
  });
}

function linkUpstream(data: UpstreamData, environment: LinkEnvironment): LinkedUpstream {
  const endpoints = data.endpoints.map((endpoint) => linkEndpoint(endpoint, data.tls, environment));
  return {
    name: data.name,
    endpoints,
    pool: data.pool,
    retries: data.retries,
    ejection: data.ejection,
    connectTimeout: data.timeouts.connect,
    tunnelIdle: data.timeouts.tunnelIdle,
    timeouts: data.timeouts,
    balancer: createBalancer(data.balance, endpoints, environment.load, environment.random),
  };
}

function linkEndpoint(
  data: EndpointData,
  tls: UpstreamTlsData | null,
  environment: LinkEnvironment,
): LinkedEndpoint {
  return {
    slot: data.slot,
    name: data.name,
    authority: authorityOf(data.address, data.secure),
    weight: data.weight,
    tls:
      tls === null || !data.secure
        ? null
        : { context: environment.upstreamContext(tls), name: backendName(data.address, tls) },
    state: environment.endpointState(data.slot),
  };
}

/** Whom an endpoint has to prove to be: addresses are not sent as a server name (RFC 6066 §3). */
function backendName(address: EndpointAddress, { serverName }: UpstreamTlsData): BackendName {
  const identity = serverName ?? (address.kind === "tcp" ? address.host : null);
  const isAddress = identity !== null && (identity.includes(":") || /^[\d.]+$/.test(identity));
  return { sni: isAddress ? null : identity, identity };
}

/** Host as it is sent to an endpoint: without the port that the scheme means anyway; unix sockets have no name. */
function authorityOf(address: EndpointAddress, secure: boolean): string {
  if (address.kind === "unix") return "localhost";
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return address.port === (secure ? 443 : 80) ? host : `${host}:${address.port}`;
}

function linkRoute(
  data: RouteData,
  upstream: LinkedUpstream | null,
  timeouts: UpstreamTimeouts,
  source: FilterSource,
  cache: RouteCache | null,
): LinkedRoute {
  return {
    place: data.place,
    name: data.name,
    identity: data.identity,
    slot: data.slot,
    upstream,
    filters: linkFilters(data.filters, data.name, source),
    cache,
    strict: data.pathPolicy === "strict",
    host: data.host,
    upgrades: new Set(data.upgrades),
    timeouts: { ...timeouts, ...data.timeouts },
  };
}

/** A cache is written like a filter and is none: it has its place behind all of them. */
function linkCache(data: RouteData, environment: LinkEnvironment): RouteCache | null {
  const found = data.filters.find(isCache);
  return found?.kind === "built-in" ? environment.cache(found.config, data.identity) : null;
}

function found<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new Error(`the snapshot has no upstream ${name}`);
  return value;
}
