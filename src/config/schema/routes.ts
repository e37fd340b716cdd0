import {
  type FilterSchemas,
  headerValue,
  kindOf,
  message,
  oneOrMany,
  text,
  z,
} from "#sdk/config.ts";
import { suggest } from "#core/suggest.ts";
import type { FilterInput, InlineFilter, RouteInput } from "../input.ts";
import { formatMatch } from "../match-text.ts";
import type { FilterUse, HostPolicy, RouteConfig } from "../types.ts";
import { matchSchema } from "./match.ts";
import { name } from "./scalars.ts";
import { attemptTimeoutsSchema } from "./timeouts.ts";

const upgradeToken: z.ZodType<string, string> = text(
  (written) => {
    const token = written.toLowerCase();
    if (token === "h2c") {
      return {
        ok: false,
        message: "`h2c` is never let through",
        hint: "remove it; it would carry requests past the proxy",
      };
    }
    if (/^[!#$%&'*+.^_`|~0-9a-z-]+(?:\/[!#$%&'*+.^_`|~0-9a-z-]+)?$/.test(token))
      return { ok: true, value: token };
    return {
      ok: false,
      message: `\`${written}\` is not an upgrade token`,
      hint: "for example `websocket`",
    };
  },
  { expected: "an upgrade token", example: "websocket" },
);

const host: z.ZodType<HostPolicy, string | undefined> = headerValue()
  .prefault("preserve")
  .transform((written, context): HostPolicy => {
    if (written === "preserve") return { kind: "preserve" };
    if (written === "upstream") return { kind: "endpoint" };
    const value = written.toLowerCase();
    if (/^(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::\d{1,5})?$/.test(value))
      return { kind: "literal", value };
    context.issues.push({
      code: "custom",
      message: message(
        `\`${written}\` is not a host`,
        "write `preserve`, `upstream`, or a name such as `app.internal`",
      ),
      input: written,
    });
    return z.NEVER;
  })
  .describe(
    "Host that the backend sees: `preserve` the client's, `upstream` the chosen endpoint's, or a name of your own.",
  );

/** What a schema can be asked to accept. */
export interface RoutesOptions {
  /** Filters written in the configuration itself (TypeScript only). */
  readonly inlineFilters: boolean;
}

/** `routes`: built for the filters that there are. */
export function createRoutesSchema<Filters extends FilterSchemas>(
  filters: Filters,
  options: RoutesOptions,
): z.ZodType<RouteConfig[], readonly RouteInput<Filters>[] | undefined> {
  const route = z.strictObject({
    name: name
      .optional()
      .describe("Name in logs, metrics and `explain`. Without it the match stands there."),
    match: matchSchema,
    priority: z
      .int()
      .min(-1000)
      .max(1000)
      .prefault(0)
      .describe(
        "Routes with a higher one come first; among equals the most specific match, then the order written.",
      ),
    use: z
      .array(createUseSchema(filters, options))
      .prefault([])
      .describe("Filters, in the order in which they see the request."),
    to: z
      .string()
      .optional()
      .transform((written) => written ?? null)
      .describe(
        "Name of the upstream that answers. Only a route with a filter that answers itself goes without.",
      ),
    pathPolicy: z
      .enum(["strict", "lenient"])
      .prefault("strict")
      .describe(
        "`strict` refuses paths (400 `path_ambiguous`) that backends could read as a different route; `lenient` routes by the normalised path without that comparison. The bytes of the path are forwarded unchanged either way.",
      ),
    timeouts: attemptTimeoutsSchema,
    upgrade: oneOrMany(upgradeToken, { empty: true })
      .prefault(["websocket"])
      .describe(
        "`Upgrade` tokens that may pass; others are removed and the request goes on as an ordinary one. `[]` for none.",
      ),
    host,
  });
  return z
    .array(route)
    .prefault([])
    .transform((routes) =>
      routes.map((written): RouteConfig => ({
        ...written,
        name: written.name ?? written.match.map(formatMatch).join(" or "),
      })),
    )
    .describe("Routes: which requests go where, and what is done to them on the way.");
}

function createUseSchema<Filters extends FilterSchemas>(
  filters: Filters,
  options: RoutesOptions,
): z.ZodType<FilterUse, FilterInput<Filters>> {
  const shape: Record<string, z.ZodType> = {};
  for (const [key, filter] of Object.entries(filters)) {
    shape[key] = filter.schema.optional().describe(filter.describe);
  }
  const named = z
    .strictObject(shape, {
      error: (issue) =>
        issue.code === "invalid_type" && typeof issue.input === "string"
          ? bareName(issue.input, Object.keys(filters))
          : undefined,
    })
    .meta({ minProperties: 1, maxProperties: 1 })
    .transform((written, context): FilterUse => {
      // An unknown name has been reported and left out: it must not be said to be missing as well.
      if (context.issues.length > 0) return z.NEVER;
      const [entry, ...others] = Object.entries(written).filter(([, value]) => value !== undefined);
      if (entry !== undefined && others.length === 0) {
        return { kind: "named", name: entry[0], options: entry[1] };
      }
      context.issues.push({
        code: "custom",
        message:
          entry === undefined
            ? message("this step names no filter", "remove it, or write `- name: options`")
            : message(
                `this step names ${others.length + 1} filters: ${[entry, ...others].map(([key]) => `\`${key}\``).join(", ")}`,
                "write `- ` before each, so that their order is clear",
              ),
        input: written,
      });
      return z.NEVER;
    });
  const schema = options.inlineFilters
    ? z.union([named, inlineFilter.transform((filter): FilterUse => ({ kind: "inline", filter }))])
    : named;
  // The compiler sees the keys of `shape` as any string; that they are those of `Filters` is by construction.
  return schema;
}

const HOOKS = ["start", "onRequestHead", "onRequestData", "onResponseHead", "onEnd"];

const inlineFilter = z.custom<InlineFilter>(
  (value) =>
    typeof value === "function" ||
    (typeof value === "object" &&
      value !== null &&
      HOOKS.some((hook) => typeof Reflect.get(value, hook) === "function")),
  { error: (issue) => `expected a filter, got ${kindOf(issue.input)}` },
);

function bareName(written: string, known: readonly string[]): string {
  const near = known.includes(written) ? written : suggest(written, known);
  return near === undefined
    ? message(
        `\`${written}\` is not a filter`,
        `known filters: ${known.map((key) => `\`${key}\``).join(", ")}`,
      )
    : message(
        "a filter is written together with its options",
        `write \`${near}: …\`, or \`${near}: {}\` if it has none`,
      );
}
