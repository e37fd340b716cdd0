import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { RangeMap } from "./range-map.ts";

describe("range map", () => {
  it("finds what a map finds, in any part of a text", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "c", "é"), maxLength: 4 });
    fc.assert(
      fc.property(
        fc.uniqueArray(text),
        fc.array(text),
        text,
        text,
        (keys, asked, before, behind) => {
          const map = new Map(keys.map((key, index) => [key, index]));
          const ranges = new RangeMap(map);
          for (const key of [...keys, ...asked]) {
            const start = before.length;
            const found = ranges.get(before + key + behind, start, start + key.length);
            assert.equal(found, map.get(key));
          }
        },
      ),
    );
  });

  it("finds nothing when it is empty", () => {
    assert.equal(new RangeMap(new Map()).get("abc", 0, 3), undefined);
    assert.equal(new RangeMap(new Map()).get("", 0, 0), undefined);
  });
});
