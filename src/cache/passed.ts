/** Requests that go past the cache, and what they make invalid in it. */

import type { ResponseHead } from "#core/http/message.ts";
import type { Cache } from "./cache.ts";
import { forgetUrl } from "./forget.ts";
import { type CacheReport, addCacheStatus } from "./http/status-field.ts";
import { dropOwnFields } from "./http/update.ts";
import { urlOf } from "./key.ts";
import type { QueryKey } from "./options.ts";

/** What may have changed by a request: a URL in its parts. */
interface Changed {
  readonly scheme: string;
  readonly authority: string;
  readonly target: string;
}

/** What a request that goes past the cache does to it when it is answered. */
export class Passed {
  readonly #cache: Cache;
  readonly #report: CacheReport;
  /** The URLs are of this scheme, host and path; null: nothing becomes invalid. */
  readonly #changed: Changed | null;
  readonly #query: QueryKey;

  constructor(
    cache: Cache,
    report: CacheReport,
    changed: Changed | null = null,
    query: QueryKey = { kind: "all" },
  ) {
    this.#cache = cache;
    this.#report = report;
    this.#changed = changed;
    this.#query = query;
    cache.store.count("bypassed");
  }

  /** The backend has answered: forgets what that made invalid (RFC 9111 §4.4), and notes what was done. */
  answered(head: ResponseHead): void {
    const changed = this.#changed;
    if (changed !== null && head.status >= 200 && head.status < 400) {
      this.#invalidate(changed.target);
      this.#invalidateAt(head.headers.get("location"));
      this.#invalidateAt(head.headers.get("content-location"));
    }
    if (changed !== null) this.#cache.settle();
    dropOwnFields(head.headers);
    addCacheStatus(head.headers, this.#report);
  }

  /** Of the same host only: others have no say about it. */
  #invalidateAt(reference: string | undefined): void {
    if (reference === undefined) return;
    const { scheme, authority } = this.#changed!;
    const origin = `${scheme}://${authority}`.toLowerCase();
    const rest = reference.startsWith("/") && !reference.startsWith("//") ? reference : "";
    if (rest !== "") this.#invalidate(rest);
    else if (reference.toLowerCase().startsWith(`${origin}/`)) {
      this.#invalidate(reference.slice(origin.length));
    }
  }

  #invalidate(target: string): void {
    const { scheme, authority } = this.#changed!;
    forgetUrl(this.#cache.store, urlOf(scheme, authority, target.replace(/#.*$/, ""), this.#query));
  }
}
