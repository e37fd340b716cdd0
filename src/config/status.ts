/**
 * Ranges of HTTP status codes as people write them.
 */
import type { Parsed } from "#core/units.ts";
import type { StatusRange } from "./types.ts";

/** Reads `200`, `200-399`, `2xx`. */
export function parseStatusRange(text: string): Parsed<StatusRange> {
  const hundreds = /^([1-5])xx$/i.exec(text)?.[1];
  if (hundreds !== undefined) {
    const from = Number(hundreds) * 100;
    return { ok: true, value: { from, to: from + 99 } };
  }
  const range = /^([1-5]\d\d)(?:\s*-\s*([1-5]\d\d))?$/.exec(text);
  const from = Number(range?.[1]);
  const to = Number(range?.[2] ?? range?.[1]);
  if (range === null || from > to) {
    return {
      ok: false,
      message: `\`${text}\` is not a status or a range of them`,
      hint: "for example `200`, `200-299`, `2xx`",
    };
  }
  return { ok: true, value: { from, to } };
}
