/**
 * What the tests of this folder share: a few filters, and loading from a text.
 */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type FilterSchema, bytes, z } from "#sdk/config.ts";
import { type LoadOptions, type LoadResult, loadConfig } from "../load.ts";

/** Filters in the shape of the real ones. */
export const filters: {
  readonly stripPrefix: FilterSchema<string, string>;
  readonly bodyLimit: FilterSchema<{ max: number }, { max: string }>;
  readonly respond: FilterSchema<
    { status: number; body: string },
    { status: number; body?: string | undefined }
  >;
  readonly guard: FilterSchema<{ users: string[] }, { users: string[] }>;
} = {
  stripPrefix: { schema: z.string().startsWith("/"), describe: "Takes a prefix off the path." },
  bodyLimit: { schema: z.strictObject({ max: bytes() }), describe: "Bounds the body." },
  respond: {
    schema: z.strictObject({ status: z.int().min(200).max(599), body: z.string().default("") }),
    describe: "Answers by itself.",
    answers: true,
  },
  guard: {
    schema: z.strictObject({ users: z.array(z.string()) }),
    describe: "Lets some in.",
    guards: true,
  },
};

/** A folder of its own, gone after the test. */
export async function folder(
  t: TestContext,
  files: Readonly<Record<string, string>>,
): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "sluice-config-"));
  t.after(() => rm(path, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text);
  return path;
}

/** Options for a folder. */
export function optionsFor(directory: string, rest: Partial<LoadOptions> = {}): LoadOptions {
  return {
    origin: { kind: "file" },
    directory,
    environment: {},
    aliases: {},
    generation: 1,
    filters,
    ...rest,
  };
}

/** Loads `text` as `sluice.yaml` in a folder of its own. */
export async function loadText(
  t: TestContext,
  text: string,
  rest: Partial<LoadOptions> = {},
): Promise<LoadResult> {
  const directory = await folder(t, { "sluice.yaml": text });
  return loadConfig(optionsFor(directory, rest));
}
