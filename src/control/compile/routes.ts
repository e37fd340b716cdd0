/** Routes of a configuration as data of a snapshot. */

import type { FilterUse, RouteConfig } from "#config/types.ts";
import type { FilterData, FilterMemoryData, RouteData } from "#model/snapshot.ts";
import type { FilterSchema, FilterSchemas } from "#sdk/config.ts";
import { hashOf } from "./hash.ts";
import { attemptTimeouts, type UnplacedUpstream } from "./upstreams.ts";

/** A filter without its row. */
export type UnplacedFilter =
  | (Omit<Extract<FilterData, { kind: "built-in" }>, "slot"> & {
      /** Equal keys share counters and memory, across configurations. */
      readonly key: string;
    })
  | Extract<FilterData, { kind: "inline" }>;

/** A route without its row. */
export type UnplacedRoute = Omit<RouteData, "slot" | "filters"> & {
  /** Equal keys share counters, across configurations. */
  readonly key: string;
  readonly filters: readonly UnplacedFilter[];
};

/** What a route's identity depends on besides the route. */
export interface RouteSurroundings {
  readonly upstreams: ReadonlyMap<string, UnplacedUpstream>;
  /** Names the code of inline filters: another one may do other things. "" if there is none. */
  readonly code: string;
  /** The filters that there are. */
  readonly filters: FilterSchemas;
}

/** Routes, in the order written. */
export function compileRoutes(
  routes: readonly RouteConfig[],
  surroundings: RouteSurroundings,
): UnplacedRoute[] {
  /** How often a name has been used: unnamed routes are called by their match, which may stand twice. */
  const names = new Map<string, number>();
  return routes.map((route, index) => {
    const key = numbered(names, route.name);
    return { ...compileRoute(route, key, `routes[${index}]`, surroundings), key };
  });
}

/** Is one of its filters a function of the configuration's module? */
export function hasInlineFilter(route: RouteConfig): boolean {
  return route.use.some((step) => step.kind === "inline");
}

/** A name, with its number if it was used before. */
function numbered(used: Map<string, number>, name: string): string {
  const uses = (used.get(name) ?? 0) + 1;
  used.set(name, uses);
  return uses === 1 ? name : `${name} #${uses}`;
}

function compileRoute(
  route: RouteConfig,
  key: string,
  place: string,
  { upstreams, code, filters: schemas }: RouteSurroundings,
): Omit<UnplacedRoute, "key"> {
  const used = new Map<string, number>();
  const filters = route.use.map((step, index) => {
    const name = step.kind === "named" ? numbered(used, step.name) : "";
    return compileFilter(step, `${key}\n${name}`, `${place}.use[${index}]`, schemas);
  });
  const does = {
    matches: route.match,
    priority: route.priority,
    upstream: route.to,
    pathPolicy: route.pathPolicy,
    host: route.host,
    upgrades: route.upgrade,
    timeouts: attemptTimeouts(route.timeouts),
  };
  const identity = hashOf({
    ...does,
    upstream: route.to === null ? null : upstreams.get(route.to),
    // Where a filter stands in the file is nothing that it does.
    filters: filters.map((filter) => ({ ...filter, place: "", key: "", memory: null })),
    code: hasInlineFilter(route) ? code : "",
  });
  return { place, name: route.name, identity, filters, ...does };
}

function compileFilter(
  step: FilterUse,
  key: string,
  place: string,
  schemas: FilterSchemas,
): UnplacedFilter {
  if (step.kind === "named") {
    const { name, options: config } = step;
    const schema = schemas[name];
    const observe = schema?.mode?.(config) === "observe";
    return {
      kind: "built-in",
      name,
      config,
      place,
      key,
      observe,
      memory: memoryOf(schema, config, key),
    };
  }
  const { filter } = step;
  const named = typeof filter === "function" || (typeof filter === "object" && filter !== null);
  const name = named && "name" in filter && typeof filter.name === "string" ? filter.name : "";
  return { kind: "inline", name: name === "" ? "inline" : name, place };
}

function memoryOf(
  schema: FilterSchema | undefined,
  options: unknown,
  key: string,
): FilterMemoryData | null {
  const wanted = schema?.memory?.(options) ?? null;
  if (wanted === null) return null;
  const { identity, bytes, perWorker = 0 } = wanted;
  // What was made for another number of bytes cannot be read as this one.
  return { key: `${key}\n${identity} ${bytes} ${perWorker}`, bytes, perWorker };
}
