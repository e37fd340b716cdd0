import {
  type FilterSchema,
  type Milliseconds,
  type Mode,
  duration,
  editableHeader,
  headerName,
  headerValue,
  message,
  mode,
  oneOrMany,
  z,
} from "#sdk/config.ts";

/** Who is asked whether a request may pass. */
export interface ForwardAuthOptions {
  /** Name of the upstream. */
  readonly to: string;
  readonly path: string;
  readonly method: "GET" | "HEAD";
  /** Null: the endpoint's. */
  readonly host: string | null;
  /** Fields of the request that are sent along, lower case. */
  readonly send: readonly string[];
  /** Fields of the answer that the backend gets, as spelt. */
  readonly copy: readonly string[];
  readonly timeout: Milliseconds;
  readonly onFailure: "deny" | "allow";
  readonly mode: Mode;
}

/** How it is written. */
export interface ForwardAuthInput {
  readonly to: string;
  readonly path?: string | undefined;
  readonly method?: "GET" | "HEAD" | undefined;
  readonly host?: string | undefined;
  readonly send?: string | readonly string[] | undefined;
  readonly copy?: string | readonly string[] | undefined;
  readonly timeout?: string | undefined;
  readonly onFailure?: "deny" | "allow" | undefined;
  readonly mode?: Mode | undefined;
}

/** What the proxy writes itself into the question. */
const OWN =
  /^(?:x-forwarded-.*|x-request-id|host|content-.*|transfer-encoding|connection|te|upgrade|expect)$/;

/** Asks another server whether a request may pass. */
export const forwardAuth: FilterSchema<ForwardAuthOptions, ForwardAuthInput> = {
  schema: z
    .strictObject({
      to: z.string().min(1).describe("Name of the upstream that is asked."),
      path: z
        .string()
        .regex(/^\/[!-"$-~]*$/, { error: "expected a path, such as `/verify`" })
        .prefault("/")
        .describe("Path and query that it is asked for."),
      method: z.enum(["GET", "HEAD"]).prefault("GET").describe("Method of the question."),
      host: headerValue().optional().describe("Host of the question. Default: the endpoint's."),
      send: oneOrMany(headerName(), { empty: true })
        .prefault(["authorization", "cookie", "accept", "user-agent"])
        .describe("Fields of the request that are sent along."),
      copy: oneOrMany(editableHeader("request"), { empty: true })
        .prefault([])
        .describe(
          "Fields of the answer that the backend gets. What the client sends by these names never reaches it.",
        ),
      timeout: duration({ min: 1 })
        .prefault("5s")
        .describe("How long the answer may take, connecting included."),
      onFailure: z
        .enum(["deny", "allow"])
        .prefault("deny")
        .describe(
          "What happens when there is no answer: `deny` answers 503. `allow` lets the request pass, also after a 5xx.",
        ),
      mode: mode(),
    })
    .transform(({ host, ...written }, context): ForwardAuthOptions => {
      for (const [index, name] of written.send.entries()) {
        if (!OWN.test(name)) continue;
        context.issues.push({
          code: "custom",
          path: ["send", index],
          message: message(`\`${name}\` is written by the proxy in this question`, "remove it"),
          input: written,
        });
      }
      return { ...written, host: host ?? null };
    }),
  describe:
    "Asks another server whether a request may pass: 2xx lets it, any other answer goes to the client.",
  guards: true,
  mode: (options) => options.mode,
  upstreams: ({ to }) => [to],
};
