import assert from "node:assert/strict";
import { test } from "node:test";
import { cpuBetween, parseBusyTicks, parseRollup, parseStat } from "./process.ts";

test("a program's name may hold spaces and parentheses", () => {
  const text =
    "4242 (a) b (c) S 17 4242 4242 0 -1 4194560 1 2 3 4 120 34 5 6 20 0 11 0 9 1 2 3 4 5 6 7";
  assert.deepEqual(parseStat(text), { parent: 17, userTicks: 120, systemTicks: 34 });
});

test("idle time, waiting for disks and stolen time are not busy", () => {
  assert.equal(parseBusyTicks("cpu  1 2 4 1000 2000 8 16 4000 0 0\ncpu0 9 9 9\n"), 31);
});

test("memory is read in bytes", () => {
  const text = "0000 ---p 0 00:00 0 [rollup]\nRss:    100 kB\nPss:     40 kB\nPss_Anon: 7 kB\n";
  assert.deepEqual(parseRollup(text), { rss: 102_400, pss: 40_960 });
  assert.deepEqual(parseRollup(""), { rss: 0, pss: 0 });
});

test("the scheduler's account counts, unless threads have ended that it has lost", () => {
  const zero = { total: 0, user: 0, system: 0 };
  const close = { total: 1_004_000, user: 600_000, system: 400_000 };
  assert.equal(cpuBetween(zero, close).total, 1_004_000);
  const lost = { total: 300_000, user: 600_000, system: 400_000 };
  assert.equal(cpuBetween(zero, lost).total, 1_000_000);
});
