import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { Xorshift } from "#core/random.ts";
import type { Scheduler } from "#core/time/scheduler.ts";
import type { CertificateUpdate } from "#model/tls.ts";
import { type Issued, issue } from "#tls/certificates.fixture.ts";
import { CertificateStore } from "#tls/store/store.ts";
import { FileWatch } from "./watch.ts";

/** Real time, shortened twentyfold. */
const scheduler: Scheduler = {
  now: () => performance.now() * 20,
  after: (delay, task) => {
    const timer = setTimeout(task, delay / 20);
    return () => clearTimeout(timer);
  },
};

/** A store that watches for real, and waits for its next update. */
async function bench(t: TestContext, folder: string) {
  const log: string[] = [];
  let next = Promise.withResolvers<CertificateUpdate>();
  const store = new CertificateStore({
    scheduler,
    wall: Date.now,
    watch: (onChange) =>
      new FileWatch({ scheduler, onChange, log: (_level, message) => log.push(message) }),
    dataFolder: join(folder, "data"),
    machine: () => ({ hostname: "box", addresses: [] }),
    makesRoot: false,
    random: new Xorshift(1),
    onChange: (update) => next.resolve(update),
    log: (level, _code, message) => log.push(`${level} ${message}`),
  });
  t.after(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const [cert, key] = [join(folder, "tls.crt"), join(folder, "tls.key")];
  const source = { kind: "files", id: "f", cert, key, place: "listen[0].tls" } as const;
  await store.commit(await store.prepare([source]));
  const updated = async (): Promise<string> => {
    const [certificate] = await next.promise;
    next = Promise.withResolvers();
    return certificate?.chain ?? "";
  };
  return { log, updated, source };
}

function place(): string {
  return mkdtempSync(join(tmpdir(), "sluice-certificates-"));
}

function fresh(): Issued {
  return issue({ by: null, names: ["a.example"] });
}

test("files that a renewal replaces one after the other are in use without a warning", async (t) => {
  const folder = place();
  const replace = (name: string, text: string): void => {
    writeFileSync(join(folder, `${name}.new`), text, { mode: 0o600 });
    renameSync(join(folder, `${name}.new`), join(folder, name));
  };
  const first = fresh();
  replace("tls.crt", first.pem);
  replace("tls.key", first.key);
  const { log, updated } = await bench(t, folder);
  for (const issued of [fresh(), fresh()]) {
    replace("tls.crt", issued.pem);
    await new Promise((resolve) => setTimeout(resolve, 50));
    replace("tls.key", issued.key);
    assert.equal(await updated(), issued.pem);
  }
  assert.deepEqual(
    log.filter((line) => line.startsWith("warn")),
    [],
  );
});

test("links that Kubernetes swaps lead to the new pair", async (t) => {
  const folder = place();
  const version = (name: string, issued: Issued): void => {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, "tls.crt"), issued.pem);
    writeFileSync(join(folder, name, "tls.key"), issued.key, { mode: 0o600 });
    symlinkSync(name, join(folder, "..data_tmp"));
    renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
  };
  version("..2026_1", fresh());
  for (const name of ["tls.crt", "tls.key"]) symlinkSync(join("..data", name), join(folder, name));
  const { log, updated } = await bench(t, folder);
  for (const name of ["..2026_2", "..2026_3"]) {
    const issued = fresh();
    version(name, issued);
    assert.equal(await updated(), issued.pem);
  }
  assert.deepEqual(
    log.filter((line) => line.startsWith("warn")),
    [],
  );
});
