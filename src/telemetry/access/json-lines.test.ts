import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FAILURE_CODES } from "#core/errors.ts";
import { ByteWriter } from "#core/bytes/writer.ts";
import { HeaderList } from "#core/http/header-list.ts";
import type { ExchangeRecord } from "#model/record.ts";
import { recordWith } from "../record.fixture.ts";
import { JsonLines } from "./json-lines.ts";
import { jsonLine } from "./json.ts";

/** The lines of `records`, where those that are refused are written by `jsonLine`. */
function written(records: readonly ExchangeRecord[]): string {
  const writer = new ByteWriter();
  const lines = new JsonLines(writer);
  let text = "";
  for (const record of records) {
    writer.reset();
    text += lines.write(record) ? textOf(writer) : jsonLine(record);
  }
  return text;
}

function textOf(writer: ByteWriter): string {
  return Buffer.from(writer.view()).toString("utf8");
}

const text = fc.oneof(
  { weight: 8, arbitrary: fc.string({ unit: "grapheme-ascii", maxLength: 40 }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 10 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("", "x".repeat(1024), "x".repeat(1025), "/a?token=x&b=1"),
  },
);
const ms = fc.oneof(
  fc.double({ min: 0, max: 1e9, noNaN: true }),
  fc.integer({ min: -1, max: 1e6 }).map((hundredths) => hundredths / 100),
  fc.constantFrom(-1, 0, 0.005, 0.1, 0.29, 1.1, 99.999, 21_474_836.47, 21_474_836.48),
);
const count = fc.oneof(fc.nat(), fc.maxSafeNat(), fc.constantFrom(0, 9, 10, 2 ** 31 - 1, 2 ** 31));
const record: fc.Arbitrary<ExchangeRecord> = fc
  .record(
    {
      startedWall: fc.oneof(count, fc.integer({ min: 1_790_000_000_000, max: 1_799_999_999_999 })),
      requestId: text,
      clientIp: text,
      method: text,
      scheme: fc.constantFrom("http" as const, "https" as const),
      host: text,
      target: text,
      version: fc.constantFrom(10, 11, 20),
      status: fc.constantFrom(0, 101, 200, 304, 404, 502),
      requestBytes: count,
      responseBytes: count,
      userAgent: text,
      referer: text,
      route: text,
      upstream: text,
      endpoint: text,
      attempts: fc.nat({ max: 3 }),
      queueMs: ms,
      connectMs: ms,
      firstByteMs: ms,
      totalMs: ms,
      failure: fc.option(fc.constantFrom(...FAILURE_CODES)),
      upgrade: fc.constantFrom("", "", "websocket"),
    },
    { requiredKeys: [] },
  )
  .map((parts) => recordWith(parts));

/** The same record with its request's fields, as the data plane has it. */
function withFields(plain: ExchangeRecord): ExchangeRecord {
  const fields = new HeaderList();
  for (const [name, value] of [
    ["User-Agent", plain.userAgent],
    ["Referer", plain.referer],
  ] as const) {
    if (value !== "") fields.appendUnchecked(name, value);
  }
  const userAgent = fields.get("user-agent") ?? "";
  return { ...plain, fields, userAgent, referer: fields.get("referer") ?? "" };
}

test("lines are those of jsonLine, whatever the records say", () => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 8 }), (records) => {
      assert.equal(written(records), records.map(jsonLine).join(""));
      const received = records.map(withFields);
      assert.equal(written(received), received.map(jsonLine).join(""));
    }),
    { numRuns: 300 },
  );
});

test("every character at every place of a text is written as jsonLine does", () => {
  for (let code = 0; code < 0x200; code++) {
    const char = String.fromCharCode(code);
    const records = [`${char}ab`, `a${char}b`, `ab${char}`].map((userAgent) =>
      recordWith({ userAgent }),
    );
    records.push(...records.map(({ userAgent }) => recordWith({ referer: userAgent })));
    records.push(...records.map(withFields));
    assert.equal(written(records), records.map(jsonLine).join(""), `code ${code}`);
  }
});

test("an ordinary record is not refused", () => {
  const writer = new ByteWriter();
  const record = withFields(recordWith({ referer: "https://a.example/?page=2" }));
  assert.ok(new JsonLines(writer).write(record));
  assert.equal(textOf(writer), jsonLine(record));
});
