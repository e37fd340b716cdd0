import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { HostPattern, PathPattern } from "#model/match.ts";
import { parseHostPattern, parsePathPattern, parseShortMatch } from "./match-grammar.ts";
import { formatMatch } from "./match-text.ts";

const ANY = { kind: "any" } as const;

test("match: every short form of the grammar", () => {
  const cases: [string, HostPattern, PathPattern][] = [
    ["/*", ANY, ANY],
    ["/api/*", ANY, { kind: "prefix", path: "/api" }],
    ["/about", ANY, { kind: "exact", path: "/about" }],
    ["/about/", ANY, { kind: "exact", path: "/about/" }],
    ["/", ANY, { kind: "exact", path: "/" }],
    ["example.com", { kind: "exact", name: "example.com" }, ANY],
    ["EXAMPLE.com/", { kind: "exact", name: "example.com" }, { kind: "exact", path: "/" }],
    ["example.com/api/*", { kind: "exact", name: "example.com" }, { kind: "prefix", path: "/api" }],
    ["*.example.com/*", { kind: "one-label", name: "example.com" }, ANY],
    ["**.example.com", { kind: "any-depth", name: "example.com" }, ANY],
    ["[::1]/x", { kind: "exact", name: "[::1]" }, { kind: "exact", path: "/x" }],
    ["127.0.0.1", { kind: "exact", name: "127.0.0.1" }, ANY],
    [
      "/users/:id",
      ANY,
      {
        kind: "pattern",
        segments: [
          { kind: "literal", text: "users" },
          { kind: "parameter", name: "id" },
        ],
      },
    ],
    [
      "/files/:path*",
      ANY,
      {
        kind: "pattern",
        segments: [
          { kind: "literal", text: "files" },
          { kind: "rest", name: "path" },
        ],
      },
    ],
  ];
  for (const [written, host, path] of cases) {
    const parsed = parseShortMatch(written);
    assert.ok(parsed.ok, written);
    assert.deepEqual(parsed.value.hosts, [host], written);
    assert.deepEqual(parsed.value.paths, [path], written);
  }
});

test("match: patterns are brought to the form that routing compares with", () => {
  const cases: [string, string][] = [
    ["/%61bc", "/abc"],
    ["/a%2fb", "/a%2Fb"],
    ["/über", "/%C3%BCber"],
    ["/%7Euser", "/~user"],
    ["/a%20b", "/a%20b"],
    ["/\ud800", "/%EF%BF%BD"],
  ];
  for (const [written, path] of cases) {
    assert.deepEqual(parsePathPattern(written), { ok: true, value: { kind: "exact", path } });
  }
});

test("match: a path that could never match, or says something else than meant, is refused", () => {
  const cases: [string, RegExp][] = [
    ["about", /write `\/about`/],
    ["*", /write `\/\*`/],
    ["/api*", /`\/api\/\*` matches \/api and everything below/],
    ["/a/*/b", /`:name` matches one segment/],
    ["/a/../b", /dot segments/],
    ["/a/%2e%2e/b", /dot segments/],
    ["/a//b", /write `\/a\/b`/],
    ["/a?x=1", /`query: \{ name: value \}`/],
    ["/a#x", /fragments/],
    ["/a b", /%20/],
    ["/a%", /two hex digits/],
    ["/a%zz", /two hex digits/],
    ["/a%00", /`%00` never matches/],
    ["/users/{id}", /written `:id`/],
    ["/users/:", /not a parameter/],
    ["/users/:1", /not a parameter/],
    ["/users/:id.json", /whole segment/],
    ["/:a/:a", /twice/],
    ["/:a*/b", /nothing can follow/],
    ["/:a/*", /`\/:a\/:rest\*`/],
  ];
  for (const [written, words] of cases) {
    const parsed = parsePathPattern(written);
    assert.ok(!parsed.ok, written);
    assert.match(`${parsed.message}\n${parsed.hint ?? ""}`, words, written);
  }
});

test("match: a host that could never match is refused", () => {
  const cases: [string, RegExp][] = [
    ["example.com:8080", /without its port.*`example\.com`/s],
    ["*.example.com:80", /write `\*\.example\.com`/],
    ["example.*", /whole labels at the beginning/],
    ["a.*.com", /whole labels/],
    ["*example.com", /whole labels/],
    ["*.10.0.0.1", /no labels/],
    ["exa_mple!", /not a host/],
    ["*.", /not a host/],
  ];
  for (const [written, words] of cases) {
    const parsed = parseHostPattern(written);
    assert.ok(!parsed.ok, written);
    assert.match(`${parsed.message}\n${parsed.hint ?? ""}`, words, written);
  }
  const scheme = parseShortMatch("https://example.com/x");
  assert.ok(!scheme.ok);
  assert.match(scheme.hint ?? "", /write `example\.com\/x`/);
  assert.equal(parseShortMatch("").ok, false);
});

test("match: the canonical text of a match reads back as the same match", () => {
  const label = fc.constantFrom("a", "example", "xn--bcher-kva");
  const host = fc
    .tuple(fc.constantFrom("", "*.", "**."), label)
    .map(([mark, name]) => `${mark}${name}.com`);
  const segment = fc.constantFrom("api", "%2F", "a%20b", "~x", "@s");
  const end = fc.constantFrom("", "/*", "/", "/:id", "/:rest*");
  const path = fc
    .tuple(fc.array(segment, { minLength: 1 }), end)
    .map(([parts, last]) => `/${parts.join("/")}${last}`);
  const short = fc.oneof(
    host,
    path,
    fc.tuple(host, path).map(([a, b]) => a + b),
  );
  fc.assert(
    fc.property(short, (written) => {
      const parsed = parseShortMatch(written);
      assert.ok(parsed.ok, written);
      assert.deepEqual(parseShortMatch(formatMatch(parsed.value)), parsed);
    }),
    { numRuns: 300 },
  );
});

test("match: no text makes the parser throw", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (written) => {
      parseShortMatch(written);
      parseShortMatch(`/${written}`);
    }),
    { numRuns: 500 },
  );
});

test("match: the text of conditions names them all", () => {
  const parsed = parseShortMatch("example.com/a");
  assert.ok(parsed.ok);
  assert.equal(
    formatMatch({
      ...parsed.value,
      methods: ["GET", "HEAD"],
      headers: [
        { name: "x-beta", test: { kind: "one-of", values: ["1", "2"] } },
        { name: "cookie", test: { kind: "absent" } },
      ],
      query: [{ name: "q", test: { kind: "present" } }],
      clientIp: [{ text: "10.0.0.0/8" }],
    }),
    "GET,HEAD example.com/a (x-beta: 1|2; no cookie; ?q; from 10.0.0.0/8)",
  );
});
