/**
 * Routes that no request can reach, because another one takes all that they match: the same match written
 * again, or a wider one of higher priority. What several others take only together is not found, nor what
 * regular expressions have in common.
 */

import type { Diagnostic } from "#config/diagnostic.ts";
import { formatMatch } from "#config/match-text.ts";
import { type ConfigPath, formatPath, parsePath, type SourceMap } from "#config/source-map.ts";
import type { HostPattern, ParsedMatch, PathPattern } from "#model/match.ts";
import type { RouteData } from "#model/snapshot.ts";
import { conditionsKey, coversConditions, coversPath, pathKey } from "./cover.ts";
import { alternatives, firstWritten } from "./places.ts";

/** One way to reach a route. */
interface Way {
  readonly route: RouteData;
  readonly match: ParsedMatch;
  readonly host: HostPattern;
  readonly path: PathPattern;
}

/** Warnings about routes, and alternatives of routes, that are never taken. `routes` in the order written. */
export function findShadowed(routes: readonly RouteData[], sources: SourceMap): Diagnostic[] {
  const index = new WayIndex(routes);
  const warnings: Diagnostic[] = [];
  for (const route of routes) {
    const taken = route.matches.map((match) => index.takerOf(route, match));
    const [first] = taken;
    const place = parsePath(route.place);
    if (first !== undefined && first !== null && taken.every((taker) => taker !== null)) {
      const message = `the route is never taken: ${describe(first, route, sources)}`;
      warnings.push(sources.diagnostic("warning", [...place, "match"], message, HINT));
      continue;
    }
    for (const [at, taker] of taken.entries()) {
      const match = route.matches[at];
      if (taker === null || match === undefined) continue;
      const written: ConfigPath = firstWritten(sources, alternatives(Number(place[1]), at));
      const message = `\`${formatMatch(match)}\` never leads to this route: ${describe(taker, route, sources)}`;
      warnings.push(sources.diagnostic("warning", written, message, HINT));
    }
  }
  return warnings;
}

const HINT = "remove it, match something more specific, or change the `priority`";

function describe(taker: RouteData, route: RouteData, sources: SourceMap): string {
  const { line } = sources.at(`${taker.place}.match`);
  const where = line === null ? formatPath(parsePath(taker.place)) : `on line ${line}`;
  const why = taker.priority > route.priority ? ", which has a higher priority," : "";
  return `\`${taker.name}\` (${where})${why} takes every such request`;
}

/** All ways, by what has to be equal for one to take everything of another. */
class WayIndex {
  /** The first way written of each priority, host, path and conditions. */
  readonly #first = new Map<string, Way>();
  /** By host, those of one host from the highest priority down. */
  readonly #byHost = new Map<string, Way[]>();

  constructor(routes: readonly RouteData[]) {
    for (const route of routes) {
      for (const match of route.matches) {
        for (const way of waysOf(route, match)) {
          const key = wayKey(way);
          if (!this.#first.has(key)) this.#first.set(key, way);
          const host = hostKey(way.host);
          const others = this.#byHost.get(host);
          if (others === undefined) this.#byHost.set(host, [way]);
          else others.push(way);
        }
      }
    }
    for (const ways of this.#byHost.values()) {
      ways.sort((a, b) => b.route.priority - a.route.priority);
    }
  }

  /** A route that takes everything that `match` matches before `route` can; null if something is left. */
  takerOf(route: RouteData, match: ParsedMatch): RouteData | null {
    let taker: RouteData | null = null;
    for (const way of waysOf(route, match)) {
      taker = this.#takerOf(way);
      if (taker === null) return null;
    }
    return taker;
  }

  #takerOf(way: Way): RouteData | null {
    const same = this.#first.get(wayKey(way));
    if (same !== undefined && same.route !== way.route) return same.route;
    for (const host of hostsAround(way.host)) {
      for (const other of this.#byHost.get(host) ?? []) {
        if (other.route.priority <= way.route.priority) break;
        if (coversPath(other.path, way.path) && coversConditions(other.match, way.match)) {
          return other.route;
        }
      }
    }
    return null;
  }
}

function* waysOf(route: RouteData, match: ParsedMatch): Generator<Way> {
  for (const host of match.hosts) {
    for (const path of match.paths) yield { route, match, host, path };
  }
}

function wayKey({ route, match, host, path }: Way): string {
  return JSON.stringify([route.priority, hostKey(host), pathKey(path), conditionsKey(match)]);
}

function hostKey(host: HostPattern): string {
  return host.kind === "any" ? "any" : `${host.kind} ${host.name}`;
}

/** Keys of the host patterns that match whatever this one matches, it among them. */
function* hostsAround(host: HostPattern): Generator<string> {
  yield hostKey(host);
  if (host.kind === "any") return;
  yield "any";
  // `**.example.com` holds `*.example.com`, and every name below.
  if (host.kind === "one-label") yield `any-depth ${host.name}`;
  let isFirst = true;
  for (let dot = host.name.indexOf("."); dot >= 0; dot = host.name.indexOf(".", dot + 1)) {
    const above = host.name.slice(dot + 1);
    if (isFirst && host.kind === "exact") yield `one-label ${above}`;
    yield `any-depth ${above}`;
    isFirst = false;
  }
}
