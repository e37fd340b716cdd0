import assert from "node:assert/strict";
import { test } from "node:test";

import { ByteWriter } from "#core/bytes/writer.ts";
import { ManualScheduler } from "#core/time/scheduler.fixture.ts";
import { put } from "#model/shared/line-queue.fixture.ts";
import { LineReader, LineWriter, lineQueueBytes } from "#model/shared/line-queue.ts";
import { LogDrain, type LogSink, textSink } from "./log-drain.ts";

/** Room for 16 lines of 100 bytes; the fifth presses. */
const SIZE = { blocks: 16, bytes: 100 };

/** A sink that is done when the test says so. */
class SlowSink implements LogSink {
  readonly calls: string[] = [];
  hurried = false;
  closed = false;
  /** What calls give up. */
  lost: readonly Uint8Array[] = [];
  #done: (() => void)[] = [];

  write(pieces: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    assert.equal(this.#done.length, 0, "calls do not overlap");
    return new Promise((resolve) => {
      this.#done.push(() => {
        // Only now: they have to stay as they are.
        this.calls.push(Buffer.concat(pieces).toString());
        resolve(this.lost);
      });
      if (this.hurried) void this.finish();
    });
  }
  /** Lets the call that is under way end. */
  async finish(): Promise<void> {
    for (const done of this.#done.splice(0)) done();
    await new Promise(setImmediate);
  }
  hurry(): void {
    this.hurried = true;
    void this.finish();
  }
  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }
}

function setUp() {
  const scheduler = new ManualScheduler();
  let wake = (): void => undefined;
  let wakes = 0;
  const buffer = new SharedArrayBuffer(lineQueueBytes(2, SIZE));
  const ring = (): void => {
    wakes++;
    wake();
  };
  const sink = new SlowSink();
  const reports: number[] = [];
  const drain = new LogDrain({
    readers: [0, 1].map((row) => new LineReader(buffer, row, SIZE)),
    sink,
    onWake: (callback) => {
      wake = callback;
      return () => (wake = () => undefined);
    },
    scheduler,
    onDropped: (lines) => reports.push(lines),
  });
  const writer = new ByteWriter();
  const workers = [0, 1].map((row) => new LineWriter(buffer, row, ring, SIZE));
  return {
    drain,
    sink,
    reports,
    write: (row: 0 | 1, line: string) => put(workers[row]!, writer, line),
    wakes: () => wakes,
    timers: () => scheduler.waits.length,
    /** Lets time pass. */
    pass: (ms: number) => scheduler.pass(ms),
  };
}

test("lines of all workers wait up to 100 ms for each other, then go with one call", async () => {
  const { write, pass, sink, wakes, timers } = setUp();
  assert.equal(timers(), 0, "nothing is due while there is no line");
  write(0, "a\n");
  await pass(60);
  write(1, "b\n");
  write(0, "c\n");
  assert.equal(wakes(), 1);
  await pass(39);
  await sink.finish();
  assert.deepEqual(sink.calls, []);
  await pass(1);
  await sink.finish();
  assert.deepEqual(sink.calls, ["a\nc\nb\n"]);
  await pass(100);
  assert.equal(timers(), 0, "it sleeps again");
  write(1, "d\n");
  assert.equal(wakes(), 2);
});

test("what is much is not left waiting, and nothing overlaps or is written twice", async () => {
  const { write, sink, pass } = setUp();
  const line = `${"x".repeat(99)}\n`;
  for (let i = 0; i < 10; i++) write(0, line);
  await sink.finish();
  assert.deepEqual(sink.calls, [line.repeat(5)]);
  // What came meanwhile presses too.
  await sink.finish();
  assert.deepEqual(sink.calls, [line.repeat(5), line.repeat(5)]);
  await pass(1000);
  await sink.finish();
  assert.equal(sink.calls.length, 2);
});

test("while the sink takes nothing, lines are dropped, counted, and reported once in ten seconds", async () => {
  const { write, sink, pass, drain, reports } = setUp();
  const line = `${"x".repeat(99)}\n`;
  for (let i = 0; i < 18; i++) write(0, line);
  assert.equal(drain.dropped, 2);
  assert.deepEqual(reports, []);
  await pass(100);
  assert.deepEqual(reports, [2]);
  write(0, line);
  write(0, line);
  write(0, line);
  await pass(9000);
  assert.deepEqual(reports, [2]);
  await pass(2000);
  assert.deepEqual(reports, [2, 3]);
  // What was taken before is written, and there is room again.
  await sink.finish();
  await sink.finish();
  write(0, "later\n");
  await pass(100);
  await sink.finish();
  assert.equal(sink.calls.join(""), `${line.repeat(16)}later\n`);
  assert.equal(drain.dropped, 5);
});

test("drops are reported though nothing comes after them", async () => {
  const { write, sink, pass, reports } = setUp();
  const line = `${"x".repeat(99)}\n`;
  for (let i = 0; i < 17; i++) write(0, line);
  await pass(100);
  write(0, line);
  await sink.finish();
  await sink.finish();
  await pass(5000);
  await sink.finish();
  assert.deepEqual(reports, [1]);
  await pass(5200);
  assert.deepEqual(reports, [1, 1]);
});

test("closing writes what waits, and counts what the sink gives up", async () => {
  const { write, sink, drain, reports } = setUp();
  write(0, "a\n");
  write(1, "b\n");
  await drain.close();
  assert.deepEqual(sink.calls, ["a\nb\n"]);
  assert.ok(sink.hurried && sink.closed);
  await drain.close();

  const other = setUp();
  other.sink.lost = [Buffer.from("st of a line\nb\n")];
  other.write(0, "last of a line\nb\n");
  await other.drain.close();
  assert.equal(other.drain.dropped, 2);
  assert.deepEqual(other.reports, [2]);
  assert.deepEqual(reports, []);
});

test("text is handed over as it was written, whatever comes into its memory later", async () => {
  const texts: string[] = [];
  const sink = textSink((lines) => texts.push(lines));
  const bytes = Buffer.from("\u20ac\nb\n");
  assert.deepEqual(await sink.write([bytes.subarray(0, 2), bytes.subarray(2)]), []);
  bytes.fill(0);
  assert.deepEqual(texts, ["\u20ac\nb\n"]);
});
