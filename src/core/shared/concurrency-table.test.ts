import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ConcurrencyTable } from "./concurrency-table.ts";
import { KeyHash } from "./key-hash.ts";

function key(text: string | number): KeyHash {
  return new KeyHash(Uint32Array.of(1, 2)).begin().text(String(text)).finish();
}

function memory(keys: number, workers = 2): SharedArrayBuffer {
  return new SharedArrayBuffer(ConcurrencyTable.byteLength(keys) * (workers + 1));
}

describe("a table of what is under way", () => {
  test("gives out what there is, and again what came back", () => {
    const table = new ConcurrencyTable(memory(8), 0, 8, 0);
    const first = table.take(key("a"), 2);
    assert.ok(first >= 0);
    assert.ok(table.take(key("a"), 2) >= 0);
    assert.equal(table.take(key("a"), 2), -1);
    assert.ok(table.take(key("b"), 2) >= 0, "others have their own");
    table.release(first);
    assert.ok(table.take(key("a"), 2) >= 0);
  });

  test("is one for all workers", () => {
    const shared = memory(8);
    const [one, other] = [0, 1].map((row) => new ConcurrencyTable(shared, 0, 8, row));
    const place = one!.take(key("a"), 1);
    assert.equal(other!.take(key("a"), 1), -1);
    one!.release(place);
    assert.ok(other!.take(key("a"), 1) >= 0);
  });

  test("has in each worker's row what that worker took", () => {
    const shared = memory(8);
    const table = new ConcurrencyTable(shared, 0, 8, 1);
    const place = table.take(key("a"), 5);
    table.take(key("a"), 5);
    const rows = new Uint32Array(shared, ConcurrencyTable.byteLength(8));
    assert.equal(rows[place], 0);
    assert.equal(rows[8 + place], 2);
  });

  test("gives no key more than its limit, however many there are and however small the table", () => {
    const step = fc.tuple(fc.nat(30), fc.boolean());
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const table = new ConcurrencyTable(memory(8), 0, 8, 0);
        const held = new Map<number, number[]>();
        for (const [who, takes] of steps) {
          const places = held.get(who) ?? [];
          held.set(who, places);
          if (takes) {
            const place = table.take(key(who), 3);
            if (place >= 0) places.push(place);
            assert.ok(places.length <= 3);
          } else if (places.length > 0) table.release(places.pop()!);
        }
        for (const place of [...held.values()].flat()) table.release(place);
        assert.ok(table.take(key("last"), 1) >= 0, "all of it came back");
      }),
      { numRuns: 200 },
    );
  });

  test("with fewer keys under way than it has room for, no key waits for another", () => {
    const table = new ConcurrencyTable(memory(4096), 0, 4096, 0);
    for (let i = 0; i < 1000; i++) assert.ok(table.take(key(i), 1) >= 0, `${i}`);
    for (let i = 0; i < 1000; i++) assert.equal(table.take(key(i), 1), -1);
  });
});
