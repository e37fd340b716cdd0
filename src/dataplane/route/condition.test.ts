import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ValueTest } from "#model/match.ts";
import { conditionsOf } from "./condition.ts";
import { match, request } from "./route.fixture.ts";

type Fields = readonly (readonly [name: string, value: string])[];

function header(test: ValueTest, fields: Fields, name = "x-a"): boolean {
  const [condition] = conditionsOf(match({ headers: { [name]: test } }));
  return condition!.holds(request("GET", "", "/", fields), "", "");
}

function query(test: ValueTest, text: string, name = "q"): boolean {
  const [condition] = conditionsOf(match({ query: { [name]: test } }));
  return condition!.holds(request("GET", "", "/"), text, "");
}

const one = (...values: string[]): ValueTest => ({ kind: "one-of", values });
const regex = (source: string): ValueTest => ({ kind: "regex", source });

describe("conditions on headers", () => {
  it("compare values byte for byte, and look at each of several fields", () => {
    assert.equal(header(one("1", "2"), [["X-A", "2"]]), true);
    assert.equal(header(one("1"), [["x-a", "11"]]), false);
    assert.equal(header(one("a"), [["x-a", "A"]]), false);
    assert.equal(
      header(one("1"), [
        ["x-a", "0"],
        ["x-a", "1"],
      ]),
      true,
    );
    assert.equal(
      header(one("0, 1"), [
        ["x-a", "0"],
        ["x-a", "1"],
      ]),
      false,
    );
    assert.equal(header(one("é"), [["x-a", "é"]]), true);
    assert.equal(header(one(""), []), false);
  });

  it("search values for regular expressions", () => {
    assert.equal(header(regex("^[0-9]+$"), [["x-a", "123"]]), true);
    assert.equal(header(regex("^[0-9]+$"), [["x-a", "12a"]]), false);
    assert.equal(header(regex(""), []), false);
  });

  it("ask whether there is a field at all", () => {
    assert.equal(header({ kind: "present" }, [["x-a", ""]]), true);
    assert.equal(header({ kind: "present" }, []), false);
    assert.equal(header({ kind: "absent" }, []), true);
    assert.equal(header({ kind: "absent" }, [["x-a", ""]]), false);
  });

  it("find names that the proxy knows as well", () => {
    assert.equal(header(one("a"), [["User-Agent", "a"]], "user-agent"), true);
    assert.equal(header({ kind: "absent" }, [["COOKIE", "a"]], "cookie"), false);
  });
});

describe("conditions on the query", () => {
  it("compare decoded names and values, and look at each of several", () => {
    assert.equal(query(one("a b"), "q=a+b"), true);
    assert.equal(query(one("a b"), "%71=a%20b"), true);
    assert.equal(query(one("ü"), "q=%C3%BC"), true);
    assert.equal(query(one("2"), "q=1&q=2"), true);
    assert.equal(query(one("1"), "Q=1"), false);
    assert.equal(query(one("1"), "xq=1"), false);
    assert.equal(query(one("a=b"), "q=a=b"), true);
  });

  it("take a name without `=` as one with an empty value", () => {
    assert.equal(query(one(""), "a&q&b=1"), true);
    assert.equal(query({ kind: "present" }, "q"), true);
    assert.equal(query({ kind: "absent" }, "q"), false);
    assert.equal(query({ kind: "absent" }, "&&"), true);
  });

  it("leave escapes that are none as they are", () => {
    assert.equal(query(one("%zz"), "q=%zz"), true);
    assert.equal(query(one("%FF"), "q=%FF"), true);
  });

  it("search decoded values for regular expressions", () => {
    assert.equal(query(regex("^.$"), "q=%F0%9F%98%80"), true);
  });
});
