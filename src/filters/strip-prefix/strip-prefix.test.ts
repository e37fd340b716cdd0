import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { readOptions, startExchange } from "../../../test/harness/filter.ts";

/** What the backend is asked for, and what it is told was taken off. */
function strip(target: string, ...prefixes: string[]): [target: string, stripped: string] {
  const exchange = startExchange(
    prefixes.map((prefix) => ({ stripPrefix: prefix })),
    { target },
  ).pass();
  return [exchange.plan.target, exchange.plan.strippedPrefix];
}

describe("stripPrefix", () => {
  test("takes the prefix off and leaves the rest byte for byte", () => {
    assert.deepEqual(strip("/api/users?x=%2F&y", "/api"), ["/users?x=%2F&y", "/api"]);
    assert.deepEqual(strip("/api/a%2Fb%20c", "/api"), ["/a%2Fb%20c", "/api"]);
    assert.deepEqual(strip("/api/", "/api"), ["/", "/api"]);
    assert.deepEqual(strip("/api", "/api"), ["/", "/api"]);
    assert.deepEqual(strip("/api?x", "/api"), ["/?x", "/api"]);
  });

  test("leaves alone what is not below the prefix", () => {
    for (const target of [
      "/apix",
      "/apix/users",
      "/",
      "/API/users",
      "/v1/api/users",
      "/api%2Fusers",
    ]) {
      assert.deepEqual(strip(target, "/api"), [target, ""]);
    }
    assert.deepEqual(strip("/?to=/api/x", "/api"), ["/?to=/api/x", ""]);
  });

  test("knows the prefix in another spelling, as the route did", () => {
    assert.deepEqual(strip("/%61pi/users", "/api"), ["/users", "/api"]);
    assert.deepEqual(strip("/x/../api/users", "/api"), ["/users", "/api"]);
  });

  test("never gives the backend a way out of what is left", () => {
    assert.deepEqual(strip("/api/../api/users", "/api"), ["/users", "/api"]);
    assert.deepEqual(strip("/api/../admin", "/api"), ["/api/../admin", ""]);
  });

  test("leaves `OPTIONS *` alone", () => {
    const exchange = startExchange([{ stripPrefix: "/api" }], { method: "OPTIONS", target: "*" });
    assert.equal(exchange.pass().plan.target, "*");
  });

  test("several add up", () => {
    assert.deepEqual(strip("/api/v1/users", "/api", "/v1"), ["/users", "/api/v1"]);
  });

  test("gives redirects and cookies of the backend the prefix again", () => {
    const answer = startExchange([{ stripPrefix: "/api" }], { target: "/api/x" })
      .pass()
      .respond(302, [
        ["Location", "/login"],
        ["Set-Cookie", "a=1; Path=/"],
      ]);
    assert.equal(answer.headers.get("location"), "/api/login");
    assert.equal(answer.headers.get("set-cookie"), "a=1; Path=/api");
  });

  test("leaves an answer alone whose backend knows the prefix, or was asked with it, and the proxy's own", () => {
    const location = (
      use: unknown,
      target: string,
      to: string,
      local = false,
    ): string | undefined =>
      startExchange([{ stripPrefix: use }], { target })
        .pass()
        .respond(302, [["Location", to]], local)
        .headers.get("location");
    assert.equal(location("/api", "/api/x", "/api/login"), "/api/login");
    assert.equal(location("/api", "/api/x", "/api"), "/api");
    assert.equal(location("/api", "/api/x", "/apix"), "/api/apix");
    assert.equal(location("/api", "/other", "/login"), "/login");
    assert.equal(location("/api", "/api/x", "/login", true), "/login");
    assert.equal(location({ prefix: "/api", mendResponse: false }, "/api/x", "/login"), "/login");
  });

  test("of several, each puts back what it has taken", () => {
    const use = [{ stripPrefix: "/api" }, { stripPrefix: "/v1" }, { addPrefix: "/app" }];
    const exchange = startExchange(use, { target: "/api/v1/x" }).pass();
    assert.equal(exchange.plan.target, "/app/x");
    const { headers } = exchange.respond(302, [["Location", "/app/login"]]);
    assert.equal(headers.get("location"), "/api/v1/login");
  });

  test("takes a plain beginning of a path only, and says what to write", () => {
    const refused = (prefix: unknown, words: RegExp): void =>
      assert.throws(() => readOptions("stripPrefix", prefix), words);
    refused("/api/", /write `\/api`/);
    refused("/api/*", /without wildcard/);
    refused("/api?x", /without wildcard/);
    refused("/{path}", /without wildcard/);
    refused("api", /is not a path/);
    refused("", /is not a path/);
    refused("/", /changes nothing/);
    refused("//", /empty segment|changes nothing/);
    refused("/a//b", /empty segment/);
    refused("/%61pi", /write `\/api`/);
    refused("/a/../b", /write `\/b`/);
    refused("/a b", /is not a path/);
    refused("/a%0", /is not a path/);
    refused("/a\r\nb", /is not a path/);
    refused(5, /expected a path/);
  });

  test("for every path below the prefix, prefix and rest are the path", () => {
    const segment = fc.stringMatching(/^[a-z0-9~_-]{1,8}$/);
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 4 }), (segments) => {
        const rest = `/${segments.join("/")}`;
        assert.deepEqual(strip(`/api${rest}?q`, "/api"), [`${rest}?q`, "/api"]);
      }),
      { numRuns: 100 },
    );
  });
});
