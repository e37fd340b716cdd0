/**
 * One pattern against one host or path, by the letter of the grammar. `sluice explain` says with these what
 * each route makes of a request; the router's trees are tested against them.
 */

import type { HostPattern, PathPattern, PathSegment } from "#model/match.ts";
import { requireRegex } from "./value-test.ts";

/** @param host lower case, without port and trailing dot; "" if the request has none */
export function matchesHost(pattern: HostPattern, host: string): boolean {
  switch (pattern.kind) {
    case "any":
      return true;
    case "exact":
      return host === pattern.name;
    case "one-label":
      return isBelow(host, pattern.name) && host.indexOf(".") === labelEnd(host, pattern.name);
    case "any-depth":
      return isBelow(host, pattern.name);
  }
}

function isBelow(host: string, name: string): boolean {
  return host.endsWith(`.${name}`) && labelEnd(host, name) > 0;
}

/** Where the dot before `name` stands in a host that ends with it. */
function labelEnd(host: string, name: string): number {
  return host.length - name.length - 1;
}

/** @param path normalised, without query; or `*` */
export function matchesPath(pattern: PathPattern, path: string): boolean {
  // `OPTIONS *` asks about the server, not about a path of it: only a route for everything answers.
  if (!path.startsWith("/")) return pattern.kind === "any";
  switch (pattern.kind) {
    case "any":
      return true;
    case "exact":
      return path === pattern.path;
    case "prefix":
      return path === pattern.path || path.startsWith(`${pattern.path}/`);
    case "regex":
      return requireRegex(pattern.source).test(path);
    case "pattern":
      return matchesSegments(pattern.segments, path.slice(1).split("/"));
  }
}

function matchesSegments(pattern: readonly PathSegment[], segments: readonly string[]): boolean {
  for (const [index, part] of pattern.entries()) {
    const segment = segments[index];
    if (part.kind === "rest") return true;
    if (segment === undefined) return false;
    if (part.kind === "literal" ? segment !== part.text : segment === "") return false;
  }
  return segments.length === pattern.length;
}
