import {
  type FilterSchema,
  type Parsed,
  type Template,
  message,
  parseTemplate,
  text,
  z,
} from "#sdk/config.ts";

/** Where a redirect leads, taken apart. */
export interface Destination {
  /** Up to the fragment. */
  readonly base: Template;
  /** `#…`, or "". */
  readonly fragment: string;
  /** A path on the same host; else a URL with its host. */
  readonly local: boolean;
  /** There is a `?` in it already. */
  readonly hasQuery: boolean;
  /** The request's query stands in it. */
  readonly namesQuery: boolean;
}

/** What the client is told. */
export interface RedirectOptions {
  readonly to: Destination;
  readonly status: RedirectStatus;
  /** The request's query goes along. */
  readonly keepQuery: boolean;
}

/** 301 and 302 let clients turn POST into GET, 303 demands it, 307 and 308 forbid it; 301 and 308 are for good. */
export type RedirectStatus = 301 | 302 | 303 | 307 | 308;

/** How it is written: the destination alone, or all options. */
export type RedirectInput =
  | string
  | {
      readonly to: string;
      readonly status?: RedirectStatus | undefined;
      readonly keepQuery?: boolean | undefined;
    };

const destination = text(parseDestination, {
  expected: "a path or a URL",
  example: "https://{host}{path}",
});

/** Sends the client elsewhere. */
export const redirect: FilterSchema<RedirectOptions, RedirectInput> = {
  schema: z.union([
    destination.transform((to): RedirectOptions => ({
      to,
      status: 302,
      keepQuery: !to.namesQuery,
    })),
    z
      .strictObject({
        to: destination.describe(
          "A path, or an http(s) URL. Placeholders such as `{path}` may stand in it; in place of the host only `{host}`.",
        ),
        status: z
          .union([301, 302, 303, 307, 308].map((status) => z.literal(status as RedirectStatus)))
          .prefault(302)
          .describe(
            "302 temporary, 301 permanent (both let clients change POST to GET), 307 and 308 the same with the method kept, 303 always GET.",
          ),
        keepQuery: z
          .boolean()
          .optional()
          .describe("Whether the request's query goes along. Default: unless `to` has `{query}`."),
      })
      .transform((written, context): RedirectOptions => {
        const { to, status, keepQuery = !to.namesQuery } = written;
        if (keepQuery && to.namesQuery) {
          context.issues.push({
            code: "custom",
            path: ["keepQuery"],
            message: message(
              "the query would be sent twice: `to` has `{query}` already",
              "remove one of the two",
            ),
            input: written,
          });
        }
        return { to, status, keepQuery };
      }),
  ]),
  describe:
    "Answers with a redirect. The query goes along unless told otherwise; the request never decides to which host it leads.",
  answers: true,
};

function parseDestination(written: string): Parsed<Destination> {
  const refuse = (message: string, hint: string): Parsed<Destination> => ({
    ok: false,
    message,
    hint,
  });
  if (/[^!-~]|[\\"<>]/.test(written)) {
    return refuse(
      `\`${written}\` has characters that cannot stand in a URL`,
      "percent-encode them: a blank is `%20`",
    );
  }
  const hash = written.indexOf("#");
  const base = hash < 0 ? written : written.slice(0, hash);
  const fragment = hash < 0 ? "" : written.slice(hash);
  if (/[{#]/.test(fragment.slice(1))) {
    return refuse(
      `the fragment of \`${written}\` has to be fixed`,
      "put placeholders before the `#`",
    );
  }
  const parsed = parseTemplate(base);
  if (!parsed.ok) return parsed;
  const problem =
    base.startsWith("{path}") || /^\/(?!\/)/.test(base) ? undefined : urlProblem(base);
  if (problem !== undefined) return refuse(...problem);
  return {
    ok: true,
    value: {
      base: parsed.value,
      fragment,
      local: base.startsWith("/") || base.startsWith("{path}"),
      hasQuery: base.includes("?"),
      namesQuery: parsed.value.some((part) => part.kind === "placeholder" && part.name === "query"),
    },
  };
}

/** What is wrong with a destination that is no path: the sentence, and what to write. */
function urlProblem(base: string): readonly [string, string] | undefined {
  if (base.startsWith("//")) {
    return [
      `\`${base}\` names a host without a scheme`,
      `write \`https:${base}\`, or begin with one slash`,
    ];
  }
  const scheme = /^(?:https?|\{scheme\}):\/\//i.exec(base)?.[0];
  if (scheme === undefined) {
    return [
      `\`${base}\` is neither a path nor an http(s) URL`,
      "begin with `/`, `{path}` or `https://`",
    ];
  }
  // The authority ends where a path can be known to begin.
  const authority = base.slice(scheme.length).split(/[/?]|\{path\}/, 1)[0] ?? "";
  if (authority.replaceAll("{host}", "").includes("{")) {
    return [
      `the request would decide to which host \`${base}\` leads`,
      "only `{host}` may stand before the path; everything else behind the first `/`",
    ];
  }
  const host = authority.replace(/:\d{1,5}$/, "");
  if (/^(?:[a-z0-9._-]|\{host\})+$/i.test(host) || /^\[[0-9a-f:.]+\]$/i.test(host))
    return undefined;
  return [`\`${authority}\` is not a host`, "for example `https://example.com{path}`"];
}
