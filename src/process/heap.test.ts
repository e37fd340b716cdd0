import assert from "node:assert/strict";
import { test } from "node:test";
import { getHeapSpaceStatistics } from "node:v8";

import { releaseMemory } from "./heap.ts";

function young(): number {
  const space = getHeapSpaceStatistics().find(({ space_name: name }) => name === "new_space");
  return space?.physical_space_size ?? 0;
}

test("the room for young objects that a thread has needed once is given back", () => {
  let kept: unknown[] = [];
  for (let i = 0; i < 200_000; i++) kept.push({ i });
  kept = [];
  const before = young();
  releaseMemory();
  assert.ok(young() < before, `${before} to ${young()}, ${kept.length}`);
  assert.equal("gc" in globalThis, false);
});

test("a heap with much in it is left alone", () => {
  const used = process.memoryUsage().heapUsed;
  assert.equal(releaseMemory(used / 2), false);
  assert.equal(releaseMemory(used * 2), true);
});
