import assert from "node:assert/strict";
import { test } from "node:test";
import { getHeapStatistics } from "node:v8";

import { releaseMemory } from "./heap.ts";
import { FreedMemory, IdleMemory } from "./idle-memory.ts";

const MIB = 2 ** 20;

function setUp() {
  const thread = { cpu: 1000, held: 10 * MIB, exchanges: 0 };
  const done: string[] = [];
  /** Bytes that a collection frees. */
  let garbage = 0;
  const memory = new IdleMemory({
    cpu: () => thread.cpu,
    held: () => thread.held,
    exchanges: () => thread.exchanges,
    collect: () => {
      done.push("collect");
      thread.held -= garbage;
      garbage = 0;
      thread.cpu += 2000;
      return true;
    },
    onFreed: () => done.push("freed"),
  });
  return {
    thread,
    done,
    makeGarbage: (bytes: number) => {
      garbage += bytes;
    },
    /** Time in which so many ms of work were done. */
    pass: (cpu: number): string[] => {
      thread.cpu += cpu;
      memory.look();
      return done.splice(0);
    },
  };
}

test("a thread that has worked is collected once when it is quiet, not before", () => {
  const { pass } = setUp();
  assert.deepEqual(pass(5000), []);
  assert.deepEqual(pass(600), []);
  assert.deepEqual(pass(100), ["collect"]);
  assert.deepEqual(pass(100), ["freed"]);
  for (let i = 0; i < 10; i++) assert.deepEqual(pass(100), []);
  assert.deepEqual(pass(600), []);
  assert.deepEqual(pass(0), ["collect"]);
});

test("what a crowd leaves behind is collected, though the thread was quiet all the while", () => {
  const { thread, pass, makeGarbage } = setUp();
  pass(0);
  thread.held = 300 * MIB;
  thread.exchanges = 5000;
  assert.deepEqual(pass(0), ["freed", "collect"]);
  assert.deepEqual(pass(0), ["freed"]);
  assert.deepEqual(pass(0), [], "nothing is to be had while they are there");
  thread.exchanges = 4000;
  assert.deepEqual(pass(0), []);
  thread.exchanges = 0;
  makeGarbage(290 * MIB);
  assert.deepEqual(pass(0), ["collect"]);
  assert.deepEqual(pass(0), ["freed"]);
  for (let i = 0; i < 10; i++) assert.deepEqual(pass(0), []);
});

test("a few exchanges that come and go are no crowd, whatever else is held", () => {
  const { thread, pass } = setUp();
  thread.held = 100 * MIB;
  pass(0);
  pass(0);
  for (let i = 0; i < 20; i++) {
    thread.exchanges = i % 2 === 0 ? 20 : 0;
    assert.deepEqual(pass(100), []);
  }
});

test("what grows slowly is collected when it is much", () => {
  const { thread, pass, makeGarbage } = setUp();
  pass(0);
  pass(0);
  for (let i = 0; i < 3; i++) {
    thread.held += 10 * MIB;
    makeGarbage(10 * MIB);
    assert.deepEqual(pass(0), []);
  }
  thread.held += 10 * MIB;
  makeGarbage(10 * MIB);
  assert.deepEqual(pass(0), ["collect"]);
  assert.deepEqual(pass(0), ["freed"]);
});

test("the allocator is asked when the process has much more than it once had, and not again for nothing", () => {
  let resident = 180 * MIB;
  let trims = 0;
  const freed = new FreedMemory({
    workers: 2,
    resident: () => resident,
    trim: () => {
      trims++;
      resident = Math.min(resident, 150 * MIB);
    },
  });
  freed.onFreed();
  assert.equal(trims, 0);
  resident = 200 * MIB;
  freed.onFreed();
  assert.equal(trims, 0);
  resident = 900 * MIB;
  freed.onFreed();
  assert.equal(trims, 1);
  freed.onFreed();
  assert.equal(trims, 1);
  resident = 190 * MIB;
  freed.onFreed();
  assert.equal(trims, 2);
});

test("a crowd at the very start is no measure of what a process takes", () => {
  let trims = 0;
  const freed = new FreedMemory({ workers: 1, resident: () => 900 * MIB, trim: () => trims++ });
  freed.onFreed();
  assert.equal(trims, 1);
});

test("buffers that nobody refers to are gone after a look", async () => {
  const held = (): number => getHeapStatistics().external_memory;
  const freed = Promise.withResolvers<void>();
  const memory = new IdleMemory({
    cpu: () => 0,
    held,
    exchanges: () => 0,
    collect: () => releaseMemory(),
    onFreed: freed.resolve,
  });
  const before = held();
  let kept: Buffer[] = [];
  for (let i = 0; i < 1000; i++) kept.push(Buffer.allocUnsafeSlow(100_000));
  assert.ok(held() - before > 90_000_000);
  kept = [];
  memory.look();
  while (held() - before > 1_000_000) await new Promise(setImmediate);
  memory.look();
  await freed.promise;
  assert.equal(kept.length, 0);
});
