/**
 * The paths of one host as a tree of segments. A look-up walks down one branch; only where the conditions of
 * what it finds do not hold does it come back and try the next one.
 */

import type { RequestHead } from "#core/http/message.ts";
import type { Regex } from "#core/regex/regex.ts";
import type { PathSegment } from "#model/match.ts";
import { type Candidate, compareWithinPlace } from "./candidate.ts";
import { RangeMap } from "./range-map.ts";
import { requireRegex } from "./value-test.ts";

const SLASH = 0x2f;

/** What can follow a segment. */
interface Node {
  readonly literals: RangeMap<Node> | null;
  readonly parameter: Node | null;
  /** For paths that end here. */
  readonly exact: readonly Candidate[];
  /** For paths that end here or go on. */
  readonly rest: readonly Candidate[];
}

/** A regular expression with what it leads to. */
interface RegexEntry {
  readonly regex: Regex;
  readonly candidate: Candidate;
}

/** Finds a candidate by path. */
export class PathTree {
  readonly #root: Node;
  /** In the order of precedence; each costs one run over the path. */
  readonly #regexes: readonly RegexEntry[];
  /** For every path. */
  readonly #every: readonly Candidate[];

  /** @param candidates of one host pattern and priority */
  constructor(candidates: readonly Candidate[]) {
    const root = new NodeBuilder();
    const regexes: Candidate[] = [];
    const every: Candidate[] = [];
    for (const candidate of candidates) {
      const path = candidate.path;
      if (path.kind === "regex") regexes.push(candidate);
      else if (path.kind === "any") every.push(candidate);
      else if (path.kind === "pattern") root.add(path.segments, false, candidate);
      else root.add(literals(path.path), path.kind === "prefix", candidate);
    }
    // A pattern that is nothing but a rest (`/:path*`) takes every path, as `/*` does.
    every.push(...root.rest);
    root.rest.length = 0;
    this.#root = root.build();
    this.#every = every.toSorted(compareWithinPlace);
    this.#regexes = regexes.toSorted(compareWithinPlace).map((candidate) => ({
      regex: requireRegex(candidate.path.kind === "regex" ? candidate.path.source : ""),
      candidate,
    }));
  }

  /** The candidate that wins, or null. `path` is normalised, or `*`. */
  find(path: string, query: string, head: RequestHead, clientIp: string): Candidate | null {
    if (path.charCodeAt(0) !== SLASH) return this.#findForServer(query, head, clientIp);
    const found = walk(this.#root, path, 1, query, head, clientIp);
    if (found !== null) return found;
    for (const { regex, candidate } of this.#regexes) {
      if (regex.test(path) && candidate.holds(head, query, clientIp)) return candidate;
    }
    return first(this.#every, query, head, clientIp);
  }

  /** `OPTIONS *`: what takes every path, but not by a pattern that begins with a slash. */
  #findForServer(query: string, head: RequestHead, clientIp: string): Candidate | null {
    for (const candidate of this.#every) {
      if (candidate.path.kind === "any" && candidate.holds(head, query, clientIp)) return candidate;
    }
    return null;
  }
}

/**
 * @param at where the next segment begins; behind the end of the path if there is none. The depth of the
 * recursion is that of the tree, not of the path.
 */
function walk(
  node: Node,
  path: string,
  at: number,
  query: string,
  head: RequestHead,
  clientIp: string,
): Candidate | null {
  if (at > path.length) {
    const exact = first(node.exact, query, head, clientIp);
    return exact ?? first(node.rest, query, head, clientIp);
  }
  if (node.literals !== null || node.parameter !== null) {
    const slash = path.indexOf("/", at);
    const end = slash < 0 ? path.length : slash;
    const child = node.literals?.get(path, at, end);
    if (child !== undefined) {
      const found = walk(child, path, end + 1, query, head, clientIp);
      if (found !== null) return found;
    }
    if (node.parameter !== null && end > at) {
      const found = walk(node.parameter, path, end + 1, query, head, clientIp);
      if (found !== null) return found;
    }
  }
  return first(node.rest, query, head, clientIp);
}

function first(
  candidates: readonly Candidate[],
  query: string,
  head: RequestHead,
  clientIp: string,
): Candidate | null {
  for (let i = 0; i < candidates.length; i++) {
    const candidate = candidates[i]!;
    if (candidate.holds(head, query, clientIp)) return candidate;
  }
  return null;
}

/** `/a/b` as segments. */
function literals(path: string): PathSegment[] {
  return path
    .split("/")
    .slice(1)
    .map((text) => ({ kind: "literal", text }));
}

class NodeBuilder {
  readonly literals = new Map<string, NodeBuilder>();
  parameter: NodeBuilder | null = null;
  readonly exact: Candidate[] = [];
  readonly rest: Candidate[] = [];

  add(segments: readonly PathSegment[], prefix: boolean, candidate: Candidate): void {
    let node: NodeBuilder = this;
    for (const segment of segments) {
      if (segment.kind === "rest") {
        node.rest.push(candidate);
        return;
      }
      node = segment.kind === "literal" ? node.#literal(segment.text) : node.#parameter();
    }
    (prefix ? node.rest : node.exact).push(candidate);
  }

  build(): Node {
    const children = new Map<string, Node>();
    for (const [text, child] of this.literals) children.set(text, child.build());
    return {
      literals: children.size > 0 ? new RangeMap(children) : null,
      parameter: this.parameter?.build() ?? null,
      exact: this.exact.toSorted(compareWithinPlace),
      rest: this.rest.toSorted(compareWithinPlace),
    };
  }

  #literal(text: string): NodeBuilder {
    let child = this.literals.get(text);
    if (child === undefined) this.literals.set(text, (child = new NodeBuilder()));
    return child;
  }

  #parameter(): NodeBuilder {
    return (this.parameter ??= new NodeBuilder());
  }
}
