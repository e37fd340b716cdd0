import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HeaderList } from "#core/http/header-list.ts";
import { readConnectionOptions } from "./field-values.ts";

function optionsOf(values: readonly string[]): number {
  const fields = new HeaderList();
  for (const value of values) fields.appendUnchecked("Connection", value);
  return readConnectionOptions(fields);
}

test("keep-alive alone says the same as keep-alive in a list, also beside other fields and too often", () => {
  const value = fc.oneof(
    fc.constantFrom("keep-alive", "Keep-Alive", "KEEP-ALIVE", "close", "upgrade", "x", ""),
    fc.constantFrom("keep-alive, close", "keep-aliv", "keep-alive ", "\rkeep-alive", "keep\ralive"),
  );
  const values = fc.oneof(
    fc.array(value, { maxLength: 6 }),
    fc.integer({ min: 98, max: 102 }).map((length) => Array.from({ length }, () => "keep-alive")),
  );
  fc.assert(
    fc.property(values, (all) => {
      // An empty member means nothing, and is not the fast path.
      assert.equal(optionsOf(all), optionsOf(all.map((each) => `,${each}`)));
    }),
    { numRuns: 300 },
  );
});
