/** What testssl.sh finds: versions, suites, curves, and everything that it knows to attack. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { missing, requireProgram } from "../../harness/requires.ts";
import { HOST } from "../../harness/tls.ts";
import { type Target, startTarget } from "./proxy.ts";

interface Finding {
  readonly id: string;
  readonly severity: string;
  readonly finding: string;
}

/** What has to have been looked at: a check that did not run finds nothing. */
const VERSIONS = ["SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3"];
const SUITES = [
  "cipherlist_NULL",
  "cipherlist_aNULL",
  "cipherlist_EXPORT",
  "cipherlist_LOW",
  "cipherlist_3DES_IDEA",
  "cipherlist_AVERAGE",
  "cipherlist_STRONG",
];
const CURVES = ["PFS", "PFS_ciphers", "PFS_ECDHE_curves"];
const ATTACKS = [
  "heartbleed",
  "CCS",
  "ticketbleed",
  "ROBOT",
  "secure_renego",
  "secure_client_renego",
  "CRIME_TLS",
  "BREACH",
  "POODLE_SSL",
  "fallback_SCSV",
  "SWEET32",
  "FREAK",
  "DROWN",
  "LOGJAM",
  "BEAST",
  "LUCKY13",
  "RC4",
];

/**
 * Runs some sections. Nothing is excused: whatever testssl.sh does not call good, or a mere fact, is reported. (The
 * section on the certificate is not run: it minds that one for tests expires soon and has no revocation list.)
 */
async function scan(
  { file }: Target,
  port: number,
  name: string,
  sections: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const json = file(`${name}.json`);
  const child = spawn(
    requireProgram("testssl"),
    [
      "--quiet",
      "--color",
      "0",
      "--warnings",
      "off",
      "--nodns",
      "none",
      "--ip",
      "127.0.0.1",
      "--openssl",
      requireProgram("openssl"),
      "--add-ca",
      file("root.pem"),
      "--jsonfile",
      json,
      ...sections,
      `https://${HOST}:${port}`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  let output = "";
  child.stdout.on("data", (text) => (output += String(text)));
  await once(child, "close");
  const findings = JSON.parse(readFileSync(json, "utf8")) as Finding[];
  const bad = findings.filter(({ severity }) => severity !== "OK" && severity !== "INFO");
  assert.deepEqual(bad, [], output);
  return new Map(findings.map(({ id, finding }) => [id, finding]));
}

function assertLookedAt(found: ReadonlyMap<string, string>, ids: readonly string[]): void {
  assert.deepEqual(
    ids.filter((id) => !found.has(id)),
    [],
    "every check was made",
  );
}

const options = { skip: missing("testssl", "openssl"), timeout: 600_000 };

void test("testssl.sh finds nothing to complain of, in either preset", options, async (t) => {
  const target = await startTarget(t);
  const { intermediate, modern } = target;
  const [words, attacks, strict] = await Promise.all([
    scan(target, intermediate, "words", ["-p", "-s", "-f"]),
    scan(target, intermediate, "attacks", ["-U"]),
    scan(target, modern, "strict", ["-p", "-f"]),
  ]);
  assertLookedAt(words, [...VERSIONS, ...SUITES, ...CURVES]);
  assertLookedAt(attacks, ATTACKS);
  assertLookedAt(strict, [...VERSIONS, ...CURVES]);
  for (const old of ["SSLv2", "SSLv3", "TLS1", "TLS1_1"]) {
    assert.equal(words.get(old), "not offered", old);
    assert.equal(strict.get(old), "not offered", old);
  }
  for (const weak of SUITES.slice(0, -1)) assert.equal(words.get(weak), "not offered", weak);
  assert.equal(words.get("TLS1_2"), "offered");
  assert.equal(strict.get("TLS1_2"), "not offered");
  for (const found of [words, strict]) {
    assert.match(found.get("TLS1_3")!, /^offered/);
    assert.equal(found.get("ALPN"), "http/1.1");
    assert.equal(found.get("PFS_ECDHE_curves"), "prime256v1 secp384r1 X25519");
  }
  assert.match(words.get("PFS_ciphers")!, /ECDHE-ECDSA/);
  for (const suite of words.get("PFS_ciphers")!.split(" ").filter(Boolean)) {
    assert.match(suite, /GCM|CHACHA20/, "every suite authenticates what it encrypts");
  }
});
