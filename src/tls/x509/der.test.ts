import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { hostName, readCertificate, readNames } from "./certificate.ts";
import { DerError, TAG, der, integer, oid, readAll, readDer, readOid, sequence } from "./der.ts";
import { readTime, writeTime } from "./time.ts";
import { hierarchy } from "../certificates.fixture.ts";

test("what is written is read again, whatever its length", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 70_000 }), { maxLength: 4 }), (parts) => {
      const written = sequence(...parts.map((part) => der(TAG.octets, part)));
      const { tag, content, raw } = readDer(written);
      assert.deepEqual([tag, raw.length], [TAG.sequence, written.length]);
      assert.deepEqual(
        readAll(content).map((value) => [...value.content]),
        parts.map((part) => [...part]),
      );
    }),
    { numRuns: 50 },
  );
});

test("object identifiers of all sizes survive", () => {
  const arc = fc.nat(2 ** 31 - 1);
  fc.assert(
    fc.property(fc.nat(2), fc.nat(39), fc.array(arc, { maxLength: 8 }), (top, second, rest) => {
      const text = [top, second, ...rest].join(".");
      assert.equal(readOid(readDer(oid(text))), text);
    }),
  );
});

test("integers are never negative and never longer than need be (X.690 §8.3)", () => {
  const bytes = (...values: number[]): number[] => [...integer(Uint8Array.from(values))];
  assert.deepEqual(bytes(0x80), [0x02, 2, 0, 0x80]);
  assert.deepEqual(bytes(0, 0, 0x7f), [0x02, 1, 0x7f]);
  assert.deepEqual(bytes(0), [0x02, 1, 0]);
});

test("dates of all centuries survive, as UTCTime until 2049", () => {
  const [min, max] = [Date.UTC(1950, 0, 1), Date.UTC(2300, 0, 1)];
  fc.assert(
    fc.property(fc.integer({ min, max }), (wall) => {
      const written = writeTime(wall);
      assert.equal(readTime(readDer(written)), Math.floor(wall / 1000) * 1000);
      const before2050 = new Date(wall).getUTCFullYear() < 2050;
      assert.equal(written[0], before2050 ? TAG.utcTime : TAG.generalizedTime);
    }),
  );
});

test("bytes that are no DER are refused, and nothing else is thrown", () => {
  assert.throws(() => readDer(Uint8Array.of(0x30, 0x80, 0, 0)), DerError, "indefinite length");
  assert.throws(() => readDer(Uint8Array.of(0x30, 0x05, 0)), DerError, "cut off");
  assert.throws(() => readDer(Uint8Array.of(0x3f, 0x01, 0)), DerError, "long tag");
  const { leaf } = hierarchy(["a.example"]);
  fc.assert(
    fc.property(fc.nat(leaf.raw.length - 1), fc.nat(255), (at, byte) => {
      const bytes = Uint8Array.from(leaf.raw);
      bytes[at] = byte;
      try {
        readNames(readCertificate(bytes));
      } catch (error) {
        assert.ok(error instanceof DerError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test("host names are lower case and without a final dot; a wildcard is the whole first label", () => {
  assert.equal(hostName("Example.COM."), "example.com");
  assert.equal(hostName("*.Example.com"), "*.example.com");
  assert.equal(hostName("xn--bcher-kva.example"), "xn--bcher-kva.example");
  for (const odd of ["", ".", "*", "*.", "a.*.b", "a*.b", "a b", "a..b", "-a.b", "ä.b", "a:1"]) {
    assert.equal(hostName(odd), null, odd);
  }
});
