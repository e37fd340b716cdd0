import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { explained } from "#explain/explain.fixture.ts";
import { renderExplanation } from "#explain/text.ts";

const CONFIG = `
upstreams:
  api:
    endpoints: [http://127.0.0.1:9001, { url: http://127.0.0.1:9002, weight: 2 }]
    timeouts: { firstByte: 10s }
  web: http://localhost:3000
timeouts: { connect: 1s }
routes:
  - name: api
    match: example.com/api/*
    use:
      - setTarget: /v2/users
      - setHeader: { name: x-team, value: blue }
      - counts: {}
    to: api
    host: upstream
    timeouts: { tunnelIdle: 5m }
  - name: beta
    match: { host: example.com, path: /api/*, headers: { x-beta: "1" } }
    to: web
  - name: all
    match: /*
    to: web
  - name: tea
    match: /tea
    use: [{ teapot: {} }, { setHeader: { name: a, value: b } }]
  - name: broken
    match: /broken
    use: [{ breaks: {} }]
    to: web
  - name: secret
    match: /public/secret/*
    to: api
`;

describe("explain", () => {
  it("says for every route which parts match, and which route is taken", async () => {
    const { chosen, routes } = await explained(CONFIG, { url: "https://example.com/api/users" });
    assert.equal(chosen?.name, "api");
    const verdicts = Object.fromEntries(routes.map(({ route, verdict }) => [route.name, verdict]));
    assert.deepEqual(verdicts, {
      beta: "no match",
      api: "taken",
      tea: "no match",
      broken: "no match",
      secret: "no match",
      all: "outranked",
    });
    const beta = routes.find(({ route }) => route.name === "beta");
    assert.deepEqual(
      beta?.alternatives[0]?.matchers.map(({ part, passed, found }) => [part, passed, found]),
      [
        ["host", true, "example.com"],
        ["path", true, "/api/users"],
        ["headers.x-beta", false, "not there"],
      ],
    );
    assert.match(
      routes.find(({ route }) => route.name === "all")?.why ?? "",
      /host more specifically/,
    );
  });

  it("names the file and line of what was decided, and none for what is a default", async () => {
    const { routes, forwarding, effects } = await explained(CONFIG, {
      url: "http://example.com/api/users",
    });
    assert.equal(routes.find(({ route }) => route.name === "api")?.place?.line, 9);
    const beta = routes.find(({ route }) => route.name === "beta");
    assert.deepEqual(
      beta?.places[0]?.map((place) => [place?.line, place?.column]),
      [
        [19, 20],
        [19, 39],
        [19, 66],
      ],
    );
    assert.equal(forwarding?.upstreamPlace?.line, 4);
    assert.deepEqual(
      forwarding?.endpoints.map(({ place }) => place?.line),
      [4, 4],
    );
    assert.equal(forwarding?.hostPlace?.line, 16);
    assert.deepEqual(
      effects.places.map((place) => place?.line),
      [12, 13, 14],
    );
    const places = forwarding?.timeouts.map(({ name, milliseconds, place }) => [
      name,
      milliseconds,
      place?.line ?? null,
    ]);
    assert.deepEqual(places, [
      ["connect", 1000, 7],
      ["firstByte", 10_000, 5],
      ["responseIdle", 120_000, null],
      ["tunnelIdle", 300_000, 17],
    ]);
  });

  it("runs the filters that depend on the request alone, and tells of the others", async () => {
    const { effects, forwarding } = await explained(CONFIG, {
      url: "http://example.com/api/users?x=1",
    });
    assert.deepEqual(
      effects.filters.map(({ outcome }) => outcome),
      ["ran", "ran", "would run"],
    );
    assert.deepEqual(effects.filters[0]?.edits, [
      { what: "target", before: ["/api/users?x=1"], after: ["/v2/users"] },
    ]);
    assert.deepEqual(effects.filters[1]?.edits, [
      { what: "header x-team", before: [], after: ["blue"] },
    ]);
    assert.equal(forwarding?.target, "/v2/users");
    assert.equal(forwarding?.host, null);
  });

  it("shows the fields that the proxy sets and takes away", async () => {
    const { forwarding } = await explained(CONFIG, {
      url: "http://example.com/",
      headers: [
        ["connection", "x-hop"],
        ["x-hop", "1"],
        ["x-forwarded-for", "203.0.113.9"],
      ],
    });
    const edits = new Map(
      forwarding?.edits.map(({ what, before, after }) => [what, { before, after }]),
    );
    assert.deepEqual(edits.get("header x-forwarded-for"), {
      before: ["203.0.113.9"],
      after: ["192.0.2.1"],
    });
    assert.deepEqual(edits.get("header x-hop"), { before: ["1"], after: [] });
    assert.deepEqual(edits.get("header via")?.after, ["1.1 test"]);
    assert.equal(edits.has("header host"), false);
  });

  it("stops at a filter that answers", async () => {
    const { effects, forwarding } = await explained(CONFIG, { url: "http://a.test/tea" });
    assert.equal(effects.answer?.status, 418);
    assert.deepEqual(
      effects.filters.map(({ outcome }) => outcome),
      ["answered", "not reached"],
    );
    assert.equal(forwarding, null);
  });

  it("tells of a filter that fails as the request would meet it", async () => {
    const { effects, forwarding } = await explained(CONFIG, { url: "http://a.test/broken" });
    assert.equal(effects.filters[0]?.outcome, "failed");
    assert.match(effects.filters[0]?.problem ?? "", /out of order/);
    assert.equal(forwarding, null);
  });

  it("shows where the readings of an ambiguous path lead", async () => {
    const { fault, readings, chosen } = await explained(CONFIG, {
      url: "http://a.test/public/x/..%2Fsecret/key",
    });
    assert.equal(fault?.code, "path_ambiguous");
    assert.equal(chosen, null);
    const routes = new Set(readings?.map(({ route }) => route));
    assert.ok(routes.has("all") && routes.has("secret"), JSON.stringify(readings));
  });

  it("gives the fault that the request would be answered with", async () => {
    const config = CONFIG.replace("match: /*", "match: /all/*");
    const code = async (url: string, method = "GET"): Promise<string | undefined> =>
      (await explained(config, { url, method })).fault?.code;
    assert.equal(await code("http://a.test/none"), "no_route");
    assert.equal(await code("http://a.test/a%00b"), "request_target_invalid");
    assert.equal(await code("http://a..test/"), "request_host_invalid");
    assert.equal(await code("http://a.test/all/x", "TRACE"), "method_not_allowed");
    const via = {
      url: "http://a.test/all/x",
      headers: [["via", "1.1 test, 1.1 other, 1.1 test"]],
    } as const;
    assert.equal((await explained(config, via)).fault?.code, "loop_detected");
  });

  it("takes a URL without scheme, a path with a Host, and drops the fragment", async () => {
    const bare = await explained(CONFIG, { url: "example.com/api/x#top" });
    assert.equal(bare.chosen?.name, "api");
    assert.equal(bare.path, "/api/x");
    const hosted = await explained(CONFIG, {
      url: "/api/x",
      headers: [["host", "Example.com:8080"]],
    });
    assert.equal(hosted.chosen?.name, "api");
    assert.deepEqual(hosted.notes, []);
  });

  it("assumes the first listener for a path alone, and says so", async () => {
    const hosts = [
      ["", "127.0.0.1:8080"],
      ['listen: ["127.0.0.1:8081", ":9000"]', "127.0.0.1:8081"],
      ['listen: "[::1]:8081"', "[::1]:8081"],
      ['listen: ":80"', "127.0.0.1"],
      ['listen: "unix:/run/sluice.sock"', "localhost"],
    ] as const;
    for (const [listen, host] of hosts) {
      const { request, chosen, notes } = await explained(`${listen}${CONFIG}`, { url: "/nope" });
      assert.equal(request.authority, host);
      assert.equal(chosen?.name, "all");
      assert.deepEqual(notes, [`no host was given: assumed ${host}, from the first listener`]);
    }
    const empty = await explained(CONFIG, { url: "/nope", headers: [["host", ""]] });
    assert.deepEqual([empty.request.authority, empty.notes], ["", []]);
  });

  it("tells backends of https when the URL says so", async () => {
    for (const url of ["https://a.test/", "wss://a.test/"]) {
      const { forwarding } = await explained(CONFIG, { url });
      const after = (name: string): readonly string[] | undefined =>
        forwarding?.edits.find(({ what }) => what === `header ${name}`)?.after;
      assert.deepEqual(after("x-forwarded-proto"), ["https"]);
      assert.deepEqual(after("x-forwarded-port"), ["443"]);
    }
  });
});

