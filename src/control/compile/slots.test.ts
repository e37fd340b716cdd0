import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SlotAllocator, type SlotOptions } from "./slots.ts";

function allocator(options: Partial<SlotOptions> = {}): SlotAllocator {
  return new SlotAllocator({ capacity: 2, grace: 0, now: () => 0, ...options });
}

describe("slots", () => {
  it("are the same for a key for as long as it is configured", () => {
    const slots = allocator();
    assert.equal(slots.allocate("a"), 0);
    assert.equal(slots.allocate("b"), 1);
    assert.equal(slots.allocate("a"), 0);
    slots.retain(["a", "b"]);
    assert.equal(slots.allocate("b"), 1);
  });

  it("run out, and come back when a key is not configured any more", () => {
    const slots = allocator();
    slots.allocate("a");
    slots.allocate("b");
    assert.equal(slots.allocate("c"), -1);
    slots.retain(["b"]);
    assert.equal(slots.allocate("c"), 0);
    assert.equal(slots.allocate("a"), -1);
  });

  it("are found again by a key that comes back before they were needed", () => {
    const slots = allocator({ capacity: 3 });
    slots.allocate("a");
    slots.retain([]);
    assert.equal(slots.allocate("b"), 1);
    assert.equal(slots.allocate("a"), 0);
  });

  it("are given away only after the grace, the one that was left first before the others", () => {
    let now = 0;
    const slots = allocator({ grace: 100, now: () => now });
    slots.allocate("a");
    slots.allocate("b");
    slots.retain(["a"]);
    now = 50;
    slots.retain([]);
    now = 99;
    assert.equal(slots.allocate("c"), -1);
    now = 100;
    assert.equal(slots.allocate("c"), 1);
    assert.equal(slots.allocate("d"), -1);
    now = 150;
    assert.equal(slots.allocate("d"), 0);
  });

  it("are not given away while something is under way in them", () => {
    const slots = allocator({ isBusy: (slot) => slot === 0 });
    slots.allocate("a");
    slots.allocate("b");
    slots.retain([]);
    assert.equal(slots.allocate("c"), 1);
    assert.equal(slots.allocate("d"), -1);
  });

  it("are told to whoever has to empty them, once for each new key", () => {
    const told: number[] = [];
    const slots = allocator({ onAssign: (slot) => told.push(slot) });
    slots.allocate("a");
    slots.allocate("a");
    slots.allocate("b");
    slots.retain([]);
    slots.allocate("c");
    assert.deepEqual(told, [0, 1, 0]);
  });
});
