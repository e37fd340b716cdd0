import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Xorshift } from "#core/random.ts";
import { Buddy, orderFor } from "./buddy.ts";
import { BLOCK, STATE, TOP_BLOCKS } from "./layout.ts";
import { Store } from "./store.ts";

test("pieces never overlap, and all of the memory comes back", () => {
  const blocks = 2 * TOP_BLOCKS;
  const step = fc.record({
    order: fc.nat(8),
    what: fc.constantFrom("take", "give", "split"),
    which: fc.nat(1000),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const words = new Int32Array(64 + (blocks * BLOCK) / 4);
      const buddy = new Buddy(words, 0, new Uint8Array(blocks), 256);
      const held = new Set<number>();
      const owner = new Int32Array(blocks + 1);
      const mark = (piece: number, value: number): void => {
        for (let i = 0; i < 1 << buddy.orderOf(piece); i++) {
          if (value !== 0) assert.equal(owner[piece + i], 0, "nobody else has the block");
          owner[piece + i] = value;
        }
      };
      for (const { order, what, which } of steps) {
        const one = [...held][which % Math.max(held.size, 1)];
        if (what === "take") {
          const piece = buddy.take(order);
          if (piece === 0) continue;
          assert.equal(buddy.orderOf(piece), order);
          mark(piece, piece);
          held.add(piece);
        } else if (one !== undefined && what === "give") {
          mark(one, 0);
          buddy.give(one);
          held.delete(one);
        } else if (one !== undefined && buddy.orderOf(one) > 0) {
          mark(one, 0);
          const second = buddy.split(one);
          mark(one, one);
          mark(second, second);
          held.add(second);
        }
      }
      for (const piece of held) buddy.give(piece);
      const whole = [buddy.take(8), buddy.take(8)];
      assert.ok(
        whole.every((piece) => piece !== 0),
        "neighbours were joined again",
      );
      assert.equal(buddy.take(0), 0);
    }),
    { numRuns: 150 },
  );
});

test("a piece is as large as it has to be, and no larger than that", () => {
  for (const [bytes, order] of [
    [0, 0],
    [1, 0],
    [256, 0],
    [257, 1],
    [512, 1],
    [513, 2],
    [65_536, 8],
    [1_000_000, 8],
  ] as const) {
    assert.equal(orderFor(bytes), order, String(bytes));
  }
});

/** A store of one thread to which objects of one size are asked for by number. */
class Trace {
  readonly #store: Store;
  hits = 0;
  asked = 0;

  constructor(memory: number) {
    const buffer = Store.allocate(memory, 1, 3);
    this.#store = new Store(buffer, memory, 1, 0, () => undefined);
  }

  ask(id: number): void {
    const key = `http://app.test/${id}`;
    const hash = this.#store.hash(key);
    const shard = this.#store.shardOf(hash);
    assert.ok(shard.lock());
    this.asked++;
    const found = shard.find(key, hash);
    if (found !== 0) {
      this.hits++;
      shard.touch(found);
    } else {
      const entry = shard.create(key, key.length, hash, STATE.COMPLETE);
      assert.notEqual(entry, 0, "there is room for an entry");
      assert.ok(shard.grow(entry, 2), "and for its body");
      shard.link(entry);
    }
    shard.unlock();
  }

  /** Entries that it holds. */
  get size(): number {
    return this.#store.figures().entries;
  }
}

/** The same with an index of its own that forgets what was used longest ago. */
class LeastRecent {
  readonly #entries: Map<number, true> = new Map();
  readonly #size: number;
  hits = 0;

  constructor(size: number) {
    this.#size = size;
  }

  ask(id: number): void {
    if (this.#entries.delete(id)) this.hits++;
    this.#entries.set(id, true);
    if (this.#entries.size > this.#size) this.#entries.delete(this.#entries.keys().next().value!);
  }
}

/** Numbers of which the first are asked for most (Zipf, exponent 0.9). */
function zipf(count: number): (random: Xorshift) => number {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let i = 0; i < count; i++) sums[i] = sum += 1 / (i + 1) ** 0.9;
  return (random) => {
    const wanted = (random.int(2 ** 30) / 2 ** 30) * sum;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! < wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

test("on a skewed trace, and with scans in it, more is found than by least recently used", () => {
  const MEMORY = 2 * 1024 * 1024;
  const random = new Xorshift(11);
  const next = zipf(20_000);
  const warm = new Trace(MEMORY);
  for (let i = 0; i < 20_000; i++) warm.ask(next(random));
  for (const scans of [false, true]) {
    const trace = new Trace(MEMORY);
    const other = new LeastRecent(warm.size);
    const both = (id: number): void => {
      trace.ask(id);
      other.ask(id);
    };
    for (let i = 0; i < 100_000; i++) {
      both(next(random));
      // A crawler that reads everything once.
      if (scans && i % 10_000 === 0) for (let at = 0; at < 3000; at++) both(1_000_000 + i + at);
    }
    const ratio = trace.hits / other.hits;
    assert.ok(ratio > 1.1, `scans ${scans}: ${trace.hits} hits, ${other.hits} by the other`);
  }
});
