import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type LoadResult, loadConfig } from "./load.ts";
import { loadText, optionsFor } from "./testing/stand-ins.ts";

const CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";
const KEY = "-----BEGIN PRIVATE KEY-----\nMA==\n-----END PRIVATE KEY-----\n";
const CRL = "-----BEGIN X509 CRL-----\nMA==\n-----END X509 CRL-----\n";

/** Loads a configuration beside PEM files. */
async function loadBeside(
  t: TestContext,
  yaml: string,
  files: Readonly<Record<string, string>>,
): Promise<LoadResult> {
  const directory = await mkdtemp(join(tmpdir(), "config-tls-"));
  t.after(() => rm(directory, { recursive: true }));
  for (const [name, text] of Object.entries({ ...files, "sluice.yaml": yaml })) {
    await writeFile(join(directory, name), text);
  }
  return loadConfig(optionsFor(directory, { origin: { kind: "file" } }));
}

function problems(result: LoadResult): (readonly [string, string])[] {
  assert.ok(!result.ok);
  return result.diagnostics.map(({ path, message }) => [path, message] as const);
}

test("tls: every short form is the long one with its defaults", async (t) => {
  const result = await loadText(
    t,
    `listen:
  - { address: ":1443", tls: local }
  - { address: ":2443", tls: { cert: a.pem, key: a.key } }
  - address: ":3443"
    tls: [{ cert: a.pem, key: a.key }, { cert: b.pem, key: b.key }]
  - { address: ":8080", redirect: https }
upstreams: { app: 3000 }
`,
  );
  assert.ok(result.ok, JSON.stringify(result));
  const rest = {
    preset: "intermediate",
    default: null,
    clientCertificates: null,
    names: [],
    passThrough: [],
    hsts: "auto",
  };
  const a = { cert: "a.pem", key: "a.key" };
  assert.deepEqual(
    result.config.listen.map(({ tls }) => tls),
    [
      { certificates: { kind: "local" }, ...rest },
      { certificates: { kind: "files", pairs: [a] }, ...rest },
      { certificates: { kind: "files", pairs: [a, { cert: "b.pem", key: "b.key" }] }, ...rest },
      null,
    ],
  );
  assert.equal(result.config.listen[3]?.redirect, "https");
});

test("tls: the long form, with the contents of the files that it names", async (t) => {
  const result = await loadBeside(
    t,
    `listen:
  address: ":8443"
  tls:
    certificates: { cert: site.pem, key: site.key }
    preset: modern
    default: Example.COM
    clientCertificates: { ca: ca.pem }
    names:
      "*.Example.com": { clientCertificates: off }
      admin.example.com: { preset: intermediate, clientCertificates: { mode: request, ca: ca.pem, crl: ca.crl } }
    passThrough: { db.example.com: app }
    hsts: off
upstreams:
  app: { endpoints: "https://10.0.0.1", tls: { ca: ca.pem, serverName: app.internal, minVersion: "1.3", cert: us.pem, key: us.key } }
`,
    { "ca.pem": CERTIFICATE, "ca.crl": CRL, "us.pem": CERTIFICATE, "us.key": KEY },
  );
  assert.ok(result.ok, JSON.stringify(result));
  const { tls } = result.config.listen[0]!;
  assert.deepEqual(tls, {
    certificates: { kind: "files", pairs: [{ cert: "site.pem", key: "site.key" }] },
    preset: "modern",
    default: "example.com",
    clientCertificates: { mode: "require", ca: "ca.pem", crl: null },
    names: [
      ["*.example.com", { clientCertificates: null }],
      [
        "admin.example.com",
        {
          preset: "intermediate",
          clientCertificates: { mode: "request", ca: "ca.pem", crl: "ca.crl" },
        },
      ],
    ],
    passThrough: [["db.example.com", "app"]],
    hsts: "off",
  });
  assert.deepEqual(Object.fromEntries(result.texts), {
    "ca.pem": CERTIFICATE,
    "ca.crl": CRL,
    "us.pem": CERTIFICATE,
    "us.key": KEY,
  });
  // They are part of the configuration, and a change to one of them is one to it.
  assert.equal(result.files.filter((name) => /\.(pem|crl|key)$/.test(name)).length, 4);
});

test("tls: what is wrong is said where it stands, and what to write instead", async (t) => {
  const result = await loadBeside(
    t,
    `listen:
  - { address: ":1", tls: automatic }
  - { address: ":2", tls: { preset: modern } }
  - { address: ":3", tls: { certificates: local, default: 10.0.0.1 } }
  - { address: ":4", tls: { certificates: local, clientCertificates: { ca: nothing.pem } } }
  - { address: ":5", tls: { certificates: local, clientCertificates: { ca: key.pem } } }
  - { address: ":6", tls: { certificates: local, passThrough: { a.test: ap } } }
  - { address: ":7", tls: local, redirect: https }
  - { address: ":8", tls: { cert: a.pem } }
  - { address: ":9", tls: { certificates: local, names: { "a b": {} } } }
upstreams:
  app: { endpoints: "https://x", tls: { cert: cert.pem } }
tls: local
`,
    { "key.pem": KEY, "cert.pem": CERTIFICATE },
  );
  const found = problems(result).map(([path, message]) => [path, message.split("`")[0]]);
  assert.deepEqual(found, [
    ["listen[0].tls", "expected "],
    ["listen[1].tls", ""],
    ["listen[2].tls.default", ""],
    ["listen[3].tls.clientCertificates.ca", ""],
    ["listen[4].tls.clientCertificates.ca", ""],
    ['listen[5].tls.passThrough["a.test"]', "there is no upstream "],
    ["listen[6].redirect", "a listener that speaks TLS has nothing to redirect"],
    ["listen[7].tls", ""],
    ['listen[8].tls.names["a b"]', ""],
    ["upstreams.app.tls", ""],
    ["tls", ""],
  ]);
  for (const one of result.ok ? [] : result.diagnostics) assert.notEqual(one.hint, null);
});

