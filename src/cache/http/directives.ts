/** `Cache-Control` as it is written in requests and answers (RFC 9111 §5.2). */

import { deltaSeconds } from "./numbers.ts";

/** A directive that may be limited to some fields. */
export type Scoped =
  /** It is not there. */
  | null
  /** The whole answer. */
  | "all"
  /** These fields, lower case. */
  | readonly string[];

/** The directives of one message; ages in seconds, -1: not said. */
export interface Directives {
  readonly noStore: boolean;
  readonly noCache: Scoped;
  readonly private: Scoped;
  readonly public: boolean;
  readonly maxAge: number;
  readonly sMaxAge: number;
  readonly mustRevalidate: boolean;
  readonly proxyRevalidate: boolean;
  readonly mustUnderstand: boolean;
  readonly staleWhileRevalidate: number;
  readonly staleIfError: number;
  readonly onlyIfCached: boolean;
  /** Of requests; `Infinity`: any staleness. */
  readonly maxStale: number;
  readonly minFresh: number;
}

type Mutable = { -readonly [Key in keyof Directives]: Directives[Key] };

/** Nothing is said. */
export const NO_DIRECTIVES: Directives = Object.freeze(nothing());

function nothing(): Mutable {
  return {
    noStore: false,
    noCache: null,
    private: null,
    public: false,
    maxAge: -1,
    sMaxAge: -1,
    mustRevalidate: false,
    proxyRevalidate: false,
    mustUnderstand: false,
    staleWhileRevalidate: -1,
    staleIfError: -1,
    onlyIfCached: false,
    maxStale: -1,
    minFresh: -1,
  };
}

/**
 * Reads the value of `Cache-Control`, several fields joined. Never fails: what is not understood is left out, an age
 * that cannot be read is 0, and of several ages the shortest counts (§4.2.1: in doubt, stale).
 */
export function parseDirectives(value: string): Directives {
  const found = nothing();
  for (const { name, argument } of members(value)) apply(found, name, argument);
  return found;
}

/** Enters one directive. `argument` is null where there is none. */
export function apply(found: Mutable, name: string, argument: string | null): void {
  switch (name) {
    case "no-store":
      found.noStore = true;
      break;
    case "no-cache":
      found.noCache = scoped(found.noCache, argument);
      break;
    case "private":
      found.private = scoped(found.private, argument);
      break;
    case "public":
      found.public = true;
      break;
    case "max-age":
      found.maxAge = shortest(found.maxAge, argument);
      break;
    case "s-maxage":
      found.sMaxAge = shortest(found.sMaxAge, argument);
      break;
    case "must-revalidate":
      found.mustRevalidate = true;
      break;
    case "proxy-revalidate":
      found.proxyRevalidate = true;
      break;
    case "must-understand":
      found.mustUnderstand = true;
      break;
    case "stale-while-revalidate":
      found.staleWhileRevalidate = shortest(found.staleWhileRevalidate, argument);
      break;
    case "stale-if-error":
      found.staleIfError = shortest(found.staleIfError, argument);
      break;
    case "only-if-cached":
      found.onlyIfCached = true;
      break;
    case "max-stale":
      found.maxStale = argument === null ? Infinity : shortest(found.maxStale, argument);
      break;
    case "min-fresh":
      found.minFresh = shortest(found.minFresh, argument);
      break;
  }
}

/** Directives that nothing has been said of yet, to be filled by {@link apply}. */
export function blankDirectives(): Mutable {
  return nothing();
}

function shortest(before: number, argument: string | null): number {
  const seconds = deltaSeconds(argument);
  return before < 0 ? seconds : Math.min(before, seconds);
}

/** Unlimited wins over limited, and what is limited twice is limited to both lists. */
function scoped(before: Scoped, argument: string | null): Scoped {
  if (argument === null || before === "all") return "all";
  const names = argument
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "");
  if (names.length === 0) return "all";
  return before === null ? names : [...before, ...names];
}

/** A member of the list: a token with or without argument, which may be quoted. */
const MEMBER =
  /([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^,]*)))?[^,]*(?:,|$)|[^,]*,/gy;

function* members(value: string): Generator<{ name: string; argument: string | null }> {
  for (const [, name, quoted, plain] of value.replaceAll(/[\t ]*,[\t ]*/g, ",").matchAll(MEMBER)) {
    if (name === undefined) continue;
    const argument = quoted === undefined ? plain?.trim() : quoted.replaceAll(/\\(.)/g, "$1");
    yield { name: name.toLowerCase(), argument: argument ?? null };
  }
}
