import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fieldLines, fieldName } from "./field-lines.ts";
import { HeaderList } from "./header-list.ts";

const value = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.string({ unit: "binary-ascii", maxLength: 40 }),
);

test("lines and names made before give the list that is given by text", () => {
  const field = fc.tuple(fc.constantFrom("X-Forwarded-For", "Via", "x-own", "Date"), value);
  fc.assert(
    fc.property(
      fc.array(field, { maxLength: 6 }),
      fc.integer({ min: 1, max: 40 }),
      (fields, size) => {
        const text = new HeaderList(size, 1);
        for (const [name, value] of fields) text.appendUnchecked(name, value);
        const lines = new HeaderList(size, 1);
        lines.appendLines(fieldLines(fields));
        const names = new HeaderList(size, 1);
        for (const [name, value] of fields) names.appendNamed(fieldName(name), value);
        for (const list of [lines, names]) {
          assert.deepEqual([...list], [...text]);
          assert.deepEqual(list.places(), text.places());
          assert.deepEqual(list.bytes.slice(0, list.used), text.bytes.slice(0, text.used));
        }
      },
    ),
    { numRuns: 300 },
  );
});
