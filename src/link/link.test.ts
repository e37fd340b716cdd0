import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Xorshift } from "#core/random.ts";
import type { EndpointState } from "#dataplane/linked.ts";
import type { FilterData, RouteData, SnapshotData, UpstreamData } from "#model/snapshot.ts";
import { CONTINUE, type Filter, type FilterKind } from "#sdk/index.ts";
import { LinkError } from "./filters.ts";
import { link, type LinkEnvironment } from "./link.ts";

const hook = (): typeof CONTINUE => CONTINUE;

const kind = (name: string, pure: boolean, create: FilterKind["create"]): [string, FilterKind] => [
  name,
  { name, stability: "stable", securityPosture: "untrusted-both", pure, create },
];

const FILTERS: ReadonlyMap<string, FilterKind> = new Map([
  kind("both", true, () => ({ onRequestHead: hook, onResponseHead: hook })),
  kind("answer", false, () => ({ onResponseHead: hook, onEnd: () => undefined })),
  kind("data", false, () => ({ onRequestData: hook, onRequestHead: hook })),
  kind("picky", true, (config) => {
    throw new Error(`${String(config)} will not do`);
  }),
]);

function environment(inline: Filter | null = null): LinkEnvironment {
  const states = new Map<number, EndpointState>();
  return {
    filters: FILTERS,
    inline: () => inline,
    filterRuntime: {
      row: 0,
      now: () => 0,
      after: () => () => undefined,
      memory: () => undefined,
    },
    ask: () => Promise.reject(new Error("nobody is asked")),
    endpointState: (slot) => {
      const state = states.get(slot) ?? { slot, addresses: [] };
      states.set(slot, state);
      return state;
    },
    listenerTls: new Map(),
    upstreamContext: () => ({
      current: () => ({ released: false, release: () => undefined }),
    }),
    cache: () => null,
    load: { inFlight: () => 0, available: () => true, healthy: () => true },
    random: new Xorshift(1),
  };
}

const UPSTREAM: UpstreamData = {
  name: "web",
  endpoints: [
    {
      slot: 4,
      name: "http://[::1]:3000",
      address: { kind: "tcp", host: "::1", port: 3000 },
      weight: 1,
      secure: false,
    },
    {
      slot: 5,
      name: "http://web",
      address: { kind: "tcp", host: "web", port: 80 },
      weight: 2,
      secure: false,
    },
    {
      slot: 6,
      name: "unix:/run/web",
      address: { kind: "unix", path: "/run/web" },
      weight: 1,
      secure: false,
    },
  ],
  balance: "random",
  timeouts: { connect: 1, firstByte: 2, responseIdle: 3, tunnelIdle: 4 },
  pool: { maxConnections: 0, maxPending: 1, queueTimeout: 1, idle: 1, idleMax: 1, maxIdle: 1 },
  retries: {
    attempts: 1,
    statuses: [],
    idempotencyKey: false,
    bufferBytes: 1,
    budgetRatio: 1,
    budgetMinimum: 1,
  },
  ejection: { consecutiveFailures: 0, pause: 0, maxPause: 0 },
  health: null,
  tls: null,
};

function routeData(place: string, more: Partial<RouteData> = {}): RouteData {
  return {
    place,
    name: place,
    identity: place,
    slot: 0,
    matches: [
      {
        hosts: [{ kind: "any" }],
        paths: [{ kind: "any" }],
        methods: [],
        headers: [],
        query: [],
        clientIp: [],
      },
    ],
    priority: 0,
    filters: [],
    upstream: "web",
    pathPolicy: "strict",
    host: { kind: "preserve" },
    upgrades: ["websocket"],
    timeouts: {},
    ...more,
  };
}

function data(...routes: readonly RouteData[]): SnapshotData {
  return {
    generation: 1,
    hash: "",
    listeners: [],
    certificates: [],
    acme: null,
    upstreams: [UPSTREAM],
    routes,
    trustedProxies: ["10.0.0.0/8"],
    timeouts: {
      handshake: 1,
      head: 1,
      bodyIdle: 1,
      bodyRate: 1,
      bodyGrace: 1,
      keepAlive: 1,
      write: 1,
    },
    limits: { connections: 1, handshakes: 1, handshakeRate: 0 },
    log: { access: "off" },
    cacheMemory: 0,
    instance: "test",
    forwarded: false,
    module: null,
  };
}

function filters(...names: readonly string[]): FilterData[] {
  return names.map((name, index) =>
    name === "inline"
      ? { kind: "inline", name, place: `routes[0].use[${index}]` }
      : {
          kind: "built-in",
          name,
          config: 7,
          place: `routes[0].use[${index}]`,
          observe: false,
          slot: -1,
          memory: null,
        },
  );
}

describe("link", () => {
  it("joins routes, upstreams and the state of endpoints", () => {
    const surroundings = environment();
    const snapshot = link(data(routeData("routes[0]")), surroundings);
    const upstream = snapshot.upstreams.get("web");
    assert.equal(snapshot.routes[0]?.upstream, upstream);
    assert.equal(upstream?.endpoints[1]?.state, surroundings.endpointState(5));
    assert.equal(snapshot.trustedProxies.has("10.1.1.1"), true);
  });

  it("gives endpoints the Host that a client would send them", () => {
    const upstream = link(data(), environment()).upstreams.get("web");
    assert.deepEqual(
      upstream?.endpoints.map(({ authority }) => authority),
      ["[::1]:3000", "web", "localhost"],
    );
  });

  it("puts a route's timeouts over its upstream's", () => {
    const { routes } = link(
      data(
        routeData("routes[0]", { timeouts: { firstByte: 9 } }),
        routeData("routes[1]", { upstream: null }),
      ),
      environment(),
    );
    assert.deepEqual(routes[0]?.timeouts, {
      connect: 1,
      firstByte: 9,
      responseIdle: 3,
      tunnelIdle: 4,
    });
    assert.equal(routes[1]?.upstream, null);
  });

  it("sorts filters by hook: requests forwards, answers backwards", () => {
    const use = filters("both", "answer", "data", "inline");
    const inline = { onResponseHead: hook, start: () => 1 };
    const { routes } = link(data(routeData("routes[0]", { filters: use })), environment(inline));
    const chain = routes[0]!.filters;
    assert.deepEqual(chain.requestHead, [0, 2]);
    assert.deepEqual(chain.requestData, [2]);
    assert.deepEqual(chain.responseHead, [3, 1, 0]);
    assert.deepEqual(chain.end, [1]);
    assert.deepEqual(
      chain.all.map(({ pure }) => pure),
      [true, false, false, false],
    );
    assert.equal(chain.all[3]?.filter, inline);
  });

  it("refuses a filter that cannot be made, and says where it stands", () => {
    for (const [name, reason] of [
      ["picky", /7 will not do/],
      ["unknown", /none of that name/],
      ["inline", /module has none/],
    ] as const) {
      const use = filters("both", name);
      assert.throws(
        () => link(data(routeData("routes[0]", { filters: use })), environment()),
        (error) => {
          assert.ok(error instanceof LinkError);
          assert.equal(error.place, "routes[0].use[1]");
          assert.match(error.message, reason);
          return true;
        },
      );
    }
  });

  it("makes a router over the routes in the order written", () => {
    const snapshot = link(data(routeData("routes[0]"), routeData("routes[1]")), environment());
    assert.equal(snapshot.router.match("", "/", "", {} as never, "", null), snapshot.routes[0]);
  });
});
