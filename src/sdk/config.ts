/**
 * What the schema of a configuration is built with. A filter's `config.ts` imports this and nothing else; it is used in
 * the control plane only, never in a worker.
 */
import { z } from "zod";
import {
  type Bytes,
  type BytesPerSecond,
  type Milliseconds,
  type Parsed,
  formatBytes,
  formatDuration,
  parseByteRate,
  parseBytes,
  parseDuration,
} from "#core/units.ts";
import { parseCidr } from "#core/collections/cidr.ts";
import { normalise } from "#core/http/path.ts";
import { ConcurrencyTable, MAX_CONCURRENCY } from "#core/shared/concurrency-table.ts";
import { type Rate, RateTable, isCoarse } from "#core/shared/rate-table.ts";
import { type FieldSide, parseEditableField } from "./field-rules.ts";
import type { KeyPart } from "./request-key.ts";
import { type Template, parseTemplate, staticText } from "./template.ts";

export { MAX_CONCURRENCY, parseCidr, z };
export { ConcurrencyTable, RateTable, isCoarse };
export { parseTemplate, staticText };
export type { Bytes, BytesPerSecond, FieldSide, KeyPart, Milliseconds, Parsed, Rate, Template };

/** Whether a filter does what it decides, or only counts and logs what it would have done. */
export type Mode = "enforce" | "observe";

/** Memory that all workers share. */
export interface MemoryRequest {
  /** Another one gets other memory. What does not change how the bytes are read should not be in it. */
  readonly identity: string;
  /** Bytes for all workers together. */
  readonly bytes: number;
  /**
   * Bytes for each worker, behind those; 0 if left out. Each 32-bit number there is what the worker has of the number at
   * the same place of the shared ones: it is taken off there when the worker dies.
   */
  readonly perWorker?: number;
}

/** A file that the options of a filter name. */
export interface FilterFile {
  /** As written: relative to the folder of the configuration. */
  readonly name: string;
  /** Where in the options it is named. */
  readonly path: readonly (string | number)[];
}

/** How a filter's options are written. */
export interface FilterSchema<Options = unknown, Written = unknown> {
  /** Validates what stands behind the filter's name under `use`, and turns it into the options the filter gets. */
  readonly schema: z.ZodType<Options, Written>;
  /** One or two sentences for the reference documentation. */
  readonly describe: string;
  /** The filter answers every request itself, so that its route needs no `to`. Default: false. */
  readonly answers?: boolean;
  /** The filter decides who may pass (access, authentication): `pathPolicy: lenient` beside it is warned about. */
  readonly guards?: boolean;
  /** For filters that can be told only to observe. */
  mode?(options: Options): Mode;
  /** For filters that count in memory which all workers share. */
  memory?(options: Options): MemoryRequest | null;
  /** The upstreams that the filter asks by itself. */
  upstreams?(options: Options): readonly string[];
  /** The files that the options name: read with the configuration, and watched like it. */
  files?(options: Options): readonly FilterFile[];
  /** The options with what the files hold, by name as written. */
  withFiles?(options: Options, texts: ReadonlyMap<string, string>): Parsed<Options>;
}

/** The filters that a configuration may name. */
export type FilterSchemas = Readonly<Record<string, FilterSchema>>;

/**
 * The message of a failed check that a schema wrote itself: a plain clause, and on a second line what to write instead.
 * The renderer of diagnostics prints the two apart.
 */
export function message(text: string, hint?: string): string {
  return hint === undefined ? text : `${text}\n${hint}`;
}

