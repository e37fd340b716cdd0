import assert from "node:assert/strict";
import { test } from "node:test";
import { Slots } from "./slots.ts";

const nobody = { onCompletion: (): void => undefined };

test("a completion of whoever had the slot before is nobody's", () => {
  const slots = new Slots();
  const first = slots.add({ ...nobody });
  const tag = slots.tag(first, 4);
  slots.done(first);
  slots.remove(first);
  const target = { ...nobody };
  const second = slots.add(target);
  assert.equal(second, first, "slots are used again");
  assert.equal(slots.find(first, tag), null);
  assert.equal(slots.find(second, slots.name(second, 4)), target);
});

test("a slot with entries under way is not given up", () => {
  const slots = new Slots();
  const slot = slots.add(nobody);
  slots.tag(slot, 1);
  slots.tag(slot, 2);
  slots.done(slot);
  assert.equal(slots.quiet(slot), false);
  assert.throws(() => slots.remove(slot), /under way/);
  slots.done(slot);
  slots.remove(slot);
  assert.equal(slots.used, 0);
});

test("generations come round without ever matching the one before", () => {
  const slots = new Slots();
  let last = -1;
  for (let i = 0; i < 1000; i++) {
    const slot = slots.add(nobody);
    const tag = slots.name(slot, 15);
    assert.notEqual(tag, last);
    assert.equal(tag & 15, 15);
    assert.equal(slots.find(slot, tag), nobody);
    last = tag;
    slots.remove(slot);
  }
  assert.equal(slots.find(99, 0), null, "a slot that never was");
});
