import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type FakeExchange, readOptions, startExchange } from "../../../test/harness/filter.ts";
import { TestFilterRuntime } from "../../../test/harness/filter-runtime.ts";

const REFUSED = { kind: "refuse", code: "concurrency_limit", detail: "" };

function begin(runtime: TestFilterRuntime, options: unknown, clientIp = "192.0.2.1"): FakeExchange {
  return startExchange([{ concurrencyLimit: options }], { clientIp }, { runtime });
}

describe("concurrencyLimit", () => {
  test("refuses what is too many at once, until one of them has ended", () => {
    const runtime = new TestFilterRuntime();
    const first = begin(runtime, 2).pass();
    begin(runtime, 2).pass();
    assert.deepEqual(begin(runtime, 2).requestHead(), REFUSED);
    begin(runtime, 2, "192.0.2.2").pass();
    first.end();
    begin(runtime, 2).pass();
  });

  test("gives back once what a request had, and nothing for one that was refused", () => {
    const runtime = new TestFilterRuntime();
    const first = begin(runtime, 1).pass();
    const refused = begin(runtime, 1);
    refused.requestHead();
    refused.end();
    assert.deepEqual(begin(runtime, 1).requestHead(), REFUSED);
    first.end();
    first.end();
    begin(runtime, 1).pass();
    assert.deepEqual(begin(runtime, 1).requestHead(), REFUSED);
  });

  test("lets requests wait for a place, in the order in which they came", async () => {
    const runtime = new TestFilterRuntime();
    const options = { max: 1, queue: {} };
    const exchanges = [0, 1, 2].map(() => begin(runtime, options));
    const first = exchanges[0]!.pass();
    const order: number[] = [];
    const waiting = [1, 2].map(async (index) => {
      const decision = await exchanges[index]!.requestHeadLate();
      order.push(index);
      return decision;
    });
    first.end();
    runtime.pass(10);
    await waiting[0];
    exchanges[1]!.end();
    runtime.pass(10);
    assert.deepEqual(await Promise.all(waiting), [{ kind: "continue" }, { kind: "continue" }]);
    assert.deepEqual(order, [1, 2]);
    exchanges[2]!.end();
    runtime.pass(20);
    assert.equal(runtime.waiting, 0, "nobody looks any more");
  });

  test("refuses those who have waited too long, and those who are too many to wait", async () => {
    const runtime = new TestFilterRuntime();
    const options = { max: 1, queue: { size: 1, timeout: "50ms" } };
    begin(runtime, options).pass();
    const waits = begin(runtime, options).requestHeadLate();
    assert.deepEqual(begin(runtime, options).requestHead(), REFUSED);
    runtime.pass(50);
    assert.deepEqual(await waits, REFUSED);
    const again = begin(runtime, options).requestHeadLate();
    runtime.pass(50);
    assert.deepEqual(await again, REFUSED, "the seat was given back");
  });

  test("a client that leaves while it waits gives up its seat, and takes no place", async () => {
    const runtime = new TestFilterRuntime();
    const options = { max: 1, queue: { size: 1 } };
    const first = begin(runtime, options).pass();
    const gone = begin(runtime, options);
    const waits = gone.requestHeadLate();
    gone.end();
    assert.equal((await waits).kind, "reset");
    const next = begin(runtime, options);
    const gets = next.requestHeadLate();
    first.end();
    runtime.pass(10);
    assert.equal((await gets).kind, "continue");
    next.end();
    begin(runtime, options).pass();
  });

  test("only observes when it is told so, and then makes nobody wait", () => {
    const runtime = new TestFilterRuntime();
    const options = { max: 1, queue: {}, mode: "observe" };
    begin(runtime, options).pass();
    const second = begin(runtime, options).pass();
    assert.equal(second.actions[0]?.detail, "concurrency_limit");
  });

  test("is written as a number that can be counted", () => {
    assert.throws(() => readOptions("concurrencyLimit", 0));
    assert.throws(() => readOptions("concurrencyLimit", 5000));
    assert.throws(() => readOptions("concurrencyLimit", {}));
    assert.throws(() => readOptions("concurrencyLimit", { max: 1, queue: { timeout: "0s" } }));
  });
});
