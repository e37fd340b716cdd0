import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readOptions } from "../../../test/harness/filter.ts";

describe("cache", () => {
  test("needs no options", () => {
    assert.deepEqual(readOptions("cache", {}), {
      ttl: null,
      ignore: [],
      query: { kind: "all" },
      headers: [],
      cookies: [],
      variants: 128,
      maxObject: 16 * 1024 * 1024,
      staleWhileRevalidate: 0,
      staleIfError: 0,
    });
  });

  test("reads what tells two answers apart", () => {
    const options = readOptions("cache", {
      query: { ignore: "utm_*" },
      headers: ["X-Tenant"],
      cookies: "theme",
    });
    assert.deepEqual(options, {
      ...(readOptions("cache", {}) as object),
      query: { kind: "ignore", names: ["utm_*"] },
      headers: ["x-tenant"],
      cookies: ["theme"],
    });
    assert.deepEqual((readOptions("cache", { query: { only: [] } }) as { query: unknown }).query, {
      kind: "only",
      names: [],
    });
  });

  test("refuses names that can never be met, and options that it does not know", () => {
    for (const written of ["a=b", "a&b", "", "a*b", "a b", "#"]) {
      assert.throws(
        () => readOptions("cache", { query: { ignore: written } }),
        /parameter/,
        written,
      );
    }
    assert.throws(() => readOptions("cache", { cookies: "a;b" }), /cookie/);
    assert.throws(() => readOptions("cache", { ignore: "vary" }));
    assert.throws(() => readOptions("cache", { query: { only: "a", ignore: "b" } }));
    assert.throws(() => readOptions("cache", { ttl: 5 }), /duration/);
    assert.throws(() => readOptions("cache", { methods: ["POST"] }));
    assert.throws(() => readOptions("cache", "1h"));
  });
});
