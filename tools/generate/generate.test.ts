import assert from "node:assert/strict";
import { test } from "node:test";
import { type FilterSchemas, bytes, z } from "#sdk/config.ts";
import { type JsonSchema, toJsonSchema } from "./json-schema.ts";
import { renderReference } from "./markdown.ts";

const filters: FilterSchemas = {
  stripPrefix: { schema: z.string(), describe: "Takes a prefix off the path." },
  bodyLimit: {
    schema: z.strictObject({ max: bytes().describe("Largest body.") }),
    describe: "Bounds bodies.",
  },
};

test("schema: every key of every mapping is described", () => {
  const undescribed: string[] = [];
  const walk = (schema: JsonSchema, path: string): void => {
    for (const [key, value] of Object.entries(schema.properties ?? {})) {
      if (value.description === undefined) undescribed.push(`${path}.${key}`);
      walk(value, `${path}.${key}`);
    }
    for (const inner of [...(schema.anyOf ?? []), schema.items, schema.additionalProperties]) {
      if (typeof inner === "object") walk(inner, path);
    }
  };
  walk(toJsonSchema(filters), "");
  assert.deepEqual(undescribed, []);
});

test("schema: unknown keys are refused on every level", () => {
  const open: string[] = [];
  const walk = (schema: JsonSchema, path: string): void => {
    if (schema.properties !== undefined && schema.additionalProperties !== false) open.push(path);
    for (const [key, value] of Object.entries(schema.properties ?? {}))
      walk(value, `${path}.${key}`);
    for (const inner of [...(schema.anyOf ?? []), schema.items, schema.additionalProperties]) {
      if (typeof inner === "object") walk(inner, path);
    }
  };
  walk(toJsonSchema(filters), "");
  assert.deepEqual(open, []);
});

test("reference: each key has its form, default and meaning", () => {
  const page = renderReference(toJsonSchema(filters));
  for (const line of [
    /^\| `connect` \| duration \| `3s` \| Connecting to a backend/m,
    /^\| `connections` \| number, 1 to 10000000 \| `10000` \|/m,
    /^\| `endpoints` \| .*, or a list \| \*required\* \|/m,
    /^\| `workers` \| `auto` or number, 1 to 1024 \| `auto` \|/m,
    /^\| `stripPrefix` \| text \| – \| Takes a prefix off the path\. \|/m,
    /^## `upstreams\.<name>`$/m,
    /^### `upstreams\.<name>\.health`$/m,
    /^#### `routes\[\]\.use\[\]\.bodyLimit`$/m,
  ]) {
    assert.match(page, line);
  }
  assert.doesNotMatch(page, /undefined|\[object/);
});

test("reference: the same schema gives the same page", () => {
  assert.equal(renderReference(toJsonSchema(filters)), renderReference(toJsonSchema(filters)));
});
