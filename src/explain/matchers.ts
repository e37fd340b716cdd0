/** What each route makes of a request: every part of its matches, with what was found and what is wanted. */

import { formatHost, formatMatch, formatPathPattern } from "#config/match-text.ts";
import type { RequestHead } from "#core/http/message.ts";
import {
  type Candidate,
  candidatesOf,
  compareHosts,
  comparePaths,
  comparePrecedence,
  type RouterEntry,
} from "#dataplane/route/candidate.ts";
import { conditionsOf, formDecode } from "#dataplane/route/condition.ts";
import { matchesHost, matchesPath } from "#dataplane/route/pattern.ts";
import type { LinkedRoute } from "#dataplane/linked.ts";
import type { ParsedMatch, ValueTest } from "#model/match.ts";
import type { Plan } from "#dataplane/plan.ts";

/** One part of a match, held against the request. */
export interface MatcherResult {
  /** `host`, `path`, `methods`, `headers.x-beta`, `query.page`, `clientIp`. */
  readonly part: string;
  readonly passed: boolean;
  /** What the request has. */
  readonly found: string;
  readonly wanted: string;
}

/** One alternative of a route's match. */
export interface AlternativeResult {
  /** As it is written. */
  readonly match: string;
  readonly passed: boolean;
  readonly matchers: readonly MatcherResult[];
}

/** What became of a route. */
export interface RouteResult {
  readonly route: LinkedRoute;
  readonly verdict: "taken" | "outranked" | "no match";
  /** Why it was not taken although it matches; "" otherwise. */
  readonly why: string;
  readonly alternatives: readonly AlternativeResult[];
}

/** A request as far as matching looks at it. */
export interface Routed {
  readonly head: RequestHead;
  readonly clientIp: string;
  readonly plan: Plan;
}

/** Every route in the order in which it could be taken at best. `chosen` is what `route()` has decided. */
export function explainRoutes(
  entries: readonly RouterEntry[],
  { head, clientIp, plan }: Routed,
  chosen: LinkedRoute | null,
): RouteResult[] {
  const ordered = candidatesOf(entries).toSorted(comparePrecedence);
  const matching = ordered.filter(
    (candidate) =>
      matchesHost(candidate.host, plan.hostname) &&
      matchesPath(candidate.path, plan.path) &&
      candidate.holds(head, plan.query, clientIp),
  );
  const winner = matching.find((candidate) => candidate.route === chosen);
  const matches = new Map(entries.map((entry) => [entry.route, entry.matches]));
  const routes = new Set(ordered.map((candidate) => candidate.route));
  return [...routes].map((route): RouteResult => {
    const alternatives = (matches.get(route) ?? []).map((match) =>
      explainMatch(match, { head, clientIp, plan }),
    );
    const best = matching.find((candidate) => candidate.route === route);
    if (route === chosen) return { route, verdict: "taken", why: "", alternatives };
    if (best === undefined) return { route, verdict: "no match", why: "", alternatives };
    const why = winner === undefined ? "the request is refused" : reason(winner, best);
    return { route, verdict: "outranked", why, alternatives };
  });
}

/** What puts `winner` before `other`, which matches as well. */
function reason(winner: Candidate, other: Candidate): string {
  const name = `\`${winner.route.name}\``;
  if (winner.priority > other.priority) {
    return `${name} has a higher priority (${winner.priority} before ${other.priority})`;
  }
  if (compareHosts(winner.host, other.host) < 0)
    return `${name} matches the host more specifically`;
  if (comparePaths(winner.path, other.path) < 0)
    return `${name} matches the path more specifically`;
  if (winner.conditions.length > other.conditions.length) return `${name} has more conditions`;
  return `${name} is written first`;
}

function explainMatch(match: ParsedMatch, { head, clientIp, plan }: Routed): AlternativeResult {
  const matchers: MatcherResult[] = [
    {
      part: "host",
      passed: match.hosts.some((host) => matchesHost(host, plan.hostname)),
      found: plan.hostname === "" ? "none" : plan.hostname,
      wanted: match.hosts.map((host) => formatHost(host) || "any").join(" or "),
    },
    {
      part: "path",
      passed: match.paths.some((path) => matchesPath(path, plan.path)),
      found: plan.path,
      wanted: match.paths.map(formatPathPattern).join(" or "),
    },
  ];
  const texts = conditionTexts(match, head, plan.query, clientIp);
  for (const condition of conditionsOf(match)) {
    const { found = "", wanted = "" } = texts.get(condition.part) ?? {};
    const passed = condition.holds(head, plan.query, clientIp);
    matchers.push({ part: condition.part, passed, found, wanted });
  }
  const passed = matchers.every((matcher) => matcher.passed);
  return { match: formatMatch(match), passed, matchers };
}

/** What each condition wants and finds, by its part of the match. */
function conditionTexts(
  match: ParsedMatch,
  head: RequestHead,
  query: string,
  clientIp: string,
): Map<string, { found: string; wanted: string }> {
  const texts = new Map([
    ["methods", { found: head.method, wanted: match.methods.join(" or ") }],
    ["clientIp", { found: clientIp, wanted: match.clientIp.map((one) => one.text).join(" or ") }],
  ]);
  const list = (values: readonly string[]): string =>
    values.length === 0 ? "not there" : values.map((value) => JSON.stringify(value)).join(", ");
  for (const { name, test } of match.headers) {
    const found = list(head.headers.getAll(name));
    texts.set(`headers.${name}`, { found, wanted: wantedValue(test) });
  }
  for (const { name, test } of match.query) {
    const found = list(queryValues(query, name));
    texts.set(`query.${name}`, { found, wanted: wantedValue(test) });
  }
  return texts;
}

function wantedValue(test: ValueTest): string {
  switch (test.kind) {
    case "one-of":
      return test.values.map((value) => JSON.stringify(value)).join(" or ");
    case "regex":
      return `~${test.source}`;
    case "present":
      return "any value";
    case "absent":
      return "none";
  }
}

function queryValues(query: string, name: string): string[] {
  return query
    .split("&")
    .filter((pair) => pair !== "")
    .map((pair) => pair.split("=", 1).concat(pair.slice(pair.indexOf("=") + 1 || pair.length)))
    .filter(([key = ""]) => formDecode(key) === name)
    .map(([, value = ""]) => formDecode(value));
}
