import {
  type FilterFile,
  type FilterSchema,
  type Mode,
  type Parsed,
  RateTable,
  editableHeader,
  message,
  mode,
  text,
  z,
} from "#sdk/config.ts";

/** A password as it is kept: what it was derived with, and what came out, both in base64. */
export type PasswordHash =
  | {
      readonly kind: "scrypt";
      /** Logarithm of the cost. */
      readonly ln: number;
      readonly r: number;
      readonly p: number;
      readonly salt: string;
      readonly hash: string;
    }
  | {
      readonly kind: "argon2i" | "argon2id";
      /** KiB. */
      readonly memory: number;
      readonly passes: number;
      readonly lanes: number;
      readonly salt: string;
      readonly hash: string;
    };

/** Who may pass. */
export interface BasicAuthOptions {
  readonly users: readonly (readonly [name: string, password: PasswordHash])[];
  /** A file with more; those are in the list by the time a worker sees them. "": none. */
  readonly file: string;
  readonly realm: string;
  /** Field that tells the backend who it is; "": none. */
  readonly userHeader: string;
  /** The backend gets the name and the password. */
  readonly passCredentials: boolean;
  readonly mode: Mode;
}

/** How it is written. */
export interface BasicAuthInput {
  readonly users?: Readonly<Record<string, string>> | undefined;
  readonly file?: string | undefined;
  readonly realm?: string | undefined;
  readonly userHeader?: string | undefined;
  readonly passCredentials?: boolean | undefined;
  readonly mode?: Mode | undefined;
}

/** Clients whose failures are told apart, as many as the filter counts. */
const FAILURE_KEYS = 16_384;

const SCRYPT =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{8,86})\$([A-Za-z0-9+/]{22,86})$/;
const ARGON2 =
  /^\$(argon2id|argon2i)\$v=19\$m=(\d{1,7}),t=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{22,86})$/;

/** A whole verification takes at most this much memory, in MiB. */
const MOST_MEMORY = 256;

const HINT = "`sluice hash-password` makes one";

function parseHash(written: string): Parsed<PasswordHash> {
  const scrypt = SCRYPT.exec(written);
  if (scrypt !== null) {
    const [ln = 0, r = 0, p = 0] = scrypt.slice(1, 4).map(Number);
    const [salt = "", hash = ""] = scrypt.slice(4);
    const isUsable = ln >= 10 && ln <= 22 && r >= 1 && p >= 1 && p <= 16;
    if (!isUsable || (128 * r * 2 ** ln) / 2 ** 20 > MOST_MEMORY) return beyond();
    return { ok: true, value: { kind: "scrypt", ln, r, p, salt, hash } };
  }
  const argon2 = ARGON2.exec(written);
  if (argon2 !== null) {
    const kind = argon2[1] as "argon2i" | "argon2id";
    const [memory = 0, passes = 0, lanes = 0] = argon2.slice(2, 5).map(Number);
    const [salt = "", hash = ""] = argon2.slice(5);
    const isUsable = lanes >= 1 && lanes <= 16 && passes >= 1 && memory >= 8 * lanes;
    if (!isUsable || memory / 1024 > MOST_MEMORY) return beyond();
    return { ok: true, value: { kind, memory, passes, lanes, salt, hash } };
  }
  if (/^\$2[abxy]?\$/.test(written)) {
    return {
      ok: false,
      message: "passwords hashed with bcrypt cannot be checked here",
      hint: HINT,
    };
  }
  return { ok: false, message: "this is not a hashed password", hint: HINT };
}

function beyond(): Parsed<PasswordHash> {
  return {
    ok: false,
    message: "this hash is too weak, or takes too much to check",
    hint: `scrypt with \`ln\` from 10, argon2 with \`m\` from 8 for each lane; at most ${MOST_MEMORY} MiB`,
  };
}

/** A name that the header can carry (RFC 7617 section 2). */
const NAME = /^[^:\u0000-\u001f\u007f]{1,255}$/;

const password = text(parseHash, {
  expected: "a hashed password",
  example: "$scrypt$ln=15,r=8,p=1$…",
});

const schema = z
  .strictObject({
    users: z
      .record(
        z.string().regex(NAME, { error: "a name has no colon and no control character" }),
        password,
      )
      .optional()
      .describe("Hashed passwords by name, as `sluice hash-password` writes them."),
    file: z
      .string()
      .min(1)
      .optional()
      .describe("A file with a `name:hash` on each line; `#` begins a comment. It is watched."),
    realm: z
      .string()
      .regex(/^[ !#-[\]-~]{1,200}$/, { error: "expected plain text without quotes" })
      .prefault("restricted")
      .describe("What browsers call the place that asks for the password."),
    userHeader: editableHeader("request")
      .optional()
      .describe(
        "Field that tells the backend the name. What the client sends by it never reaches the backend.",
      ),
    passCredentials: z
      .boolean()
      .prefault(false)
      .describe("The backend gets the `Authorization` field; otherwise it is taken off."),
    mode: mode(),
  })
  .transform((written, context): BasicAuthOptions => {
    const users = Object.entries(written.users ?? {});
    if (users.length === 0 && written.file === undefined) {
      context.issues.push({
        code: "custom",
        message: message("nobody could pass", "give it `users` or `file`"),
        input: written,
      });
    }
    const { realm, passCredentials, mode, file = "", userHeader = "" } = written;
    return { users, file, realm, userHeader, passCredentials, mode };
  });

/** Asks for a name and a password. */
export const basicAuth: FilterSchema<BasicAuthOptions, BasicAuthInput> = {
  schema,
  describe:
    "Asks for a name and a password (RFC 7617), which are checked against hashes made by scrypt or argon2; who fails often has to wait.",
  guards: true,
  mode: (options) => options.mode,
  memory: () => ({ identity: "failures", bytes: RateTable.byteLength(FAILURE_KEYS) }),
  files: ({ file }): FilterFile[] => (file === "" ? [] : [{ name: file, path: ["file"] }]),
  withFiles(options, texts) {
    const users = [...options.users];
    let number = 0;
    for (const line of (texts.get(options.file) ?? "").split(/\r?\n/)) {
      number++;
      if (line.trim() === "" || line.startsWith("#")) continue;
      const refuse = (what: string, hint: string | undefined): Parsed<BasicAuthOptions> => ({
        ok: false,
        message: `\`${options.file}\`, line ${number}: ${what}`,
        ...(hint === undefined ? {} : { hint }),
      });
      const [name = "", written = ""] = line.trim().split(/:(.*)/s, 2);
      if (!NAME.test(name)) return refuse("expected `name:hash`", HINT);
      if (users.some(([known]) => known === name)) {
        return refuse(`\`${name}\` stands twice`, "remove one of the two");
      }
      const parsed = parseHash(written);
      if (!parsed.ok) return refuse(parsed.message, parsed.hint);
      users.push([name, parsed.value]);
    }
    return { ok: true, value: { ...options, users } };
  },
};
