import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { scryptSync } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { DAY, hierarchy, issue } from "#tls/certificates.fixture.ts";
import { certificates } from "#transport/certificates.fixture.ts";
import { createProgram } from "./program.ts";
import type { Terminal } from "./terminal.ts";

/** A command line in a folder of its own. */
function bench(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), "sluice-cli-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const said = { out: "", err: "" };
  const input = { line: "" };
  const terminal: Terminal = {
    out: (text) => (said.out += text),
    err: (text) => (said.err += text),
    readLine: () => Promise.resolve(input.line),
    interactive: false,
    attended: false,
    color: false,
    environment: { XDG_RUNTIME_DIR: directory },
    directory,
  };
  const sluice = async (...args: string[]) => {
    said.out = "";
    said.err = "";
    const code = await createProgram(terminal).run(args);
    return { code, ...said };
  };
  const write = (name: string, text: string): void => writeFileSync(join(directory, name), text);
  const type = (line: string): void => void (input.line = line);
  return { directory, sluice, write, type };
}

test("version prints the package's version", async (t) => {
  const { sluice } = bench(t);
  const manifest = JSON.parse(
    readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
  ) as { version: string };
  assert.deepEqual(await sluice("version"), { code: 0, out: `${manifest.version}\n`, err: "" });
});

test("hash-password prints a hash that basicAuth takes, with another salt each time", async (t) => {
  const { sluice, type, write } = bench(t);
  type("s3cret");
  const { code, out, err } = await sluice("hash-password");
  assert.deepEqual([code, err], [0, ""]);
  assert.notEqual((await sluice("hash-password")).out, out);
  const [, salt = "", hash = ""] = /^\$scrypt\$ln=15,r=8,p=1\$(\S+)\$(\S+)\n$/.exec(out) ?? [];
  const cost = { N: 2 ** 15, r: 8, p: 1, maxmem: 2 ** 26 };
  const derived = scryptSync("s3cret", Buffer.from(salt, "base64"), 32, cost);
  assert.deepEqual(Buffer.from(hash, "base64"), derived);
  write(
    "sluice.yaml",
    `upstreams: { app: http://localhost:3000 }\nroutes: [{ match: /*, use: [{ basicAuth: { users: { anna: "${out.trim()}" } } }], to: app }]\n`,
  );
  assert.equal((await sluice("check")).code, 0);
});

test("hash-password makes nothing of nothing", async (t) => {
  const { code, out } = await bench(t).sluice("hash-password");
  assert.deepEqual([code, out], [1, ""]);
});

test("without anything to do it says what there is to do", async (t) => {
  const { code, err } = await bench(t).sluice();
  assert.equal(code, 1);
  assert.match(err, /sluice --to http:\/\/localhost:3000/);
});

test("options that need `--to` say so when it is not there", async (t) => {
  const { sluice } = bench(t);
  for (const option of ["--domain", "--listen"]) {
    for (const before of [[], ["run"]]) {
      const { code, err } = await sluice(...before, option, "x");
      assert.equal(code, 1);
      assert.match(err, /need `--to`/);
    }
  }
});

test("check reads the certificates that listeners name, as a start does", async (t) => {
  const { sluice, write } = bench(t);
  const yaml = `listen: [{ address: ":8443", tls: { cert: site.pem, key: site.key } }]
upstreams: { app: 3000 }
`;
  write("sluice.yaml", yaml);
  const missing = await sluice("check");
  assert.equal(missing.code, 1);
  assert.match(missing.err, /^sluice\.yaml:1:\d+: error: .*site\.pem.* does not exist/m);
  const { ecdsa, rsa } = certificates();
  write("site.pem", ecdsa.chain);
  write("site.key", rsa.key);
  const strange = await sluice("check");
  assert.equal(strange.code, 1);
  assert.match(strange.err, /site\.key/);
  write("site.key", ecdsa.key);
  assert.equal((await sluice("check")).code, 0);
});

test("help shows the commands and examples", async (t) => {
  const { sluice } = bench(t);
  const { code, out } = await sluice("--help");
  assert.equal(code, 0);
  assert.equal((await sluice("help")).out, out);
  assert.match(out, /--domain/);
  assert.match((await sluice("help", "explain")).out, /^Usage: sluice explain/);
  for (const command of [
    "run",
    "check",
    "explain",
    "reload",
    "certs",
    "trust",
    "init",
    "version",
  ]) {
    assert.match(out, new RegExp(`^  ${command} `, "m"));
  }
});

test("an option that does not exist is an error that names it", async (t) => {
  const { code, err } = await bench(t).sluice("--too", "x");
  assert.equal(code, 1);
  assert.match(err, /--too/);
});

test("a file and the short form exclude each other", async (t) => {
  const { code, err } = await bench(t).sluice(
    "check",
    "-c",
    "a.yaml",
    "--to",
    "http://localhost:1",
  );
  assert.equal(code, 1);
  assert.match(err, /cannot be used with/);
});

for (const [flag, name] of [
  [[], "sluice.yaml"],
  [["--ts"], "sluice.config.ts"],
] as const) {
  test(`what init writes to ${name} is right, and is not overwritten`, async (t) => {
    const { directory, sluice } = bench(t);
    assert.equal((await sluice("init", ...flag)).code, 0);
    const checked = await sluice("check");
    assert.deepEqual([checked.code, checked.err], [0, ""]);
    assert.match(checked.out, /is right: 1 route, 1 upstream/);
    const before = readFileSync(join(directory, name), "utf8");
    const again = await sluice("init");
    assert.equal(again.code, 1);
    assert.match(again.err, /is there already/);
    assert.equal(readFileSync(join(directory, name), "utf8"), before);
  });
}

