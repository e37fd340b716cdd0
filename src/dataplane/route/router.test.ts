import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import type { RequestHead } from "#core/http/message.ts";
import { candidatesOf, comparePrecedence, type RouterEntry } from "./candidate.ts";
import { matchesHost, matchesPath } from "./pattern.ts";
import { entries, request, type RouteOptions } from "./route.fixture.ts";
import { IndexedRouter } from "./router.ts";

/** The router by the letter: every candidate in the order of precedence, one after the other. */
function naive(
  all: readonly RouterEntry[],
  host: string,
  path: string,
  query: string,
  head: RequestHead,
  clientIp: string,
): string | null {
  const found = candidatesOf(all)
    .toSorted(comparePrecedence)
    .find(
      (candidate) =>
        matchesHost(candidate.host, host) &&
        matchesPath(candidate.path, path) &&
        candidate.holds(head, query, clientIp),
    );
  return found?.route.name ?? null;
}

function routed(
  routes: readonly RouteOptions[],
  host: string,
  path: string,
  head = request("GET", host, path),
  query = "",
  clientIp = "192.0.2.1",
): string | null {
  const router = new IndexedRouter(entries(routes));
  return router.match(host, path, query, head, clientIp, null)?.name ?? null;
}

function params(pattern: string, path: string): Record<string, string> | null {
  const router = new IndexedRouter(entries([{ paths: [pattern] }]));
  const values = new Map<string, string>();
  const found = router.match("", path, "", request("GET", "", path), "", values);
  return found === null ? null : Object.fromEntries(values);
}

describe("router: hosts", () => {
  it("takes the exact host before one label, one label before any depth, any depth before any host", () => {
    const routes: RouteOptions[] = [
      { hosts: ["*"] },
      { hosts: ["**.example.com"] },
      { hosts: ["*.example.com"] },
      { hosts: ["a.example.com"] },
    ];
    assert.equal(routed(routes, "a.example.com", "/"), "d");
    assert.equal(routed(routes, "b.example.com", "/"), "c");
    assert.equal(routed(routes, "x.b.example.com", "/"), "b");
    assert.equal(routed(routes, "example.com", "/"), "a");
    assert.equal(routed(routes, "", "/"), "a");
  });

  it("takes the longest of several names that a host is below", () => {
    const routes: RouteOptions[] = [{ hosts: ["**.com"] }, { hosts: ["**.b.com"] }];
    assert.equal(routed(routes, "x.a.b.com", "/"), "b");
    assert.equal(routed(routes, "b.com", "/"), "a");
  });

  it("does not take a name for a host below it, nor a part of a label for a label", () => {
    assert.equal(routed([{ hosts: ["*.example.com"] }], "badexample.com", "/"), null);
    assert.equal(routed([{ hosts: ["**.example.com"] }], "x.badexample.com", "/"), null);
  });

  it("goes on to a less specific host when the paths of the more specific one do not match", () => {
    const routes: RouteOptions[] = [
      { hosts: ["a.example.com"], paths: ["/only"] },
      { hosts: ["*.example.com"], paths: ["/only", "/wild"] },
      {},
    ];
    assert.equal(routed(routes, "a.example.com", "/wild"), "b");
    assert.equal(routed(routes, "a.example.com", "/else"), "c");
  });
});

describe("router: paths", () => {
  it("matches a prefix itself and below it, at segments only", () => {
    const routes: RouteOptions[] = [{ paths: ["/api/*"] }];
    assert.equal(routed(routes, "", "/api"), "a");
    assert.equal(routed(routes, "", "/api/"), "a");
    assert.equal(routed(routes, "", "/api/x/y"), "a");
    assert.equal(routed(routes, "", "/apix"), null);
  });

  it("tells a path from the same with a slash behind it", () => {
    assert.equal(routed([{ paths: ["/about"] }], "", "/about"), "a");
    assert.equal(routed([{ paths: ["/about"] }], "", "/about/"), null);
    assert.equal(routed([{ paths: ["/about/"] }], "", "/about"), null);
    assert.equal(routed([{ paths: ["/"] }], "", "/"), "a");
    assert.equal(routed([{ paths: ["/"] }], "", "/x"), null);
  });

  it("compares segments from the left: literal, parameter, rest; regular expressions behind; /* last", () => {
    const routes: RouteOptions[] = [
      { paths: ["/*"] },
      { paths: ["~^/users"] },
      { paths: ["/users/*"] },
      { paths: ["/users/:id"] },
      { paths: ["/users/me"] },
    ];
    assert.equal(routed(routes, "", "/users/me"), "e");
    assert.equal(routed(routes, "", "/users/7"), "d");
    assert.equal(routed(routes, "", "/users/7/posts"), "c");
    assert.equal(routed(routes, "", "/users2"), "b");
    assert.equal(routed(routes, "", "/else"), "a");
  });

  it("comes back from a literal that leads nowhere to a parameter", () => {
    const routes: RouteOptions[] = [
      { paths: ["/a/b/c"] },
      { paths: ["/:x/b/d"] },
      { paths: ["/*"] },
    ];
    assert.equal(routed(routes, "", "/a/b/d"), "b");
    assert.equal(routed(routes, "", "/a/b/e"), "c");
  });

  it("gives the values of parameters and of the rest, and none to an empty segment", () => {
    assert.deepEqual(params("/users/:id", "/users/7"), { id: "7" });
    assert.deepEqual(params("/users/:id", "/users/"), null);
    assert.deepEqual(params("/:a/x/:b", "/1/x/2"), { a: "1", b: "2" });
    assert.deepEqual(params("/files/:path*", "/files/a//b/"), { path: "a//b/" });
    assert.deepEqual(params("/files/:path*", "/files"), { path: "" });
    assert.deepEqual(params("/files/:path*", "/files/"), { path: "" });
    assert.deepEqual(params("/:path*", "/"), { path: "" });
  });

  it("answers `OPTIONS *` with routes for every path only", () => {
    assert.equal(routed([{ paths: ["/:all*"] }], "", "*"), null);
    assert.equal(routed([{ paths: ["~.*"] }], "", "*"), null);
    assert.equal(routed([{ paths: ["/x"] }, { hosts: ["a.test"] }], "a.test", "*"), "b");
  });
});