/** A string that `parse` reads; what it refuses is reported with its message and hint. */
export function text<T>(
  parse: (text: string) => Parsed<T>,
  options: { readonly expected: string; readonly example: string; readonly unit?: string },
): z.ZodType<T, string> {
  return z
    .string({
      error: (issue) => {
        if (issue.input === undefined) return undefined;
        // `timeout: 5` is the most common slip: show that very number as it should be written.
        const hint =
          typeof issue.input === "number" && options.unit !== undefined
            ? `write \`${issue.input}${options.unit}\``
            : `for example \`${options.example}\``;
        return message(`expected ${options.expected}, got ${kindOf(issue.input)}`, hint);
      },
    })
    .meta({ title: options.expected.replace(/^an? /, ""), examples: [options.example] })
    .transform((written, context) => {
      const parsed = parse(written);
      if (parsed.ok) return parsed.value;
      context.issues.push({
        code: "custom",
        message: message(parsed.message, parsed.hint),
        input: written,
      });
      return z.NEVER;
    });
}

/** Bounds of a quantity, both inclusive. */
export interface Bounds<T> {
  readonly min?: T;
  readonly max?: T;
}

/** `100ms`, `5s`, `1m`, `2h`, `1d`; milliseconds in the result. A bare number is refused: it would hide its unit. */
export function duration(bounds: Bounds<number> = {}): z.ZodType<Milliseconds, string> {
  const parse = bounded(parseDuration, bounds, (value) => formatDuration(value as Milliseconds));
  return text(parse, { expected: "a duration", example: "5s", unit: "s" });
}

/** `512B`, `64KiB`, `10MB`, `1GiB`; bytes in the result. A bare number is refused: it would hide its unit. */
export function bytes(bounds: Bounds<number> = {}): z.ZodType<Bytes, string> {
  const parse = bounded(parseBytes, bounds, (value) => formatBytes(value as Bytes));
  return text(parse, { expected: "a size", example: "64KiB", unit: "B" });
}

/** `240B/s`; bytes per second in the result. */
export function byteRate(): z.ZodType<BytesPerSecond, string> {
  return text(parseByteRate, { expected: "a rate", example: "240B/s", unit: "B/s" });
}

/** A field name as RFC 9110 section 5.1 has it; lower case in the result. */
export function headerName(): z.ZodType<string, string> {
  return text(parseHeaderName, { expected: "a header name", example: "x-team" });
}

/** A field value as RFC 9110 section 5.5 has it: no control characters, no blanks around it, characters up to U+00FF. */
export function headerValue(): z.ZodType<string, string> {
  return text(parseHeaderValue, { expected: "a header value", example: "blue" });
}

/**
 * The name of a field that a filter is to change: not one of those that the proxy writes itself. The spelling is kept.
 * As the key of a mapping, use it as it is; it never changes the text.
 */
export function editableHeader(side: FieldSide): z.ZodType<string, string> {
  return text((written) => parseEditableField(written, side), {
    expected: "a header name",
    example: "X-Team",
  });
}

/** A field value with placeholders (`{client_ip}`; see `template.ts`). */
export function headerTemplate(): z.ZodType<Template, string> {
  const parse = (written: string): Parsed<Template> => {
    const value = parseHeaderValue(written);
    return value.ok ? parseTemplate(value.value) : value;
  };
  return text(parse, { expected: "a header value in quotes", example: "{client_ip}" });
}

/** The beginning of a path, up to a segment's end: `/api`. Unreserved characters and dot segments resolved. */
export function pathPrefix(): z.ZodType<string, string> {
  return text(parsePathPrefix, { expected: "a path", example: "/api" });
}

/** One value, or a list of them; always a list in the result, which is empty only if `empty` allows it. */
export function oneOrMany<Output, Input>(
  item: z.ZodType<Output, Input>,
  options: { readonly empty?: boolean } = {},
): z.ZodType<Output[], Input | readonly Input[]> {
  const list = z.array(item).min(options.empty === true ? 0 : 1);
  return z.union([item.transform((value) => [value]), list]);
}

/** `mode` of a filter that can be told only to observe. */
export function mode(): z.ZodType<Mode, Mode | undefined> {
  return z
    .enum(["enforce", "observe"])
    .prefault("enforce")
    .describe(
      "`observe`: nothing is done, but the log and the metrics have what would have been done.",
    );
}

/** How one part of a request's key is written. */
export type KeyPartInput =
  | "client-ip"
  | "route"
  | { readonly header: string }
  | { readonly cookie: string };

