/** Routes of a configuration as data of a snapshot. */

import type { FilterUse, RouteConfig } from "#config/types.ts";
import type { FilterData, RouteData } from "#model/snapshot.ts";
import { hashOf } from "./hash.ts";
import { attemptTimeouts, type UnplacedUpstream } from "./upstreams.ts";

/** A route without its row. */
export type UnplacedRoute = Omit<RouteData, "slot"> & {
  /** Equal keys share counters, across configurations. */
  readonly key: string;
};

/** What a route's identity depends on besides the route. */
export interface RouteSurroundings {
  readonly upstreams: ReadonlyMap<string, UnplacedUpstream>;
  /** Names the code of inline filters: another one may do other things. "" if there is none. */
  readonly code: string;
}

/** Routes, in the order written. */
export function compileRoutes(
  routes: readonly RouteConfig[],
  surroundings: RouteSurroundings,
): UnplacedRoute[] {
  /** How often a name has been used: unnamed routes are called by their match, which may stand twice. */
  const names = new Map<string, number>();
  return routes.map((route, index) => {
    const compiled = compileRoute(route, `routes[${index}]`, surroundings);
    const uses = (names.get(route.name) ?? 0) + 1;
    names.set(route.name, uses);
    return { ...compiled, key: uses === 1 ? route.name : `${route.name} #${uses}` };
  });
}

/** Is one of its filters a function of the configuration's module? */
export function hasInlineFilter(route: RouteConfig): boolean {
  return route.use.some((step) => step.kind === "inline");
}

function compileRoute(
  route: RouteConfig,
  place: string,
  { upstreams, code }: RouteSurroundings,
): Omit<UnplacedRoute, "key"> {
  const filters = route.use.map((step, index) => compileFilter(step, `${place}.use[${index}]`));
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
    filters: filters.map((filter) => ({ ...filter, place: "" })),
    code: hasInlineFilter(route) ? code : "",
  });
  return { place, name: route.name, identity, filters, ...does };
}

function compileFilter(step: FilterUse, place: string): FilterData {
  if (step.kind === "named") {
    return { kind: "built-in", name: step.name, config: step.options, place };
  }
  const { filter } = step;
  const named = typeof filter === "function" || (typeof filter === "object" && filter !== null);
  const name = named && "name" in filter && typeof filter.name === "string" ? filter.name : "";
  return { kind: "inline", name: name === "" ? "inline" : name, place };
}
