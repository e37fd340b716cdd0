import {
  type FilterSchema,
  type Mode,
  type Parsed,
  duration,
  headerName,
  message,
  mode,
  oneOrMany,
  text,
  z,
} from "#sdk/config.ts";

/** Which other sites' scripts may read answers. */
export interface CorsOptions {
  /** Null: any. `*.` stands for one label, `**.` for any number. */
  readonly origins: readonly string[] | null;
  readonly methods: readonly string[];
  /** Null: whatever is asked for. Lower case. */
  readonly headers: readonly string[] | null;
  readonly expose: readonly string[];
  readonly credentials: boolean;
  /** Seconds. */
  readonly maxAge: number;
  readonly mode: Mode;
}

/** How it is written. */
export interface CorsInput {
  readonly origins: string | readonly string[];
  readonly methods?: string | readonly string[] | undefined;
  readonly headers?: string | readonly string[] | undefined;
  readonly expose?: string | readonly string[] | undefined;
  readonly credentials?: boolean | undefined;
  readonly maxAge?: string | undefined;
  readonly mode?: Mode | undefined;
}

function parseOrigin(written: string): Parsed<string> {
  if (written === "*") return { ok: true, value: written };
  const refuse = (hint: string): Parsed<string> => ({
    ok: false,
    message: `\`${written}\` is not an origin`,
    hint,
  });
  if (written === "null") {
    return refuse(
      "any page can make itself one: sandboxed frames and files have the origin `null`",
    );
  }
  const origin = written.toLowerCase();
  const parts = /^([a-z][a-z0-9+.-]*):\/\/(\*{1,2}\.)?([^/?#@*\s:]+)(?::(\d{1,5}))?$/.exec(origin);
  const ipv6 = /^https?:\/\/\[[0-9a-f:.]+\](?::\d{1,5})?$/.test(origin);
  if (parts === null && !ipv6) {
    return refuse(
      "scheme, host and port alone: `https://app.example.com`, `https://*.example.com`",
    );
  }
  const [, scheme, , , port] = parts ?? [];
  if ((scheme === "https" && port === "443") || (scheme === "http" && port === "80")) {
    return refuse(`browsers leave that port out: write \`${origin.replace(/:\d+$/, "")}\``);
  }
  return { ok: true, value: origin };
}

const origin = text(parseOrigin, {
  expected: "an origin",
  example: "https://app.example.com",
});

const method = text(
  (written): Parsed<string> =>
    /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(written) && written !== "*"
      ? { ok: true, value: written }
      : { ok: false, message: `\`${written}\` is not a method`, hint: "for example `PUT`" },
  { expected: "a method", example: "PUT" },
);

const schema = z
  .strictObject({
    origins: oneOrMany(origin).describe(
      "Origins whose scripts may read answers: `https://app.example.com`; `*.` stands for one label, `**.` for any number; `*` alone for any origin.",
    ),
    methods: oneOrMany(method)
      .prefault(["GET", "HEAD", "POST"])
      .describe("Methods that they may use."),
    headers: oneOrMany(headerName(), { empty: true })
      .prefault([])
      .describe(
        "Fields that they may send beside those that are always allowed; `*` for whatever is asked for.",
      ),
    expose: oneOrMany(headerName(), { empty: true })
      .prefault([])
      .describe("Fields of answers that they may read beside those that are always readable."),
    credentials: z
      .boolean()
      .prefault(false)
      .describe('Requests may carry cookies and other credentials. Not with `origins: "*"`.'),
    maxAge: duration({ min: 0 })
      .prefault("10m")
      .describe("How long browsers may keep the answer to a preflight."),
    mode: mode(),
  })
  .transform((written, context): CorsOptions => {
    const refuse = (key: string, what: string, hint: string): void => {
      context.issues.push({
        code: "custom",
        path: [key],
        message: message(what, hint),
        input: written,
      });
    };
    const any = written.origins.includes("*");
    if (any && written.origins.length > 1) {
      refuse("origins", "`*` is any origin already", "remove it, or the others");
    }
    if (any && written.credentials) {
      refuse(
        "credentials",
        "every site could act in the name of its visitors here",
        "name the `origins`, or remove `credentials`",
      );
    }
    if (written.credentials && written.expose.includes("*")) {
      refuse("expose", "`*` means nothing with `credentials`", "name the fields");
    }
    return {
      ...written,
      origins: any ? null : written.origins,
      headers: written.headers.includes("*") ? null : written.headers,
      maxAge: Math.floor(written.maxAge / 1000),
    };
  });

/** Lets scripts of other sites read answers. */
export const cors: FilterSchema<CorsOptions, CorsInput> = {
  schema,
  describe:
    "Lets scripts of other origins read answers, as the Fetch standard has it; preflights are answered here, and no backend is asked.",
  mode: (options) => options.mode,
};
