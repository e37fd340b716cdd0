import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readOptions, startExchange } from "../../../test/harness/filter.ts";

function add(target: string, prefix: string): string {
  return startExchange([{ addPrefix: prefix }], { target }).pass().plan.target;
}

describe("addPrefix", () => {
  test("puts the prefix before the path and leaves the rest byte for byte", () => {
    assert.equal(add("/users?x=%2F", "/v1"), "/v1/users?x=%2F");
    assert.equal(add("/", "/v1"), "/v1/");
    assert.equal(add("/?x", "/v1/app"), "/v1/app/?x");
    assert.equal(add("/a%2Fb", "/v1"), "/v1/a%2Fb");
  });

  test("leaves `OPTIONS *` alone", () => {
    assert.equal(add("*", "/v1"), "*");
  });

  test("takes it off the paths of the answer again, where it is", () => {
    const answer = (to: string, use: unknown = "/v1"): string | undefined =>
      startExchange([{ addPrefix: use }])
        .pass()
        .respond(302, [["Location", to]])
        .headers.get("location");
    assert.equal(answer("/v1/login?a"), "/login?a");
    assert.equal(answer("/v1"), "/");
    assert.equal(answer("/v10"), "/v10");
    assert.equal(answer("/v1/login", { prefix: "/v1", mendResponse: false }), "/v1/login");
  });

  test("after `stripPrefix` it exchanges one for the other", () => {
    const exchange = startExchange([{ stripPrefix: "/api" }, { addPrefix: "/v2" }], {
      target: "/api/users",
    }).pass();
    assert.equal(exchange.plan.target, "/v2/users");
    assert.equal(exchange.plan.strippedPrefix, "/api");
  });

  test("takes a plain beginning of a path only", () => {
    const refused = (prefix: unknown, words: RegExp): void =>
      assert.throws(() => readOptions("addPrefix", prefix), words);
    refused("v1", /is not a path/);
    refused("/v1/", /write `\/v1`/);
    refused("/", /changes nothing/);
    refused("/v1?x=1", /without wildcard, placeholder or query/);
    refused("/../etc", /write `\/etc`/);
    refused("/a b", /is not a path/);
  });
});
