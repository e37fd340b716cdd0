/** The store under real threads: nothing torn or mixed is ever read, and nothing is left behind. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { AT } from "./memory/layout.ts";
import { Store } from "./memory/store.ts";
import type { RaceStart } from "./race.fixture.ts";

const MEMORY = 2 * 1024 * 1024;
const ROWS = 4;

function race(start: RaceStart): Worker {
  return new Worker(new URL("race.fixture.ts", import.meta.url), { workerData: start });
}

function startOf(buffer: SharedArrayBuffer, row: number, more: Partial<RaceStart> = {}): RaceStart {
  return {
    buffer,
    memory: MEMORY,
    rows: ROWS,
    row,
    seed: 7 + row,
    turns: 1500,
    urls: 500,
    largest: 250_000,
    ...more,
  };
}

/** Everything that is stored is forgotten: then no block is in use. */
function assertClean(store: Store): void {
  for (const shard of store.shards) {
    assert.equal(shard.holder, -1, "no lock is held");
    assert.ok(shard.lock());
    for (let bucket = 0; bucket < shard.buckets; bucket++) {
      shard.visit(bucket, (entry) => {
        assert.equal(shard.get(entry, AT.PINS), 1, "nobody but the index holds it");
        assert.equal(shard.get(entry, AT.OWNER), 0, "nobody fills it");
        shard.unlink(entry);
      });
    }
    shard.unlock();
  }
  assert.equal(store.figures().bytes, 0, "all memory is free again");
  assert.equal(store.figures().entries, 0);
}

test("threads that fill, read and invalidate never see a torn or mixed answer", async () => {
  const buffer = Store.allocate(MEMORY, ROWS, 99);
  const workers = [0, 1, 2].map((row) => race(startOf(buffer, row)));
  const reports = await Promise.all(
    workers.map(async (worker) => {
      const [report] = (await once(worker, "message")) as [{ pinned: number }];
      return report;
    }),
  );
  assert.deepEqual(reports, [{ pinned: 0 }, { pinned: 0 }, { pinned: 0 }]);
  const store = new Store(buffer, MEMORY, ROWS, 3, () => undefined);
  const { hits, stored } = store.counted();
  assert.ok(hits > 100 && stored > 100, `hits ${hits}, stored ${stored}`);
  assert.ok(store.figures().evictions > 50, "it was too small for all of it");
  assertClean(store);
});

test("what threads that were killed have held is given back, and others go on", async () => {
  let buffer = Store.allocate(MEMORY, ROWS, 5);
  let store = new Store(buffer, MEMORY, ROWS, 3, () => undefined);
  let replaced = 0;
  for (let round = 0; round < 12; round++) {
    const victims = [0, 1].map((row) =>
      race(startOf(buffer, row, { seed: round * 10 + row + 1, turns: 1_000_000 })),
    );
    await Promise.all(victims.map((worker) => once(worker, "online")));
    await new Promise((resolve) => void setTimeout(resolve, 60 + round * 7));
    await Promise.all(victims.map((worker) => worker.terminate()));
    if (store.clearRow(0) && store.clearRow(1)) continue;
    // One died under a lock: the store is given up, as the control thread does.
    replaced++;
    buffer = Store.allocate(MEMORY, ROWS, 5);
    store = new Store(buffer, MEMORY, ROWS, 3, () => undefined);
  }
  assert.ok(replaced < 12, "most die elsewhere");
  const survivor = race(startOf(buffer, 2));
  const [report] = (await once(survivor, "message")) as [{ pinned: number }];
  assert.deepEqual(report, { pinned: 0 });
  assertClean(store);
});
