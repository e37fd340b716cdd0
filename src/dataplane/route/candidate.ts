/**
 * What a router chooses among: each host pattern of a match with each of its path patterns, and the order in
 * which they win.
 */

import type { RequestHead } from "#core/http/message.ts";
import type { HostPattern, ParsedMatch, PathPattern } from "#model/match.ts";
import type { LinkedRoute } from "../linked.ts";
import { type Condition, conditionsOf } from "./condition.ts";

/** A route as it is given to the router. */
export interface RouterEntry {
  readonly route: LinkedRoute;
  readonly matches: readonly ParsedMatch[];
  readonly priority: number;
}

/** Where the value of a parameter stands. */
export interface ParameterPlace {
  readonly name: string;
  /** Which segment of the path, from 0. */
  readonly segment: number;
  /** It and everything behind it. */
  readonly rest: boolean;
}

/** One way to reach a route. */
export class Candidate {
  readonly route: LinkedRoute;
  readonly priority: number;
  readonly host: HostPattern;
  readonly path: PathPattern;
  readonly conditions: readonly Condition[];
  readonly parameters: readonly ParameterPlace[];
  /** Place of the route among all, from 0: the first one wins where all else is equal. */
  readonly order: number;

  constructor(
    entry: RouterEntry,
    host: HostPattern,
    path: PathPattern,
    conditions: readonly Condition[],
    order: number,
  ) {
    this.route = entry.route;
    this.priority = entry.priority;
    this.host = host;
    this.path = path;
    this.conditions = conditions;
    this.parameters = parametersOf(path);
    this.order = order;
  }

  /** Do the conditions besides host and path hold? */
  holds(head: RequestHead, query: string, clientIp: string): boolean {
    const conditions = this.conditions;
    for (let i = 0; i < conditions.length; i++) {
      if (!conditions[i]!.holds(head, query, clientIp)) return false;
    }
    return true;
  }
}

/** Every way to reach these routes, in no order. `entries` in the order written. */
export function candidatesOf(entries: readonly RouterEntry[]): Candidate[] {
  const candidates: Candidate[] = [];
  for (const [order, entry] of entries.entries()) {
    for (const match of entry.matches) {
      const conditions = conditionsOf(match);
      for (const host of match.hosts) {
        for (const path of match.paths) {
          candidates.push(new Candidate(entry, host, path, conditions, order));
        }
      }
    }
  }
  return candidates;
}

/**
 * Which of two candidates that both match a request wins: below 0 the first. Priority; then the host (exact,
 * one label, any depth with the longest name first, any); then the path, segment by segment from the left
 * (literal, parameter, rest), regular expressions behind all of these and `/*` last; then the number of
 * conditions; then the order written.
 */
export function comparePrecedence(a: Candidate, b: Candidate): number {
  return (
    b.priority - a.priority ||
    compareHosts(a.host, b.host) ||
    comparePaths(a.path, b.path) ||
    compareWithinPlace(a, b)
  );
}

/** As `comparePrecedence`, of candidates with equal priority, host and path. */
export function compareWithinPlace(a: Candidate, b: Candidate): number {
  return b.conditions.length - a.conditions.length || a.order - b.order;
}

const HOST_RANK: Readonly<Record<HostPattern["kind"], number>> = {
  exact: 0,
  "one-label": 1,
  "any-depth": 2,
  any: 3,
};

/** Which of two host patterns is more specific: below 0 the first. */
export function compareHosts(a: HostPattern, b: HostPattern): number {
  const ranks = HOST_RANK[a.kind] - HOST_RANK[b.kind];
  if (ranks !== 0 || a.kind !== "any-depth" || b.kind !== "any-depth") return ranks;
  return b.name.length - a.name.length;
}

/**
 * Which of two path patterns is more specific: below 0 the first. It means something only of two that match one
 * path; of others it says what makes the whole an order.
 */
export function comparePaths(a: PathPattern, b: PathPattern): number {
  const left = ranksOf(a);
  const right = ranksOf(b);
  for (let i = 0; i < left.length && i < right.length; i++) {
    const difference = left[i]! - right[i]!;
    if (difference !== 0) return difference;
  }
  return right.length - left.length;
}

const LITERAL = 0;
const PARAMETER = 1;
const REGEX = 2;
const REST = 3;

/** How specific each segment is. A path that ends where another goes on is exact there: as good as a literal. */
function ranksOf(pattern: PathPattern): number[] {
  switch (pattern.kind) {
    case "any":
      return [REST];
    case "regex":
      return [REGEX];
    case "exact":
      return [
        ...pattern.path
          .slice(1)
          .split("/")
          .map(() => LITERAL),
        LITERAL,
      ];
    case "prefix":
      return [
        ...pattern.path
          .split("/")
          .slice(1)
          .map(() => LITERAL),
        REST,
      ];
    case "pattern": {
      const ranks = pattern.segments.map((segment) =>
        segment.kind === "literal" ? LITERAL : segment.kind === "parameter" ? PARAMETER : REST,
      );
      return ranks.at(-1) === REST ? ranks : [...ranks, LITERAL];
    }
  }
}

function parametersOf(path: PathPattern): ParameterPlace[] {
  if (path.kind !== "pattern") return [];
  const places: ParameterPlace[] = [];
  for (const [segment, part] of path.segments.entries()) {
    if (part.kind !== "literal") {
      places.push({ name: part.name, segment, rest: part.kind === "rest" });
    }
  }
  return places;
}
