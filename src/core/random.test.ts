import assert from "node:assert/strict";
import { test } from "node:test";
import { Xorshift } from "./random.ts";

test("random: equal seeds give equal sequences, other seeds others", () => {
  const take = (seed: number): number[] => {
    const random = new Xorshift(seed);
    return Array.from({ length: 50 }, () => random.next());
  };
  assert.deepEqual(take(7), take(7));
  const firsts = new Set(Array.from({ length: 1000 }, (_, seed) => take(seed)[0]));
  assert.equal(firsts.size, 1000);
  assert.notDeepEqual(take(1), take(1 + 2 ** 32));
});

test("random: the sequence is Marsaglia's xor128", () => {
  // The recurrence on 32-bit words holds between any five in a row.
  const random = new Xorshift(123);
  const words = Array.from({ length: 100 }, () => random.next() * 2 ** 32);
  for (let i = 4; i < words.length; i++) {
    const x = words[i - 4] ?? 0;
    const w = words[i - 1] ?? 0;
    const t = x ^ (x << 11);
    assert.equal(words[i], (w ^ (w >>> 19) ^ t ^ (t >>> 8)) >>> 0);
  }
});

test("random: numbers are in range and evenly spread for every seed", () => {
  for (const seed of [0, 1, -1, 0.5, 2 ** 31, 2 ** 53 - 1]) {
    const random = new Xorshift(seed);
    const counts = new Uint32Array(10);
    for (let i = 0; i < 20_000; i++) {
      const number = random.next();
      assert.ok(number >= 0 && number < 1);
      const slot = random.int(10);
      assert.ok(Number.isInteger(slot) && slot >= 0 && slot < 10);
      counts[slot]! += 1;
    }
    // Seven standard deviations of a fair draw.
    for (const count of counts) assert.ok(Math.abs(count - 2000) < 300, `seed ${seed}: ${count}`);
    assert.equal(random.int(1), 0);
  }
});
