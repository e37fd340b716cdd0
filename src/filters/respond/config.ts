import {
  type FilterSchema,
  editableHeader,
  headerValue,
  message,
  oneOrMany,
  z,
} from "#sdk/config.ts";

/** The answer, complete but for its length. */
export interface RespondOptions {
  readonly status: number;
  /** By name as written; the type of the body among them. */
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /** "" for none. */
  readonly body: string;
}

/** How it is written: the status alone, or all options. */
export type RespondInput =
  | number
  | {
      readonly status?: number | undefined;
      readonly body?: string | undefined;
      readonly json?: unknown;
      readonly contentType?: string | undefined;
      readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
    };

const status = z.int().min(200).max(599);
/** RFC 9110, 15.3.5, 15.3.6, 15.4.5. */
const WITHOUT_BODY = new Set([204, 205, 304]);

const options = z
  .strictObject({
    status: status.prefault(200).describe("Status of the answer, 200 to 599."),
    body: z.string().optional().describe("Text of the answer, sent as UTF-8."),
    json: z.json().optional().describe("The answer as JSON, instead of `body`."),
    contentType: headerValue()
      .optional()
      .describe(
        "Type of the body. Default: `text/plain; charset=utf-8` for `body`, `application/json` for `json`.",
      ),
    headers: z
      .record(editableHeader("response"), oneOrMany(headerValue()))
      .prefault({})
      .describe("Further header fields by name: a value, or a list."),
  })
  .transform((written, context): RespondOptions => {
    const refuse = (key: string, text: string, hint: string): void => {
      context.issues.push({
        code: "custom",
        path: [key],
        message: message(text, hint),
        input: written,
      });
    };
    const { status, json } = written;
    const body = json === undefined ? (written.body ?? "") : `${JSON.stringify(json)}\n`;
    const named = Object.keys(written.headers).find((name) => /^content[-_]type$/i.test(name));
    if (json !== undefined && written.body !== undefined) {
      refuse("body", "the answer has both `body` and `json`", "remove one of the two");
    }
    if (body !== "" && WITHOUT_BODY.has(status)) {
      refuse(
        "status",
        `an answer with status ${status} has no body`,
        "remove it, or write `status: 200`",
      );
    }
    if (written.contentType !== undefined && named !== undefined) {
      refuse("contentType", `\`headers\` has \`${named}\` as well`, "remove one of the two");
    }
    if (named !== undefined || body === "") {
      return {
        status,
        headers: typed(written.headers, named ? undefined : written.contentType),
        body,
      };
    }
    const usual = json === undefined ? "text/plain; charset=utf-8" : "application/json";
    return { status, headers: typed(written.headers, written.contentType ?? usual), body };
  });

function typed(
  headers: RespondOptions["headers"],
  contentType: string | undefined,
): RespondOptions["headers"] {
  return contentType === undefined ? headers : { ...headers, "Content-Type": [contentType] };
}

/** Answers every request of the route itself. */
export const respond: FilterSchema<RespondOptions, RespondInput> = {
  schema: z.union([
    status.transform((status): RespondOptions => ({ status, headers: {}, body: "" })),
    options,
  ]),
  describe: "Answers every request with a fixed answer; no backend is asked.",
  answers: true,
};
