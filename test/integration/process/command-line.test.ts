/** What the program says about configurations and command lines, and how it ends. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { runSluice } from "../../harness/sluice.ts";

/** Each line that ends in `# wrong` has one mistake, and no other has any. */
const FORTY_MISTAKES = `listen:
  - ":99999" # wrong
  - http://:80 # wrong
  - "unix:" # wrong
  - "::1:80" # wrong
transport: io_uring # wrong
workers: 0 # wrong
admin: nowhere # wrong
forwarded: maybe # wrong
trustedProxies:
  - 10.0.0.0/33 # wrong
  - office # wrong
lmits: {} # wrong
limits:
  connections: 0 # wrong
  bodyRate: fast # wrong
log:
  access: xml # wrong
  level: loud # wrong
timeouts:
  head: 15 # wrong
  write: -1s # wrong
  connect: 3 parsecs # wrong
  frist: 1s # wrong
upstreams:
  "bad name": http://localhost:1 # wrong
  wss: wss://localhost:1 # wrong
  file: ftp://localhost:1 # wrong
  path: http://localhost:1/app # wrong
  zero: http://localhost:0 # wrong
  app:
    endpoints:
      - url: http://10.0.0.256:80 # wrong
      - { url: ":1", weight: 0 } # wrong
    balance: fair # wrong
    connections:
      max: 0 # wrong
      queueTimeout: soon # wrong
    retries:
      attempts: 11 # wrong
      on: 500 # wrong
    health:
      path: healthz # wrong
      expect: "600" # wrong
    ejection:
      consecutiveFailures: none # wrong
routes:
  - match: "*.*.com" # wrong
    to: app
  - match: { path: "no/slash" } # wrong
    to: app
  - match: { methods: get } # wrong
    to: app
  - match: /filter
    use:
      - stripPrefx: /x # wrong
      - bodyLimit: 1 # wrong
      - redirect: { to: /, status: 200 } # wrong
    to: app
  - match: /host
    host: "two words" # wrong
    upgrade: h2c # wrong
    to: app
`;

const wrongLines = FORTY_MISTAKES.split("\n").flatMap((line, index) =>
  line.endsWith("# wrong") ? [index + 1] : [],
);

describe("a configuration with forty mistakes", () => {
  test("is forty of them", () => assert.ok(wrongLines.length >= 40, `${wrongLines.length}`));

  for (const command of ["check", "run"]) {
    test(`makes \`sluice ${command}\` name all of them and end`, async (t) => {
      const { code, stdout, stderr } = await runSluice(t, {
        args: [command],
        files: { "sluice.yaml": FORTY_MISTAKES },
      });
      assert.equal(code, 1);
      assert.equal(stdout, "");
      const told = [...stderr.matchAll(/^sluice\.yaml:(\d+):\d+: error: /gm)].map(([, line]) =>
        Number(line),
      );
      assert.deepEqual(
        told.toSorted((a, b) => a - b),
        wrongLines,
      );
      assert.match(stderr, new RegExp(`^${wrongLines.length} errors$`, "m"));
      assert.match(stderr, /did you mean `limits`/);
      assert.match(stderr, /a WebSocket backend is written with https/);
      assert.doesNotMatch(stderr, /listening on|    at /);
    });
  }
});

describe("mistakes that show once all values are right", () => {
  test("are told together too", async (t) => {
    const { code, stderr } = await runSluice(t, {
      args: ["check"],
      files: {
        "sluice.yaml": `listen: [":80", "127.0.0.1:80"]
upstreams: { app: "http://localhost:1" }
routes:
  - { match: /a, to: ap }
  - { match: /b }
  - { match: { path: { regex: "(" } }, to: app }
  - { name: twin, match: /c, to: app }
  - { name: twin, match: /d, to: app }
`,
      },
    });
    assert.equal(code, 1);
    assert.match(stderr, /^sluice\.yaml:4:\d+: error: .*\n(?:.*\n)*?.*did you mean `app`/m);
    for (const line of [5, 6, 8]) assert.match(stderr, new RegExp(`^sluice\\.yaml:${line}:`, "m"));
  });
});

