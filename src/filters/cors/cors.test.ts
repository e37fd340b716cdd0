import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Fields, readOptions, startExchange } from "../../../test/harness/filter.ts";

type Answer = Readonly<Record<string, unknown>>;

/** The fields that a preflight is answered with, but for `Vary`. */
function preflight(options: object, origin: string, method: string, asked?: string): Answer {
  const headers: [string, string][] = [
    ["Origin", origin],
    ["Access-Control-Request-Method", method],
  ];
  if (asked !== undefined) headers.push(["Access-Control-Request-Headers", asked]);
  const exchange = startExchange([{ cors: options }], { method: "OPTIONS", headers });
  const { status, headers: answered } = exchange.answer();
  assert.equal(status, 204);
  const { Vary, ...rest } = answered as Record<string, string>;
  assert.equal(Vary, "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
  return rest;
}

/** What becomes of an answer to a request with these fields. */
function answered(options: object, headers: Fields, own: Fields = []): [string, string][] {
  return [
    ...startExchange([{ cors: options }], { headers })
      .pass()
      .respond(200, own).headers,
  ];
}

const APP = "https://app.example.com";
const NAMED = { origins: APP, methods: ["GET", "PUT"], headers: ["Authorization", "X-Team"] };

describe("cors, preflights", () => {
  test("allows what is configured", () => {
    assert.deepEqual(
      preflight({ ...NAMED, credentials: true }, APP, "PUT", "authorization, X-TEAM"),
      {
        "Access-Control-Allow-Origin": APP,
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Allow-Methods": "GET, PUT",
        "Access-Control-Allow-Headers": "authorization, x-team",
        "Access-Control-Max-Age": "600",
      },
    );
  });

  test("says nothing to another origin, about another method or another field", () => {
    assert.deepEqual(preflight(NAMED, "https://evil.example", "PUT"), {});
    assert.deepEqual(preflight(NAMED, "null", "PUT"), {});
    assert.deepEqual(preflight(NAMED, APP, "DELETE"), {});
    assert.deepEqual(preflight(NAMED, APP, "put"), {}, "methods have a case");
    assert.deepEqual(preflight(NAMED, APP, "PUT", "x-team, x-other"), {});
  });

  test("allows the methods that need no leave, with a field that does", () => {
    assert.equal(preflight(NAMED, APP, "POST", "x-team")["Access-Control-Allow-Origin"], APP);
  });

  test("allows the fields that are asked for, where any may be sent", () => {
    const answer = preflight(
      { origins: "*", headers: "*" },
      "https://a.example",
      "GET",
      "x-a, authorization",
    );
    assert.equal(answer["Access-Control-Allow-Origin"], "*");
    assert.equal(answer["Access-Control-Allow-Headers"], "x-a, authorization");
  });

  test("leaves every other OPTIONS to the backend", () => {
    const only = (headers: Fields): void =>
      void startExchange([{ cors: NAMED }], { method: "OPTIONS", headers }).pass();
    only([]);
    only([["Origin", APP]]);
    only([["Access-Control-Request-Method", "PUT"]]);
  });
});

describe("cors, answers", () => {
  test("may be read by an allowed origin, and caches keep them apart", () => {
    assert.deepEqual(answered({ ...NAMED, expose: "X-Total" }, [["Origin", APP]]), [
      ["Vary", "Origin"],
      ["Access-Control-Allow-Origin", APP],
      ["Access-Control-Expose-Headers", "x-total"],
    ]);
  });

  test("have no fields for others, and vary all the same", () => {
    assert.deepEqual(answered(NAMED, []), [["Vary", "Origin"]]);
    for (const origin of ["https://evil.example", `${APP}.evil`]) {
      assert.deepEqual(answered(NAMED, [["Origin", origin]]), [["Vary", "Origin"]]);
    }
  });

  test("may be read by all, without varying", () => {
    assert.deepEqual(answered({ origins: "*" }, [["Origin", "null"]]), [
      ["Access-Control-Allow-Origin", "*"],
    ]);
  });

  test("have one value of each field, whatever the backend says", () => {
    const own: Fields = [
      ["access-control-allow-origin", "*"],
      ["Access-Control-Allow-Credentials", "true"],
      ["Vary", "Accept, origin"],
    ];
    assert.deepEqual(answered(NAMED, [["Origin", APP]], own), [
      ["Vary", "Accept, origin"],
      ["Access-Control-Allow-Origin", APP],
    ]);
    assert.deepEqual(answered(NAMED, [["Origin", "https://evil.example"]], own), [
      ["Vary", "Accept, origin"],
    ]);
  });

  test("two origins are none", () => {
    const twice: Fields = [
      ["Origin", APP],
      ["Origin", "https://evil.example"],
    ];
    assert.deepEqual(answered(NAMED, twice), [["Vary", "Origin"]]);
  });

  const table: [pattern: string, origin: string, allowed: boolean][] = [
    ["https://*.example.com", "https://a.example.com", true],
    ["https://*.example.com", "https://example.com", false],
    ["https://*.example.com", "https://a.b.example.com", false],
    ["https://**.example.com", "https://a.b.example.com", true],
    ["https://**.example.com", "https://.example.com", false],
    ["https://*.example.com", "http://a.example.com", false],
    ["https://*.example.com", "https://a.example.com:8443", false],
    ["https://*.example.com", "https://evil.test/.example.com", false],
    ["https://*.example.com", "https://evil.test#.example.com", false],
    ["https://*.example.com", "https://evil-example.com", false],
    ["https://APP.example.com", APP, true],
    ["http://localhost:3000", "http://localhost:3000", true],
    ["http://localhost:3000", "http://localhost:3001", false],
    ["http://[::1]:3000", "http://[::1]:3000", true],
    ["capacitor://localhost", "capacitor://localhost", true],
  ];
  for (const [pattern, origin, allowed] of table) {
    test(`${origin} is ${allowed ? "" : "not "}one of ${pattern}`, () => {
      const fields = answered({ origins: pattern }, [["Origin", origin]]);
      assert.equal(
        fields.some(([name]) => name === "Access-Control-Allow-Origin"),
        allowed,
      );
    });
  }
});

test("cors only observes when it is told so", () => {
  const exchange = startExchange([{ cors: { origins: "*", mode: "observe" } }], {
    method: "OPTIONS",
    headers: [
      ["Origin", APP],
      ["Access-Control-Request-Method", "PUT"],
    ],
  }).pass();
  assert.equal(exchange.actions[0]?.action, "responded");
});

test("cors is refused where it would open a site to all others, or means nothing", () => {
  const refused = (options: unknown, words: RegExp): void =>
    assert.throws(() => readOptions("cors", options), words);
  refused({ origins: "*", credentials: true }, /in the name of its visitors/);
  refused({ origins: ["*", APP] }, /any origin already/);
  refused({ origins: "null" }, /is not an origin/);
  refused({ origins: "example.com" }, /is not an origin/);
  refused({ origins: "https://example.com/" }, /is not an origin/);
  refused({ origins: "https://example.com:443" }, /leave that port out/);
  refused({ origins: "https://a*.example.com" }, /is not an origin/);
  refused({ origins: APP, expose: "*", credentials: true }, /means nothing/);
  refused({ origins: APP, methods: "*" }, /is not a method/);
  refused({}, /./);
});