test("check names the place of a mistake and fails", async (t) => {
  const { sluice, write } = bench(t);
  write(
    "sluice.yaml",
    "upstreams:\n  api: http://127.0.0.1:1\nroutes:\n  - match: /*\n    to: apy\n",
  );
  const { code, err } = await sluice("check");
  assert.equal(code, 1);
  assert.match(err, /sluice\.yaml:5:9/);
  assert.match(err, /api/);
});

test("explain says where a request goes, and takes headers", async (t) => {
  const { sluice, write } = bench(t);
  write(
    "sluice.yaml",
    "upstreams: { api: http://127.0.0.1:1, web: http://127.0.0.1:2 }\nroutes:\n  - match: /api/*\n    to: api\n  - match: { path: /*, headers: { x-beta: '1' } }\n    to: web\n",
  );
  const api = await sluice("explain", "GET", "http://example.com/api/users");
  assert.equal(api.code, 0);
  assert.match(api.out, /127\.0\.0\.1:1/);
  const web = await sluice("explain", "GET", "http://example.com/", "-H", "X-Beta: 1");
  assert.match(web.out, /127\.0\.0\.1:2/);
  const bad = await sluice("explain", "GET", "http://example.com/", "--client-ip", "nobody");
  assert.equal(bad.code, 1);
  assert.match(bad.err, /nobody/);
});

test("reload without a running instance says how to start one", async (t) => {
  const { sluice, write } = bench(t);
  const without = await sluice("reload");
  assert.equal(without.code, 1);
  assert.match(without.err, /-c FILE/);
  write("sluice.yaml", "");
  const none = await sluice("reload");
  assert.equal(none.code, 1);
  assert.match(none.err, /sluice run -c/);
  const short = await sluice("reload", "--listen", ":9999");
  assert.match(short.err, /`sluice --to \S+ --listen :9999`/);
});

test("a configuration that is wrong does not start", async (t) => {
  const { sluice } = bench(t);
  const { code, err } = await sluice("--to", "ftp://localhost");
  assert.equal(code, 1);
  assert.match(err, /--to/);
});

test("trust says what it would do, and makes nothing, when it runs dry", async (t) => {
  const { directory, sluice } = bench(t);
  const folder = join(directory, "data");
  const { code, out } = await sluice("trust", "--dry-run", "--data", "data");
  assert.equal(code, 0);
  assert.ok(out.includes(`There is no local certificate authority in ${folder} yet`));
  assert.equal(existsSync(folder), false);
  const undone = await sluice("trust", "--uninstall", "--data", "data");
  assert.deepEqual([undone.code, undone.err], [0, ""]);
  assert.match(undone.out, /nothing to undo/);
});

test("trust says in a sentence that the authority is damaged", async (t) => {
  const { directory, sluice, write } = bench(t);
  mkdirSync(join(directory, "data/local-ca"), { recursive: true });
  write("data/local-ca/root.pem", "-----BEGIN");
  const { code, err } = await sluice("trust", "--dry-run", "--data", "data");
  assert.equal(code, 1);
  assert.match(
    err,
    /root\.pem, the root of the local certificate authority, is damaged\n {2}hint: /,
  );
});

const TLS_CONFIG =
  "listen: [{ address: ':8443', tls: { cert: site.pem, key: site.key } }]\nupstreams: { a: http://127.0.0.1:1 }\nroutes: [{ match: /*, to: a }]\n";

test("certs lists names, issuer and days of each certificate, for people and as JSON", async (t) => {
  const { directory, sluice, write } = bench(t);
  const { leaf, middle } = hierarchy(["a.example", "b.example"]);
  write("sluice.yaml", TLS_CONFIG);
  write("site.pem", leaf.pem + middle.pem);
  write("site.key", leaf.key);
  chmodSync(join(directory, "site.key"), 0o600);
  const { code, out, err } = await sluice("certs");
  assert.deepEqual([code, err], [0, ""]);
  assert.match(out, /^a\.example, b\.example\n {2}listen\[0\]\.tls: \S+site\.pem\n/);
  assert.match(out, /issued by Test Middle\n {2}89 days left/);
  const json = await sluice("certs", "--json");
  const rows = JSON.parse(json.out) as { certificate: { names: string[] }; broken: boolean }[];
  assert.deepEqual(rows[0]?.certificate.names, ["a.example", "b.example"]);
});

test("certs fails with one sentence for a certificate that is expired or cannot be read", async (t) => {
  const { sluice, write } = bench(t);
  write("sluice.yaml", TLS_CONFIG);
  const old = issue({ by: null, names: ["old.example"], notAfter: Date.now() - 5 * DAY - 1 });
  write("site.pem", old.pem);
  write("site.key", old.key);
  const expired = await sluice("certs");
  assert.equal(expired.code, 1);
  assert.match(expired.out, /problem: the certificate for old\.example expired 5 days ago/);
  write("site.key", "");
  const torn = await sluice("certs");
  assert.equal(torn.code, 1);
  assert.match(torn.out, /^no certificate\n.*\n {2}problem: \S+site\.key is empty/);
  write("sluice.yaml", "routes: nonsense");
  assert.equal((await sluice("certs")).code, 1);
});

test("certs without TLS, and with a local authority that does not exist yet, has nothing to complain about", async (t) => {
  const { directory, sluice, write } = bench(t);
  write("sluice.yaml", "upstreams: { a: http://127.0.0.1:1 }\nroutes: [{ match: /*, to: a }]\n");
  assert.match((await sluice("certs")).out, /no listener of this configuration has TLS/);
  write("sluice.yaml", TLS_CONFIG.replace(/\{ cert.*?\}/, "local"));
  const { code, out } = await sluice("certs", "--data", "data");
  assert.equal(code, 0);
  assert.match(out, /the first start makes the authority/);
  assert.equal(existsSync(join(directory, "data")), false);
});
