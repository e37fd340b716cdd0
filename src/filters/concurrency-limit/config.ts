import {
  ConcurrencyTable,
  type FilterSchema,
  type KeyPart,
  type KeyPartInput,
  MAX_CONCURRENCY,
  type Milliseconds,
  type Mode,
  duration,
  mode,
  requestKey,
  z,
} from "#sdk/config.ts";

/** How many requests may be under way at once. */
export interface ConcurrencyLimitOptions {
  readonly max: number;
  readonly by: readonly KeyPart[];
  /** Keys that are told apart. */
  readonly keys: number;
  /** Null: whoever finds no place is refused at once. */
  readonly queue: { readonly size: number; readonly timeout: Milliseconds } | null;
  readonly mode: Mode;
}

/** How it is written. */
export type ConcurrencyLimitInput =
  | number
  | {
      readonly max: number;
      readonly by?: KeyPartInput | readonly KeyPartInput[] | undefined;
      readonly keys?: number | undefined;
      readonly queue?:
        | { readonly size?: number | undefined; readonly timeout?: string | undefined }
        | undefined;
      readonly mode?: Mode | undefined;
    };

const KEYS = 16_384;
const BY_CLIENT: readonly KeyPart[] = [{ kind: "client-ip" }];
const max = z.int().min(1).max(MAX_CONCURRENCY);

/** Bounds how many requests are under way at once. */
export const concurrencyLimit: FilterSchema<ConcurrencyLimitOptions, ConcurrencyLimitInput> = {
  schema: z.union([
    max.transform((written): ConcurrencyLimitOptions => ({
      max: written,
      by: BY_CLIENT,
      keys: KEYS,
      queue: null,
      mode: "enforce",
    })),
    z
      .strictObject({
        max: max.describe("How many requests of one key may be under way at once."),
        by: requestKey()
          .optional()
          .describe(
            "What is counted apart: `client-ip` (IPv6 by its first 64 bits), `route`, `{ header: NAME }`, `{ cookie: NAME }`, or a list of these. Default: `client-ip`.",
          ),
        keys: z
          .int()
          .min(1)
          .max(1_000_000)
          .prefault(KEYS)
          .describe(
            "How many keys with something under way are told apart, at 4 to 8 bytes for each and each worker. With more, some share what one may have.",
          ),
        queue: z
          .strictObject({
            size: max.prefault(100).describe("How many requests may wait, of all keys together."),
            timeout: duration({ min: 1 })
              .prefault("5s")
              .describe("How long one may wait; then it is refused."),
          })
          .optional()
          .describe("Where requests wait for a place. Without it they are refused at once."),
        mode: mode(),
      })
      .transform(({ by = [...BY_CLIENT], queue, ...written }): ConcurrencyLimitOptions => ({
        ...written,
        by,
        queue: queue ?? null,
      })),
  ]),
  describe:
    "Bounds how many requests are under way at once, over all workers; others wait, if there is a queue, or get 503 with `Retry-After`.",
  guards: true,
  mode: (options) => options.mode,
  memory({ by, keys }) {
    const bytes = ConcurrencyTable.byteLength(keys);
    return { identity: `concurrency ${JSON.stringify(by)}`, bytes, perWorker: bytes };
  },
};
