/**
 * From a checked configuration to a snapshot: every default filled in, every row of shared memory given,
 * hashed. The same configuration gives the same snapshot.
 */

import { type Diagnostic, sortDiagnostics } from "#config/diagnostic.ts";
import type { SourceMap } from "#config/source-map.ts";
import type { Config } from "#config/types.ts";
import { EndpointTable } from "#model/shared/endpoint-table.ts";
import { MetricsTable } from "#model/shared/metrics-table.ts";
import type {
  FilterData,
  ModuleData,
  RouteData,
  SnapshotData,
  UpstreamData,
} from "#model/snapshot.ts";
import type { FilterSchemas } from "#sdk/config.ts";
import { hashOf } from "./hash.ts";
import {
  compileRoutes,
  hasInlineFilter,
  type UnplacedFilter,
  type UnplacedRoute,
} from "./routes.ts";
import { findShadowed } from "./shadowed.ts";
import type { SlotAllocator } from "./slots.ts";
import {
  type ConfigFiles,
  certificateSources,
  compileAcme,
  compileListenerTls,
  redirectPort,
} from "./tls.ts";
import { compileUpstream, type UnplacedUpstream } from "./upstreams.ts";

/** Rows of endpoints in shared memory. */
export const ENDPOINT_SLOTS: number = EndpointTable.SLOTS;
/** Rows of routes in shared memory; routes that find none share one behind these. */
export const ROUTE_SLOTS: number = MetricsTable.ROUTES;
/** Rows of filters in shared memory; what filters that find none do is not counted. */
export const FILTER_SLOTS: number = MetricsTable.FILTERS;

/** What compiling needs besides the configuration. */
export interface CompileOptions {
  /** Where each part was written, for diagnostics. */
  readonly sources: SourceMap;
  /** Number of this configuration in the life of the process, from 1. */
  readonly generation: number;
  /** `file:` URL of a configuration that is a module, else null. */
  readonly module: string | null;
  /** What `Via` calls this instance: a token that no other process has. */
  readonly instance: string;
  /** The form of the access log where the configuration says `auto`. */
  readonly accessLog: "json" | "pretty" | "off";
  readonly files: ConfigFiles;
  /** The filters that there are. */
  readonly filters: FilterSchemas;
  /** Rows of endpoints and routes, kept from one configuration to the next. */
  readonly slots: Slots;
}

/** The allocators of one process. */
export interface Slots {
  readonly endpoints: SlotAllocator;
  readonly routes: SlotAllocator;
  readonly filters: SlotAllocator;
}

/** What has a row in a snapshot, for `SlotAllocator.retain`. */
export interface SlotKeys {
  readonly endpoints: readonly string[];
  readonly routes: readonly string[];
  readonly filters: readonly string[];
}

/** The outcome of compiling. */
export type Compiled =
  | {
      readonly ok: true;
      readonly snapshot: SnapshotData;
      readonly keys: SlotKeys;
      readonly warnings: readonly Diagnostic[];
    }
  | { readonly ok: false; readonly diagnostics: readonly Diagnostic[] };

/** Compiles a configuration. The rows that it takes are its own until `retain` says otherwise. */
export function compile(config: Config, options: CompileOptions): Compiled {
  const { sources, slots } = options;
  const upstreams = config.upstreams.map((upstream) =>
    compileUpstream(upstream, config, options.files.texts),
  );
  const placed = placeUpstreams(upstreams, slots.endpoints);
  if (placed === null) return { ok: false, diagnostics: [tooManyEndpoints(sources)] };
  const module = moduleOf(config, options);
  const routes = compileRoutes(config.routes, {
    upstreams: new Map(upstreams.map((upstream) => [upstream.name, upstream])),
    code: module === null ? "" : `${module.url} ${module.generation}`,
    filters: options.filters,
  });
  const content: Omit<SnapshotData, "generation" | "hash"> = {
    listeners: config.listen.map((listen) => ({
      id: listen.text,
      address: listen.address,
      tls: compileListenerTls(listen, options.files),
      redirectPort: listen.redirect === null ? null : redirectPort(config),
    })),
    certificates: certificateSources(config, options.files.directory),
    acme: compileAcme(config, options.files.texts),
    upstreams: placed,
    routes: placeRoutes(routes, slots),
    trustedProxies: config.trustedProxies.map((block) => block.text),
    timeouts: connectionTimeouts(config),
    limits: {
      connections: config.limits.connections,
      handshakes: config.limits.handshakes,
      handshakeRate: config.limits.handshakeRate ?? 0,
    },
    log: { access: config.log.access === "auto" ? options.accessLog : config.log.access },
    cacheMemory: config.cache.memory,
    instance: options.instance,
    forwarded: config.forwarded,
    module,
  };
  return {
    ok: true,
    snapshot: { generation: options.generation, hash: hashOf(content), ...content },
    keys: {
      endpoints: upstreams.flatMap(({ endpoints }) => endpoints.map(({ key }) => key)),
      routes: routes.map(({ key }) => key),
      filters: routes.flatMap(({ filters }) =>
        filters.flatMap((filter) => (filter.kind === "inline" ? [] : [filter.key])),
      ),
    },
    warnings: sortDiagnostics(findShadowed(content.routes, sources)),
  };
}

/** @returns null if there are not enough rows */
function placeUpstreams(
  upstreams: readonly UnplacedUpstream[],
  slots: SlotAllocator,
): UpstreamData[] | null {
  let isFull = false;
  const placed = upstreams.map((upstream) => ({
    ...upstream,
    endpoints: upstream.endpoints.map(({ key, ...endpoint }) => {
      const slot = slots.allocate(key);
      if (slot < 0) isFull = true;
      return { slot, ...endpoint };
    }),
  }));
  return isFull ? null : placed;
}

function placeRoutes(routes: readonly UnplacedRoute[], slots: Slots): RouteData[] {
  return routes.map(({ key, filters, ...route }) => {
    const slot = slots.routes.allocate(key);
    return {
      slot: slot < 0 ? MetricsTable.OTHER_ROUTE : slot,
      ...route,
      filters: filters.map((filter) => placeFilter(filter, slots.filters)),
    };
  });
}

function placeFilter(filter: UnplacedFilter, slots: SlotAllocator): FilterData {
  if (filter.kind === "inline") return filter;
  const { key, ...data } = filter;
  return { ...data, slot: slots.allocate(key) };
}

function tooManyEndpoints(sources: SourceMap): Diagnostic {
  return sources.diagnostic(
    "error",
    ["upstreams"],
    "there are more endpoints than can be kept track of",
    `at most ${ENDPOINT_SLOTS}, those of earlier configurations that are still in use included`,
    "key",
  );
}

/** Workers import the module only if a route needs it; then each generation is another one, as its code may be. */
function moduleOf(config: Config, { module, generation }: CompileOptions): ModuleData | null {
  return module !== null && config.routes.some(hasInlineFilter)
    ? { url: module, generation }
    : null;
}

function connectionTimeouts({ timeouts, limits }: Config): SnapshotData["timeouts"] {
  return {
    handshake: timeouts.handshake,
    head: timeouts.head,
    bodyIdle: timeouts.bodyIdle,
    bodyRate: limits.bodyRate,
    bodyGrace: timeouts.bodyGrace,
    keepAlive: timeouts.keepAlive,
    write: timeouts.write,
  };
}
