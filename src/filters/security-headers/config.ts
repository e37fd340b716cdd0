import {
  type FilterSchema,
  type Milliseconds,
  type Mode,
  duration,
  headerValue,
  message,
  mode,
  oneOrMany,
  z,
} from "#sdk/config.ts";

/** Fields for browsers: name and value. */
export interface SecurityHeadersOptions {
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** `Strict-Transport-Security`, on answers over TLS; null: none. */
  readonly hsts: string | null;
  /** Also in the place of what the application says. */
  readonly override: boolean;
  readonly mode: Mode;
}

/** How it is written. */
export interface SecurityHeadersInput {
  readonly hsts?:
    | "off"
    | {
        readonly maxAge?: string | undefined;
        readonly includeSubdomains?: boolean | undefined;
        readonly preload?: boolean | undefined;
      }
    | undefined;
  readonly contentType?: "nosniff" | "off" | undefined;
  readonly frame?: "deny" | "sameorigin" | "off" | undefined;
  readonly referrer?: string | undefined;
  readonly permissions?: Readonly<Record<string, string | readonly string[]>> | undefined;
  readonly csp?: string | Readonly<Record<string, string | readonly string[]>> | undefined;
  readonly cspReportOnly?: boolean | undefined;
  readonly override?: boolean | undefined;
  readonly mode?: Mode | undefined;
}

const YEAR = 365 * 86_400_000;

const REFERRER = [
  "no-referrer",
  "no-referrer-when-downgrade",
  "origin",
  "origin-when-cross-origin",
  "same-origin",
  "strict-origin",
  "strict-origin-when-cross-origin",
  "unsafe-url",
  "off",
] as const;

const hsts = z.union([
  z.enum(["off"]).transform(() => null),
  z
    .strictObject({
      maxAge: duration({ min: 0 })
        .prefault("365d")
        .describe("How long browsers are to come by https alone. `0s` takes it back."),
      includeSubdomains: z
        .boolean()
        .prefault(false)
        .describe("It holds for every host below this one, too."),
      preload: z
        .boolean()
        .prefault(false)
        .describe(
          "The host may be put on the browsers' own lists, from which it hardly gets away.",
        ),
    })
    .transform((written, context): string => {
      const { maxAge, includeSubdomains, preload } = written;
      if (preload && (!includeSubdomains || maxAge < YEAR)) {
        context.issues.push({
          code: "custom",
          path: ["preload"],
          message: message(
            "the lists of browsers take no such host",
            "write `includeSubdomains: true`, and a `maxAge` of at least `365d`",
          ),
          input: written,
        });
      }
      return strict(maxAge, includeSubdomains, preload);
    }),
]);

function strict(maxAge: Milliseconds, includeSubdomains: boolean, preload: boolean): string {
  const below = includeSubdomains ? "; includeSubDomains" : "";
  return `max-age=${Math.floor(maxAge / 1000)}${below}${preload ? "; preload" : ""}`;
}

const sources = z.record(
  z.string().regex(/^[a-z][a-z-]*$/, { error: "expected the name of a directive in lower case" }),
  oneOrMany(
    headerValue().refine((value) => !/[;,]/.test(value), {
      error: "`;` and `,` end a directive: write one item of a list for each source",
    }),
    { empty: true },
  ),
);

/** `self` and the like have to stand in quotes, which YAML takes away. */
const KEYWORDS =
  /^(?:self|none|unsafe-inline|unsafe-eval|strict-dynamic|unsafe-hashes|report-sample|wasm-unsafe-eval)$|^(?:nonce|sha256|sha384|sha512)-/;

function policy(directives: Readonly<Record<string, readonly string[]>>): string {
  return Object.entries(directives)
    .map(([name, list]) =>
      [name, ...list.map((one) => (KEYWORDS.test(one) ? `'${one}'` : one))].join(" "),
    )
    .join("; ");
}

function permissions(features: Readonly<Record<string, readonly string[]>>): string {
  return Object.entries(features)
    .map(([name, list]) => {
      if (list.length === 1 && list[0] === "*") return `${name}=*`;
      return `${name}=(${list.map((one) => (one === "self" ? one : JSON.stringify(one))).join(" ")})`;
    })
    .join(", ");
}

const schema = z
  .strictObject({
    hsts: hsts
      .prefault({})
      .describe(
        "`Strict-Transport-Security`, on answers over TLS only; `off` for none. The proxy's own weaker one gives way.",
      ),
    contentType: z
      .enum(["nosniff", "off"])
      .prefault("nosniff")
      .describe("`X-Content-Type-Options`: browsers do not guess types."),
    frame: z
      .enum(["deny", "sameorigin", "off"])
      .prefault("sameorigin")
      .describe("`X-Frame-Options`: who may show the page in a frame."),
    referrer: z
      .enum(REFERRER)
      .prefault("strict-origin-when-cross-origin")
      .describe("`Referrer-Policy`: what other sites are told of where a visitor came from."),
    permissions: sources
      .optional()
      .describe(
        "`Permissions-Policy`: who may use which feature of the browser, `{ camera: [], geolocation: [self] }`.",
      ),
    csp: z
      .union([headerValue(), sources.transform(policy)])
      .optional()
      .describe(
        "`Content-Security-Policy`: sources by directive, `{ default-src: self, img-src: [self, data:] }`, or the whole value. Keywords get their quotes.",
      ),
    cspReportOnly: z
      .boolean()
      .prefault(false)
      .describe("Browsers only report what `csp` would forbid."),
    override: z
      .boolean()
      .prefault(false)
      .describe("These fields replace those of the application; otherwise its own stay."),
    mode: mode(),
  })
  .transform((written): SecurityHeadersOptions => {
    const { contentType, frame, referrer, csp, cspReportOnly } = written;
    const fields: (readonly [string, string])[] = [];
    if (contentType !== "off") fields.push(["X-Content-Type-Options", contentType]);
    if (frame !== "off") fields.push(["X-Frame-Options", frame.toUpperCase()]);
    if (referrer !== "off") fields.push(["Referrer-Policy", referrer]);
    if (written.permissions !== undefined) {
      fields.push(["Permissions-Policy", permissions(written.permissions)]);
    }
    if (csp !== undefined) {
      const suffix = cspReportOnly ? "-Report-Only" : "";
      fields.push([`Content-Security-Policy${suffix}`, csp]);
    }
    return { fields, hsts: written.hsts, override: written.override, mode: written.mode };
  });

/** Tells browsers what they may not do with the pages of this site. */
export const securityHeaders: FilterSchema<SecurityHeadersOptions, SecurityHeadersInput> = {
  schema,
  describe:
    "Adds the fields by which browsers protect a site (HSTS, nosniff, frames, referrers, on request permissions and content policy), where the application has not said anything of its own.",
  mode: (options) => options.mode,
};
