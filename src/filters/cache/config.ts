import type { CacheOptions, Ignored, QueryKey } from "#cache/options.ts";
import { type FilterSchema, bytes, duration, headerName, oneOrMany, text, z } from "#sdk/config.ts";

/** How a route's cache is written. */
export interface CacheInput {
  readonly ttl?: string | undefined;
  readonly ignore?: Ignored | readonly Ignored[] | undefined;
  readonly query?:
    | "all"
    | { readonly ignore: string | readonly string[] }
    | { readonly only: string | readonly string[] }
    | undefined;
  readonly headers?: string | readonly string[] | undefined;
  readonly cookies?: string | readonly string[] | undefined;
  readonly variants?: number | undefined;
  readonly maxObject?: string | undefined;
  readonly staleWhileRevalidate?: string | undefined;
  readonly staleIfError?: string | undefined;
}

const parameter = text(
  (written) =>
    /^[!$-%'-;=?-~]+$/.test(written) && /^[^*=]+\*?$|^\*$/.test(written)
      ? { ok: true, value: written }
      : {
          ok: false,
          message: `\`${written}\` is not the name of a parameter`,
          hint: "a name as it stands in the query, or the beginning of names: `utm_*`",
        },
  { expected: "the name of a parameter", example: "utm_*" },
);

const cookie = text(
  (written) =>
    /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(written)
      ? { ok: true, value: written }
      : { ok: false, message: `\`${written}\` is not the name of a cookie` },
  { expected: "the name of a cookie", example: "theme" },
);

const query: z.ZodType<QueryKey, CacheInput["query"]> = z
  .union([
    z.literal("all").transform((): QueryKey => ({ kind: "all" })),
    z
      .strictObject({ ignore: oneOrMany(parameter) })
      .transform(({ ignore }): QueryKey => ({ kind: "ignore", names: ignore })),
    z
      .strictObject({ only: oneOrMany(parameter, { empty: true }) })
      .transform(({ only }): QueryKey => ({ kind: "only", names: only })),
  ])
  .prefault("all")
  .describe(
    "Which parameters of the query tell two resources apart: `all`, byte for byte; `{ ignore: [utm_*] }`, all but these; `{ only: [page] }`, these alone. With a list their order does not count.",
  );

/** Keeps answers and gives them again. */
export const cache: FilterSchema<CacheOptions, CacheInput> = {
  schema: z.strictObject({
    ttl: duration({ min: 0 })
      .optional()
      .transform((ttl) => ttl ?? null)
      .describe(
        "How long answers are fresh, in the place of what they say themselves. It does not make storable what says that it must not be stored.",
      ),
    ignore: oneOrMany(z.enum(["request", "no-store", "private", "no-cache", "set-cookie"]), {
      empty: true,
    })
      .prefault([])
      .describe(
        "What is not honoured: `request` is `Cache-Control` of clients; `no-store`, `private`, `no-cache` are those of answers; with `set-cookie` answers are stored without their `Set-Cookie`.",
      ),
    query,
    headers: oneOrMany(headerName(), { empty: true })
      .prefault([])
      .describe("Fields of the request that tell two answers apart, as if `Vary` named them."),
    cookies: oneOrMany(cookie, { empty: true })
      .prefault([])
      .describe("Cookies that tell two answers apart."),
    variants: z
      .int()
      .min(1)
      .max(100_000)
      .prefault(128)
      .describe("Variants that are kept of one URL; with one more all of them are forgotten."),
    maxObject: bytes({ min: 0 })
      .prefault("16MiB")
      .describe("Largest body that is stored; larger ones are passed on as they come."),
    staleWhileRevalidate: duration({ min: 0 })
      .prefault("0s")
      .describe(
        "For how long an answer that has become stale is still used while the backend is asked, where the answer does not say.",
      ),
    staleIfError: duration({ min: 0 })
      .prefault("0s")
      .describe(
        "For how long a stale answer is used when the backend fails (no answer, or 500, 502, 503, 504), where the answer does not say.",
      ),
  }),
  describe:
    "Keeps answers and gives them again, by the rules of RFC 9111 for shared caches. Wherever it stands in the list, it works behind all filters: they see every request and every answer, stored or not. `cache: {}` is enough.",
};
