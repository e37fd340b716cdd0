/** All filters look the same: one folder, one shape, and the two lists agree. */

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { parse } from "yaml";
import { type FilterName, readOptions } from "../../test/harness/filter.ts";
import { type FilterSchema, z } from "#sdk/config.ts";
import type { FilterKind } from "#sdk/index.ts";
import { FILTERS } from "./runtime.ts";
import { FILTER_SCHEMAS } from "./schemas.ts";

/** It is written like a filter, and runs behind all of them: its run time is `src/cache`. */
const CACHE = "cache";

const folders = readdirSync(import.meta.dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== CACHE)
  .map((entry) => entry.name);

function read(folder: string, file: string): string {
  return readFileSync(join(import.meta.dirname, folder, file), "utf8");
}

/** What the file imports; `type` stands before those that are gone at run time. */
function imports(folder: string, file: string): string[] {
  const statements = read(folder, file).matchAll(/^import (type )?[^"]*"([^"]+)";$/gm);
  return [...statements].map(([, type = "", from]) => type + from);
}

async function members(folder: string, file: string): Promise<Record<string, unknown>> {
  return (await import(join(import.meta.dirname, folder, file))) as Record<string, unknown>;
}

describe("the lists of filters", () => {
  test("name the same filters, in the same order", () => {
    const schemas = Object.keys(FILTER_SCHEMAS);
    assert.deepEqual(
      [...FILTERS.keys()],
      schemas.filter((name) => name !== CACHE),
    );
    assert.deepEqual([...FILTERS.keys()], [...FILTERS.keys()].toSorted());
  });

  test("name every filter that a folder exports", async () => {
    const exported = await Promise.all(folders.map((folder) => members(folder, "filter.ts")));
    assert.deepEqual(exported.flatMap((module) => Object.keys(module)).toSorted(), [
      ...FILTERS.keys(),
    ]);
  });

  test("say of those that answer every request that they do", () => {
    const answering = Object.entries<FilterSchema>(FILTER_SCHEMAS)
      .filter(([, schema]) => schema.answers === true)
      .map(([name]) => name);
    assert.deepEqual(answering, ["redirect", "respond"]);
  });

  test("describe every option, for editors and for the reference", () => {
    for (const [name, filter] of Object.entries<FilterSchema>(FILTER_SCHEMAS)) {
      assert.match(filter.describe, /^[A-Z].*\.$/s);
      const written = z.toJSONSchema(filter.schema, { io: "input", unrepresentable: "any" });
      for (const form of [written, ...(written.anyOf ?? [])]) {
        for (const [option, property] of Object.entries(form.properties ?? {})) {
          assert.ok(
            typeof property === "object" && property.description !== undefined,
            `${name}.${option} has no description`,
          );
        }
      }
    }
  });
});

describe("filters/cache", () => {
  test("has no run time of its own", () => {
    const found = readdirSync(join(import.meta.dirname, CACHE));
    assert.deepEqual(found.toSorted(), ["README.md", "cache.test.ts", "config.ts"]);
    assert.deepEqual(imports(CACHE, "config.ts"), ["type #cache/options.ts", "#sdk/config.ts"]);
  });

  test("has examples in its README that are valid", () => {
    for (const [, text = ""] of read(CACHE, "README.md").matchAll(/```yaml\n(.*?)```/gs)) {
      for (const step of parse(text) as { cache: unknown }[]) readOptions(CACHE, step.cache);
    }
  });
});

for (const folder of folders) {
  describe(`filters/${folder}`, () => {
    test("has schema, run time, tests and README, and nothing else", () => {
      const wanted = ["README.md", "config.ts", "filter.ts", `${folder}.test.ts`];
      const found = readdirSync(join(import.meta.dirname, folder));
      assert.deepEqual(found.toSorted(), wanted.toSorted());
    });

    test("exports each filter under its name, from both sides", async () => {
      const schemas = await members(folder, "config.ts");
      const kinds = await members(folder, "filter.ts");
      assert.deepEqual(Object.keys(schemas), Object.keys(kinds));
      for (const [name, kind] of Object.entries(kinds)) {
        assert.equal((kind as FilterKind).name, name);
        assert.equal(FILTERS.get(name), kind);
        assert.equal(FILTER_SCHEMAS[name as FilterName], schemas[name]);
      }
    });

    test("imports the sdk alone, and no schema at run time", () => {
      assert.deepEqual(imports(folder, "config.ts"), ["#sdk/config.ts"]);
      const allowed = new Set([
        "#sdk/index.ts",
        "type ./config.ts",
        // Of Node what derives and compares, and does not hold up the worker.
        "node:buffer",
        "node:crypto",
      ]);
      assert.deepEqual(
        imports(folder, "filter.ts").filter((from) => !allowed.has(from)),
        [],
      );
    });

    test("states in its README what its code states", async () => {
      const readme = read(folder, "README.md");
      for (const [name, kind] of Object.entries(await members(folder, "filter.ts"))) {
        const { stability, securityPosture } = kind as FilterKind;
        assert.match(readme.split("\n")[0] ?? "", new RegExp(`^# .*\\b${name}\\b`));
        assert.match(readme, new RegExp(`^- Stability: ${stability}$`, "m"));
        assert.match(readme, new RegExp(`^- Security posture: ${securityPosture}$`, "m"));
      }
      assert.match(readme, /^\| option +\| value +\| default +\|$/m);
    });

    test("has examples in its README that are valid", async () => {
      const examples = [...read(folder, "README.md").matchAll(/```yaml\n(.*?)```/gs)];
      const steps = examples.flatMap(([, text = ""]) => parse(text) as Record<string, unknown>[]);
      const shown = new Set(steps.flatMap((step) => Object.keys(step)));
      assert.deepEqual(
        [...shown].toSorted(),
        Object.keys(await members(folder, "filter.ts")).toSorted(),
      );
      for (const step of steps) {
        for (const [name, options] of Object.entries(step))
          readOptions(name as FilterName, options);
      }
    });
  });
}
