import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Slice, sliceOf, type SliceOwner } from "./slice.ts";
import { ByteWriter } from "./writer.ts";

test("a writer holds what was written, however it has to grow", () => {
  const piece = fc.oneof(
    fc.record({
      how: fc.constant("byte" as const),
      text: fc.string({ minLength: 1, maxLength: 1, unit: "binary-ascii" }),
    }),
    fc.record({
      how: fc.constantFrom("latin1" as const, "copy" as const),
      text: fc.string({ maxLength: 200, unit: "binary-ascii" }),
    }),
    fc.record({ how: fc.constant("crlf" as const), text: fc.constant("\r\n") }),
  );
  fc.assert(
    fc.property(
      fc.array(piece, { maxLength: 30 }),
      fc.integer({ min: 1, max: 64 }),
      (pieces, capacity) => {
        const writer = new ByteWriter(capacity);
        writer.latin1("forgotten");
        writer.reset();
        for (const { how, text } of pieces) {
          if (how === "byte") writer.byte(text.charCodeAt(0));
          else if (how === "latin1") writer.latin1(text);
          else if (how === "crlf") writer.crlf();
          else {
            const bytes = Buffer.from(`##${text}##`, "latin1");
            writer.copy(bytes, 2, bytes.length - 2);
          }
        }
        const written = pieces.map(({ text }) => text).join("");
        assert.equal(Buffer.from(writer.view()).toString("latin1"), written);
        assert.equal(writer.length, written.length);
      },
    ),
    { numRuns: 200 },
  );
});

test("what is written into memory that was lent stays inside, or moves out as a whole", () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ maxLength: 60, unit: "binary-ascii" }), { maxLength: 20 }),
      fc.integer({ min: 0, max: 400 }),
      fc.integer({ min: 1, max: 64 }),
      (texts, size, capacity) => {
        const lent = new Uint8Array(size + 20).fill(0xee);
        const writer = new ByteWriter(capacity);
        writer.latin1("forgotten");
        writer.lend(lent, 10, size);
        for (const [index, text] of texts.entries()) {
          const bytes = Buffer.from(text, "latin1");
          if (index % 3 === 0) writer.latin1(text);
          else if (index % 3 === 1) writer.copy(bytes, 0, bytes.length);
          else writer.constant(bytes);
        }
        const written = texts.join("");
        assert.equal(Buffer.from(writer.view()).toString("latin1"), written);
        assert.equal(writer.bytes === lent, written.length <= size);
        assert.ok(lent.subarray(0, 10).every((byte) => byte === 0xee));
        assert.ok(lent.subarray(10 + size).every((byte) => byte === 0xee));
        writer.reset();
        writer.latin1("x");
        assert.notEqual(writer.bytes, lent);
      },
    ),
    { numRuns: 300 },
  );
});

test("a writer writes any whole number as it is written in text", () => {
  fc.assert(
    fc.property(fc.oneof(fc.maxSafeNat(), fc.nat(), fc.constantFrom(9, 10, 2 ** 31)), (value) => {
      const writer = new ByteWriter(1);
      writer.decimal(value);
      assert.equal(Buffer.from(writer.view()).toString("latin1"), String(value));
    }),
  );
});

test("a writer writes any text as UTF-8", () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: "binary", maxLength: 40 })), (texts) => {
      const writer = new ByteWriter(8);
      for (const text of texts) writer.utf8(text);
      assert.equal(Buffer.from(writer.view()).toString("utf8"), texts.join(""));
    }),
  );
  const long = "€".repeat(5000);
  const writer = new ByteWriter(8);
  writer.utf8(long);
  assert.equal(Buffer.from(writer.view()).toString("utf8"), long);
});

test("a writer writes numbers and latin1", () => {
  const writer = new ByteWriter(1);
  writer.decimal(0);
  writer.latin1("é");
  writer.decimal(2 ** 53 - 1);
  assert.equal(Buffer.from(writer.view()).toString("latin1"), "0é9007199254740991");
});

test("every part of a slice is a reference of its own to the same bytes", () => {
  const owner = {
    references: 1,
    retain(): void {
      this.references++;
    },
    release(): void {
      this.references--;
    },
  } satisfies SliceOwner & { references: number };
  const slice = new Slice(Uint8Array.from([1, 2, 3, 4, 5]), 1, 3, owner);
  const part = slice.part(1, 2);
  const inner = part.part(1, 1);
  assert.deepEqual([...slice.view()], [2, 3, 4]);
  assert.deepEqual([...part.view()], [3, 4]);
  assert.deepEqual([...inner.view()], [4]);
  assert.equal(owner.references, 3);
  inner.release();
  part.release();
  slice.release();
  assert.equal(owner.references, 0);
  const collected = sliceOf(Uint8Array.of(7));
  collected.part(0, 1).release();
  collected.release();
  assert.deepEqual([...collected.view()], [7]);
});
