/** A configuration from its text, compiled, for the tests of `explain`. */

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "#config/load.ts";
import { compile } from "#control/compile/compile.ts";
import { SlotAllocator } from "#control/compile/slots.ts";
import { CONTINUE, type FilterKind, respond } from "#sdk/index.ts";
import { type FilterSchemas, z } from "#sdk/config.ts";
import { type Explanation, explain } from "#explain.ts";
import type { DescribedRequest } from "./request.ts";

const schemas: FilterSchemas = {
  setTarget: { schema: z.string(), describe: "Sends another target." },
  setHeader: {
    schema: z.object({ name: z.string(), value: z.string() }),
    describe: "Sets a field.",
  },
  teapot: { schema: z.object({}), describe: "Answers.", answers: true },
  breaks: { schema: z.object({}), describe: "Throws." },
  counts: { schema: z.object({}), describe: "Needs state." },
  marks: { schema: z.object({}), describe: "Changes the response." },
};

/** A kind of filter for tests: only the request hook. */
function kind(
  name: string,
  pure: boolean,
  hook: (config: never) => NonNullable<ReturnType<FilterKind["create"]>["onRequestHead"]>,
): FilterKind {
  return {
    name,
    stability: "stable",
    securityPosture: "untrusted-both",
    pure,
    create: (config) => ({ onRequestHead: hook(config as never) }),
  };
}

const kinds: readonly FilterKind[] = [
  kind("setTarget", true, (target: string) => ({ request }) => {
    request.target = target;
    return CONTINUE;
  }),
  kind("setHeader", true, ({ name, value }: { name: string; value: string }) => ({ request }) => {
    request.headers.set(name, value);
    return CONTINUE;
  }),
  kind("teapot", true, () => () => respond({ status: 418, headers: { "x-pot": "tea" } })),
  kind("breaks", true, () => () => {
    throw new Error("out of order");
  }),
  kind("counts", false, () => () => {
    throw new Error("a filter with state was run");
  }),
  {
    name: "marks",
    stability: "stable",
    securityPosture: "untrusted-both",
    pure: true,
    create: () => ({ onResponseHead: () => CONTINUE }),
  },
];

/** Explains a request over a configuration in YAML, read from a file named `sluice.yaml`. */
export async function explained(
  yaml: string,
  request: Partial<DescribedRequest> & { readonly url: string },
): Promise<Explanation> {
  const directory = await mkdtemp(join(tmpdir(), "explain-"));
  try {
    await writeFile(join(directory, "sluice.yaml"), yaml);
    const loaded = await loadConfig({
      origin: { kind: "file" },
      filters: schemas,
      directory,
      environment: {},
      aliases: {},
      generation: 1,
    });
    assert.ok(loaded.ok, loaded.ok ? "" : JSON.stringify(loaded.diagnostics, null, 2));
    const { config, sources } = loaded;
    const rows = (): SlotAllocator => new SlotAllocator({ capacity: 64, grace: 0, now: () => 0 });
    const compiled = compile(config, {
      sources,
      generation: 1,
      module: null,
      instance: "test",
      accessLog: "json",
      slots: { endpoints: rows(), routes: rows(), filters: rows() },
      filters: schemas,
      files: { directory: loaded.directory, texts: loaded.texts },
    });
    assert.ok(compiled.ok, compiled.ok ? "" : JSON.stringify(compiled.diagnostics, null, 2));
    const result = await explain({
      config,
      sources,
      snapshot: compiled.snapshot,
      filters: new Map(kinds.map((one) => [one.name, one])),
      request: { method: "GET", headers: [], clientIp: "192.0.2.1", ...request },
    });
    assert.ok(result.ok, result.ok ? "" : result.message);
    return result.value;
  } finally {
    await rm(directory, { recursive: true });
  }
}
