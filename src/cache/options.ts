/** What a route says about its cache, every default filled in. Times are milliseconds, sizes bytes. */

/** What of a message is not to be honoured. */
export type Ignored =
  /** `Cache-Control` and `Pragma` of requests. */
  | "request"
  /** `no-store`, `private` and `no-cache` of answers. */
  | "no-store"
  | "private"
  | "no-cache"
  /** `Set-Cookie` of answers: they are stored without it. */
  | "set-cookie";

/** Which parameters of the query tell two resources apart; names may end in `*`. */
export type QueryKey =
  | { readonly kind: "all" }
  | { readonly kind: "ignore"; readonly names: readonly string[] }
  | { readonly kind: "only"; readonly names: readonly string[] };

/** Options of one route's cache. */
export interface CacheOptions {
  /** Freshness in the place of what the backend says; null: as it says. */
  readonly ttl: number | null;
  readonly ignore: readonly Ignored[];
  readonly query: QueryKey;
  /** Fields of the request that are part of the key, lower case. */
  readonly headers: readonly string[];
  /** Cookies that are part of the key. */
  readonly cookies: readonly string[];
  /** Variants of one URL that are kept. */
  readonly variants: number;
  /** Largest body that is stored. */
  readonly maxObject: number;
  /** Where an answer does not say; 0: not at all. */
  readonly staleWhileRevalidate: number;
  readonly staleIfError: number;
}
