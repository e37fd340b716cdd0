import assert from "node:assert/strict";
import { test } from "node:test";
import type { Engine } from "./engine.ts";
import { Operations } from "./operations.ts";
import { Slots } from "./slots.ts";

const RECEIVE = 4;
const CANCEL = 6;

test("what a cancel has missed is cancelled again, and what has completed is not", () => {
  const slots = new Slots();
  let cancels = 0;
  const ring = { cancel: () => void cancels++ };
  const engine = { slots, ring } as unknown as Engine;
  const operations = new Operations(engine, { onCompletion: () => undefined }, CANCEL);
  operations.begin(RECEIVE);
  operations.cancel(RECEIVE);
  operations.cancel(RECEIVE);
  assert.equal(cancels, 1);
  assert.equal(operations.cancelMissed(), true);
  operations.cancel(RECEIVE);
  assert.equal(cancels, 2);
  operations.settle(RECEIVE);
  assert.equal(operations.cancelMissed(), false);
});