describe("a command line", () => {
  for (const [title, args, message] of [
    ["with an unknown command", ["chek"], /unknown command 'chek', did you mean 'check'\?/],
    [
      "with an unknown option",
      ["check", "--lissten", ":1"],
      /unknown option '--lissten'[^]*--listen/,
    ],
    ["with a file where `-c` belongs", ["check", "my.yaml"], /too many arguments[^]*my\.yaml/],
    ["without the value of an option", ["--to"], /'--to <url>' argument missing/],
    ["with both forms", ["run", "-c", "a.yaml", "--to", ":1"], /cannot be used with/],
    ["with a backend that speaks HTTP/2", ["--to", "h2c://localhost:1"], /HTTP\/2 to backends/],
    ["with a domain that is none", ["--to", ":1", "--domain", "exam ple.test"], /--domain/],
    [
      "with an address that is none",
      ["--to", ":1", "--listen", "nowhere"],
      /--listen[^]*has no port/,
    ],
    ["with a file that is not there", ["run", "-c", "none.yaml"], /none\.yaml/],
    ["without anything to run", ["run"], /sluice init|sluice --to/],
    ["that explains half a request", ["explain", "GET"], /missing required argument 'url'/],
    ["with a header that is none", ["explain", "GET", "/", "-H", "x"], /'name: value'/],
  ] as const) {
    test(`${title} ends with 1 and a sentence`, async (t) => {
      const { code, stdout, stderr } = await runSluice(t, { args });
      assert.equal(code, 1);
      assert.equal(stdout, "");
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /^ {4}at /m);
    });
  }
});

test("explain says which route takes a request and why, what is done to it, and where that is written", async (t) => {
  const { code, stdout, stderr } = await runSluice(t, {
    args: ["explain", "GET", "https://example.com/api/users?x=1", "-H", "Accept: text/html"],
    files: {
      "sluice.yaml": `listen: 127.0.0.1:0
upstreams:
  api:
    endpoints: [http://127.0.0.1:3001, "http://127.0.0.1:3002"]
    timeouts: { firstByte: 5s }
  web: http://localhost:3000
routes:
  - match: example.com/api/*
    use:
      - stripPrefix: /api
      - requestHeaders: { set: { X-Env: test } }
    to: api
  - { match: example.com, to: web }
  - { match: other.example, to: web }
`,
    },
  });
  assert.equal(code, 0, stderr);
  for (const line of [
    /^GET example\.com\/api\/users\?x=1 from 127\.0\.0\.1$/m,
    /✓ example\.com\/api\/\*: taken +sluice\.yaml:8$/m,
    /✓ path +\/api\/users matches \/api\/\*$/m,
    /· example\.com: matches, but .*more specifically +sluice\.yaml:13$/m,
    /✗ other\.example: no match +sluice\.yaml:14$/m,
    /✗ host +example\.com, wanted other\.example$/m,
    /stripPrefix: ran +sluice\.yaml:10\n +~ target: \/api\/users\?x=1 → \/users\?x=1$/m,
    /requestHeaders: ran +sluice\.yaml:11\n +\+ header x-env: test$/m,
    /^forwarded to api, round-robin +sluice\.yaml:4$/m,
    /^ +endpoint +http:\/\/127\.0\.0\.1:3002 +sluice\.yaml:4$/m,
    /^ +target +\/api\/users\?x=1 → \/users\?x=1$/m,
    /^ +host +example\.com \(as received\)$/m,
    /^ +\+ header x-forwarded-proto: https$/m,
    /^ +\+ header x-forwarded-prefix: \/api$/m,
    /^ +timeout +connect 3s \(default\)$/m,
    /^ +timeout +firstByte 5s +sluice\.yaml:5$/m,
  ]) {
    assert.match(stdout, line);
  }
});