/** What requests are told apart by: one part or several, which count together. */
export function requestKey(): z.ZodType<KeyPart[], KeyPartInput | readonly KeyPartInput[]> {
  const part = z.union([
    z.enum(["client-ip", "route"]).transform((kind): KeyPart => ({ kind })),
    z
      .strictObject({ header: headerName().describe("Name of a field of the request.") })
      .transform(({ header }): KeyPart => ({ kind: "header", name: header })),
    z
      .strictObject({
        cookie: z
          .string()
          .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, { error: "expected the name of a cookie" })
          .describe("Name of a cookie."),
      })
      .transform(({ cookie }): KeyPart => ({ kind: "cookie", name: cookie })),
  ]);
  return oneOrMany(part);
}

/** How messages name a value: `a string`, `the number 5`, `nothing`. */
export function kindOf(value: unknown): string {
  if (value === undefined || value === null) return "nothing";
  if (Array.isArray(value)) return "a list";
  switch (typeof value) {
    case "string":
      return value.length <= 40 ? `\`${value}\`` : "a string";
    case "number":
    case "bigint":
      return `the number ${value}`;
    case "boolean":
      return `\`${value}\``;
    case "function":
      return "a function";
    case "object":
      return "a mapping";
    default:
      return `a ${typeof value}`;
  }
}

function bounded<T extends number>(
  parse: (text: string) => Parsed<T>,
  { min, max }: Bounds<number>,
  format: (value: number) => string,
): (text: string) => Parsed<T> {
  return (written) => {
    const parsed = parse(written);
    if (!parsed.ok) return parsed;
    if (min !== undefined && parsed.value < min) {
      return { ok: false, message: `\`${written}\` is too small`, hint: `at least ${format(min)}` };
    }
    if (max !== undefined && parsed.value > max) {
      return { ok: false, message: `\`${written}\` is too large`, hint: `at most ${format(max)}` };
    }
    return parsed;
  };
}

function parseHeaderName(written: string): Parsed<string> {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(written)) {
    return {
      ok: false,
      message: `\`${written}\` is not a header name`,
      hint: "letters, digits and dashes, without a colon: `x-team`",
    };
  }
  return { ok: true, value: written.toLowerCase() };
}

function parseHeaderValue(written: string): Parsed<string> {
  if (/[\u0000-\u0008\u000a-\u001f\u007f]/.test(written)) {
    return {
      ok: false,
      message: "a header value cannot hold control characters or line breaks",
      hint: "write the value on one line",
    };
  }
  if (/[^\u0000-\u00ff]/.test(written)) {
    return {
      ok: false,
      message: "a header value cannot hold characters beyond U+00FF",
      hint: "percent-encode them, or write the ASCII form",
    };
  }
  if (written !== written.trim()) {
    return {
      ok: false,
      message: "a header value cannot begin or end with a blank",
      hint: `write \`${written.trim()}\``,
    };
  }
  return { ok: true, value: written };
}

function parsePathPrefix(written: string): Parsed<string> {
  const refuse = (message: string, hint: string): Parsed<string> => ({ ok: false, message, hint });
  if (/[*?#{}]/.test(written)) {
    return refuse(
      `\`${written}\` is more than the beginning of a path`,
      "write the path alone, without wildcard, placeholder or query: `/api`",
    );
  }
  const normal = /^\/[!-~]*$/.test(written) ? normalise(written) : null;
  if (normal === null) return refuse(`\`${written}\` is not a path`, "for example `/api`");
  if (normal === "/") return refuse("`/` changes nothing", "remove this step, or write `/api`");
  const wanted = normal.replace(/\/+$/, "");
  if (/\/\/|\\/.test(wanted) || wanted === "") {
    return refuse(`\`${written}\` has an empty segment or a backslash`, "for example `/api`");
  }
  if (wanted !== written)
    return refuse(`\`${written}\` is not in its plain form`, `write \`${wanted}\``);
  return { ok: true, value: written };
}
