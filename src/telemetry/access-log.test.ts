import assert from "node:assert/strict";
import { test } from "node:test";

import { drained, linesFor } from "#model/shared/line-queue.fixture.ts";
import type { QueueSize } from "#model/shared/line-queue.ts";
import { AccessLog } from "./access-log.ts";
import { jsonLine } from "./access/json.ts";
import { recordWith } from "./record.fixture.ts";

function setUp(size?: QueueSize) {
  const { writer, reader } = linesFor(size);
  return { reader, log: new AccessLog({ lines: writer, utcOffset: 0, colour: false }) };
}

test("each line can be read as soon as it is written, and none is cut or lost", () => {
  const { log, reader } = setUp({ blocks: 2, bytes: 2048 });
  log.use("json");
  for (let i = 0; i < 100; i++) {
    const record = recordWith({ requestId: `r${i}`, userAgent: "x".repeat(i * 10) });
    log.write(record);
    assert.equal(drained(reader), jsonLine(record));
  }
});

test("a line that the fast way begins and cannot end is written by the other one alone", () => {
  const { log, reader } = setUp();
  log.use("json");
  const records = [
    recordWith({ userAgent: "Grüße, 世界" }),
    recordWith({ userAgent: 'a "quote"' }),
    recordWith({ target: `/${"x".repeat(9000)}` }),
    recordWith({ failure: "connect_refused" }),
    recordWith(),
  ];
  for (const record of records) log.write(record);
  assert.equal(drained(reader), records.map(jsonLine).join(""));
});

test("lines that find no room are dropped whole, and those that come later are written", () => {
  const { log, reader } = setUp({ blocks: 2, bytes: 500 });
  log.use("json");
  const line = jsonLine(recordWith());
  const fit = 2;
  for (let i = 0; i < fit + 3; i++) log.write(recordWith());
  assert.equal(reader.dropped, 3);
  assert.equal(drained(reader), line.repeat(fit));
  log.write(recordWith());
  assert.equal(drained(reader), line);
});

test("a log that is off writes nothing, and a reload changes the format", () => {
  const { log, reader } = setUp();
  log.write(recordWith());
  log.use("combined");
  log.write(recordWith());
  log.use("pretty");
  log.write(recordWith());
  log.use("off");
  log.write(recordWith());
  const lines = drained(reader).trimEnd().split("\n");
  assert.equal(lines.length, 2);
  assert.match(lines[0] ?? "", /^203\.0\.113\.9 - - \[/);
  assert.match(lines[1] ?? "", /^04:05:06 200/);
});
