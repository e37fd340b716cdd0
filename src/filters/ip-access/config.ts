import {
  type FilterFile,
  type FilterSchema,
  type Mode,
  type Parsed,
  message,
  mode,
  oneOrMany,
  parseCidr,
  text,
  z,
} from "#sdk/config.ts";

/** Who may pass. Blocks are in canonical form. */
export interface IpAccessOptions {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
  /** Files with more blocks; those blocks are in the lists by the time a worker sees them. */
  readonly allowFiles: readonly string[];
  readonly denyFiles: readonly string[];
  readonly mode: Mode;
}

type Item = string | { readonly file: string };

/** How it is written. */
export interface IpAccessInput {
  readonly allow?: Item | readonly Item[] | undefined;
  readonly deny?: Item | readonly Item[] | undefined;
  readonly mode?: Mode | undefined;
}

const block = text(
  (written) => {
    const parsed = parseCidr(written);
    return parsed.ok ? { ok: true, value: parsed.value.text } : parsed;
  },
  { expected: "an address or a block of addresses", example: "10.0.0.0/8" },
);

const list = oneOrMany(
  z.union([
    block,
    z.strictObject({
      file: z
        .string()
        .min(1)
        .describe("A file with a block on each line; `#` begins a comment. It is watched."),
    }),
  ]),
);

function blocks(items: readonly Item[] = []): string[] {
  return items.filter((item) => typeof item === "string");
}

function files(items: readonly Item[] = []): string[] {
  return items.flatMap((item) => (typeof item === "string" ? [] : [item.file]));
}

const schema = z
  .strictObject({
    allow: list
      .optional()
      .describe(
        "Addresses and blocks that may pass: one, or a list; `{ file: … }` reads more. With it, all others may not.",
      ),
    deny: list.optional().describe("Addresses and blocks that may not, written likewise."),
    mode: mode(),
  })
  .transform((written, context): IpAccessOptions => {
    if (written.allow === undefined && written.deny === undefined) {
      context.issues.push({
        code: "custom",
        message: message("this step lets everybody pass", "give it `allow` or `deny`"),
        input: written,
      });
    }
    return {
      allow: blocks(written.allow),
      deny: blocks(written.deny),
      allowFiles: files(written.allow),
      denyFiles: files(written.deny),
      mode: written.mode,
    };
  });

function readBlocks(name: string, content: string): Parsed<string[]> {
  const found: string[] = [];
  let number = 0;
  for (const line of content.split(/\r?\n/)) {
    number++;
    const written = line.replace(/#.*/, "").trim();
    if (written === "") continue;
    const parsed = parseCidr(written);
    if (!parsed.ok) {
      const hint = parsed.hint === undefined ? {} : { hint: parsed.hint };
      return { ok: false, message: `\`${name}\`, line ${number}: ${parsed.message}`, ...hint };
    }
    found.push(parsed.value.text);
  }
  return { ok: true, value: found };
}

/** Lets requests pass by the client's address. */
export const ipAccess: FilterSchema<IpAccessOptions, IpAccessInput> = {
  schema,
  describe:
    "Refuses requests with 403 by the client's address. The longest block that holds it decides; `deny` wins over an equal one.",
  guards: true,
  mode: (options) => options.mode,
  files: ({ allowFiles, denyFiles }) => [
    ...allowFiles.map((name): FilterFile => ({ name, path: ["allow"] })),
    ...denyFiles.map((name): FilterFile => ({ name, path: ["deny"] })),
  ],
  withFiles(options, texts) {
    const lists = { allow: [...options.allow], deny: [...options.deny] };
    for (const key of ["allow", "deny"] as const) {
      for (const name of options[`${key}Files`]) {
        const read = readBlocks(name, texts.get(name) ?? "");
        if (!read.ok) return read;
        for (const one of read.value) lists[key].push(one);
      }
    }
    return { ok: true, value: { ...options, ...lists } };
  },
};
