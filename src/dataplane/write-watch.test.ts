import assert from "node:assert/strict";
import { test } from "node:test";
import { TimerWheel } from "#core/time/wheel.ts";
import type { Connection } from "#transport/contract.ts";
import { WriteWatch } from "./write-watch.ts";

/** What a watch sees of a connection. */
class Line {
  readonly wheel = new TimerWheel(0);
  readonly connection = { queued: 0, taken: 0, takenAt: 0 };
  stalledAt = -1;
  readonly watch = new WriteWatch(this.wheel, this.connection as Connection, {
    onWriteStalled: () => (this.stalledAt = this.wheel.now),
  });

  write(bytes: number): void {
    this.connection.queued += bytes;
    this.watch.watch(60);
  }
  take(bytes: number): void {
    this.connection.queued -= bytes;
    this.connection.taken += bytes;
    this.connection.takenAt = this.wheel.now;
  }
  at(now: number): void {
    for (let tick = this.wheel.now + 1; tick <= now; tick++) this.wheel.advance(tick);
  }
}

test("a peer that takes nothing has stalled when the limit is over", () => {
  const line = new Line();
  line.at(5);
  line.write(10);
  line.at(40);
  line.write(10);
  line.at(64);
  assert.equal(line.stalledAt, -1);
  line.at(65);
  assert.equal(line.stalledAt, 65);
});

test("each byte that is taken begins the time anew", () => {
  const line = new Line();
  line.write(10);
  line.at(50);
  line.take(1);
  line.at(109);
  assert.equal(line.stalledAt, -1);
  line.at(110);
  assert.equal(line.stalledAt, 110);
});

test("what is written after all was taken has the whole time, however long ago that was", () => {
  const line = new Line();
  line.write(10);
  line.at(1);
  line.take(10);
  line.at(59);
  line.write(10);
  line.at(118);
  assert.equal(line.stalledAt, -1);
  line.at(119);
  assert.equal(line.stalledAt, 119);
});

test("nothing is armed once all is taken, or when it is told to stop", () => {
  const line = new Line();
  line.write(0);
  assert.equal(line.wheel.size, 0);
  line.write(10);
  line.take(10);
  line.at(60);
  assert.equal(line.wheel.size, 0);
  line.write(10);
  line.watch.stop();
  assert.equal(line.wheel.size, 0);
  assert.equal(line.stalledAt, -1);
});
