/** Configurations from their text, compiled, for tests. */

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Diagnostic } from "#config/diagnostic.ts";
import { loadConfig } from "#config/load.ts";
import type { SnapshotData } from "#model/snapshot.ts";
import { z } from "#sdk/config.ts";
import { type Compiled, type CompileOptions, compile, type Slots } from "./compile.ts";
import { SlotAllocator } from "./slots.ts";

const FILTERS = { mark: { schema: z.object({ by: z.string() }), describe: "Marks." } };

/** Allocators with room for a few. */
export function smallSlots(endpoints = 16, routes = 16): Slots {
  const rows = (capacity: number): SlotAllocator =>
    new SlotAllocator({ capacity, grace: 0, now: () => 0 });
  return { endpoints: rows(endpoints), routes: rows(routes), filters: rows(routes) };
}

/** Compiles a configuration that is valid but for what compiling may find. */
export async function compileYaml(
  yaml: string,
  options: Partial<CompileOptions> = {},
): Promise<Compiled> {
  const directory = await mkdtemp(join(tmpdir(), "compile-"));
  try {
    await writeFile(join(directory, "sluice.yaml"), yaml);
    const loaded = await loadConfig({
      origin: { kind: "file" },
      filters: FILTERS,
      directory,
      environment: {},
      aliases: {},
      generation: 1,
    });
    assert.ok(loaded.ok, loaded.ok ? "" : JSON.stringify(loaded.diagnostics, null, 2));
    return compile(loaded.config, {
      sources: loaded.sources,
      generation: 1,
      module: null,
      instance: "test",
      accessLog: "json",
      slots: smallSlots(),
      files: { directory: loaded.directory, texts: loaded.texts },
      filters: FILTERS,
      ...options,
    });
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** The snapshot of a configuration that has nothing wrong with it. */
export async function snapshotOf(
  yaml: string,
  options: Partial<CompileOptions> = {},
): Promise<SnapshotData> {
  const compiled = await compileYaml(yaml, options);
  assert.ok(compiled.ok, compiled.ok ? "" : JSON.stringify(compiled.diagnostics, null, 2));
  return compiled.snapshot;
}

/** What compiling has to say. */
export async function diagnosticsOf(yaml: string): Promise<readonly Diagnostic[]> {
  const compiled = await compileYaml(yaml);
  return compiled.ok ? compiled.warnings : compiled.diagnostics;
}
