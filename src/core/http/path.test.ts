import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  isPlainPath,
  joinPrefix,
  normalise,
  removeDotSegments,
  splitTarget,
  stripPrefix,
} from "./path.ts";

/** Pieces that paths go wrong with. */
const PIECES = ["/", ".", "%", "2", "e", "f", "5", "c", ";", "\\", "a", "A", "c0", "af", "25"];
const ESCAPES = ["%2e", "%2F", "%5c", "%25", "%61", "%3b", "//", "/../", "%c3%a9"];
const nastyPath = fc
  .array(fc.constantFrom(...PIECES, ...ESCAPES), { maxLength: 14 })
  .map((pieces) => `/${pieces.join("")}`);

test("path: a target is split at its first question mark", () => {
  assert.deepEqual(splitTarget("/a?b?c"), { path: "/a", query: "b?c" });
  assert.deepEqual(splitTarget("/a?"), { path: "/a", query: "" });
  assert.deepEqual(splitTarget("/a"), { path: "/a", query: null });
});

test("path: normalising gives what RFC 3986 section 6.2.2 says", () => {
  const cases: [string, string | null][] = [
    ["/", "/"],
    ["/a/b", "/a/b"],
    ["/%41%7E%2D%5F%2e%61", "/A~-_.a"],
    ["/@scope%2fpkg", "/@scope%2Fpkg"],
    ["/caf%c3%a9", "/caf%C3%A9"],
    ["/a/./b/../c", "/a/c"],
    ["/a/%2e%2E/c", "/c"],
    ["/a/..", "/"],
    ["/a/b/..", "/a/"],
    ["/a/.", "/a/"],
    ["/../../a", "/a"],
    ["/..", "/"],
    ["/.", "/"],
    ["/a//../b", "/a/b"],
    ["/...", "/..."],
    ["/.well-known/x", "/.well-known/x"],
    ["//admin", "//admin"],
    ["/a;x/..;/b", "/a;x/..;/b"],
    ["/%252e%252e/a", "/%252e%252e/a"],
    ["/a\\..\\b", "/a\\..\\b"],
    ["/%", null],
    ["/%2", null],
    ["/%zz", null],
    ["/%u002e", null],
    ["/%2%35", null],
    ["/a%00", null],
    ["", null],
    ["*", null],
    ["a/b", null],
  ];
  for (const [path, expected] of cases) assert.equal(normalise(path), expected, path);
});

test("path: dot segments are resolved as in the examples of RFC 3986 sections 5.2.4 and 5.4", () => {
  const base = "/b/c/";
  const cases: [string, string][] = [
    ["/a/b/c/./../../g", "/a/g"],
    [`${base}.`, "/b/c/"],
    [`${base}./`, "/b/c/"],
    [`${base}..`, "/b/"],
    [`${base}../g`, "/b/g"],
    [`${base}../..`, "/"],
    [`${base}../../../../g`, "/g"],
    [`${base}g.`, "/b/c/g."],
    [`${base}..g`, "/b/c/..g"],
    [`${base}g/../h`, "/b/c/h"],
    [`${base}g;x=1/../y`, "/b/c/y"],
    ["//..", "/"],
    ["/a///../b", "/a//b"],
  ];
  for (const [path, expected] of cases) assert.equal(removeDotSegments(path), expected, path);
});

test("path: normalising twice is normalising once, and leaves no dot segment", () => {
  fc.assert(
    fc.property(nastyPath, (path) => {
      const once = normalise(path);
      if (once === null) return;
      assert.equal(normalise(once), once);
      assert.ok(once.startsWith("/"));
      assert.ok(!once.split("/").some((segment) => segment === "." || segment === ".."), once);
      assert.doesNotMatch(once, /%(?:[a-f]|.[a-f])/);
    }),
    { numRuns: 5000 },
  );
});

test("path: a plain path is its own normalised form", () => {
  fc.assert(
    fc.property(nastyPath, (path) => {
      if (isPlainPath(path)) assert.equal(removeDotSegments(path), path);
    }),
    { numRuns: 2000 },
  );
  for (const path of ["/", "/a", "/a/b.c", "/a~b/@c/d:e", "/a.", "/a../b"]) {
    assert.equal(isPlainPath(path), true, path);
  }
  for (const path of ["//", "/.", "/a/.b", "/a%20", "/a;b", "/a\\b", "/a//"]) {
    assert.equal(isPlainPath(path), false, path);
  }
});

test("path: a prefix is taken off at the end of a segment only", () => {
  assert.equal(stripPrefix("/api", "/api"), "/");
  assert.equal(stripPrefix("/api/", "/api"), "/");
  assert.equal(stripPrefix("/api/x", "/api"), "/x");
  assert.equal(stripPrefix("/apix", "/api"), null);
  assert.equal(stripPrefix("/ap", "/api"), null);
  assert.equal(stripPrefix("/x", "/"), "/x");
  assert.equal(stripPrefix("/api?q=/api", "/api"), "/?q=/api");
  assert.equal(stripPrefix("/api/x?", "/api"), "/x?");
});

test("path: what follows a prefix stays as it was received", () => {
  assert.equal(stripPrefix("/api/@s%2fp/%c3%A9?a=%2f", "/api"), "/@s%2fp/%c3%A9?a=%2f");
  assert.equal(stripPrefix("/api/a|b;c", "/api"), "/a|b;c");
});

test("path: a prefix that is not there literally is taken off the normalised path", () => {
  assert.equal(stripPrefix("/%61pi/x%2fy", "/api"), "/x%2Fy");
  assert.equal(stripPrefix("/x/../api/y?z", "/api"), "/y?z");
  assert.equal(stripPrefix("/api/../api/y", "/api"), "/y");
  assert.equal(stripPrefix("/api/../admin", "/api"), null);
  assert.equal(stripPrefix("/api/%2e%2e/admin", "/api"), null);
  assert.equal(stripPrefix("/api/%zz", "/api"), null);
});

test("path: without its prefix a path means what its normalised form means without it", () => {
  const below = nastyPath.map((path) => `/api${path}`);
  fc.assert(
    fc.property(below, (path) => {
      const normalised = normalise(path);
      if (normalised === null || !normalised.startsWith("/api/")) return;
      const stripped = stripPrefix(path, "/api");
      assert.ok(stripped !== null);
      assert.equal(normalise(stripped), normalised.slice(4));
    }),
    { numRuns: 3000 },
  );
});

test("path: joining and stripping a prefix give the target back", () => {
  assert.equal(joinPrefix("/", "/a?b"), "/a?b");
  assert.equal(joinPrefix("/api", "/"), "/api/");
  assert.equal(joinPrefix("/api", "/a%2fb?c"), "/api/a%2fb?c");
  assert.equal(stripPrefix(joinPrefix("/api", "/a%2fb?c"), "/api"), "/a%2fb?c");
});
