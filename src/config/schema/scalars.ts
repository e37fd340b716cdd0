/**
 * Small schemas that several keys share.
 */
import { type Milliseconds, type Parsed, duration, text, z } from "#sdk/config.ts";
import { parseCidr } from "#core/collections/cidr.ts";
import type { Cidr } from "#model/match.ts";

/** A port on its own. */
export const port: z.ZodType<number, number> = z.int().min(1).max(65_535).meta({ title: "port" });

/** Longest duration of any option; the timing wheel and the clock arithmetic are tested up to here. */
const LONGEST = 7 * 86_400_000;

/** A time limit: at least a millisecond. */
export function limitOfTime(): z.ZodType<Milliseconds, string> {
  return duration({ min: 1, max: LONGEST });
}

/** A time limit that can be switched off: null. */
export function limitOrOff(): z.ZodType<Milliseconds | null, string> {
  return z.union([z.literal("off").transform(() => null), limitOfTime()]);
}

/** An address or a block of addresses. */
export const cidr: z.ZodType<Cidr, string> = text(parseBlock, {
  expected: "an address block",
  example: "10.0.0.0/8",
});

function parseBlock(written: string): Parsed<Cidr> {
  const parsed = parseCidr(written);
  return parsed.ok ? { ok: true, value: { text: parsed.value.text } } : parsed;
}

/** A name that stands in logs, metrics and URLs of the admin API. */
export const name: z.ZodType<string, string> = text(parseName, {
  expected: "a name",
  example: "api",
});

/** Letters, digits, `.`, `_`, `-`, not beginning with a mark; at most 64. */
export function parseName(written: string): Parsed<string> {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(written)) return { ok: true, value: written };
  return {
    ok: false,
    message: `\`${written.slice(0, 80)}\` cannot be a name`,
    hint: "letters, digits, `.`, `_` and `-`, beginning with a letter or digit, at most 64 characters",
  };
}
