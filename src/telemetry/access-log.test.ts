import assert from "node:assert/strict";
import { test } from "node:test";

import { TimerWheel } from "#core/time/wheel.ts";
import { AccessLog } from "./access-log.ts";
import { recordWith } from "./record.fixture.ts";

function setUp(): { log: AccessLog; wheel: TimerWheel; batches: string[] } {
  const wheel = new TimerWheel(0);
  const batches: string[] = [];
  const log = new AccessLog({
    port: { write: (lines) => batches.push(lines) },
    timers: wheel,
    utcOffset: 0,
    colour: false,
  });
  return { log, wheel, batches };
}

test("lines are handed on together after 100 ms", () => {
  const { log, wheel, batches } = setUp();
  log.use("json");
  log.write(recordWith());
  log.write(recordWith({ status: 404 }));
  wheel.advance(99);
  assert.equal(batches.length, 0);
  wheel.advance(100);
  assert.equal(batches.length, 1);
  assert.equal(batches[0]?.split("\n").length, 3);
  wheel.advance(1000);
  assert.equal(batches.length, 1);
  log.write(recordWith());
  wheel.advance(1100);
  assert.equal(batches.length, 2);
});

test("16 KiB of lines do not wait, and no line is cut or lost", () => {
  const { log, wheel, batches } = setUp();
  log.use("json");
  for (let i = 0; i < 100; i++) log.write(recordWith({ requestId: `r${i}` }));
  assert.ok(batches.length > 1);
  log.flush();
  assert.equal(wheel.size, 0, "no timer is left");
  const ids = batches
    .join("")
    .trimEnd()
    .split("\n")
    .map((line) => (JSON.parse(line) as { requestId: string }).requestId);
  assert.deepEqual(
    ids,
    Array.from({ length: 100 }, (_, i) => `r${i}`),
  );
});

test("a log that is off writes nothing, and a reload changes the format", () => {
  const { log, batches } = setUp();
  log.write(recordWith());
  log.use("combined");
  log.write(recordWith());
  log.use("pretty");
  log.write(recordWith());
  log.use("off");
  log.write(recordWith());
  log.flush();
  log.flush();
  assert.equal(batches.length, 1);
  const lines = batches[0]?.trimEnd().split("\n") ?? [];
  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? "", /^203\.0\.113\.9 - - \[/);
  assert.match(lines[1] ?? "", /^04:05:06 200/);
});
