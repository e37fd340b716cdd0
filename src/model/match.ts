/**
 * What a route's `match` means, as plain data: written by `config/match-grammar.ts`, compiled by `control/compile`,
 * explained by `sluice explain`. Structured-cloneable and without behaviour.
 */

/**
 * One alternative of a route's match. A request satisfies it when it satisfies every member; within one member the
 * patterns are alternatives (one of them is enough).
 */
export interface ParsedMatch {
  /** Never empty; `[{ kind: "any" }]` when no host was written. */
  readonly hosts: readonly HostPattern[];
  /** Never empty; `[{ kind: "any" }]` when no path was written. */
  readonly paths: readonly PathPattern[];
  /** Upper-case method tokens; empty = every method. */
  readonly methods: readonly string[];
  /** Each predicate must hold; empty = no condition. */
  readonly headers: readonly HeaderPredicate[];
  /** Each predicate must hold; empty = no condition. */
  readonly query: readonly QueryPredicate[];
  /** The client's address must be in one of these; empty = every client. */
  readonly clientIp: readonly Cidr[];
}

/** A pattern over the request's host, which is compared in lower case and without its port. */
export type HostPattern =
  | { readonly kind: "any" }
  /** `example.com`, `127.0.0.1`, `[::1]`: lower case, internationalised names in their ASCII form. */
  | { readonly kind: "exact"; readonly name: string }
  /** `*.example.com`: `name` is `example.com`; matches `a.example.com`, not `a.b.example.com` nor `example.com`. */
  | { readonly kind: "one-label"; readonly name: string }
  /** `**.example.com`: `name` is `example.com`; matches one or more labels below it, not `example.com` itself. */
  | { readonly kind: "any-depth"; readonly name: string };

/**
 * A pattern over the normalised request path (unreserved characters decoded, dot segments resolved, other escapes with
 * upper-case hex). The literal parts of a pattern are normalised in the same way, so that bytes can be compared.
 */
export type PathPattern =
  | { readonly kind: "any" }
  /** Exactly this path. `/about` is not `/about/`. */
  | { readonly kind: "exact"; readonly path: string }
  /** `/api/*`: `path` is `/api`; matches `/api` and everything that begins with `/api/`. */
  | { readonly kind: "prefix"; readonly path: string }
  /** `/users/:id`, `/files/:path*`: segment by segment; at least one segment is not a literal. */
  | { readonly kind: "pattern"; readonly segments: readonly PathSegment[] }
  /** A regular expression in RE2 syntax, searched for anywhere in the path unless it is anchored. */
  | { readonly kind: "regex"; readonly source: string };

/** What stands between two slashes of a `pattern`. */
export type PathSegment =
  | { readonly kind: "literal"; readonly text: string }
  /** `:id`: one segment that is not empty. */
  | { readonly kind: "parameter"; readonly name: string }
  /**
   * `:path*`, only as the last segment: everything after the slash, slashes included, possibly nothing. As with a prefix,
   * the path without that last slash matches too, with an empty value.
   */
  | { readonly kind: "rest"; readonly name: string };

/** A condition on one request header. */
export interface HeaderPredicate {
  /** Lower case. */
  readonly name: string;
  readonly test: ValueTest;
}

/** A condition on one query parameter; any one of its values may satisfy it. */
export interface QueryPredicate {
  /** As written: the names of query parameters are case-sensitive. */
  readonly name: string;
  readonly test: ValueTest;
}

/** A condition on a value. */
export type ValueTest =
  /** Equal to one of `values`, byte for byte. */
  | { readonly kind: "one-of"; readonly values: readonly string[] }
  /** RE2 syntax, searched for anywhere in the value unless it is anchored. */
  | { readonly kind: "regex"; readonly source: string }
  | { readonly kind: "present" }
  | { readonly kind: "absent" };

/** A block of addresses. */
export interface Cidr {
  /** Canonical form: `10.0.0.0/8`, `2001:db8::/32`. */
  readonly text: string;
}
