import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type Bytes,
  type Milliseconds,
  formatBytes,
  formatDuration,
  parseByteRate,
  parseBytes,
  parseDuration,
} from "./units.ts";

test("units: durations have every unit from milliseconds to days", () => {
  const cases: [string, number][] = [
    ["100ms", 100],
    ["5s", 5000],
    ["1m", 60_000],
    ["2h", 7_200_000],
    ["1d", 86_400_000],
    ["1.5s", 1500],
    ["1.1m", 66_000],
    ["0s", 0],
    [" 5 s ", 5000],
  ];
  for (const [text, value] of cases) assert.deepEqual(parseDuration(text), { ok: true, value });
});

test("units: a bare number is no duration, and the message shows the units", () => {
  const parsed = parseDuration("5");
  assert.ok(!parsed.ok);
  assert.match(parsed.message, /no unit/);
  assert.match(parsed.hint ?? "", /`5s`/);
});

test("units: a unit in the wrong case is named in the right one", () => {
  const size = parseBytes("10mb");
  assert.ok(!size.ok);
  assert.match(size.hint ?? "", /write `10MB`/);
  const time = parseDuration("3S");
  assert.ok(!time.ok);
  assert.match(time.hint ?? "", /write `3s`/);
});

test("units: nonsense is refused", () => {
  for (const text of ["", "s", "-5s", "5s5", "1e3s", "0.1ms", "5 weeks", "99999999999999999d"]) {
    assert.equal(parseDuration(text).ok, false, text);
  }
  for (const text of ["", "10", "0.5B", "-1KiB", "10K", "1 kilo"]) {
    assert.equal(parseBytes(text).ok, false, text);
  }
  for (const text of ["240", "240B", "240B/m", "/s", ""]) {
    assert.equal(parseByteRate(text).ok, false, text);
  }
});

test("units: KB counts by 1000 and KiB by 1024", () => {
  assert.deepEqual(parseBytes("1KB"), { ok: true, value: 1000 });
  assert.deepEqual(parseBytes("64KiB"), { ok: true, value: 65_536 });
  assert.deepEqual(parseBytes("10MB"), { ok: true, value: 10_000_000 });
  assert.deepEqual(parseByteRate("1KiB/s"), { ok: true, value: 1024 });
  assert.deepEqual(parseByteRate("240B / s"), { ok: true, value: 240 });
});

test("units: what is formatted reads back as the same value", () => {
  fc.assert(
    fc.property(fc.nat(), (value) => {
      assert.deepEqual(parseDuration(formatDuration(value as Milliseconds)), { ok: true, value });
      assert.deepEqual(parseBytes(formatBytes(value as Bytes)), { ok: true, value });
    }),
    { numRuns: 200 },
  );
  assert.equal(formatDuration(90_000 as Milliseconds), "90s");
  assert.equal(formatBytes(65_536 as Bytes), "64KiB");
  assert.equal(formatDuration(0 as Milliseconds), "0ms");
});
