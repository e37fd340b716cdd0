import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Records } from "./records.ts";

const record = (length: number): Buffer =>
  Buffer.concat([Buffer.from([23, 3, 3, length >>> 8, length & 255]), Buffer.alloc(length, 0xff)]);

describe("counting records", () => {
  it("finds each, wherever bytes are cut", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 20 }),
        (lengths, cuts) => {
          const bytes = Buffer.concat([Buffer.alloc(3), ...lengths.map(record)]);
          const records = new Records();
          let complete = 0;
          let at = 3;
          for (const cut of [...cuts, bytes.length]) {
            const length = Math.min(cut, bytes.length - at);
            complete += records.count(bytes, at, length);
            at += length;
          }
          assert.equal(complete, lengths.length);
          assert.equal(records.carried, 0);
        },
      ),
    );
  });

  it("knows how much of the next has arrived", () => {
    const records = new Records();
    const bytes = Buffer.concat([record(10), record(300).subarray(0, 4)]);
    assert.equal(records.count(bytes, 0, bytes.length), 1);
    assert.equal(records.carried, 4);
  });
});
