import {
  CONTINUE,
  type FilterKind,
  KeyHash,
  RateTable,
  keyText,
  linkKey,
  refuse,
} from "#sdk/index.ts";
import type { RateLimitOptions } from "./config.ts";

/** What was found for one request; `remaining` -1: it was not counted here. */
interface Counted {
  remaining: number;
  /** Seconds: until the next request may come if this one may not, else until nothing is owed. */
  seconds: number;
  refused: boolean;
}

/** Bounds how many requests come in a time. */
export const rateLimit: FilterKind<RateLimitOptions, Counted> = {
  name: "rateLimit",
  stability: "stable",
  securityPosture: "untrusted-both",
  pure: false,
  create({ rate, by, keys, headers }, { memory, now }) {
    const { buffer, offset, seed } = memory!;
    const only = by.every(({ kind }) => kind === "route");
    const table = new RateTable(buffer, offset, only ? 1 : keys, rate);
    const keyOf = linkKey(by, new KeyHash(seed));
    const refusal = refuse("rate_limited");
    const name = JSON.stringify(keyText(by));
    const policy = `${name};q=${rate.count};w=${Math.max(1, Math.round(rate.period / 1000))}`;
    return {
      start: () => ({ remaining: -1, seconds: 0, refused: false }),
      onRequestHead(context) {
        const { state } = context;
        const { allowed, remaining, retryAfter, reset } = table.take(keyOf(context), now());
        state.remaining = remaining;
        state.seconds = Math.ceil((allowed ? reset : retryAfter) / 1000);
        state.refused = !allowed;
        return allowed ? CONTINUE : refusal;
      },
      onResponseHead({ state, response }) {
        if (state.remaining < 0) return CONTINUE;
        if (headers) {
          response.headers.append("RateLimit-Policy", policy);
          const left = `${name};r=${state.remaining};t=${state.seconds}`;
          response.headers.append("RateLimit", left);
        }
        if (state.refused) response.headers.set("Retry-After", String(Math.max(1, state.seconds)));
        return CONTINUE;
      },
    };
  },
  summary: ({ rate: { count, period, burst }, by }) =>
    `${count} in ${period / 1000} s by ${keyText(by)}, burst ${burst}`,
};
