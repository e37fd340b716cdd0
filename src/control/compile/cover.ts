/** Which patterns match everything that others match. */

import type { ParsedMatch, PathPattern } from "#model/match.ts";
import { canonical } from "./hash.ts";

/** A path pattern segment by segment: a text, a parameter (null), and whether more may follow. */
interface Shape {
  readonly segments: readonly (string | null)[];
  readonly open: boolean;
}

/** Equal for path patterns that match the same paths: the names of parameters make no difference. */
export function pathKey(path: PathPattern): string {
  if (path.kind === "regex") return `~${path.source}`;
  // As wide as a pattern that is nothing but a rest, and `OPTIONS *` besides.
  if (path.kind === "any") return "any";
  return canonical(shapeOf(path));
}

/** Does `wide` match every path that `narrow` matches? False when it cannot be told. */
export function coversPath(wide: PathPattern, narrow: PathPattern): boolean {
  if (wide.kind === "any") return true;
  // `OPTIONS *` is matched by nothing else.
  if (narrow.kind === "any") return false;
  if (wide.kind === "regex" || narrow.kind === "regex") {
    return wide.kind === "regex" && narrow.kind === "regex" && wide.source === narrow.source;
  }
  const outer = shapeOf(wide);
  const inner = shapeOf(narrow);
  if (inner.open && !outer.open) return false;
  if (
    outer.open
      ? inner.segments.length < outer.segments.length
      : inner.segments.length !== outer.segments.length
  ) {
    return false;
  }
  return outer.segments.every((segment, index) => {
    const other = inner.segments[index];
    // A parameter takes every segment but an empty one.
    return segment === null ? other !== "" : segment === other;
  });
}

/** Do the conditions of `wide` hold whenever those of `narrow` do? False when it cannot be told. */
export function coversConditions(wide: ParsedMatch, narrow: ParsedMatch): boolean {
  if (wide.methods.length > 0) {
    if (narrow.methods.length === 0) return false;
    if (!narrow.methods.every((method) => wide.methods.includes(method))) return false;
  }
  const clients = wide.clientIp.map((block) => block.text);
  if (clients.length > 0) {
    if (narrow.clientIp.length === 0) return false;
    if (!narrow.clientIp.every((block) => clients.includes(block.text))) return false;
  }
  return subset(wide.headers, narrow.headers) && subset(wide.query, narrow.query);
}

/** Equal for matches with equal conditions besides host and path. */
export function conditionsKey(match: ParsedMatch): string {
  return canonical([
    match.methods.toSorted(),
    match.headers.map((one) => canonical(one)).toSorted(),
    match.query.map((one) => canonical(one)).toSorted(),
    match.clientIp.map((block) => block.text).toSorted(),
  ]);
}

function subset(wide: readonly unknown[], narrow: readonly unknown[]): boolean {
  if (wide.length === 0) return true;
  const present = new Set(narrow.map((one) => canonical(one)));
  return wide.every((one) => present.has(canonical(one)));
}

function shapeOf(path: Exclude<PathPattern, { kind: "regex" }>): Shape {
  switch (path.kind) {
    case "any":
      return { segments: [], open: true };
    case "exact":
      return { segments: path.path.slice(1).split("/"), open: false };
    case "prefix":
      return { segments: path.path.slice(1).split("/"), open: true };
    case "pattern": {
      const segments: (string | null)[] = [];
      for (const segment of path.segments) {
        if (segment.kind === "rest") return { segments, open: true };
        segments.push(segment.kind === "literal" ? segment.text : null);
      }
      return { segments, open: false };
    }
  }
}
