/** May an answer be stored, and what is then known of it (RFC 9111 §3)? */

import { HEADER } from "#core/http/header-names.ts";
import type { RequestHead, ResponseHead } from "#core/http/message.ts";
import type { CacheOptions } from "../options.ts";
import { type Directives, type Scoped, NO_DIRECTIVES, parseDirectives } from "./directives.ts";
import { type Arrival, GUESSABLE, initialAge, lifetimeOf } from "./freshness.ts";
import { parseTargeted } from "./targeted.ts";

/** Statuses whose meaning for caches is known here, for `must-understand` (§5.2.2.3). */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  200, 203, 204, 300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 410, 414, 421, 500, 501,
  502, 503, 504,
]);

/** Why an answer is not stored. */
export type Unstorable =
  | "status"
  | "no-store"
  | "private"
  | "authorization"
  | "set-cookie"
  | "vary"
  | "no-lifetime"
  | "too-large"
  | "no-memory"
  | "request";

/** What is stored beside an answer. Times in milliseconds. */
export interface Terms {
  readonly responseTime: number;
  readonly initialAge: number;
  readonly lifetime: number;
  /** The lifetime was not said but guessed, or is the configuration's. */
  readonly guessed: boolean;
  readonly forced: boolean;
  readonly staleWhileRevalidate: number;
  readonly staleIfError: number;
  /** Never used without asking the backend. */
  readonly noCache: boolean;
  /** Never used stale. */
  readonly mustRevalidate: boolean;
  /** Fields that must not be stored, lower case. */
  readonly withheld: readonly string[];
}

/** The outcome. */
export type Storability =
  | { readonly ok: true; readonly terms: Terms }
  | { readonly ok: false; readonly reason: Unstorable };

/** What the answer's `CDN-Cache-Control` or, without one, its `Cache-Control` says. */
export function directivesOf(head: ResponseHead): {
  readonly directives: Directives;
  readonly targeted: boolean;
} {
  const aimed = head.headers.get("cdn-cache-control");
  const targeted = aimed === undefined ? null : parseTargeted(aimed);
  if (targeted !== null) return { directives: targeted, targeted: true };
  const written = head.headers.get("cache-control");
  if (written !== undefined) return { directives: parseDirectives(written), targeted: false };
  // HTTP/1.0 knew one word of it (§5.4).
  const pragma = head.headers.get("pragma");
  const old = pragma !== undefined && /(?:^|,)\s*no-cache\s*(?:,|$)/i.test(pragma);
  return {
    directives: old ? { ...NO_DIRECTIVES, noCache: "all" } : NO_DIRECTIVES,
    targeted: false,
  };
}

/**
 * Judges an answer to a GET.
 *
 * @param requestTime when the request was sent, `responseTime` when the head came: epoch milliseconds
 */
export function storability(
  request: RequestHead,
  head: ResponseHead,
  options: CacheOptions,
  requestTime: number,
  responseTime: number,
): Storability {
  const { directives, targeted } = directivesOf(head);
  const { headers, status } = head;
  const arrival: Arrival = { status, headers, directives, targeted, requestTime, responseTime };
  const refusal = refuse(request, head, directives, options);
  if (refusal !== null) return { ok: false, reason: refusal };
  const said = lifetimeOf(arrival);
  // What the configuration says is for answers that are worth keeping; errors keep to what they say.
  const forced = options.ttl !== null && (GUESSABLE.has(status) || status === 302);
  if (!forced && said.guessed && !directives.public && !GUESSABLE.has(status)) {
    return { ok: false, reason: "no-lifetime" };
  }
  const terms = termsOf(arrival, options, forced ? options.ttl : said.ms, said.guessed, forced);
  const age = terms.initialAge;
  const useful =
    (terms.lifetime > age && !terms.noCache) ||
    terms.staleIfError > 0 ||
    headers.indexOf(HEADER.etag) >= 0 ||
    headers.indexOf(HEADER["last-modified"]) >= 0;
  return useful ? { ok: true, terms } : { ok: false, reason: "no-lifetime" };
}

function refuse(
  request: RequestHead,
  { status, headers }: ResponseHead,
  directives: Directives,
  options: CacheOptions,
): Unstorable | null {
  if (status < 200 || status === 206 || status === 304 || status === 416) return "status";
  const understood = UNDERSTOOD.has(status);
  if (directives.mustUnderstand && !understood) return "status";
  if (directives.noStore && !directives.mustUnderstand && !options.ignore.includes("no-store")) {
    return "no-store";
  }
  if (directives.private === "all" && !options.ignore.includes("private")) return "private";
  const shared = directives.public || directives.sMaxAge >= 0;
  if (request.headers.indexOf(HEADER.authorization) >= 0 && !shared && !directives.mustRevalidate) {
    return "authorization";
  }
  // §7.3 allows it; what sets a cookie for one client is nothing for the next unless its author says so.
  if (
    headers.indexOf(HEADER["set-cookie"]) >= 0 &&
    !shared &&
    !options.ignore.includes("set-cookie")
  ) {
    return "set-cookie";
  }
  const vary = headers.get("vary");
  if (vary !== undefined && vary.includes("*")) return "vary";
  return null;
}

function termsOf(
  arrival: Arrival,
  options: CacheOptions,
  lifetime: number | null,
  guessed: boolean,
  forced: boolean,
): Terms {
  const { directives, responseTime } = arrival;
  const mustRevalidate =
    directives.mustRevalidate || directives.proxyRevalidate || directives.sMaxAge >= 0;
  const honoursNoCache = !options.ignore.includes("no-cache");
  const withheld = [
    ...fieldsOf(directives.noCache),
    ...fieldsOf(directives.private),
    ...(options.ignore.includes("set-cookie") ? ["set-cookie"] : []),
  ];
  return {
    responseTime,
    initialAge: initialAge(arrival),
    lifetime: lifetime ?? 0,
    guessed,
    forced,
    staleWhileRevalidate: window(
      directives.staleWhileRevalidate,
      options.staleWhileRevalidate,
      mustRevalidate,
    ),
    staleIfError: window(directives.staleIfError, options.staleIfError, mustRevalidate),
    noCache: directives.noCache === "all" && honoursNoCache,
    mustRevalidate,
    withheld,
  };
}

/** The fields that a directive is limited to. */
function fieldsOf(scope: Scoped): readonly string[] {
  return scope === null || scope === "all" ? [] : scope;
}

/** `must-revalidate` overrules the configuration; what the answer itself says beside it is moot (§5.2.2.2). */
function window(said: number, configured: number, mustRevalidate: boolean): number {
  if (mustRevalidate) return 0;
  return said >= 0 ? said * 1000 : configured;
}
