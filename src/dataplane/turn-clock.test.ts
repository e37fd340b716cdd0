import assert from "node:assert/strict";
import { test } from "node:test";
import { TimerWheel } from "#core/time/wheel.ts";
import { readOncePerTurn } from "./turn-clock.ts";

test("the wall clock stands still during a turn, and is asked anew in the next", () => {
  const timers = new TimerWheel(5);
  let wall = 1000;
  const clock = readOncePerTurn({ now: () => 0, wall: () => wall }, timers);
  assert.equal(clock.wall(), 1000);
  wall = 2000;
  assert.equal(clock.wall(), 1000);
  timers.advance(5.5);
  assert.equal(clock.wall(), 2000);
  wall = 500;
  timers.advance(6);
  assert.equal(clock.wall(), 500, "a clock that is set back is believed");
});
