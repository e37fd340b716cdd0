/** How old an answer is and how long it stays fresh (RFC 9111 §4.2). Everything here is milliseconds. */

import { HEADER } from "#core/http/header-names.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import type { Directives } from "./directives.ts";
import { parseHttpDate } from "./numbers.ts";

/** The heuristic: a tenth of the time since it was last changed, but a day at most (§4.2.2). */
const HEURISTIC_SHARE = 0.1;
const HEURISTIC_LONGEST = 86_400_000;

/** Statuses whose freshness may be guessed (RFC 9110 §15.1). */
export const GUESSABLE: ReadonlySet<number> = new Set([
  200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501,
]);

/** What freshness is made of. */
export interface Arrival {
  readonly status: number;
  readonly headers: HeaderList;
  readonly directives: Directives;
  /** `CDN-Cache-Control` has spoken: `Expires` does not count. */
  readonly targeted: boolean;
  /** When the request was sent and the answer's head came, epoch milliseconds. */
  readonly requestTime: number;
  readonly responseTime: number;
}

/** `Date`, or the time of arrival where there is none that can be read. */
export function dateOf({ headers, responseTime }: Arrival): number {
  const index = headers.indexOf(HEADER.date);
  const date = index < 0 ? Number.NaN : parseHttpDate(headers.valueAt(index), responseTime);
  return Number.isNaN(date) ? responseTime : date;
}

/** How old the answer was when it came (§4.2.3). */
export function initialAge(arrival: Arrival): number {
  const { headers, requestTime, responseTime } = arrival;
  const apparent = Math.max(0, responseTime - dateOf(arrival));
  const delay = Math.max(0, responseTime - requestTime);
  const index = headers.indexOf(HEADER.age);
  // Of several the first counts; what is no number is not there (§5.1).
  const said = index < 0 ? undefined : /^\d+/.exec(headers.valueAt(index))?.[0];
  const age = Math.min(Number(said ?? 0), 2 ** 31) * 1000;
  return Math.max(apparent, age + delay);
}

/** How long it is fresh (§4.2.1), and whether that was guessed. */
export function lifetimeOf(arrival: Arrival): { readonly ms: number; readonly guessed: boolean } {
  const { directives, headers, responseTime, targeted } = arrival;
  if (directives.sMaxAge >= 0) return { ms: directives.sMaxAge * 1000, guessed: false };
  if (directives.maxAge >= 0) return { ms: directives.maxAge * 1000, guessed: false };
  const expires = targeted ? undefined : headers.get("expires");
  if (expires !== undefined) {
    // Several, or one that is no date such as `0`: it has expired (§5.3).
    const at = parseHttpDate(expires, responseTime);
    return { ms: Number.isNaN(at) ? 0 : Math.max(0, at - dateOf(arrival)), guessed: false };
  }
  return { ms: guess(arrival), guessed: true };
}

function guess(arrival: Arrival): number {
  const { headers, directives, status, responseTime } = arrival;
  if (!GUESSABLE.has(status) && !directives.public) return 0;
  const index = headers.indexOf(HEADER["last-modified"]);
  if (index < 0) return 0;
  const modified = parseHttpDate(headers.valueAt(index), responseTime);
  if (Number.isNaN(modified)) return 0;
  const since = Math.max(0, dateOf(arrival) - modified);
  return Math.min(since * HEURISTIC_SHARE, HEURISTIC_LONGEST);
}
