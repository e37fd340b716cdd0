/**
 * The router: which route a request takes. By priority, then host, then path, then conditions
 * (`comparePrecedence` is the order, these indexes its fast form).
 *
 * A look-up costs the same whatever the number of hosts, paths and parameters. It grows with: the number of
 * different priorities; the regular expressions of one host; the routes that differ in nothing but
 * conditions on headers, query, method or address, which are tried one after the other.
 */

import type { RequestHead } from "#core/http/message.ts";
import type { LinkedRoute, Router } from "../linked.ts";
import { type Candidate, candidatesOf, type RouterEntry } from "./candidate.ts";
import { HostIndex } from "./host-index.ts";

/** A router over indexes that are made once. */
export class IndexedRouter implements Router {
  /** One for each priority, the highest first. */
  readonly #levels: readonly HostIndex[];

  /** @param entries in the order written */
  constructor(entries: readonly RouterEntry[]) {
    const levels = new Map<number, Candidate[]>();
    for (const candidate of candidatesOf(entries)) {
      const level = levels.get(candidate.priority);
      if (level === undefined) levels.set(candidate.priority, [candidate]);
      else level.push(candidate);
    }
    this.#levels = [...levels.entries()]
      .toSorted(([a], [b]) => b - a)
      .map(([, candidates]) => new HostIndex(candidates));
  }

  match(
    host: string,
    path: string,
    query: string,
    head: RequestHead,
    clientIp: string,
    params: Map<string, string> | null,
  ): LinkedRoute | null {
    for (const level of this.#levels) {
      const found = level.find(host, path, query, head, clientIp);
      if (found === null) continue;
      if (params !== null && found.parameters.length > 0) fillParameters(found, path, params);
      return found.route;
    }
    return null;
  }
}

function fillParameters(candidate: Candidate, path: string, params: Map<string, string>): void {
  const places = candidate.parameters;
  let segment = 0;
  let start = 1;
  for (let i = 0; i < places.length; i++) {
    const place = places[i]!;
    for (; segment < place.segment; segment++) start = segmentEnd(path, start) + 1;
    const end = place.rest ? path.length : segmentEnd(path, start);
    params.set(place.name, path.slice(start, end));
  }
}

function segmentEnd(path: string, start: number): number {
  const slash = path.indexOf("/", start);
  return slash < 0 ? path.length : slash;
}
