/** May a stored answer be used for a request, and how (RFC 9111 §4)? */

import type { HeaderList } from "#core/http/header-list.ts";
import { type Directives, NO_DIRECTIVES, parseDirectives } from "./directives.ts";

/** What is looked at of a stored answer. Times in milliseconds. */
export interface StoredTerms {
  readonly responseTime: number;
  readonly initialAge: number;
  readonly lifetime: number;
  readonly staleWhileRevalidate: number;
  readonly noCache: boolean;
  readonly mustRevalidate: boolean;
}

/** How it may be used. */
export type Reuse =
  | "fresh"
  /** Stale, and the client takes it so. */
  | "stale"
  /** Stale, and used while the backend is asked. */
  | "background"
  /** Not without asking the backend: it is stale, or must never be used otherwise. */
  | "stale-validate"
  /** It is fresh, but the client does not take it. */
  | "request-validate";

/** The directives of a request. */
export function requestDirectives(headers: HeaderList): Directives {
  const written = headers.get("cache-control");
  if (written !== undefined) return parseDirectives(written);
  const pragma = headers.get("pragma");
  if (pragma === undefined || !/(?:^|,)\s*no-cache\s*(?:,|$)/i.test(pragma)) return NO_DIRECTIVES;
  return { ...NO_DIRECTIVES, noCache: "all" };
}

/** Its age now (§4.2.3). */
export function currentAge(terms: StoredTerms, now: number): number {
  return terms.initialAge + Math.max(0, now - terms.responseTime);
}

/** Decides; `now` in epoch milliseconds. */
export function reuse(terms: StoredTerms, wanted: Directives, now: number): Reuse {
  const age = currentAge(terms, now);
  const left = terms.lifetime - age;
  if (terms.noCache) return "stale-validate";
  if (left > 0) {
    if (wanted.noCache !== null) return "request-validate";
    if (wanted.maxAge >= 0 && age > wanted.maxAge * 1000) {
      return "request-validate";
    }
    if (wanted.maxAge === 0) return "request-validate";
    if (wanted.minFresh >= 0 && left < wanted.minFresh * 1000) return "request-validate";
    return "fresh";
  }
  if (wanted.noCache !== null || wanted.maxAge >= 0 || wanted.minFresh >= 0) {
    return "stale-validate";
  }
  if (terms.mustRevalidate) return "stale-validate";
  if (wanted.maxStale >= 0 && -left <= wanted.maxStale * 1000) return "stale";
  return -left < terms.staleWhileRevalidate ? "background" : "stale-validate";
}
