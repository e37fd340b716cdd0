import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { certificateLibrary, SERVER_NAME } from "./certificates.ts";

test("certificates are made once, and each is made out to its own name", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-bench-certificates-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const library = certificateLibrary(folder);
  const one = library(1);
  const three = library(3);
  assert.equal(three.certificates[0], one.certificates[0]);
  assert.equal(three.ca, one.ca);
  const names = three.certificates.map(({ name, chain, key }) => {
    assert.equal(key, `${chain}.key`);
    const [leaf = "", issuer = ""] = readFileSync(chain, "latin1").split(
      /(?<=END CERTIFICATE-----\n)/u,
    );
    const certificate = new X509Certificate(leaf);
    assert.ok(certificate.checkIssued(new X509Certificate(issuer)));
    assert.ok(new X509Certificate(issuer).checkIssued(new X509Certificate(three.ca)));
    assert.equal(certificate.publicKey.asymmetricKeyDetails?.namedCurve, "prime256v1");
    assert.equal(certificate.checkHost(name), name);
    return name;
  });
  assert.deepEqual(names, [SERVER_NAME, "site-1.bench.example", "site-2.bench.example"]);
});