describe("explain: upgrades", () => {
  const headers = [
    ["connection", "Upgrade"],
    ["upgrade", "WebSocket"],
  ] as const;

  it("are let through where the route does, and taken away elsewhere", async () => {
    const allowed = await explained(CONFIG, { url: "ws://a.test/", headers });
    assert.equal(allowed.forwarding?.upgrade, "websocket");
    const config = CONFIG.replace("match: /*", "match: /*\n    upgrade: []");
    const refused = await explained(config, { url: "ws://a.test/", headers });
    assert.equal(refused.forwarding?.upgrade, "");
    const edit = refused.forwarding?.edits.find(({ what }) => what === "header upgrade");
    assert.deepEqual(edit?.after, []);
  });

  it("are refused when they are none", async () => {
    const { fault, routes } = await explained(CONFIG, {
      url: "ws://a.test/",
      method: "POST",
      headers,
    });
    assert.equal(fault?.code, "upgrade_invalid");
    assert.ok(routes.every(({ verdict }) => verdict !== "taken"));
  });
});

describe("explain: text", () => {
  it("holds the decision, its places and the edits", async () => {
    const text = renderExplanation(
      await explained(CONFIG, { url: "http://example.com/api/users" }),
    );
    assert.match(text, /^GET example\.com\/api\/users from 192\.0\.2\.1$/m);
    assert.match(text, /✓ api: taken\s+sluice\.yaml:9$/m);
    assert.match(text, /✗ headers\.x-beta not there, wanted "1"\s+sluice\.yaml:19$/m);
    assert.match(text, /counts: would run/);
    assert.match(text, /target {4}\/api\/users → \/v2\/users$/m);
    assert.match(text, /timeout {3}connect 1s\s+sluice\.yaml:7$/m);
    assert.match(text, /timeout {3}responseIdle 2m \(default\)$/m);
    assert.match(text, /endpoint {2}http:\/\/127\.0\.0\.1:9002, weight 2/);
    assert.doesNotMatch(text, /\u001b/);
  });

  it("says of a filter for responses that its work is not shown, and forwards", async () => {
    const config = CONFIG.replace("- counts: {}", "- marks: {}");
    const text = renderExplanation(await explained(config, { url: "http://example.com/api/x" }));
    assert.match(text, /marks: changes the response \(not shown: there is no response here\)/);
    assert.match(text, /^forwarded to api/m);
  });

  it("does not send those who ask it to itself when no route matches", async () => {
    const config = CONFIG.replace("match: /*", "match: /all/*");
    const text = renderExplanation(await explained(config, { url: "/nope" }));
    assert.match(text, /^ {2}no host was given: assumed 127\.0\.0\.1:8080/m);
    assert.match(text, /^ {2}No route of the configuration matches this host and path\.$/m);
  });

  it("counts the routes that do not match beyond the first ones", async () => {
    const text = renderExplanation(
      await explained(CONFIG, { url: "http://example.com/api/users" }),
      {
        routes: 1,
      },
    );
    assert.match(text, /… and 3 more that do not match/);
  });

  it("lets no control character of the request through, only its own colours", async () => {
    const text = renderExplanation(
      await explained(CONFIG, {
        url: "http://example.com/",
        headers: [
          ["x-hop", "a\u009b2Jb"],
          ["connection", "x-hop"],
        ],
      }),
      { color: true },
    );
    assert.match(text, /\u001b\[1m/);
    assert.doesNotMatch(text, /\u009b/);
  });
});
