import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { civil, commonLogDate, daysFrom, httpDate, isoDate, timeOfDay } from "./calendar.ts";

test("dates agree with the platform's for every moment and offset", () => {
  const max = Date.UTC(2200, 0, 1);
  fc.assert(
    fc.property(
      fc.integer({ min: Date.UTC(1960, 0, 1), max }),
      fc.integer({ min: -840, max: 840 }),
      (wall, offset) => {
        const date = new Date(wall + offset * 60_000);
        const [, day, month, year, time] =
          /, (\d+) (\w+) (\d+) (\S+)/.exec(date.toUTCString()) ?? [];
        const written = commonLogDate(wall, offset);
        assert.equal(written.slice(0, 20), `${day}/${month}/${year}:${time}`);
        assert.equal(timeOfDay(wall, offset), time);
        assert.equal(httpDate(wall), new Date(wall).toUTCString());
      },
    ),
    { numRuns: 1000 },
  );
});

test("leap days exist in 2000 and 2028, not in 2100", () => {
  assert.match(commonLogDate(Date.UTC(2000, 1, 29), 0), /^29\/Feb\/2000/);
  assert.match(commonLogDate(Date.UTC(2028, 1, 29), 0), /^29\/Feb\/2028/);
  assert.match(commonLogDate(Date.UTC(2100, 1, 29), 0), /^01\/Mar\/2100/);
});

test("days and dates belong together, both ways", () => {
  fc.assert(
    fc.property(fc.integer({ min: -100_000, max: 200_000 }), (days) => {
      const { year, month, day } = civil(days);
      assert.equal(daysFrom(year, month, day), days);
      assert.equal(
        isoDate(days * 86_400_000),
        new Date(days * 86_400_000).toISOString().slice(0, 10),
      );
    }),
  );
});
