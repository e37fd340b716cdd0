import assert from "node:assert/strict";
import { test } from "node:test";
import { judge, median, ratios, spreadOf } from "./statistics.ts";

test("the median of an even number of values is the mean of the middle two, and of none there is none", () => {
  assert.equal(median([5, 1, 3]), 3);
  assert.equal(median([4, 1, 3, 10]), 3.5);
  assert.equal(median([]), undefined);
});

test("the spread is half the distance between the extremes", () => {
  assert.deepEqual(spreadOf([2, 8, 3]), { median: 3, spread: 3, rounds: 3 });
  assert.deepEqual(spreadOf([7]), { median: 7, spread: 0, rounds: 1 });
  assert.equal(spreadOf([]), undefined);
});

test("ratios are made within a round, and only of rounds that both sides have", () => {
  const ours = new Map([
    [1, 10],
    [2, 30],
    [4, 5],
  ]);
  const theirs = new Map([
    [1, 20],
    [2, 40],
    [3, 1],
  ]);
  assert.deepEqual(ratios(ours, theirs), [0.5, 0.75]);
});

test("nothing is divided by zero or by less", () => {
  assert.deepEqual(ratios(new Map([[1, 10]]), new Map([[1, 0]])), []);
  assert.deepEqual(ratios(new Map([[1, 10]]), new Map([[1, -3]])), []);
});

test("a bound within the spread of a ratio is met within noise, whichever side the median is on", () => {
  const found = (
    median: number,
    spread: number,
  ): { median: number; spread: number; rounds: number } => ({
    median,
    spread,
    rounds: 3,
  });
  assert.equal(judge(found(0.8, 0.04), 0.85), "met");
  assert.equal(judge(found(0.8, 0.06), 0.85), "met within noise");
  assert.equal(judge(found(0.9, 0.06), 0.85), "met within noise");
  assert.equal(judge(found(0.9, 0.04), 0.85), "missed");
  assert.equal(judge(undefined, 0.85), "not measured");
});
