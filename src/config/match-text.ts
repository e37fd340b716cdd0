/**
 * A match in its canonical written form, for logs, metrics and `explain`.
 */
import type {
  HostPattern,
  ParsedMatch,
  PathPattern,
  PathSegment,
  ValueTest,
} from "#model/match.ts";

/** One alternative as text: `example.com/api/*`, `GET *.example.com/ (x-beta: 1)`; `/*` when it takes everything. */
export function formatMatch(match: ParsedMatch): string {
  const hosts = match.hosts.map(formatHost);
  const paths = match.paths.map(formatPathPattern);
  // `example.com/*` is written `example.com`; without a host the path has to stand.
  const place = hosts.flatMap((host) =>
    paths.map((path) => (host !== "" && path === "/*" ? host : host + path)),
  );
  const conditions = [
    ...match.headers.map(({ name, test }) => formatTest(name, test)),
    ...match.query.map(({ name, test }) => formatTest(`?${name}`, test)),
    ...(match.clientIp.length > 0
      ? [`from ${match.clientIp.map((one) => one.text).join(", ")}`]
      : []),
  ];
  const methods = match.methods.length > 0 ? `${match.methods.join(",")} ` : "";
  const suffix = conditions.length > 0 ? ` (${conditions.join("; ")})` : "";
  return methods + place.join(",") + suffix;
}

/** A host pattern as it is written; empty for every host. */
export function formatHost(host: HostPattern): string {
  switch (host.kind) {
    case "any":
      return "";
    case "exact":
      return host.name;
    case "one-label":
      return `*.${host.name}`;
    case "any-depth":
      return `**.${host.name}`;
  }
}

/** A path pattern as it is written; a regular expression with `~` before it. */
export function formatPathPattern(path: PathPattern): string {
  switch (path.kind) {
    case "any":
      return "/*";
    case "exact":
      return path.path;
    case "prefix":
      return `${path.path}/*`;
    case "pattern":
      return path.segments.map((segment) => `/${formatSegment(segment)}`).join("");
    case "regex":
      return `~${path.source}`;
  }
}

function formatSegment(segment: PathSegment): string {
  switch (segment.kind) {
    case "literal":
      return segment.text;
    case "parameter":
      return `:${segment.name}`;
    case "rest":
      return `:${segment.name}*`;
  }
}

function formatTest(name: string, test: ValueTest): string {
  switch (test.kind) {
    case "one-of":
      return `${name}: ${test.values.join("|")}`;
    case "regex":
      return `${name}: ~${test.source}`;
    case "present":
      return name;
    case "absent":
      return `no ${name}`;
  }
}
