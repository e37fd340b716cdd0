import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { editDistance, suggest } from "./suggest.ts";

test("suggest: a missing, a doubled, a wrong and a swapped letter all find the word", () => {
  const known = ["upstreams", "routes", "listen", "timeouts"];
  assert.equal(suggest("upsteams", known), "upstreams");
  assert.equal(suggest("rooutes", known), "routes");
  assert.equal(suggest("lisden", known), "listen");
  assert.equal(suggest("timeotus", known), "timeouts");
});

test("suggest: letter case, dashes and underscores do not matter", () => {
  assert.equal(suggest("first_byte", ["connect", "firstByte"]), "firstByte");
  assert.equal(suggest("Round-Robin", ["round-robin", "random"]), "round-robin");
});

test("suggest: says nothing when no word is near", () => {
  assert.equal(suggest("kubernetes", ["routes", "listen"]), undefined);
  assert.equal(suggest("x", ["y"]), undefined);
  assert.equal(suggest("", ["to"]), undefined);
});

test("suggest: of two near words the nearer wins, of equals the first", () => {
  assert.equal(suggest("api1", ["api22", "api"]), "api");
  assert.equal(suggest("apx", ["api", "apo"]), "api");
});

test("editDistance: is a distance", () => {
  const word = fc.string({ maxLength: 8, unit: fc.constantFrom("a", "b", "c") });
  fc.assert(
    fc.property(word, word, (a, b) => {
      const distance = editDistance(a, b);
      assert.equal(distance, editDistance(b, a));
      assert.equal(distance === 0, a === b);
      assert.ok(distance <= Math.max(a.length, b.length));
      assert.ok(distance >= Math.abs(a.length - b.length));
    }),
    { numRuns: 300 },
  );
});
