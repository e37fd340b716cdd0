import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import fc from "fast-check";

import { ByteWriter } from "#core/bytes/writer.ts";
import { type Writing, drained, lineOf, linesFor, put } from "./line-queue.fixture.ts";
import { LineReader, LineWriter, lineQueueBytes } from "./line-queue.ts";

const step = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: "grapheme", maxLength: 40 }) },
  // Takes so many bytes, or as many as there are.
  { weight: 1, arbitrary: fc.nat({ max: 400 }) },
);
const size = fc.record({
  blocks: fc.constantFrom(1, 2, 8),
  bytes: fc.integer({ min: 16, max: 256 }),
});

test("what is read is what was written, but for whole lines that found no room", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), size, (steps, { blocks, bytes }) => {
      const { writer, reader } = linesFor({ blocks, bytes });
      const scratch = new ByteWriter(16);
      let expected = Buffer.alloc(0);
      let longest = 0;
      for (const next of steps) {
        const pieces: Uint8Array[] = [];
        assert.equal(reader.peek(pieces), expected.length);
        assert.deepEqual(Buffer.concat(pieces), expected);
        if (typeof next === "number") {
          const count = Math.min(next, expected.length);
          reader.take(count);
          expected = expected.subarray(count);
          continue;
        }
        const line = Buffer.from(`${next}\n`);
        const { dropped } = reader;
        put(writer, scratch, line.toString());
        if (reader.dropped === dropped) {
          expected = Buffer.concat([expected, line]);
          longest = Math.max(longest, line.length);
          continue;
        }
        assert.equal(reader.dropped, dropped + 1);
        // A block is left when the next line does not fit, and the oldest may have been read but for a byte.
        const sure = (blocks - 2) * (bytes - Math.max(longest, line.length));
        assert.ok(line.length > bytes || expected.length + line.length > sure);
      }
      assert.equal(drained(reader), expected.toString());
    }),
    { numRuns: 500 },
  );
});

test("a reader that keeps up lets the same few blocks be used again and again", () => {
  const { writer, reader } = linesFor({ blocks: 8, bytes: 100 });
  const scratch = new ByteWriter();
  const places = new Set<number>();
  for (let i = 0; i < 100; i++) {
    put(writer, scratch, `${"x".repeat(59)}\n`);
    const pieces: Uint8Array[] = [];
    const count = reader.peek(pieces);
    for (const { byteOffset } of pieces) places.add(byteOffset);
    reader.take(count);
  }
  assert.equal(places.size, 2);
});

test("counts may pass 2³¹ and 2³²", () => {
  for (const limit of [2 ** 31, 2 ** 32]) {
    const small = { blocks: 4, bytes: 100 };
    const buffer = new SharedArrayBuffer(lineQueueBytes(1, small));
    const cells = new Int32Array(buffer);
    // As after a long life: the newest and the oldest use of a block, each in its side's line of cache.
    cells[0] = cells[16] = limit - 50;
    const writer = new LineWriter(buffer, 0, () => undefined, small);
    const reader = new LineReader(buffer, 0, small);
    const scratch = new ByteWriter();
    for (let index = 0; index < 200; index++) {
      put(writer, scratch, `${index}\n`);
      put(writer, scratch, lineOf(index, 40));
      assert.equal(drained(reader), `${index}\n${lineOf(index, 40)}`);
    }
    assert.equal(reader.dropped, 0);
    assert.ok(((cells[0] - limit) | 0) > 0);
  }
});

/** Threads that write to a row each, at once. */
function writers(rows: number, writing: Omit<Writing, "buffer" | "row">) {
  const buffer = new SharedArrayBuffer(lineQueueBytes(rows, writing.size));
  return Array.from({ length: rows }, (_, row) => {
    const workerData: Writing = { ...writing, buffer, row };
    const thread = new Worker(new URL("./line-queue.fixture.ts", import.meta.url), { workerData });
    const ended = once(thread, "exit");
    return { thread, ended, reader: new LineReader(buffer, row, writing.size), buffer };
  });
}

