import assert from "node:assert/strict";
import { test } from "node:test";
import type { FilterMemoryData, SnapshotData } from "#model/snapshot.ts";
import { FILTER_SEED_BYTES } from "#model/worker.ts";
import { FilterMemories } from "./filter-memory.ts";

function routes(...memories: (FilterMemoryData | null)[]): Pick<SnapshotData, "routes"> {
  const filters = memories.map((memory) => ({ kind: "built-in", memory }));
  return { routes: [{ filters }] } as unknown as Pick<SnapshotData, "routes">;
}

const memoryOf = (key: string, perWorker = 0): FilterMemoryData => ({ key, bytes: 64, perWorker });

test("a filter finds its memory again after a reload, and a new one gets its own", () => {
  const memories = new FilterMemories(2, (bytes) => void bytes.fill(7));
  const first = memories.of(routes(memoryOf("a"), null)).get("a")!;
  new Uint8Array(first)[40] = 1;
  memories.retain(routes(memoryOf("a")));
  const next = memories.of(routes(memoryOf("a"), memoryOf("b")));
  assert.equal(next.get("a"), first);
  assert.notEqual(next.get("b"), first);
});

test("memory begins with random bytes, and is zero otherwise", () => {
  const memories = new FilterMemories(2, (bytes) => void bytes.fill(7));
  const bytes = new Uint8Array(memories.of(routes(memoryOf("a", 8))).get("a")!);
  assert.equal(bytes.length, FILTER_SEED_BYTES + 64 + 2 * 8);
  assert.deepEqual(
    [...bytes],
    [...Array<number>(16).fill(7), ...Array<number>(bytes.length - 16).fill(0)],
  );
});

test("memory that the configuration in use has not is forgotten, not that of one that was refused", () => {
  const memories = new FilterMemories(1, () => undefined);
  const kept = memories.of(routes(memoryOf("a"))).get("a");
  const left = memories.of(routes(memoryOf("b"))).get("b");
  memories.retain(routes(memoryOf("a")));
  assert.equal(memories.of(routes(memoryOf("a"))).get("a"), kept);
  assert.notEqual(memories.of(routes(memoryOf("b"))).get("b"), left);
});

test("what a dead worker had is taken off, and nothing of the others'", () => {
  const memories = new FilterMemories(2, () => undefined);
  const words = new Uint32Array(memories.of(routes(memoryOf("a", 8))).get("a")!, FILTER_SEED_BYTES);
  words[0] = (9 << 12) | 5;
  words[1] = 3;
  words[16] = 2;
  words[18] = 3;
  words[19] = 3;
  memories.clearWorker(0);
  assert.equal(words[0], (9 << 12) | 3);
  assert.equal(words[1], 3);
  assert.equal(words[16], 0);
  memories.clearWorker(1);
  assert.equal(words[0], 9 << 12);
  assert.equal(words[1], 0);
});
