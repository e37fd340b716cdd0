import assert from "node:assert/strict";
import { test } from "node:test";

import { missing } from "../../harness/requires.ts";
import { ask, startAsking, startSite } from "./site.fixture.ts";

const skip = missing("pebble", "pebble-challtestsrv");

test(
  "certs lists what is obtained, renews under load without a failure, revokes, and says what it would do",
  { skip },
  async (t) => {
    const { pebble, sluice, https, certs } = await startSite(t);
    const root = await pebble.root();
    await ask(https, "a.test.example", root);
    await ask(https, "b.test.example", root);

    const listed = await certs();
    assert.equal(listed.code, 0, listed.stdout + listed.stderr);
    assert.match(
      listed.stdout,
      /^a\.test\.example\n {2}listen\[1\]\.tls: obtained by ACME, .*\.pem\n/m,
    );
    assert.match(listed.stdout, /^ {2}renewed \d{4}-\d\d-\d\d$/m);

    const plan = await certs("renew", "--dry-run");
    assert.equal(plan.code, 0);
    assert.match(
      plan.stdout,
      /^a\.test\.example: by http-01, then tls-alpn-01, of pebble \(https:.*\), with the account in .*pebble\.json$/m,
    );

    const fingerprint = async (): Promise<string> => {
      const rows = JSON.parse((await certs("--json")).stdout) as {
        name: string;
        certificate: { fingerprint: string };
      }[];
      return rows.find(({ name }) => name === "a.test.example")?.certificate.fingerprint ?? "";
    };
    const first = await fingerprint();
    const stop = startAsking(https, "a.test.example", root);
    const renewed = await certs("renew", "a.test.example");
    assert.equal(renewed.code, 0, renewed.stderr);
    assert.match(renewed.stdout, /^a\.test\.example: a new certificate is in use/);
    assert.deepEqual(await stop(), []);
    const second = await fingerprint();
    assert.notEqual(second, first);

    const revoked = await certs("revoke", "a.test.example");
    assert.equal(revoked.code, 0, revoked.stderr);
    assert.match(revoked.stdout, /revoked\n.*a new certificate is in use/);
    assert.notEqual(await fingerprint(), second);

    const unknown = await certs("renew", "c.test.example");
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /no certificate is obtained for c\.test\.example/);
    await sluice.stop();
    const alone = await certs("renew", "a.test.example");
    assert.equal(alone.code, 1);
    assert.match(alone.stderr, /no running instance/);
  },
);
