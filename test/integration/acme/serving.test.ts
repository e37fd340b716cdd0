import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import * as tls from "node:tls";

import { missing } from "../../harness/requires.ts";
import { ask, issuerLine, startSite } from "./site.fixture.ts";

const skip = missing("pebble", "pebble-challtestsrv");

for (const challenge of ["http-01", "tls-alpn-01"]) {
  test(
    `${challenge}: certificates are obtained, served to clients that have waited for them, and kept`,
    { skip },
    async (t) => {
      const { pebble, sluice, https } = await startSite(t, {
        acme: (authority) => `${issuerLine(authority)}  challenges: ${challenge}\n`,
      });
      const root = await pebble.root();
      // Both at once, before there is a certificate.
      const seen = await Promise.all(
        ["a.test.example", "b.test.example"].map((name) => ask(https, name, root)),
      );
      assert.deepEqual(
        seen.map(({ names }) => names),
        ["DNS:a.test.example", "DNS:b.test.example"],
      );
      for (const { answer } of seen) assert.match(answer, /200 OK[^]*hello from behind/);
      assert.match(sluice.stderr(), new RegExp(`pebble has made a certificate \\(${challenge}\\)`));

      const folder = join(sluice.directory, "sluice/acme");
      const found = await readdir(join(folder, "certificates"));
      assert.deepEqual(found.toSorted(), [
        "a.test.example.json",
        "a.test.example.pem",
        "b.test.example.json",
        "b.test.example.pem",
      ]);
      for (const name of found) {
        assert.equal((await stat(join(folder, "certificates", name))).mode & 0o777, 0o600, name);
      }
      assert.deepEqual(await readdir(join(folder, "orders")), []);
      const pem = await readFile(join(folder, "certificates/a.test.example.pem"), "utf8");
      assert.match(pem, /^-----BEGIN PRIVATE KEY-----[^]*-----BEGIN CERTIFICATE-----/);
      await sluice.stop();
      assert.deepEqual(await readdir(join(folder, "locks")), []);
    },
  );
}

test(
  "dns-01 by a program gets one certificate for a wildcard and what it covers",
  { skip },
  async (t) => {
    const hook = (records: string): string => `
    const [action, name, value] = process.argv.slice(1);
    const path = action === "present" ? "set-txt" : "clear-txt";
    const body = JSON.stringify({ host: name + ".", value });
    const { status } = await fetch(${JSON.stringify(records)} + "/" + path, { method: "POST", body });
    process.exit(status === 200 ? 0 : 1);`;
    const { pebble, sluice, https } = await startSite(t, {
      hosts: ["*.wild.example", "in.wild.example", "wild.example"],
      acme: (authority) => {
        const command = [process.execPath, "--input-type=module", "-e", hook(authority.dns), "--"];
        return `${issuerLine(authority)}  dns: { exec: ${JSON.stringify(command)}, resolvers: "${authority.resolver}" }\n`;
      },
    });
    const root = await pebble.root();
    const seen = [];
    for (const name of ["in.wild.example", "other.wild.example", "wild.example"]) {
      seen.push((await ask(https, name, root)).names);
    }
    assert.deepEqual(seen, ["DNS:*.wild.example", "DNS:*.wild.example", "DNS:wild.example"]);
    assert.deepEqual(
      (await readdir(join(sluice.directory, "sluice/acme/certificates"))).toSorted(),
      [
        "wild.example.json",
        "wild.example.pem",
        "wildcard_.wild.example.json",
        "wildcard_.wild.example.pem",
      ],
    );
    await sluice.stop();
  },
);

test("an account is bound to the one that the authority knows", { skip }, async (t) => {
  const key = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";
  const { pebble, sluice, https } = await startSite(t, {
    hosts: ["a.test.example"],
    eab: { "kid-1": key },
    acme: (authority) => issuerLine(authority, `, eab: { kid: kid-1, key: ${key} }`),
  });
  const { names } = await ask(https, "a.test.example", await pebble.root());
  assert.equal(names, "DNS:a.test.example");
  await sluice.stop();
});

test(
  "when nothing can be obtained clients get an alert, and log and certs say what to do",
  { skip },
  async (t) => {
    const { sluice, https, certs } = await startSite(t, {
      hosts: ["a.test.example"],
      eab: { "kid-1": "YWJj" },
    });
    const socket = tls.connect({ host: "127.0.0.1", port: https, servername: "a.test.example" });
    const [error] = (await once(socket, "error")) as [Error];
    assert.match(error.message, /unrecognized name/);
    await sluice.said(/a\.test\.example: pebble wants to know whose account this is/);
    const { code, stdout } = await certs();
    assert.equal(code, 1);
    assert.match(stdout, /^a\.test\.example: no certificate\n/);
    assert.match(stdout, /^ {2}obtained in \d+ minutes?\n {2}problem: pebble wants to know/m);
    await sluice.stop();
  },
);
