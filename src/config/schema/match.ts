import { compileRegex } from "#core/regex/regex.ts";
import { headerName, message, oneOrMany, type Parsed, text, z } from "#sdk/config.ts";
import type { HostPattern, ParsedMatch, PathPattern, ValueTest } from "#model/match.ts";
import type { MatchInput, OneOrMany, ValueTestInput } from "../input.ts";
import { parseHostPattern, parsePathPattern, parseShortMatch } from "../match-grammar.ts";
import { cidr } from "./scalars.ts";

/** Longest expression, in characters. */
const LONGEST_REGEX = 1000;

const regex = text(parseRegex, {
  expected: "a regular expression",
  example: "^/v[0-9]+/",
}).describe("A regular expression in RE2 syntax, which runs in linear time.");

/** The expression as written; workers compile it themselves. */
function parseRegex(source: string): Parsed<string> {
  if (source === "") {
    return { ok: false, message: "the expression is empty", hint: "it would match everything" };
  }
  if (source.length > LONGEST_REGEX) {
    const message = `a regular expression has at most ${LONGEST_REGEX} characters`;
    return { ok: false, message, hint: "split it over several routes" };
  }
  const compiled = compileRegex(source);
  return compiled.ok ? { ok: true, value: source } : compiled;
}

const host: z.ZodType<HostPattern, string> = text(parseHostPattern, {
  expected: "a host",
  example: "example.com",
});

const path: z.ZodType<PathPattern, string | { readonly regex: string }> = z.union([
  text(parsePathPattern, { expected: "a path", example: "/api/*" }),
  z
    .strictObject({ regex })
    .transform((written): PathPattern => ({ kind: "regex", source: written.regex })),
]);

const method = z.string().transform((written, context) => {
  const problem = methodProblem(written);
  if (problem === undefined) return written;
  context.issues.push({ code: "custom", message: problem, input: written });
  return z.NEVER;
});

function methodProblem(written: string): string | undefined {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(written)) {
    return message(`\`${written}\` is not a method`, "for example `GET`");
  }
  const upper = written.toUpperCase();
  if (upper === "CONNECT" || upper === "TRACE") {
    return message(`${upper} never reaches a route: such requests are refused`, "remove it");
  }
  if (written !== upper) {
    return message(
      `\`${written}\` matches nothing: methods are compared letter by letter`,
      `write \`${upper}\``,
    );
  }
  return undefined;
}

const valueTest: z.ZodType<ValueTest, ValueTestInput> = z.union([
  oneOrMany(z.string()).transform((values): ValueTest => ({ kind: "one-of", values })),
  z
    .strictObject({
      regex: regex.optional(),
      present: z
        .boolean()
        .optional()
        .describe("`true`: it has to be there; `false`: it must not be."),
    })
    .transform((written, context): ValueTest => {
      if (written.regex !== undefined && written.present === undefined) {
        return { kind: "regex", source: written.regex };
      }
      if (written.present !== undefined && written.regex === undefined) {
        return { kind: written.present ? "present" : "absent" };
      }
      context.issues.push({
        code: "custom",
        message: message(
          "a condition is one of `regex` and `present`",
          "write exactly one of the two",
        ),
        input: written,
      });
      return z.NEVER;
    }),
]);

const anyHost: HostPattern[] = [{ kind: "any" }];
const anyPath: PathPattern[] = [{ kind: "any" }];

const object = z
  .strictObject({
    host: oneOrMany(host)
      .optional()
      .describe(
        "`example.com`, `*.example.com` (one label below), `**.example.com` (any depth); one or a list.",
      ),
    path: oneOrMany(path)
      .optional()
      .describe(
        "`/about` (exactly), `/api/*` (it and everything below), `/users/:id` (one segment), `/files/:path*` (the rest), `{ regex: … }`; one or a list.",
      ),
    methods: oneOrMany(method)
      .optional()
      .describe("Methods, in capitals; one or a list. Without it every method."),
    headers: z
      .record(headerName(), valueTest)
      .optional()
      .describe(
        "Header fields by name: a value, a list of values, `{ regex: … }`, `{ present: true }`. All have to hold.",
      ),
    query: z
      .record(z.string().min(1), valueTest)
      .optional()
      .describe("Query parameters by name, conditions as for `headers`. All have to hold."),
    clientIp: oneOrMany(cidr)
      .optional()
      .describe("Addresses or blocks, one of which holds the client's address: `10.0.0.0/8`."),
  })
  .transform((written): ParsedMatch => ({
    hosts: written.host ?? anyHost,
    paths: written.path ?? anyPath,
    methods: written.methods ?? [],
    headers: Object.entries(written.headers ?? {}).map(([name, test]) => ({ name, test })),
    query: Object.entries(written.query ?? {}).map(([name, test]) => ({ name, test })),
    clientIp: written.clientIp ?? [],
  }));

const one: z.ZodType<ParsedMatch, string | MatchInput> = z.union([
  text(parseShortMatch, { expected: "a match", example: "example.com/api/*" }),
  object,
]);

/** `match` of a route: alternatives, at least one. */
export const matchSchema: z.ZodType<ParsedMatch[], OneOrMany<string | MatchInput> | undefined> =
  oneOrMany(one)
    .prefault("/*")
    .describe(
      "Which requests the route takes: `[host]/path` or a host alone (`/api/*`, `example.com`, `*.example.com/users/:id`), a mapping of conditions that all have to hold, or a list of alternatives. The most specific match wins, whatever the order.",
    );
