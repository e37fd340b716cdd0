import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type FakeRequest, readOptions, startExchange } from "../../../test/harness/filter.ts";
import { TestFilterRuntime } from "../../../test/harness/filter-runtime.ts";
import type { Rate } from "#sdk/config.ts";
import type { RateLimitOptions } from "./config.ts";

/** Requests that get through, of those that come at one moment. */
function through(
  runtime: TestFilterRuntime,
  options: unknown,
  ...requests: FakeRequest[]
): FakeRequest[] {
  return requests.filter(
    (request) =>
      startExchange([{ rateLimit: options }], request, { runtime }).requestHead().kind ===
      "continue",
  );
}

const ONE = { rate: "1/h", burst: 1 };

function rateOf(written: unknown): Rate {
  return (readOptions("rateLimit", written) as RateLimitOptions).rate;
}

describe("rateLimit", () => {
  test("refuses what is too many, and says when to come again", () => {
    const runtime = new TestFilterRuntime();
    const limit = [{ rateLimit: { rate: "10/s", burst: 2 } }];
    startExchange(limit, {}, { runtime }).pass();
    startExchange(limit, {}, { runtime }).pass();
    const third = startExchange(limit, {}, { runtime });
    assert.deepEqual(third.requestHead(), { kind: "refuse", code: "rate_limited", detail: "" });
    const { headers } = third.respond(429, [], true);
    assert.equal(headers.get("retry-after"), "1");
    assert.equal(headers.get("ratelimit"), '"client-ip";r=0;t=1');
    runtime.pass(101);
    startExchange(limit, {}, { runtime }).pass();
  });

  test("tells on every answer what is left", () => {
    const exchange = startExchange([{ rateLimit: { rate: "100/m", burst: 20 } }]).pass();
    const { headers } = exchange.respond(200);
    assert.equal(headers.get("ratelimit-policy"), '"client-ip";q=100;w=60');
    assert.equal(headers.get("ratelimit"), '"client-ip";r=19;t=1');
    assert.equal(headers.has("retry-after"), false);
  });

  test("says nothing when it is told to, but for the time to come again", () => {
    const runtime = new TestFilterRuntime();
    const limit = [{ rateLimit: { ...ONE, headers: false } }];
    const first = startExchange(limit, {}, { runtime }).pass().respond(200);
    assert.equal(first.headers.has("ratelimit"), false);
    const second = startExchange(limit, {}, { runtime });
    second.requestHead();
    const { headers } = second.respond(429, [], true);
    assert.equal(headers.has("ratelimit"), false);
    assert.equal(headers.get("retry-after"), "3600");
  });

  test("leaves the fields of a backend that counts as well", () => {
    const exchange = startExchange([{ rateLimit: "5/s" }]).pass();
    const { headers } = exchange.respond(200, [["RateLimit", '"own";r=1;t=2']]);
    assert.deepEqual(headers.getAll("ratelimit"), ['"own";r=1;t=2', '"client-ip";r=4;t=1']);
  });

  test("says nothing about requests that it has not counted", () => {
    const exchange = startExchange([{ respond: 204 }, { rateLimit: "5/s" }]);
    exchange.answer();
    assert.equal(exchange.respond(204, [], true).headers.has("ratelimit"), false);
  });

  test("counts clients apart by address, IPv6 by its first 64 bits", () => {
    const runtime = new TestFilterRuntime();
    const addresses = [
      "192.0.2.1",
      "192.0.2.2",
      "::ffff:192.0.2.1",
      "2001:db8:0:1::1",
      "2001:db8:0:1:ffff::2",
      "2001:db8:0:2::1",
      "",
      "",
    ];
    const passed = through(runtime, ONE, ...addresses.map((clientIp) => ({ clientIp })));
    assert.deepEqual(
      passed.map(({ clientIp }) => clientIp),
      ["192.0.2.1", "192.0.2.2", "2001:db8:0:1::1", "2001:db8:0:2::1", ""],
    );
  });

  test("counts by a field, by a cookie, and by several things together", () => {
    const header = (value: string): FakeRequest => ({ headers: [["X-Api-Key", value]] });
    const byHeader = { ...ONE, by: { header: "X-Api-Key" } };
    assert.equal(
      through(new TestFilterRuntime(), byHeader, header("a"), header("b"), header("a"), {}, {})
        .length,
      3,
    );
    const cookie = (value: string): FakeRequest => ({ headers: [["Cookie", value]] });
    const byCookie = { ...ONE, by: { cookie: "id" } };
    const cookies = ["id=1", "x=2; id=1", "id=2; id=1", "xid=1", "ID=1", "id"].map(cookie);
    assert.deepEqual(
      through(new TestFilterRuntime(), byCookie, ...cookies).map(({ headers }) => headers![0]![1]),
      ["id=1", "id=2; id=1", "xid=1"],
    );
    const both = { ...ONE, by: ["client-ip", { header: "x-api-key" }] };
    const from = (clientIp: string, key: string): FakeRequest => ({ ...header(key), clientIp });
    assert.equal(
      through(
        new TestFilterRuntime(),
        both,
        from("192.0.2.1", "a"),
        from("192.0.2.1", "b"),
        from("192.0.2.2", "a"),
        from("192.0.2.1", "a"),
      ).length,
      3,
    );
    assert.equal(
      through(new TestFilterRuntime(), { ...ONE, by: "route" }, {}, header("a")).length,
      1,
    );
  });

  test("keeps the parts of a key apart", () => {
    const by = { ...ONE, by: [{ header: "a" }, { header: "b" }] };
    const pair = (a: string, b: string): FakeRequest => ({
      headers: [
        ["a", a],
        ["b", b],
      ],
    });
    assert.equal(through(new TestFilterRuntime(), by, pair("xy", "z"), pair("x", "yz")).length, 2);
  });

  test("goes on counting when its rate is changed", () => {
    const runtime = new TestFilterRuntime();
    assert.equal(
      through(runtime, { rate: "10/m", burst: 10 }, ...Array.from({ length: 20 }, () => ({})))
        .length,
      10,
    );
    for (let i = 0; i < 500; i++) {
      const count = 10 + (i % 20);
      const changed = { rate: `${count}/m`, burst: count, headers: i % 2 === 0 };
      assert.equal(through(runtime, changed, {}).length, 0);
    }
  });

  test("only observes when it is told so", () => {
    const runtime = new TestFilterRuntime();
    const limit = [{ rateLimit: { ...ONE, mode: "observe" } }];
    startExchange(limit, {}, { runtime }).pass();
    const second = startExchange(limit, {}, { runtime }).pass();
    assert.equal(second.respond(200).headers.has("ratelimit"), false);
    assert.deepEqual(
      second.actions.map(({ observed, action, detail }) => [observed, action, detail]),
      [
        [true, "refused", "rate_limited"],
        [true, "changed", "ratelimit-policy, ratelimit, retry-after"],
      ],
    );
  });

  test("has a burst that is half a second's worth, within reason", () => {
    assert.deepEqual(rateOf("100/s"), { count: 100, period: 1000, burst: 50 });
    assert.equal(rateOf("10/m").burst, 10);
    assert.equal(rateOf("5/s").burst, 5);
    assert.equal(rateOf("1000/h").burst, 10);
    assert.deepEqual(rateOf("7/30s"), { count: 7, period: 30_000, burst: 7 });
    assert.equal(rateOf({ rate: "100/s", burst: 1 }).burst, 1);
  });

  test("is refused when it is no rate, or one that cannot be counted", () => {
    const refused = (written: unknown, words: RegExp): void =>
      assert.throws(() => readOptions("rateLimit", written), words);
    refused("100", /is not a rate/);
    refused("0/s", /is not a rate/);
    refused("1/0s", /is not a rate/);
    refused("1.5/s", /is not a rate/);
    refused("1/y", /is not a rate/);
    refused("1/60d", /too long/);
    refused("2000000/s", /too fast/);
    refused(100, /expected a rate/);
    refused({ rate: "1/s", by: "ip" }, /./);
    refused({ rate: "1/s", by: [] }, /./);
    refused({ rate: "1/s", by: { cookie: "a b" } }, /name of a cookie/);
    refused({ rate: "1/s", burst: 0 }, /./);
  });
});
