/**
 * Quantities as people write them (`5s`, `64KiB`, `240B/s`) and as the program uses them. A number with a unit is a
 * branded type, so that seconds never meet milliseconds unnoticed.
 */

declare const unit: unique symbol;

/** A duration in whole milliseconds. */
export type Milliseconds = number & { readonly [unit]: "ms" };
/** A size in bytes. */
export type Bytes = number & { readonly [unit]: "B" };
/** A rate in bytes per second. */
export type BytesPerSecond = number & { readonly [unit]: "B/s" };

/** The outcome of reading a text that a person wrote. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      /** What is wrong, in one plain clause without a full stop. */
      readonly message: string;
      /** What to write instead. */
      readonly hint?: string;
    };

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const BYTE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  TB: 1000 ** 4,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
  TiB: 1024 ** 4,
};

const DURATION_HINT = "a duration is a number and its unit: `500ms`, `5s`, `1m`, `2h`, `1d`";
const BYTES_HINT = "a size is a number and its unit: `512B`, `64KiB`, `10MB`, `1GiB`";

/** Reads `100ms`, `5s`, `1.5m`, `2h`, `1d`. */
export function parseDuration(text: string): Parsed<Milliseconds> {
  const parsed = parseQuantity(text, DURATION_UNITS, "duration", DURATION_HINT);
  if (!parsed.ok) return parsed;
  if (!Number.isInteger(parsed.value)) {
    return { ok: false, message: `\`${text}\` is finer than a millisecond`, hint: DURATION_HINT };
  }
  return { ok: true, value: parsed.value as Milliseconds };
}

/** Reads `512B`, `64KiB` (1024-based), `10MB` (1000-based), `1GiB`. */
export function parseBytes(text: string): Parsed<Bytes> {
  const parsed = parseQuantity(text, BYTE_UNITS, "size", BYTES_HINT);
  if (!parsed.ok) return parsed;
  if (!Number.isInteger(parsed.value)) {
    return { ok: false, message: `\`${text}\` is not a whole number of bytes`, hint: BYTES_HINT };
  }
  return { ok: true, value: parsed.value as Bytes };
}

/** Reads `240B/s`, `1MiB/s`. */
export function parseByteRate(text: string): Parsed<BytesPerSecond> {
  const match = /^(.*?)\s*\/\s*s$/.exec(text.trim());
  const size = match?.[1] === undefined ? undefined : parseBytes(match[1]);
  if (size?.ok !== true) {
    return {
      ok: false,
      message: `\`${text}\` is not a rate`,
      hint: "a rate is a size per second: `240B/s`, `1MiB/s`",
    };
  }
  return { ok: true, value: size.value as number as BytesPerSecond };
}

/** Writes a duration with the largest unit that keeps it a whole number: `90s`, `1500ms`, `1h`. */
export function formatDuration(value: Milliseconds): string {
  return formatQuantity(value, ["d", "h", "m", "s"], DURATION_UNITS, "ms");
}

/** Writes a size with the largest 1024-based unit that keeps it a whole number: `64KiB`, `1500B`. */
export function formatBytes(value: Bytes): string {
  return formatQuantity(value, ["TiB", "GiB", "MiB", "KiB"], BYTE_UNITS, "B");
}

function formatQuantity(
  value: number,
  largestFirst: readonly string[],
  units: Readonly<Record<string, number>>,
  base: string,
): string {
  for (const name of largestFirst) {
    const factor = units[name] ?? 1;
    if (value !== 0 && value % factor === 0) return `${value / factor}${name}`;
  }
  return `${value}${base}`;
}

function parseQuantity(
  text: string,
  units: Readonly<Record<string, number>>,
  noun: string,
  hint: string,
): Parsed<number> {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]*)$/.exec(text.trim());
  if (match === null) return { ok: false, message: `\`${text}\` is not a ${noun}`, hint };
  const [, digits = "", name = ""] = match;
  if (name === "") return { ok: false, message: `\`${text}\` has no unit`, hint };
  if (!Object.hasOwn(units, name)) {
    const near = Object.keys(units).find((known) => known.toLowerCase() === name.toLowerCase());
    const nearHint = near === undefined ? hint : `write \`${digits}${near}\`; ${hint}`;
    return { ok: false, message: `\`${name}\` is not a unit of a ${noun}`, hint: nearHint };
  }
  const value = Number(digits) * (units[name] ?? 1);
  if (!Number.isSafeInteger(Math.ceil(value))) {
    return { ok: false, message: `\`${text}\` is too large`, hint };
  }
  // 1.1 * 60000 is 66000.00000000001: what is meant is what the decimal says.
  const rounded = Math.round(value);
  return { ok: true, value: Math.abs(value - rounded) < 1e-6 ? rounded : value };
}
