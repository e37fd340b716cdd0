/** Certificates of a proxy that runs as its users run it: seen, renewed, and made by the local authority. */

import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { connect } from "node:tls";

import { MUST_STAPLE, access, hierarchy, issue } from "#tls/certificates.fixture.ts";
import { answer } from "#tls/ocsp/answer.fixture.ts";
import { certificateId } from "#tls/ocsp/request.ts";
import { readOcspResponse } from "#tls/ocsp/response.ts";
import type { CertificateStatus } from "#tls/store/status.ts";
import { OID } from "#tls/x509/certificate.ts";
import { type Sluice, runSluice, startSluice } from "../../harness/sluice.ts";

const ROUTES = "routes: [{ match: /*, use: [{ respond: { status: 200, body: hi } }] }]\n";
const FILES = `listen: [{ address: "127.0.0.1:0", tls: { cert: site.pem, key: site.key } }]\nadmin: off\n${ROUTES}`;
const LOCAL = `listen: [{ address: "127.0.0.1:0", tls: local }]\nadmin: off\n${ROUTES}`;

/** SHA-256 and issuer of what is served for a name. */
function served(url: string, servername: string): Promise<{ fingerprint: string; issuer: string }> {
  return new Promise((resolve, reject) => {
    const { hostname: host, port } = new URL(url);
    const socket = connect({ host, port: Number(port), servername, rejectUnauthorized: false });
    socket.once("secureConnect", () => {
      const { fingerprint256, issuer } = socket.getPeerCertificate();
      socket.destroy();
      const fingerprint = fingerprint256.replaceAll(":", "").toLowerCase();
      resolve({ fingerprint, issuer: String(issuer.CN) });
    });
    socket.once("error", reject);
  });
}

/** `sluice certs --json` about an instance. */
async function certs(
  t: Parameters<typeof runSluice>[0],
  { directory }: Sluice,
): Promise<{ code: number | null; rows: CertificateStatus[] }> {
  const { code, stdout } = await runSluice(t, {
    args: ["certs", "--json", "-c", join(directory, "sluice.yaml")],
    environment: { XDG_RUNTIME_DIR: directory, XDG_DATA_HOME: directory },
  });
  return { code, rows: JSON.parse(stdout) as CertificateStatus[] };
}

test("a renewed certificate is served without a reload, and a broken one is seen by certs", async (t) => {
  const { leaf, middle } = hierarchy(["site.example"]);
  const sluice = await startSluice(t, {
    files: { "sluice.yaml": FILES, "site.pem": leaf.pem + middle.pem, "site.key": leaf.key },
  });
  const replace = (name: string, text: string): void => {
    const path = join(sluice.directory, name);
    writeFileSync(`${path}.new`, text, { mode: 0o600 });
    renameSync(`${path}.new`, path);
  };
  const before = await served(sluice.url, "site.example");
  const { code, rows } = await certs(t, sluice);
  assert.equal(code, 0);
  assert.equal(rows[0]?.certificate?.fingerprint, before.fingerprint);

  const next = issue({ by: middle, names: ["site.example"] });
  replace("site.pem", next.pem + middle.pem);
  replace("site.key", next.key);
  await sluice.said(/certificate for site\.example was replaced/);
  while ((await served(sluice.url, "site.example")).fingerprint === before.fingerprint);

  replace("site.pem", "");
  await sluice.said(/site\.pem is empty; .* stays in use/);
  const broken = await certs(t, sluice);
  assert.equal(broken.code, 1);
  assert.deepEqual(broken.rows[0]?.certificate?.names, ["site.example"]);
  assert.match(broken.rows[0]?.problems.join() ?? "", /^\S+site\.pem is empty$/);
  assert.notEqual((await served(sluice.url, "site.example")).fingerprint, before.fingerprint);
  await sluice.stop();
});

test("a start with files that do not belong together ends with a sentence", async (t) => {
  const [one, two] = [hierarchy(["site.example"]).leaf, hierarchy(["site.example"]).leaf];
  const files = { "sluice.yaml": FILES, "site.pem": one.pem, "site.key": two.key };
  const { code, stderr } = await runSluice(t, { files });
  assert.equal(code, 1);
  assert.match(stderr, /listen\[0\]\.tls: \S+site\.pem and \S+site\.key belong to different/);
});

test("proxies that start at once on one data folder share one local authority", async (t) => {
  const data = mkdtempSync(join(tmpdir(), "sluice-data-"));
  t.after(() => rmSync(data, { recursive: true, force: true }));
  const environment = { XDG_DATA_HOME: data };
  const all = await Promise.all(
    Array.from({ length: 3 }, () =>
      startSluice(t, { files: { "sluice.yaml": LOCAL }, environment }),
    ),
  );
  const seen = await Promise.all(all.map(({ url }) => served(url, "localhost")));
  assert.equal(new Set(seen.map(({ issuer }) => issuer)).size, 1);
  assert.match(seen[0]?.issuer ?? "", /^Sluice local CA /);
  await Promise.all(all.map((sluice) => sluice.stop()));
});

/** The OCSP answer that comes with the handshake; null without one. */
function stapled(url: string, servername: string): Promise<Uint8Array | null> {
  return new Promise((resolve, reject) => {
    const { hostname: host, port } = new URL(url);
    const socket = connect({
      host,
      port: Number(port),
      servername,
      rejectUnauthorized: false,
      requestOCSP: true,
    });
    socket.once("OCSPResponse", (response) => {
      socket.destroy();
      resolve(response.length === 0 ? null : response);
    });
    socket.once("error", reject);
  });
}

test("the answer of a responder comes with the handshake", async (t) => {
  const responder = createServer((_, response) => response.end(answer(leaf, middle)));
  await new Promise<void>((resolve) => responder.listen(0, "127.0.0.1", resolve));
  t.after(() => void responder.close());
  const { port } = responder.address() as AddressInfo;
  const { leaf, middle } = hierarchy(["site.example"], {
    extensions: [access(OID.ocsp, `http://127.0.0.1:${port}/`), MUST_STAPLE],
  });
  const sluice = await startSluice(t, {
    files: { "sluice.yaml": FILES, "site.pem": leaf.pem + middle.pem, "site.key": leaf.key },
  });
  // Nothing waits for the responder: the first handshakes may be without it.
  let found: Uint8Array | null = null;
  while (found === null) found = await stapled(sluice.url, "site.example");
  const id = certificateId(leaf.raw, middle.raw);
  assert.equal(readOcspResponse(found, id, middle.raw, Date.now()).ok, true);
  assert.doesNotMatch(sluice.stderr(), /"ocsp"/);
  await sluice.stop();
});
