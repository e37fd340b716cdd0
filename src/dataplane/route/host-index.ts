/** The hosts of one priority, each with the tree of its paths. */

import type { RequestHead } from "#core/http/message.ts";
import type { Candidate } from "./candidate.ts";
import { PathTree } from "./path-tree.ts";
import { RangeMap } from "./range-map.ts";

/** The trees of `*.name` and `**.name`. */
interface Below {
  readonly oneLabel: PathTree | null;
  readonly anyDepth: PathTree | null;
}

/** Finds a candidate by host and path. */
export class HostIndex {
  readonly #exact: ReadonlyMap<string, PathTree>;
  readonly #below: RangeMap<Below> | null;
  readonly #any: PathTree | null;

  /** @param candidates of one priority */
  constructor(candidates: readonly Candidate[]) {
    const exact = new Map<string, PathTree>();
    const oneLabel = new Map<string, PathTree>();
    const anyDepth = new Map<string, PathTree>();
    let any: PathTree | null = null;
    for (const group of byHost(candidates)) {
      const host = group[0]!.host;
      const tree = new PathTree(group);
      if (host.kind === "any") any = tree;
      else if (host.kind === "exact") exact.set(host.name, tree);
      else if (host.kind === "one-label") oneLabel.set(host.name, tree);
      else anyDepth.set(host.name, tree);
    }
    const below = new Map<string, Below>();
    for (const name of [...oneLabel.keys(), ...anyDepth.keys()]) {
      below.set(name, {
        oneLabel: oneLabel.get(name) ?? null,
        anyDepth: anyDepth.get(name) ?? null,
      });
    }
    this.#exact = exact;
    this.#below = below.size > 0 ? new RangeMap(below) : null;
    this.#any = any;
  }

  /** The candidate that wins, or null. */
  find(
    host: string,
    path: string,
    query: string,
    head: RequestHead,
    clientIp: string,
  ): Candidate | null {
    const exact = this.#exact.get(host);
    if (exact !== undefined) {
      const found = exact.find(path, query, head, clientIp);
      if (found !== null) return found;
    }
    if (this.#below !== null) {
      const found = this.#findBelow(this.#below, host, path, query, head, clientIp);
      if (found !== null) return found;
    }
    return this.#any === null ? null : this.#any.find(path, query, head, clientIp);
  }

  /** From the longest name that the host is below to the shortest. */
  #findBelow(
    below: RangeMap<Below>,
    host: string,
    path: string,
    query: string,
    head: RequestHead,
    clientIp: string,
  ): Candidate | null {
    let isFirst = true;
    for (let dot = host.indexOf("."); dot > 0; dot = host.indexOf(".", dot + 1)) {
      const trees = below.get(host, dot + 1, host.length);
      if (trees !== undefined) {
        const tree = isFirst ? trees.oneLabel : null;
        const found =
          tree?.find(path, query, head, clientIp) ??
          trees.anyDepth?.find(path, query, head, clientIp);
        if (found !== null && found !== undefined) return found;
      }
      isFirst = false;
    }
    return null;
  }
}

function byHost(candidates: readonly Candidate[]): Iterable<Candidate[]> {
  const groups = new Map<string, Candidate[]>();
  for (const candidate of candidates) {
    const host = candidate.host;
    const key = host.kind === "any" ? "any" : `${host.kind} ${host.name}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [candidate]);
    else group.push(candidate);
  }
  return groups.values();
}
