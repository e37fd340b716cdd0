import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { link, open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connect, createServer } from "node:tls";

import { missing, requireProgram } from "../../../test/harness/requires.ts";
import { issue } from "../certificates.fixture.ts";
import { issueLeaf, sortNames } from "./leaf.ts";
import { type RootOptions, openRoot, readRoot } from "./root.ts";

function bench(t: TestContext): RootOptions & { readonly file: string } {
  const parent = mkdtempSync(join(tmpdir(), "sluice-root-"));
  t.after(() => rmSync(parent, { recursive: true, force: true }));
  const folder = join(parent, "data");
  return { folder, wall: Date.now, hostname: "box", file: join(folder, "local-ca/root.pem") };
}

test("the root is made once, in files that only its owner can read", async (t) => {
  const options = bench(t);
  assert.equal(await readRoot(options), null);
  assert.ok(!existsSync(options.folder), "looking makes nothing");
  const root = await openRoot(options);
  assert.match(root.name, /^Sluice local CA box [0-9a-f]{6}$/);
  const again = await openRoot({ ...options, hostname: "other" });
  assert.deepEqual(again.certificate.raw, root.certificate.raw);
  assert.equal(root.warning, null);
  assert.equal(statSync(options.file).mode & 0o777, 0o600);
  assert.equal(statSync(options.folder).mode & 0o777, 0o700);
  assert.equal(readFileSync(root.certificateFile, "utf8").includes("PRIVATE"), false);
  assert.deepEqual(readdirSync(join(options.folder, "local-ca")).toSorted(), [
    "root.crt",
    "root.pem",
  ]);
});

test("the root may sign servers and nothing else, for ten years", async (t) => {
  const { certificate } = await openRoot(bench(t));
  assert.equal(certificate.ca, true);
  assert.deepEqual(certificate.keyUsage, ["1.3.6.1.5.5.7.3.1"]);
  const years = (certificate.validToDate.getTime() - Date.now()) / 86_400_000 / 365;
  assert.ok(years > 9.9 && years < 10.1);
});

test("a long host name does not make the common name too long", async (t) => {
  const { name } = await openRoot({ ...bench(t), hostname: "h".repeat(200) });
  assert.equal(name.length, 64);
});

test("processes that start at once end with one root", async (t) => {
  const { folder } = bench(t);
  const script = `
    import { openRoot } from "#tls/local/root.ts";
    const { certificate } = await openRoot({ folder: process.argv[1], wall: Date.now, hostname: "box" });
    console.log(certificate.fingerprint256);`;
  const start = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const child = spawn(
        process.execPath,
        ["--input-type=module-typescript", "-e", script, folder],
        {
          cwd: join(import.meta.dirname, "../../.."),
        },
      );
      let out = "";
      child.stdout.on("data", (text) => (out += String(text)));
      child.stderr.on("data", (text) => t.diagnostic(String(text)));
      child.once("close", (code) => (code === 0 ? resolve(out) : reject(new Error(String(code)))));
    });
  const seen = await Promise.all([start(), start(), start(), start()]);
  assert.equal(new Set(seen).size, 1);
  assert.match(seen[0] ?? "", /^[0-9A-F:]{95}\n$/);
});

test("many that open it at once in one process end with one root", async (t) => {
  const options = bench(t);
  const roots = await Promise.all(Array.from({ length: 20 }, () => openRoot(options)));
  assert.equal(new Set(roots.map(({ certificate }) => certificate.fingerprint256)).size, 1);
});

