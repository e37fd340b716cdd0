import assert from "node:assert/strict";
import { test } from "node:test";
import { renderDiagnostics } from "./diagnostic.ts";
import { loadConfig } from "./load.ts";
import { filters, loadText, optionsFor } from "./testing/stand-ins.ts";
import type { Config } from "./types.ts";

test("load: the shortest configuration has every default", async (t) => {
  const result = await loadText(t, "upstreams: { app: 3000 }\n");
  assert.ok(result.ok);
  const expected: Config = {
    listen: [
      { address: { kind: "tcp", host: "", port: 8080 }, text: ":8080", tls: null, redirect: null },
    ],
    upstreams: [
      {
        name: "app",
        endpoints: [
          {
            address: { kind: "tcp", host: "localhost", port: 3000 },
            url: "http://localhost:3000",
            authority: "localhost:3000",
            weight: 1,
            secure: false,
          },
        ],
        balance: "round-robin",
        health: null,
        ejection: { consecutiveFailures: 5, pause: ms(10_000), maxPause: ms(300_000) },
        connections: { max: null, maxPending: 1024, queueTimeout: ms(5000), idle: ms(4000) },
        retries: { attempts: 1, on: [], idempotencyKey: false, budgetPercent: 20 },
        tls: {
          verify: true,
          ca: null,
          serverName: null,
          minVersion: "1.2",
          cert: null,
          key: null,
        },
        timeouts: {},
      },
    ],
    routes: [
      {
        name: "/*",
        match: [
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
        use: [],
        to: "app",
        pathPolicy: "strict",
        timeouts: {},
        upgrade: ["websocket"],
        host: { kind: "preserve" },
      },
    ],
    trustedProxies: [],
    forwarded: false,
    timeouts: {
      handshake: ms(10_000),
      head: ms(15_000),
      bodyIdle: ms(60_000),
      bodyGrace: ms(10_000),
      write: ms(60_000),
      keepAlive: ms(65_000),
      connect: ms(3000),
      firstByte: ms(60_000),
      responseIdle: ms(120_000),
      tunnelIdle: ms(3_600_000),
      stopDelay: ms(5000),
      drain: ms(30_000),
    },
    limits: {
      connections: 10_000,
      handshakes: 2000,
      handshakeRate: null,
      bodyRate: 240 as Config["limits"]["bodyRate"],
    },
    log: { access: "auto", level: "info" },
    acme: {
      email: null,
      issuers: [
        {
          name: "letsencrypt",
          directory: "https://acme-v02.api.letsencrypt.org/directory",
          ca: null,
          eab: null,
          profile: null,
          chain: null,
        },
      ],
      challenges: null,
      dns: null,
    },
    cache: { memory: MEMORY },
    admin: {
      address: { kind: "tcp", host: "127.0.0.1", port: 9180 },
      text: "127.0.0.1:9180",
      written: false,
    },
    transport: "auto",
    workers: "auto",
  };
  assert.deepEqual(result.config, expected);
  assert.deepEqual(result.warnings, []);
});

test("load: every form that the documentation shows is understood", async (t) => {
  const result = await loadText(
    t,
    `
listen: [":8080", { address: "unix:/run/s.sock" }]
upstreams:
  api:
    endpoints: [http://127.0.0.1:9001, { url: "http://127.0.0.1:9002", weight: 2 }]
    balance: least-requests
    health: { path: /healthz, interval: 5s, expect: [200, 3xx, 401-403] }
    ejection: off
    retries: off
    connections: { max: 10 }
    timeouts: { responseIdle: off, connect: 500ms }
  web: { endpoints: unix:/run/web.sock, health: /up }
routes:
  - match: example.com/api/*
    name: api
    priority: 10
    use:
      - stripPrefix: /api
      - bodyLimit: { max: 10MB }
    to: api
    host: upstream
    pathPolicy: lenient
    timeouts: { firstByte: 5m }
  - match:
      - { host: "*.example.com", path: ["/", /about], methods: [GET], headers: { X-Beta: "1" } }
      - path: { regex: "^/v[0-9]+/" }
        query: { q: { present: true }, lang: [en, de] }
        headers: { cookie: { present: false }, accept: { regex: html } }
        clientIp: 10.0.0.0/8
    to: web
    host: Web.Internal:8080
    upgrade: []
  - match: /gone
    use: [{ respond: { status: 410 } }]
trustedProxies: 10.0.0.0/8
forwarded: true
admin: off
workers: 2
log: { access: json, level: debug }
`,
  );
  assert.ok(result.ok, result.ok ? "" : renderDiagnostics(result.diagnostics));
  const { config } = result;
  assert.deepEqual(
    config.listen.map((one) => one.text),
    [":8080", "unix:/run/s.sock"],
  );
  const [api, web] = config.upstreams;
  assert.deepEqual(
    api?.endpoints.map((one) => one.weight),
    [1, 2],
  );
  assert.deepEqual(api?.health?.expect, [
    { from: 200, to: 200 },
    { from: 300, to: 399 },
    { from: 401, to: 403 },
  ]);
  assert.equal(api?.ejection, null);
  assert.equal(api?.retries.attempts, 0);
  assert.deepEqual(api?.timeouts, { responseIdle: null, connect: 500 });
  assert.equal(web?.health?.path, "/up");
  assert.equal(web?.health?.unhealthyAfter, 3);
  assert.deepEqual(
    config.routes.map((route) => route.to),
    ["api", "web", null],
  );
  assert.deepEqual(config.routes[0]?.use, [
    { kind: "named", name: "stripPrefix", options: "/api" },
    { kind: "named", name: "bodyLimit", options: { max: 10_000_000 } },
  ]);
  assert.deepEqual(config.routes[0]?.host, { kind: "endpoint" });
  assert.deepEqual(config.routes[1]?.host, { kind: "literal", value: "web.internal:8080" });
  assert.deepEqual(config.routes[1]?.upgrade, []);
  assert.equal(
    config.routes[1]?.name,
    "GET *.example.com/,*.example.com/about (x-beta: 1) or ~^/v[0-9]+/ (no cookie; accept: ~html; ?q; ?lang: en|de; from 10.0.0.0/8)",
  );
  assert.equal(config.admin, null);
  assert.equal(config.trustedProxies[0]?.text, "10.0.0.0/8");
});

/** Each line with a mistake ends in `#!`; one that has two says so. Nothing else may be complained about. */
const FORTY_MISTAKES = `listen:
  - address: "8080x" #!
  - address: ":8443"
    tls: atuo #!
  - http://:80 #!
  - ":9000"
  - ":9000" #!
upstreams:
  api:
    endpoints:
      - wss://127.0.0.1:9001 #!
      - { url: "http://127.0.0.1:9002", weight: 0 } #!
      - { url: "http://127.0.0.1:9003", wieght: 2 } #!
      - "http://127.0.0.1:9004/base" #!
      - ":9005"
      - "localhost:9005" #!
    balance: least-request #!
    health: { path: healthz, interval: 5 } #!2
    ejection: { consecutiveFailures: none } #!
    conections: { max: 10 } #!
  "bad name": http://localhost:1 #!
  empty:
    endpoints: [] #!
  nothing: {} #!
  partial:
    endpoints: :3000
    connections: { max: 1.5, queueTimeout: 5 sec } #!2
    retries: { attempts: 11, on: 500 } #!2
    timeouts: { frstByte: 1s, connect: 0s } #!2
routes:
  - match: example.com/api* #!
    to: apii #!
  - match: { host: "example.com:80", path: about, method: GET } #!3
    to: api
  - match: { methods: [get], headers: { x-beta: 1 } } #!2
    to: api
  - match: { headers: { "x:y": a }, clientIp: 10.0.0.300 } #!2
    to: http://localhost:3000 #!
  - match: /a
    use:
      - stripPrefx: /a #!
      - stripPrefix: a #!
      - bodyLimit: { max: 10 } #!
      - stripPrefix: /b #!
        bodyLimit: { max: 1MB }
      - respond #!
    to: api
  - match: /b #!
  - name: same
    to: api
    priority: high #!
    host: "a b" #!
  - name: same #!
    to: api
    pathPolicy: loose #!
    upgrade: h2c #!
trustedProxies: [10.0.0.1/8] #!
log: { access: jsn } #!
admin: localhost #!
transport: io_uring #!
workers: "4" #!
limits:
timeots: {} #!
`;

test("load: a file with more than forty mistakes gets every one of them, each on its line", async (t) => {
  const result = await loadText(t, FORTY_MISTAKES);
  assert.ok(!result.ok);
  const expected: number[] = [];
  for (const [index, line] of FORTY_MISTAKES.split("\n").entries()) {
    const mark = /#!(\d?)$/.exec(line);
    const count = mark === null ? 0 : Number(mark[1] === "" ? 1 : mark[1]);
    for (let each = 0; each < count; each++) expected.push(index + 1);
  }
  // `limits:` without a value is the one mistake that cannot carry a mark: a comment would become its value's place.
  expected.push(FORTY_MISTAKES.split("\n").indexOf("limits:") + 1);
  expected.sort((a, b) => a - b);
  const rendered = renderDiagnostics(result.diagnostics, {
    text: (file) => result.sources.text(file),
  });
  assert.deepEqual(
    result.diagnostics.map((one) => one.line),
    expected,
    rendered,
  );
  assert.ok(expected.length >= 40);
  for (const one of result.diagnostics) {
    assert.equal(one.severity, "error");
    assert.equal(one.file, "sluice.yaml");
    assert.notEqual(one.hint, null, one.message);
    // Nothing of the schema library's own wording gets through.
    assert.doesNotMatch(`${one.message} ${one.hint}`, /invalid|undefined|received|zod|\[object/i);
  }
});

test("load: an unknown name suggests the known one", async (t) => {
  const text = `
upstreams: { api: 1, web: 2 }
routes: [{ to: apii }, { to: web, use: [{ stripPrefx: /x }] }]
timeouts: { first_byte: 1s }
log: { access: jsn }
`;
  const result = await loadText(t, text);
  assert.ok(!result.ok);
  assert.deepEqual(
    result.diagnostics.map((one) => [one.path, one.hint?.split("?")[0]]),
    [
      ["routes[0].to", "did you mean `api`"],
      ["routes[1].use[0].stripPrefx", "did you mean `stripPrefix`"],
      ["timeouts.first_byte", "did you mean `firstByte`"],
      ["log.access", "did you mean `json`"],
    ],
  );
});

test("load: nothing to proxy is an error", async (t) => {
  for (const text of [
    "",
    "listen: :80",
    "upstreams: { a: 1, b: 2 }",
    "upstreams: { a: 1 }\nroutes: []",
  ]) {
    const result = await loadText(t, text);
    assert.ok(!result.ok, text);
    assert.match(
      result.diagnostics[0]?.message ?? "",
      /nothing would be proxied|got nothing|the file is empty/,
      text,
    );
  }
});

test("load: warns about what is valid and probably not meant", async (t) => {
  const result = await loadText(
    t,
    `upstreams: { a: 1, unused: 2 }
routes:
  - { to: a, pathPolicy: lenient, use: [{ guard: { users: [] } }] }
trustedProxies: [0.0.0.0/0]
admin: ":9180"
`,
  );
  assert.ok(result.ok);
  assert.deepEqual(
    result.warnings.map((one) => [one.line, one.path]),
    [
      [1, "upstreams.unused"],
      [3, "routes[0].pathPolicy"],
      [4, "trustedProxies[0]"],
      [5, "admin"],
    ],
  );
});

test("load: the command line's short form is the same configuration, and its mistakes name the flag", async () => {
  const good = await loadConfig(
    optionsFor("/", { origin: { kind: "arguments", form: { to: [":3000", "localhost:4000"] } } }),
  );
  assert.ok(good.ok);
  assert.deepEqual(
    good.config.upstreams[0]?.endpoints.map((one) => one.url),
    ["http://localhost:3000", "http://localhost:4000"],
  );
  assert.deepEqual(
    good.config.listen.map((one) => one.text),
    [":8080"],
  );
  assert.equal(good.config.routes[0]?.name, "/*");

  const bad = await loadConfig(
    optionsFor("/", {
      origin: {
        kind: "arguments",
        form: { to: ["localhost"], listen: ["http://:80"], domain: ["exam ple.com"] },
      },
    }),
  );
  assert.ok(!bad.ok);
  assert.deepEqual(bad.diagnostics.map((one) => one.path).toSorted(), [
    "--domain",
    "--listen",
    "--to",
  ]);
  assert.match(
    renderDiagnostics(bad.diagnostics),
    /^command line: --to: error: `localhost` has no port$/m,
  );
});

test("load: an object that a program passes is checked like a file, with paths for places", async () => {
  const good = await loadConfig(
    optionsFor("/", {
      origin: {
        kind: "object",
        value: { upstreams: { app: 3000 }, routes: [{ to: "app", use: [() => undefined] }] },
      },
    }),
  );
  assert.ok(good.ok);
  assert.equal(good.config.routes[0]?.use[0]?.kind, "inline");
  const bad = await loadConfig(
    optionsFor("/", {
      origin: { kind: "object", value: { upstreams: { app: "x" } }, name: "createProxy" },
    }),
  );
  assert.ok(!bad.ok);
  assert.match(
    renderDiagnostics(bad.diagnostics),
    /^createProxy: upstreams\.app: error: `x` has no port$/m,
  );
});

test("load: a list, a text or an object that holds itself is no configuration", async () => {
  const circular: Record<string, unknown> = { upstreams: { app: 3000 } };
  circular["log"] = circular;
  for (const value of [[], "text", 5, null, circular]) {
    const result = await loadConfig(optionsFor("/", { origin: { kind: "object", value } }));
    assert.ok(!result.ok);
  }
});

test("load: filters' names cannot be those of every object", async (t) => {
  const result = await loadText(
    t,
    "upstreams: { app: 1 }\nroutes: [{ to: app, use: [{ constructor: 1 }, { toString: 1 }] }]",
  );
  assert.ok(!result.ok);
  assert.equal(result.diagnostics.length, 2);
  assert.ok(Object.keys(filters).every((name) => result.diagnostics[0]?.hint?.includes(name)));
});

test("load: a key that would change an object's prototype is refused wherever it stands", async (t) => {
  const result = await loadText(
    t,
    "upstreams: { a: 1, __proto__: 2 }\nroutes:\n  - { to: a, match: { headers: { __proto__: x } } }\n",
  );
  assert.ok(!result.ok);
  assert.deepEqual(
    result.diagnostics.map((one) => [one.line, one.message]),
    [
      [1, "`__proto__` cannot be a key"],
      [3, "`__proto__` cannot be a key"],
    ],
  );
});

const MEMORY = (256 * 1024 * 1024) as Config["cache"]["memory"];

function ms(value: number): Config["timeouts"]["head"] {
  return value as Config["timeouts"]["head"];
}

test("load: a regular expression that is none is told where it stands, together with all else", async (t) => {
  const result = await loadText(
    t,
    `upstreams: { web: 3000 }
routes:
  - match: { path: { regex: "(" } }
    to: web
  - match: { path: [/a, { regex: "a**" }], headers: { x-a: { regex: "(?=a)" } } }
    to: wbe
  - match:
      - /b
      - query:
          q: { regex: "[" }
          r: { regex: "" }
    to: web
  - match: { path: { regex: "^/v[0-9]+/" } }
    to: web
  - match: { path: { regex: "${"a".repeat(1001)}" } }
    to: web
`,
  );
  assert.ok(!result.ok);
  assert.deepEqual(
    result.diagnostics.map(({ severity, line, path }) => [severity, line, path]),
    [
      ["error", 3, "routes[0].match.path.regex"],
      ["error", 5, "routes[1].match.path[1].regex"],
      ["error", 5, "routes[1].match.headers.x-a.regex"],
      ["error", 6, "routes[1].to"],
      ["error", 10, "routes[2].match[1].query.q.regex"],
      ["error", 11, "routes[2].match[1].query.r.regex"],
      ["error", 15, "routes[4].match.path.regex"],
    ],
  );
});

test("load: a path without its slash is a host, which is warned about", async (t) => {
  const result = await loadText(
    t,
    "upstreams: { a: 1 }\nroutes:\n  - { match: [api/*, localhost/*, /api/*, b.c/*, web], to: a }\n",
  );
  assert.ok(result.ok);
  assert.deepEqual(
    result.warnings.map(({ path, hint }) => [path, hint]),
    [["routes[0].match[0]", "did you mean `/api/*`?"]],
  );
});

test("load: what a later version will know is not called unknown", async (t) => {
  const result = await loadText(
    t,
    "dashboard: {}\nupstreams: { a: 1 }\nroutes:\n  - { match: /*, use: [{ rateLimit: 1 }], to: a }\n",
  );
  assert.ok(!result.ok);
  assert.deepEqual(
    result.diagnostics.map(({ message }) => message),
    ["`dashboard` is not part of this version yet", "`rateLimit` is not part of this version yet"],
  );
});

test("load: a route has one cache", async (t) => {
  const result = await loadText(
    t,
    "upstreams: { a: 1 }\nroutes:\n  - { match: /*, use: [{ cache: {} }, { cache: {} }], to: a }\n",
  );
  assert.ok(!result.ok);
  const messages = result.diagnostics.map(({ message }) => message);
  assert.ok(messages.includes("`cache` stands twice, first on line 3"), messages.join("\n"));
});
