import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { canonical, hashOf } from "./hash.ts";

describe("hash", () => {
  it("does not depend on the order of keys, nor on members that are undefined", () => {
    assert.equal(canonical({ b: 1, a: { d: 2, c: [3] } }), '{"a":{"c":[3],"d":2},"b":1}');
    assert.equal(hashOf({ a: 1, b: undefined }), hashOf({ a: 1 }));
    assert.match(hashOf({}), /^[0-9a-f]{64}$/);
  });

  it("keeps apart what JSON would make the same", () => {
    assert.notEqual(canonical([Number.NaN]), canonical([null]));
    assert.notEqual(canonical([Infinity]), canonical([-Infinity]));
  });

  it("is JSON that reads as the same value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        assert.deepEqual(JSON.parse(canonical(value)), JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it("refuses what is no plain data", () => {
    for (const value of [() => 1, Symbol("a"), 1n, new Map(), new Date(0), /a/]) {
      assert.throws(() => canonical({ value }), TypeError);
    }
  });
});