test("a process killed before its root has its name leaves nothing that counts", async (t) => {
  const options = bench(t);
  // Killed between writing and linking: the link never comes.
  const killed = openRoot({
    ...options,
    writes: { open, link: () => new Promise(() => undefined) },
  });
  void killed;
  const folder = join(options.folder, "local-ca");
  const leftovers = (): string[] =>
    existsSync(folder) ? readdirSync(folder).filter((name) => name.includes(".new-")) : [];
  while (leftovers().length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.ok(!existsSync(options.file));
  const root = await openRoot(options);
  assert.equal(leftovers().length, 1, "it might be at work still");
  // An hour later it is not; whoever makes a root cleans up.
  const [name = ""] = leftovers();
  utimesSync(join(folder, name), 0, 0);
  rmSync(options.file);
  const next = await openRoot(options);
  assert.notEqual(next.name, root.name);
  assert.deepEqual(leftovers(), []);
});

test("a full disk is said, and leaves no part of a root", async (t) => {
  const options = bench(t);
  const full = Object.assign(new Error("ENOSPC: no space left on device, write"), {
    code: "ENOSPC",
  });
  const failing: typeof open = async (...args) => {
    const handle = await open(...args);
    handle.writeFile = async () => {
      await handle.write("-----BEGIN PRI");
      throw full;
    };
    return handle;
  };
  await assert.rejects(
    openRoot({ ...options, writes: { open: failing, link } }),
    (error: Error) => {
      assert.match(error.message, /cannot be written to \S+root\.pem: the disk is full/);
      return true;
    },
  );
  assert.deepEqual(readdirSync(join(options.folder, "local-ca")), []);
  await openRoot(options);
});

test("a file system without hard links will do", async (t) => {
  const options = bench(t);
  const refusing: typeof link = () =>
    Promise.reject(Object.assign(new Error("EPERM"), { code: "EPERM" }));
  const root = await openRoot({ ...options, writes: { open, link: refusing } });
  const same = await openRoot(options);
  assert.equal(same.name, root.name);
});

for (const [kind, spoil] of [
  ["half-written", (text: string) => text.slice(0, text.length / 2)],
  ["empty", () => ""],
  [
    "without its key",
    (text: string) => text.replace(/-----BEGIN PRIVATE[^]*PRIVATE KEY-----\n/, ""),
  ],
  [
    "of another key",
    (text: string) =>
      text.replace(/-----BEGIN CERT[^]*/, "") + issue({ by: null, authority: true }).pem,
  ],
] as const) {
  test(`a root that is ${kind} is refused in a sentence, and never replaced`, async (t) => {
    const options = bench(t);
    await openRoot(options);
    const text = spoil(readFileSync(options.file, "utf8"));
    writeFileSync(options.file, text);
    await assert.rejects(
      openRoot(options),
      /root\.pem, the root of the local certificate authority,/,
    );
    assert.equal(readFileSync(options.file, "utf8"), text);
  });
}

test("a root that has expired is refused", async (t) => {
  const options = bench(t);
  await openRoot(options);
  const later = (): number => Date.now() + 11 * 365 * 86_400_000;
  await assert.rejects(openRoot({ ...options, wall: later }), /expired on \d{4}-/);
});

test("a key that others may read, or a folder that they may write to, is warned about", async (t) => {
  const options = bench(t);
  await openRoot(options);
  chmodSync(options.file, 0o640);
  assert.match((await openRoot(options)).warning ?? "", /chmod 600 \S+root\.pem/);
  chmodSync(options.file, 0o600);
  chmodSync(join(options.folder, "local-ca"), 0o770);
  assert.match((await openRoot(options)).warning ?? "", /chmod 700/);
});

test("a data folder that is a file, or in the way, is said", async (t) => {
  const { folder, ...options } = bench(t);
  writeFileSync(folder, "");
  await assert.rejects(openRoot({ ...options, folder }), /cannot be written to/);
  rmSync(folder);
  mkdirSync(join(folder), { recursive: true });
  copyFileSync(process.argv[1] ?? "", join(folder, "local-ca"));
  await assert.rejects(openRoot({ ...options, folder }), /cannot be written to|is no folder/);
});

test("OpenSSL accepts what the authority issues for its names, and nothing under a foreign address", async (t) => {
  const root = await openRoot(bench(t));
  const { names } = sortNames(["app.example", "*.app.example", "127.0.0.1", "::1", "localhost"]);
  const leaf = issueLeaf(root, "s", names, Date.now());
  const server = createServer({ cert: leaf.chain, key: leaf.key });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const shake = (servername: string, ca: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect({ port, host: "127.0.0.1", servername, ca }, () => {
        resolve(socket.authorized ? "ok" : String(socket.authorizationError));
        socket.destroy();
      });
      socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
  const ca = root.certificate.toString();
  for (const name of ["app.example", "x.app.example", "localhost"]) {
    assert.equal(await shake(name, ca), "ok", name);
  }
  assert.equal(await shake("other.example", ca), "ERR_TLS_CERT_ALTNAME_INVALID");
  assert.notEqual(await shake("app.example", issue({ by: null, authority: true }).pem), "ok");
});

test(
  "whoever steals the key cannot pretend to be an address of the internet",
  { skip: missing("openssl") },
  async (t) => {
    const options = bench(t);
    const root = await openRoot(options);
    const verify = (names: readonly string[]): string => {
      const file = join(options.folder, "leaf.pem");
      writeFileSync(file, issueLeaf(root, "s", names, Date.now()).chain);
      const args = ["verify", "-x509_strict", "-CAfile", root.certificateFile, file];
      const { stdout, stderr } = spawnSync(requireProgram("openssl"), args, { encoding: "utf8" });
      return stdout + stderr;
    };
    assert.match(verify(["192.168.1.1", "app.example"]), /: OK/);
    assert.match(verify(["8.8.8.8", "app.example"]), /permitted subtree violation/);
  },
);

test("leaves live a week, from an hour ago, and never longer than the root", async (t) => {
  const root = await openRoot(bench(t));
  const now = Date.now();
  const leaf = issueLeaf(root, "s", ["a.example"], now);
  assert.ok(Math.abs(leaf.notBefore - (now - 3_600_000)) < 1000);
  assert.ok(Math.abs(leaf.notAfter - (now + 7 * 86_400_000)) < 1000);
  const end = root.certificate.validToDate.getTime();
  assert.equal(issueLeaf(root, "s", ["a.example"], end - 86_400_000).notAfter, end);
  const certificate = new X509Certificate(leaf.chain);
  assert.equal(certificate.ca, false);
  assert.deepEqual(certificate.keyUsage, ["1.3.6.1.5.5.7.3.1"]);
});
