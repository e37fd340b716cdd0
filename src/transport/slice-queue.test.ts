import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Slice } from "#core/bytes/slice.ts";
import { Counter, pattern } from "./stage.fixture.ts";
import { gather } from "./node/buffers.ts";
import { Slab } from "./node/slab.ts";
import { SliceQueue } from "./slice-queue.ts";

describe("a queue of slices", () => {
  it("shares nothing with another that was emptied as well", () => {
    const queues = [new SliceQueue(), new SliceQueue()] as const;
    const slices = queues.map((_, index) => new Slice(pattern(9, index), 0, 9, new Counter()));
    for (let round = 0; round < 2; round++) {
      for (const [index, queue] of queues.entries()) queue.push(slices[index]!);
      for (const [index, queue] of queues.entries()) {
        assert.equal(queue.count, 1);
        assert.equal(queue.at(0), slices[index]);
        queue.take(9);
        assert.equal(queue.count, 0);
      }
    }
  });

  it("gives back what was put in, in order, and releases each once, whatever the sizes", () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.integer({ min: 0, max: 300 }), { maxLength: 300 }), { maxLength: 5 }),
        fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 40 }),
        (writes, takes) => {
          const queue = new SliceQueue();
          const slab = new Slab();
          const counters: Counter[] = [];
          const expected: Uint8Array[] = [];
          const given: Uint8Array[] = [];
          const take = (wanted: number): void => {
            let size = 0;
            let count = 0;
            while (count < queue.count && size < wanted) size += queue.at(count++).length;
            const bytes = gather(queue, count, size, slab);
            const taken = Math.min(wanted, size);
            given.push(Buffer.from(bytes.subarray(0, taken)));
            queue.take(taken);
          };
          for (const [index, sizes] of writes.entries()) {
            for (const [at, size] of sizes.entries()) {
              const bytes = pattern(size, index * 1000 + at);
              expected.push(bytes);
              const counter = new Counter();
              counters.push(counter);
              queue.push(new Slice(bytes, 0, size, counter));
            }
            take(takes[index % takes.length]!);
          }
          for (const wanted of takes) take(wanted);
          const kept = queue.size;
          const all = Buffer.concat(expected);
          assert.ok(Buffer.concat(given).equals(all.subarray(0, all.length - kept)));
          queue.clear();
          assert.equal(queue.size, 0);
          assert.equal(queue.count, 0);
          assert.deepEqual(
            counters.filter((counter) => counter.references !== 0),
            [],
          );
        },
      ),
    );
  });

  it("takes a slice that is written while another is released", () => {
    const queue = new SliceQueue();
    const late = new Counter();
    const owner = {
      retain: () => undefined,
      release: () => queue.push(new Slice(Buffer.from("b"), 0, 1, late)),
    };
    queue.push(new Slice(Buffer.from("a"), 0, 1, owner));
    queue.take(1);
    assert.equal(queue.size, 1);
    assert.deepEqual([...queue.at(0).view()], [98]);
    queue.take(1);
    assert.equal(queue.count, 0);
    assert.equal(late.references, 0);
  });
});
