import {
  type FilterSchema,
  type KeyPart,
  type KeyPartInput,
  type Mode,
  type Parsed,
  type Rate,
  RateTable,
  isCoarse,
  mode,
  requestKey,
  text,
  z,
} from "#sdk/config.ts";

/** How many requests may come. */
export interface RateLimitOptions {
  readonly rate: Rate;
  readonly by: readonly KeyPart[];
  /** Keys that are told apart. */
  readonly keys: number;
  /** Answers tell how much is left. */
  readonly headers: boolean;
  readonly mode: Mode;
}

/** How it is written. */
export type RateLimitInput =
  | string
  | {
      readonly rate: string;
      readonly burst?: number | undefined;
      readonly by?: KeyPartInput | readonly KeyPartInput[] | undefined;
      readonly keys?: number | undefined;
      readonly headers?: boolean | undefined;
      readonly mode?: Mode | undefined;
    };

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A burst is what comes in half a second, but at least this many and never more than the rate's own number. */
const USUAL_BURST = 10;

/** Requests of all keys together that a table can tell apart in 32 bits of time. */
const LONGEST = 30 * 86_400_000;

function parseRate(written: string): Parsed<Omit<Rate, "burst">> {
  const [, number, many, unit] =
    /^([1-9]\d{0,8})\/([1-9]\d{0,5})?(ms|s|m|h|d)$/.exec(written) ?? [];
  if (number === undefined || unit === undefined) {
    return {
      ok: false,
      message: `\`${written}\` is not a rate`,
      hint: "for example `100/s`, `10/m` or `1000/12h`",
    };
  }
  const period = Number(many ?? 1) * UNITS[unit]!;
  if (period > LONGEST) {
    return { ok: false, message: `\`${written}\` counts for too long`, hint: "at most `30d`" };
  }
  if (Number(number) / period > 1000) {
    return { ok: false, message: `\`${written}\` is too fast`, hint: "at most `1000000/s`" };
  }
  return { ok: true, value: { count: Number(number), period } };
}

const rate = text(parseRate, { expected: "a rate", example: "100/s" });

function withBurst({ count, period }: Omit<Rate, "burst">, burst?: number): Rate {
  const usual = Math.min(count, Math.max(USUAL_BURST, Math.floor((count / period) * 500)));
  return { count, period, burst: burst ?? usual };
}

const BY_CLIENT: readonly KeyPart[] = [{ kind: "client-ip" }];
const KEYS = 100_000;

/** Bounds how many requests come in a time. */
export const rateLimit: FilterSchema<RateLimitOptions, RateLimitInput> = {
  schema: z.union([
    rate.transform((written): RateLimitOptions => ({
      rate: withBurst(written),
      by: BY_CLIENT,
      keys: KEYS,
      headers: true,
      mode: "enforce",
    })),
    z
      .strictObject({
        rate: rate.describe(
          "How many requests in which time: `100/s`, `10/m`, `1000/12h`. They are spread over it: one may come when its part of the time is over.",
        ),
        burst: z
          .int()
          .min(1)
          .max(1_000_000)
          .optional()
          .describe(
            "How many may come at once after a rest. Default: as many as come in half a second, but at least 10, and never more than the rate has.",
          ),
        by: requestKey()
          .optional()
          .describe(
            "What is counted apart: `client-ip` (IPv6 by its first 64 bits), `route` (all requests together), `{ header: NAME }`, `{ cookie: NAME }`, or a list of these, which count in combination. Default: `client-ip`.",
          ),
        keys: z
          .int()
          .min(1)
          .max(10_000_000)
          .prefault(KEYS)
          .describe(
            "How many clients (or other keys) are told apart at once, at 16 to 30 bytes each. With more, new ones may begin with the debt of others; none gets more than its rate.",
          ),
        headers: z
          .boolean()
          .prefault(true)
          .describe("Answers have `RateLimit` and `RateLimit-Policy`."),
        mode: mode(),
      })
      .transform(({ burst, by = [...BY_CLIENT], ...written }): RateLimitOptions => ({
        ...written,
        by,
        rate: withBurst(written.rate, burst),
      })),
  ]),
  describe:
    "Bounds how many requests come in a time, exactly and over all workers; others get 429 with `Retry-After`.",
  guards: true,
  mode: (options) => options.mode,
  memory: ({ rate, by, keys }) => ({
    // The rate itself is not part of it: another one goes on with the same counters.
    identity: `rate ${JSON.stringify(by)}${isCoarse(rate) ? " coarse" : ""}`,
    bytes: RateTable.byteLength(keysOf(by, keys)),
  }),
};

/** All requests of a route have one key. */
function keysOf(by: readonly KeyPart[], keys: number): number {
  return by.every(({ kind }) => kind === "route") ? 1 : keys;
}
