import assert from "node:assert/strict";
import { test } from "node:test";
import { Xorshift } from "#core/random.ts";
import { requestIds } from "./request-ids.ts";

test("the ids of a worker count in base 36 behind what tells it from others", () => {
  const next = requestIds({ now: () => 0, wall: () => 1_700_000_000_000 }, new Xorshift(1));
  const first = next();
  assert.match(first, /^[0-9a-z]{13}000000$/);
  const prefix = first.slice(0, -6);
  for (let count = 1; count < 50_000; count++) {
    assert.equal(next(), prefix + count.toString(36).padStart(6, "0"));
  }
});