test("another thread's lines arrive byte by byte and in order, and each that does not is counted", async () => {
  const writing = { size: { blocks: 16, bytes: 512 }, longest: 300, count: 60_000 };
  await Promise.all(
    writers(2, writing).map(async ({ ended, reader }) => {
      let running = true;
      void ended.then(() => (running = false));
      let next = 0;
      let skipped = 0;
      let last = false;
      while (!last) {
        // One look after the thread has ended.
        last = !running;
        for (const line of drained(reader).split("\n").slice(0, -1)) {
          const index = Number.parseInt(line, 10);
          assert.ok(index >= next, `line ${index} came behind ${next - 1}`);
          skipped += index - next;
          next = index + 1;
          assert.equal(`${line}\n`, lineOf(index, writing.longest));
        }
        await new Promise(setImmediate);
      }
      assert.ok(next > 0);
      assert.equal(reader.dropped, skipped + writing.count - next);
    }),
  );
});

test("a thread that is ended at any moment leaves whole lines, and the next one goes on behind them", async () => {
  const small = { blocks: 16, bytes: 64 * 1024 };
  for (let round = 0; round < 5; round++) {
    const [first] = writers(1, { size: small, longest: 60, count: 1e9 });
    assert.ok(first !== undefined);
    const { thread, reader, buffer } = first;
    while (reader.peek([]) === 0) await new Promise(setImmediate);
    await thread.terminate();
    put(new LineWriter(buffer, 0, () => undefined, small), new ByteWriter(), "of the next\n");
    const lines = drained(reader).split("\n");
    assert.equal(lines.pop(), "", "the last line is whole");
    // It may have left no room.
    if (lines.at(-1) === "of the next") lines.pop();
    for (const line of lines) {
      assert.equal(`${line}\n`, lineOf(Number.parseInt(line, 10), 60));
    }
    drained(reader);
    const next = new LineWriter(buffer, 0, () => undefined, small);
    const scratch = new ByteWriter();
    for (let i = 0; i < small.blocks; i++) put(next, scratch, `${"x".repeat(60_000)}\n`);
    // The first may not fit behind what was read.
    assert.ok(drained(reader).length >= (small.blocks - 1) * 60_001, "no block is lost");
  }
});

test("a line that is not finished counts for nothing", () => {
  const small = { blocks: 2, bytes: 256 };
  const buffer = new SharedArrayBuffer(lineQueueBytes(1, small));
  const open = (): LineWriter => new LineWriter(buffer, 0, () => undefined, small);
  const scratch = new ByteWriter();
  const before = open();
  put(before, scratch, `${"a".repeat(199)}\n`);
  before.begin(scratch);
  scratch.utf8("half a l");
  put(open(), scratch, "whole\n");
  assert.equal(drained(new LineReader(buffer, 0, small)), `${"a".repeat(199)}\nwhole\n`);
});

test("a reader that sleeps is woken by the next line, one that is awake when four blocks are full, once", () => {
  let wakes = 0;
  const { writer, reader } = linesFor({ blocks: 16, bytes: 100 }, () => wakes++);
  const scratch = new ByteWriter();
  assert.ok(reader.sleep());
  put(writer, scratch, "a\n");
  put(writer, scratch, "b\n");
  assert.equal(wakes, 1);
  assert.equal(reader.sleep(), false, "nobody sleeps while lines wait");
  put(writer, scratch, "c\n");
  assert.equal(wakes, 1);
  const line = `${"x".repeat(99)}\n`;
  for (let i = 1; i < 10; i++) {
    put(writer, scratch, line);
    assert.equal(wakes, i < 4 ? 1 : 2);
    assert.equal(reader.isPressing, i >= 4);
  }
  reader.take(206);
  put(writer, scratch, line);
  assert.equal(wakes, 3);
  reader.awake();
  drained(reader);
  put(writer, scratch, "d\n");
  assert.equal(wakes, 3);
});
