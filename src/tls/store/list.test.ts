import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { Xorshift } from "#core/random.ts";
import { ManualScheduler } from "#core/time/scheduler.fixture.ts";
import type { CertificateSourceData } from "#model/tls.ts";
import { DAY, hierarchy, issue } from "../certificates.fixture.ts";
import { listCertificates } from "./list.ts";
import { renderStatus } from "./status.ts";
import { CertificateStore } from "./store.ts";

function bench(t: TestContext, makesRoot = false) {
  const folder = mkdtempSync(join(tmpdir(), "sluice-list-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const store = new CertificateStore({
    scheduler: new ManualScheduler(),
    wall: Date.now,
    watch: () => assert.fail("who only looks watches nothing"),
    dataFolder: join(folder, "data"),
    machine: () => ({ hostname: "box", addresses: [] }),
    makesRoot,
    random: new Xorshift(1),
    onChange: () => assert.fail("who only looks changes nothing"),
    log: () => undefined,
  });
  const files = (name: string, text: string, key: string): CertificateSourceData => {
    const paths = { cert: join(folder, `${name}.pem`), key: join(folder, `${name}.key`) };
    writeFileSync(paths.cert, text);
    writeFileSync(paths.key, key, { mode: 0o600 });
    return { kind: "files", id: name, ...paths, place: "listen[0].tls" };
  };
  const list = (...sources: CertificateSourceData[]) =>
    listCertificates(store, sources, Date.now());
  return { files, list };
}

const LOCAL: CertificateSourceData = {
  kind: "local",
  id: "local",
  names: ["app.localhost"],
  place: "listen[1].tls",
};

test("each source is a row, with what is wrong with it", async (t) => {
  const { files, list } = bench(t);
  const { leaf, middle } = hierarchy(["a.example", "b.example"]);
  const old = issue({ by: null, names: ["old.example"], notAfter: Date.now() - 2 * DAY - 1 });
  const rows = await list(
    files("good", leaf.pem + middle.pem, leaf.key),
    files("old", old.pem, old.key),
    files("torn", leaf.pem.slice(0, 100), leaf.key),
    LOCAL,
  );
  assert.deepEqual(
    rows.map(({ broken, problems }) => [broken, problems.length]),
    [
      [false, 0],
      [true, 1],
      [true, 1],
      [false, 0],
    ],
  );
  assert.equal(rows[0]?.certificate?.daysLeft, 89);
  assert.equal(rows[1]?.certificate?.daysLeft, -3);
  const text = renderStatus(rows);
  assert.match(text, /^a\.example, b\.example\n {2}listen\[0\]\.tls: \S+good\.pem\n/);
  assert.match(
    text,
    /\n {2}ECDSA, issued by Test Middle\n {2}89 days left, until \d{4}-\d\d-\d\d\n/,
  );
  assert.match(text, /\n {2}problem: the certificate for old\.example expired 2 days ago/);
  assert.match(text, /no certificate\n.*torn\.pem\n {2}problem: \S+torn\.pem ends in the middle/);
  assert.match(text, /local certificate authority\n {2}the first start makes the authority/);
});

test("a local authority that exists is shown with what it certifies", async (t) => {
  const { list } = bench(t, true);
  const rows = await list(LOCAL);
  const [row] = rows;
  assert.match(row?.certificate?.issuer ?? "", /^Sluice local CA box/);
  assert.equal(row?.broken, false);
  assert.match(renderStatus(rows), /^app\.localhost, localhost, \*\.localhost and \d more\n/);
  assert.match(renderStatus(rows), /made anew every few days/);
});