describe("router: priority and conditions", () => {
  it("takes a higher priority before a more specific match", () => {
    const routes: RouteOptions[] = [
      { hosts: ["a.test"], paths: ["/x"] },
      { priority: 1 },
      { hosts: ["a.test"], priority: -1 },
    ];
    assert.equal(routed(routes, "a.test", "/x"), "b");
  });

  it("takes more conditions before fewer, and the first written among equals", () => {
    const header = { "x-beta": { kind: "present" as const } };
    const routes: RouteOptions[] = [
      { paths: ["/x"] },
      { paths: ["/x"] },
      { paths: ["/x"], headers: header },
      { paths: ["/x"], headers: header, methods: ["GET"] },
    ];
    const beta = [["X-Beta", "1"]] as const;
    assert.equal(routed(routes, "", "/x"), "a");
    assert.equal(routed(routes, "", "/x", request("POST", "", "/x", beta)), "c");
    assert.equal(routed(routes, "", "/x", request("GET", "", "/x", beta)), "d");
  });

  it("goes on to less specific paths and hosts when conditions fail", () => {
    const routes: RouteOptions[] = [
      { hosts: ["a.test"], paths: ["/x/y"], methods: ["POST"] },
      { hosts: ["a.test"], paths: ["/x/*"], methods: ["PUT"] },
      { paths: ["/x/y"] },
    ];
    assert.equal(routed(routes, "a.test", "/x/y", request("POST", "", "")), "a");
    assert.equal(routed(routes, "a.test", "/x/y", request("PUT", "", "")), "b");
    assert.equal(routed(routes, "a.test", "/x/y"), "c");
  });

  it("tests the address of the client against blocks", () => {
    const routes: RouteOptions[] = [{ clientIp: ["10.0.0.0/8"] }, {}];
    const head = request("GET", "", "/");
    assert.equal(routed(routes, "", "/", head, "", "10.1.2.3"), "a");
    assert.equal(routed(routes, "", "/", head, "", "11.1.2.3"), "b");
  });
});

const hosts = fc.constantFrom(
  "*",
  "a.test",
  "b.a.test",
  "*.a.test",
  "**.a.test",
  "**.test",
  "*.b.a.test",
);
const literal = fc.constantFrom("a", "b", "c");
const paths = fc.oneof(
  fc.constantFrom("/*", "/", "/:all*", "~^/a", "~b$", "~^/[ab]/c"),
  fc
    .tuple(
      fc.array(fc.oneof(literal, fc.constantFrom(":x", ":y")), { minLength: 1, maxLength: 3 }),
      fc.constantFrom("", "/", "/*", "/:rest*"),
    )
    .map(([segments, end]) => {
      const text = `/${segments.join("/")}`;
      // The grammar has no `*` beside parameters.
      return `${text}${end === "/*" && text.includes(":") ? "/:rest*" : end}`;
    }),
);
const options: fc.Arbitrary<RouteOptions> = fc.record({
  hosts: fc.array(hosts, { minLength: 1, maxLength: 2 }),
  paths: fc.array(paths, { minLength: 1, maxLength: 2 }),
  methods: fc.constantFrom([], [], ["GET"], ["POST"]),
  headers: fc.constantFrom({}, {}, { "x-a": { kind: "present" as const } }),
  query: fc.constantFrom({}, {}, { q: { kind: "one-of" as const, values: ["1"] } }),
  clientIp: fc.constantFrom([], [], [], ["10.0.0.0/8"]),
  priority: fc.constantFrom(0, 0, 0, 1, -1),
});
const requests = fc.record({
  host: fc.constantFrom("", "a.test", "b.a.test", "c.a.test", "d.c.a.test", "test", "x.b.a.test"),
  path: fc.oneof(
    fc
      .array(fc.constantFrom("a", "b", "c", "d", ""), { maxLength: 4 })
      .map((all) => `/${all.join("/")}`),
    fc.constant("*"),
  ),
  method: fc.constantFrom("GET", "POST"),
  header: fc.boolean(),
  query: fc.constantFrom("", "q=1", "q=2&q=1"),
  clientIp: fc.constantFrom("10.0.0.1", "192.0.2.1"),
});

describe("router: model", () => {
  it("finds the route that trying all of them in the order of precedence finds", () => {
    fc.assert(
      fc.property(
        fc.array(options, { maxLength: 12 }),
        fc.array(requests, { minLength: 1, maxLength: 12 }),
        (routes, all) => {
          const linked = entries(routes);
          const router = new IndexedRouter(linked);
          for (const { host, path, method, header, query, clientIp } of all) {
            const head = request(method, host, path, header ? [["x-a", "1"]] : []);
            const found = router.match(host, path, query, head, clientIp, null)?.name ?? null;
            assert.equal(found, naive(linked, host, path, query, head, clientIp));
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