test("tls: warns of backends that nobody verifies, and of options that do nothing", async (t) => {
  const result = await loadText(
    t,
    `upstreams:
  open: { endpoints: "https://a", tls: { verify: false } }
  plain: { endpoints: "http://b", tls: { minVersion: "1.3" } }
routes: [{ to: open }, { match: /b, to: plain }]
`,
  );
  assert.ok(result.ok);
  assert.deepEqual(
    result.warnings.map(({ path }) => path),
    ["upstreams.open.tls.verify", "upstreams.plain.tls"],
  );
});

test("tls: an upstream that connections are passed through to is in use", async (t) => {
  const result = await loadText(
    t,
    `listen: { address: ":8443", tls: { passThrough: { db.test: db } } }
upstreams: { app: 3000, db: 5432 }
routes: [{ to: app }]
`,
  );
  assert.ok(result.ok, JSON.stringify(result));
  assert.deepEqual(result.warnings, []);
});

test("tls: port 80 leads to port 443 where certificates come by themselves, unless it is spoken for", async (t) => {
  const listens = async (listen: string): Promise<unknown> => {
    const result = await loadText(t, `listen: ${listen}\nupstreams: { app: 3000 }\n`);
    assert.ok(result.ok, JSON.stringify(result));
    return result.config.listen.map(({ text, redirect }) => [text, redirect]);
  };
  assert.deepEqual(await listens('{ address: ":443", tls: local }'), [
    [":443", null],
    [":80", "https"],
  ]);
  assert.deepEqual(await listens('{ address: "127.0.0.1:443", tls: { certificates: local } }'), [
    ["127.0.0.1:443", null],
    ["127.0.0.1:80", "https"],
  ]);
  assert.deepEqual(await listens('[{ address: ":443", tls: local }, ":80"]'), [
    [":443", null],
    [":80", null],
  ]);
  assert.deepEqual(await listens('{ address: ":8443", tls: local }'), [[":8443", null]]);
  assert.deepEqual(await listens('{ address: ":443", tls: { cert: a, key: b } }'), [
    [":443", null],
  ]);
});

test("tls: --domain speaks TLS by the local authority for names that no other certifies, and by ACME for all others", async () => {
  const load = (domain: string[], listen?: string[]): Promise<LoadResult> =>
    loadConfig(
      optionsFor("/", {
        origin: {
          kind: "arguments",
          form: { to: [":3000"], domain, ...(listen === undefined ? {} : { listen }) },
        },
      }),
    );
  for (const domain of ["localhost", "app.localhost", "192.168.1.7", "::1"]) {
    const result = await load([domain]);
    assert.ok(result.ok, domain);
    assert.deepEqual(
      result.config.listen.map(({ text, redirect }) => [text, redirect]),
      [
        [":443", null],
        [":80", "https"],
      ],
    );
    assert.equal(result.config.listen[0]?.tls?.certificates.kind, "local");
  }
  const elsewhere = await load(["localhost"], [":8443"]);
  assert.ok(elsewhere.ok);
  assert.deepEqual(
    elsewhere.config.listen.map(({ text }) => text),
    [":8443"],
  );
  const isPublic = await load(["example.com", "localhost"]);
  assert.ok(isPublic.ok);
  assert.equal(isPublic.config.listen[0]?.tls?.certificates.kind, "auto");
});

test("tls: a name has rules once, however it is spelled", async (t) => {
  const result = await loadText(
    t,
    `listen:
  - address: ":443"
    tls:
      certificates: local
      names:
        Admin.test: { preset: modern }
        admin.test: { preset: intermediate }
      passThrough: { "admin.test.": app }
upstreams: { app: 3000 }
`,
  );
  assert.deepEqual(problems(result), [
    ['listen[0].tls.names["admin.test"]', "the name `admin.test` stands twice, first on line 6"],
    [
      'listen[0].tls.passThrough["admin.test."]',
      "the name `admin.test` stands twice, first on line 6",
    ],
  ]);
});

test("tls: what is none of its forms is told two that are", async (t) => {
  for (const written of ["true", "site.pem"]) {
    const result = await loadText(
      t,
      `listen: [{ address: ":443", tls: ${written} }]\nupstreams: { app: 3000 }\n`,
    );
    assert.ok(!result.ok);
    assert.match(result.diagnostics[0]!.hint!, /tls: local.*tls: \{ cert: site\.pem/);
  }
});

test("tls: a redirect to https that leads to nobody is warned about", async (t) => {
  const warnings = async (more: string): Promise<readonly string[]> => {
    const result = await loadText(
      t,
      `listen:\n  - { address: ":80", redirect: https }\n${more}\nupstreams: { app: 3000 }\n`,
    );
    assert.ok(result.ok, JSON.stringify(result));
    return result.warnings.map(({ path }) => path);
  };
  assert.deepEqual(await warnings(""), ["listen[0].redirect"]);
  assert.deepEqual(await warnings("trustedProxies: [10.0.0.1]"), []);
  assert.deepEqual(await warnings('  - { address: ":443", tls: local }'), []);
});
