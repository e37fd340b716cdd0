import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { diagnosticsOf } from "./compile.fixture.ts";

/** Warnings about routes with these matches (and more of the route, on one line). */
async function warnings(...routes: readonly string[]): Promise<string[]> {
  const lines = routes.map((route) => `  - { to: web, ${route} }\n`);
  const found = await diagnosticsOf(`upstreams: { web: ":3000" }\nroutes:\n${lines.join("")}`);
  assert.ok(found.every(({ severity }) => severity === "warning"));
  return found.map(({ line, message }) => `${(line ?? 0) - 2}: ${message}`);
}

describe("shadowed routes", () => {
  it("are told when a match is written again, with the places of both", async () => {
    assert.deepEqual(await warnings("match: /a/*", "match: /a/*"), [
      "2: the route is never taken: `/a/*` (on line 3) takes every such request",
    ]);
    assert.equal((await warnings("match: /a/:id", "match: /a/:name")).length, 1);
    assert.equal((await warnings("match: /a/*", "match: /a/:rest*")).length, 1);
    assert.equal((await warnings("match: a.test", "match: a.test/*")).length, 1);
  });

  it("are told when a wider match has a higher priority", async () => {
    assert.deepEqual(await warnings("match: a.test/a/b", "match: /a/*, priority: 1, name: wide"), [
      "1: the route is never taken: `wide` (on line 4), which has a higher priority, takes every such request",
    ]);
    for (const [wide, narrow] of [
      ["/*", "/a/*"],
      ["/*", "a.test"],
      ["/a/*", "/a"],
      ["/a/*", "/a/:id"],
      ["/:x/b", "/a/b"],
      ["/:x/:y", "/a/:y"],
      ["'**.test'", "'*.a.test/x'"],
      ["'*.test'", "a.test/x"],
      ["'**.test'", "a.b.test/x"],
      ["'**.a.test'", "'*.a.test'"],
      ["{ methods: [GET, POST] }", "{ methods: GET, path: /a }"],
      ["{ headers: { a: '1' } }", "{ headers: { a: '1', b: '2' } }"],
      ["{ clientIp: [10.0.0.0/8, 192.0.2.1] }", "{ clientIp: 10.0.0.0/8 }"],
    ]) {
      const found = await warnings(`match: ${narrow}`, `match: ${wide}, priority: 1`);
      assert.equal(found.length, 1, `${wide} ${narrow}`);
    }
  });

  it("are not told when something is left for them", async () => {
    for (const [first, second] of [
      ["/a/*", "/a"],
      ["/*", "a.test"],
      ["/a", "{ path: /a, methods: GET }"],
      ["{ path: /a, methods: GET }", "/a"],
      ["{ path: /a, methods: GET }", "{ path: /a, methods: POST }"],
      ["/a/:x", "/:x/a"],
    ]) {
      assert.deepEqual(
        await warnings(`match: ${first}`, `match: ${second}`),
        [],
        `${first} ${second}`,
      );
    }
    for (const [high, low] of [
      ["/a/*", "/ab"],
      ["/a/:x", "/a/"],
      ["/a/:x", "/a/b/c"],
      ["/a", "/a/*"],
      ["'*.test'", "a.b.test"],
      ["'*.test'", "'**.test'"],
      ["a.test", "/*"],
      ["{ methods: GET }", "/*"],
      ["{ clientIp: 10.0.0.0/8 }", "/*"],
      ["{ path: { regex: a } }", "/a"],
      ["'/:all*'", "/*"],
    ]) {
      const found = await warnings(`match: ${low}`, `match: ${high}, priority: 1`);
      assert.deepEqual(found, [], `${high} ${low}`);
    }
  });

  it("are told alternative by alternative when the route has others", async () => {
    assert.deepEqual(await warnings("match: /a", "match: [/b, /a]", "match: { path: [/a, /c] }"), [
      "2: `/a` never leads to this route: `/a` (on line 3) takes every such request",
    ]);
  });

  it("are found among thousands", async () => {
    const routes = Array.from({ length: 2000 }, (_, index) => `match: /r${index}/*`);
    const found = await warnings(...routes, "match: /r77/*", "match: /r78/*, priority: -1");
    assert.equal(found.length, 2);
  });
});
