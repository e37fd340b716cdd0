import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { MetricsTable } from "#model/shared/metrics-table.ts";
import { compileYaml, smallSlots, snapshotOf } from "./compile.fixture.ts";

const BASE = `
upstreams:
  api:
    endpoints: [http://127.0.0.1:9001, { url: http://127.0.0.1:9002, weight: 2 }]
    timeouts: { firstByte: 5s, responseIdle: "off" }
    connections: { max: 10 }
    ejection: off
    health: { path: /healthz, expect: [2xx, 301] }
  web: http://localhost:3000
timeouts: { connect: 1s }
trustedProxies: [10.0.0.0/8]
routes:
  - match: example.com/api/*
    use: [{ mark: { by: a } }]
    to: api
    timeouts: { tunnelIdle: 5m }
  - match: /*
    to: web
`;

describe("compile", () => {
  it("fills in every default and says 0 for no limit", async () => {
    const { upstreams, timeouts, trustedProxies, log, instance } = await snapshotOf(BASE);
    const [api, web] = upstreams;
    assert.deepEqual(api?.timeouts, {
      connect: 1000,
      firstByte: 5000,
      responseIdle: 0,
      tunnelIdle: 3_600_000,
    });
    assert.deepEqual(web?.timeouts.responseIdle, 120_000);
    assert.equal(api?.pool.maxConnections, 10);
    assert.equal(web?.pool.maxConnections, 0);
    assert.equal(api?.ejection.consecutiveFailures, 0);
    assert.equal(web?.ejection.consecutiveFailures, 5);
    assert.deepEqual(api?.health?.expect, [
      [200, 299],
      [301, 301],
    ]);
    assert.equal(web?.health, null);
    assert.equal(web?.retries.budgetRatio, 0.2);
    assert.equal(timeouts.bodyRate, 240);
    assert.deepEqual(trustedProxies, ["10.0.0.0/8"]);
    assert.equal(log.access, "json");
    assert.equal(instance, "test");
  });

  it("keeps routes in the order written, with their places and their own timeouts only", async () => {
    const { routes } = await snapshotOf(BASE);
    assert.deepEqual(
      routes.map(({ place, upstream }) => [place, upstream]),
      [
        ["routes[0]", "api"],
        ["routes[1]", "web"],
      ],
    );
    assert.deepEqual(routes[0]?.timeouts, { tunnelIdle: 300_000 });
    assert.deepEqual(routes[0]?.filters, [
      {
        kind: "built-in",
        name: "mark",
        config: { by: "a" },
        place: "routes[0].use[0]",
        observe: false,
        slot: 0,
        memory: null,
      },
    ]);
  });

  it("makes data that can be sent to workers", async () => {
    const snapshot = await snapshotOf(BASE);
    assert.deepEqual(structuredClone(snapshot), snapshot);
  });

  it("gives the same hash for the same configuration, and another for any other", async () => {
    const { hash } = await snapshotOf(BASE);
    assert.equal((await snapshotOf(BASE, { generation: 7 })).hash, hash);
    assert.equal((await snapshotOf(`# a comment\n${BASE}`)).hash, hash);
    for (const [from, to] of [
      ["weight: 2", "weight: 3"],
      ["by: a", "by: b"],
      ["10.0.0.0/8", "10.0.0.0/9"],
      ["/api/*", "/ap/*"],
    ] as const) {
      assert.notEqual((await snapshotOf(BASE.replace(from, to))).hash, hash, to);
    }
  });

  it("gives a route an identity of what it does, not of where it stands", async () => {
    const identity = async (yaml: string, name: string): Promise<string | undefined> =>
      (await snapshotOf(yaml)).routes.find((route) => route.name === name)?.identity;
    const api = await identity(BASE, "example.com/api/*");
    const moved = BASE.replace("routes:\n", "routes:\n  - match: /first\n    to: web\n");
    assert.equal(await identity(moved, "example.com/api/*"), api);
    const renamed = BASE.replace("- match: example", "- name: renamed\n    match: example");
    assert.equal(await identity(renamed, "renamed"), api);
    for (const [from, to] of [
      ["by: a", "by: b"],
      ["tunnelIdle: 5m", "tunnelIdle: 6m"],
      ["weight: 2", "weight: 3"],
    ] as const) {
      assert.notEqual(await identity(BASE.replace(from, to), "example.com/api/*"), api, to);
    }
  });

  it("keeps the rows of endpoints and routes from one configuration to the next", async () => {
    const slots = smallSlots();
    const first = await snapshotOf(BASE, { slots });
    const changed = BASE.replace("http://127.0.0.1:9001, ", "http://127.0.0.1:9003, ")
      .replace("by: a", "by: b")
      .replace("weight: 2", "weight: 5");
    const second = await snapshotOf(changed, { slots });
    const rows = (snapshot: typeof first): Record<string, number> =>
      Object.fromEntries(snapshot.upstreams[0]!.endpoints.map(({ name, slot }) => [name, slot]));
    assert.equal(rows(second)["http://127.0.0.1:9002"], rows(first)["http://127.0.0.1:9002"]);
    const used = first.upstreams.flatMap(({ endpoints }) => endpoints.map(({ slot }) => slot));
    assert.ok(!used.includes(rows(second)["http://127.0.0.1:9003"] ?? 0));
    assert.deepEqual(
      second.routes.map(({ slot }) => slot),
      first.routes.map(({ slot }) => slot),
    );
  });

  it("gives an endpoint another row when its connections are made by another policy", async () => {
    const slots = smallSlots();
    const first = await snapshotOf(BASE, { slots });
    const second = await snapshotOf(BASE.replace("max: 10", "max: 11"), { slots });
    const all = [first, second].flatMap(({ upstreams }) =>
      upstreams[0]!.endpoints.map(({ slot }) => slot),
    );
    assert.equal(new Set(all).size, 4);
    assert.equal(second.upstreams[1]?.endpoints[0]?.slot, first.upstreams[1]?.endpoints[0]?.slot);
  });

  it("tells routes with the same match apart", async () => {
    const { routes } = await snapshotOf(`${BASE}  - match: /*\n    to: api\n`);
    assert.equal(new Set(routes.map(({ slot }) => slot)).size, 3);
  });

  it("refuses more endpoints than there are rows; routes without one share theirs", async () => {
    const full = await compileYaml(BASE, { slots: smallSlots(2, 16) });
    assert.ok(!full.ok);
    assert.match(full.diagnostics[0]?.message ?? "", /more endpoints/);
    const { routes } = await snapshotOf(BASE, { slots: smallSlots(16, 1) });
    assert.deepEqual(
      routes.map(({ slot }) => slot),
      [0, MetricsTable.OTHER_ROUTE],
    );
  });

  it("names no module when no filter is a function", async () => {
    assert.equal((await snapshotOf(BASE, { module: "file:///sluice.config.ts" })).module, null);
  });
});
