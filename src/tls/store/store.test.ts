import assert from "node:assert/strict";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { Xorshift } from "#core/random.ts";
import { ManualScheduler, settle } from "#core/time/scheduler.fixture.ts";
import type { CertificateSourceData, CertificateUpdate } from "#model/tls.ts";
import {
  DAY,
  type Issued,
  MUST_STAPLE,
  access,
  hierarchy,
  issue,
} from "../certificates.fixture.ts";
import type { Machine } from "../local/machine.ts";
import { answer } from "../ocsp/answer.fixture.ts";
import { OID } from "../x509/certificate.ts";
import { CertificateStore, type CertificateStoreOptions } from "./store.ts";

/** A store over a folder, with a clock that stands still, whose watcher is the test. */
function bench(t: TestContext, options: Partial<CertificateStoreOptions> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "sluice-store-"));
  const scheduler = new ManualScheduler();
  const wall = { start: Date.now() };
  const log: string[] = [];
  const updates: CertificateUpdate[] = [];
  const machine: Machine = { hostname: "box", addresses: ["192.168.1.5", "8.8.8.8", "fe80::1"] };
  const watched: string[][] = [];
  let changed = (): void => undefined;
  const store = new CertificateStore({
    scheduler,
    wall: () => wall.start + scheduler.now(),
    watch: (onChange) => {
      changed = onChange;
      return {
        watch: async (files) => void watched.push([...files]),
        close: async () => undefined,
      };
    },
    dataFolder: join(folder, "data"),
    machine: () => machine,
    makesRoot: true,
    random: new Xorshift(1),
    onChange: (update) => updates.push(update),
    log: (level, code, message) => log.push(`${level} ${code} ${message}`),
    ...options,
  });
  t.after(async () => {
    await store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const write = (name: string, text: string, mode = 0o600): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };
  const pair = (issued: Issued, name = "site"): void => {
    write(`${name}.pem`, issued.pem);
    write(`${name}-key.pem`, issued.key);
  };
  const files = (name = "site"): CertificateSourceData => ({
    kind: "files",
    id: `files ${name}`,
    cert: join(folder, `${name}.pem`),
    key: join(folder, `${name}-key.pem`),
    place: "listen[0].tls",
  });
  const local = (...names: string[]): CertificateSourceData => ({
    kind: "local",
    id: "local",
    names,
    place: "listen[0].tls",
  });
  /** As the watcher does it: the files have changed. Reading them takes real time. */
  const notice = async (): Promise<void> => {
    changed();
    await read();
  };
  const read = async (): Promise<void> => {
    for (let i = 0; i < 20; i++) {
      await settle();
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  /** Lets time pass until something is over. */
  const until = async (work: Promise<unknown>): Promise<void> => {
    const state = { over: false };
    void work.then(() => (state.over = true));
    while (!state.over) await pass(500);
  };
  const pass = async (ms: number): Promise<void> => {
    await scheduler.pass(ms);
    await read();
  };
  const start = async (...sources: CertificateSourceData[]): Promise<void> => {
    const prepared = await store.prepare(sources);
    assert.deepEqual(
      prepared.problems.filter(({ severity }) => severity === "error"),
      [],
    );
    await store.commit(prepared);
  };
  return {
    folder,
    store,
    scheduler,
    wall,
    log,
    updates,
    machine,
    watched,
    write,
    pair,
    files,
    local,
    notice,
    pass,
    until,
    start,
  };
}

function self(options: Partial<Parameters<typeof issue>[0]> = {}): Issued {
  return issue({ by: null, names: ["a.example"], ...options });
}

function chains(update: CertificateUpdate | undefined): string[] {
  return (update ?? []).map(({ chain }) => chain);
}

test("prepare reads and changes nothing; commit puts in use, and watches both files", async (t) => {
  const { store, watched, pair, files, updates } = bench(t);
  const issued = self();
  pair(issued);
  const prepared = await store.prepare([files()]);
  assert.deepEqual(prepared.problems, []);
  assert.deepEqual(chains(prepared.certificates), [issued.pem]);
  assert.deepEqual(store.certificates, []);
  await store.commit(prepared);
  assert.deepEqual(chains(store.certificates), [issued.pem]);
  const source = files();
  assert.deepEqual(watched, [source.kind === "files" ? [source.cert, source.key] : []]);
  assert.deepEqual(updates, [], "whoever commits has them already");
});

test("what is wrong with files is said with file and place, for all sources at once", async (t) => {
  const { store, write, files, pair } = bench(t);
  pair(self(), "good");
  write("torn.pem", self().pem.slice(0, 100));
  write("torn-key.pem", self().key);
  write("mixed.pem", self().pem);
  write("mixed-key.pem", self().key);
  const { problems, certificates } = await store.prepare(
    ["good", "torn", "mixed", "absent"].map(files),
  );
  assert.equal(certificates.length, 1);
  const said = problems.map(({ severity, place, message }) => `${severity} ${place}: ${message}`);
  assert.match(said[0] ?? "", /^error listen\[0\]\.tls\.cert: \S+torn\.pem ends in the middle/);
  assert.match(
    said[1] ?? "",
    /^error listen\[0\]\.tls: \S+mixed\.pem and \S+mixed-key\.pem belong/,
  );
  assert.match(said[2] ?? "", /^error listen\[0\]\.tls\.cert: \S+absent\.pem does not exist/);
});

test("a folder, a pipe and a huge file are no certificates, and do not keep it waiting", async (t) => {
  const { execFileSync } = await import("node:child_process");
  const { folder, store, files, write } = bench(t);
  mkdirSync(join(folder, "folder.pem"));
  execFileSync("mkfifo", [join(folder, "pipe.pem")]);
  write("huge.pem", " ".repeat(2 * 1024 * 1024));
  const { problems } = await store.prepare(["folder", "pipe", "huge"].map(files));
  const said = problems.map(({ message }) => message).join("\n");
  assert.match(said, /folder\.pem is a folder/);
  assert.match(said, /pipe\.pem is no ordinary file/);
  assert.match(said, /huge\.pem is larger than 1 MiB/);
});

test("a key that everybody may read is warned about, one of a group is not", async (t) => {
  const { store, pair, files, folder } = bench(t);
  pair(self());
  chmodSync(join(folder, "site-key.pem"), 0o640);
  assert.deepEqual((await store.prepare([files()])).problems, []);
  chmodSync(join(folder, "site-key.pem"), 0o644);
  const { problems } = await store.prepare([files()]);
  assert.equal(problems[0]?.severity, "warning");
  assert.match(problems[0]?.message ?? "", /mode 0644/);
  assert.match(problems[0]?.hint ?? "", /^chmod o= /);
});

test("a replaced pair is used from then on, and told once", async (t) => {
  const { store, pair, files, notice, updates, log, start } = bench(t);
  pair(self());
  await start(files());
  const next = self();
  pair(next);
  await notice();
  assert.deepEqual(updates.map(chains), [[next.pem]]);
  assert.deepEqual(chains(store.certificates), [next.pem]);
  assert.match(
    log.join("\n"),
    /info certificate_renewed the certificate for a\.example was replaced/,
  );
  await notice();
  assert.equal(updates.length, 1, "the same contents are no change");
});

test("certificate and key that are replaced one after the other bring no warning", async (t) => {
  const { write, pair, files, notice, pass, updates, log, start } = bench(t);
  pair(self());
  await start(files());
  const next = self();
  write("site.pem", next.pem);
  await notice();
  await pass(3000);
  assert.deepEqual(updates, [], "the old pair stays in use meanwhile");
  write("site-key.pem", next.key);
  await notice();
  assert.deepEqual(updates.map(chains), [[next.pem]]);
  await pass(60_000);
  assert.deepEqual(
    log.filter((line) => line.startsWith("warn")),
    [],
  );
});

test("a pair that stays wrong is warned about once for each problem, and kept as it was", async (t) => {
  const { store, write, pair, files, notice, pass, updates, log, start } = bench(t);
  const first = self();
  pair(first);
  await start(files());
  write("site.pem", self().pem);
  await notice();
  await pass(6000);
  const warnings = (): string[] => log.filter((line) => line.startsWith("warn"));
  assert.equal(warnings().length, 1);
  assert.match(warnings()[0] ?? "", /belong to different certificates.*stays in use/);
  assert.match(store.status()[0]?.problems[0] ?? "", /belong to different/);
  await notice();
  await notice();
  assert.equal(warnings().length, 1, "the same problem");
  write("site.pem", "");
  await notice();
  assert.equal(warnings().length, 2);
  assert.match(warnings()[1] ?? "", /site\.pem is empty/);
  assert.deepEqual(chains(store.certificates), [first.pem]);
  write("site.pem", first.pem);
  await notice();
  assert.match(log.at(-1) ?? "", /info certificate_files .* right again/);
  assert.deepEqual(updates, []);
  assert.deepEqual(store.status()[0]?.problems, []);
});

test("files that are removed leave the certificate in use", async (t) => {
  const { folder, store, pair, files, notice, pass, log, start } = bench(t);
  pair(self());
  await start(files());
  rmSync(join(folder, "site.pem"));
  await notice();
  await pass(6000);
  assert.match(log.join("\n"), /warn .*site\.pem does not exist; .* stays in use/);
  assert.equal(store.certificates.length, 1);
});

test("a link that is swapped, as Kubernetes does it, brings the other pair at once", async (t) => {
  const { folder, pair, notice, updates, log, start } = bench(t);
  const [one, two] = [self(), self()];
  for (const [version, issued] of [
    ["v1", one],
    ["v2", two],
  ] as const) {
    mkdirSync(join(folder, version));
    pair(issued, join(version, "tls"));
  }
  symlinkSync("v1", join(folder, "..data"));
  symlinkSync("..data/tls.pem", join(folder, "tls.crt"));
  symlinkSync("..data/tls-key.pem", join(folder, "tls.key"));
  const [cert, key] = [join(folder, "tls.crt"), join(folder, "tls.key")];
  await start({ kind: "files", id: "k", cert, key, place: "listen[0].tls" });
  symlinkSync("v2", join(folder, "..new"));
  renameSync(join(folder, "..new"), join(folder, "..data"));
  await notice();
  assert.deepEqual(updates.map(chains), [[two.pem]]);
  assert.deepEqual(
    log.filter((line) => line.startsWith("warn")),
    [],
  );
});

test("a change between reading and watching is not lost", async (t) => {
  const { store, pair, files, updates } = bench(t);
  pair(self());
  const prepared = await store.prepare([files()]);
  const next = self();
  pair(next);
  await store.commit(prepared);
  assert.deepEqual(updates.map(chains), [[next.pem]]);
});

test("a reload in the moment of a renewal waits for the pair to agree; a wrong one is refused", async (t) => {
  const { store, until, write, pair, files, start } = bench(t);
  pair(self());
  await start(files());
  const next = self();
  write("site.pem", next.pem);
  const preparing = store.prepare([files()]);
  await new Promise((resolve) => setTimeout(resolve, 50));
  write("site-key.pem", next.key);
  await until(preparing);
  const { problems, certificates } = await preparing;
  assert.deepEqual([problems, chains(certificates)], [[], [next.pem]]);

  write("site.pem", self().pem);
  const refused = store.prepare([files()]);
  await until(refused);
  assert.equal((await refused).problems[0]?.severity, "error");
});

test("expired certificates and those of the future are served, and said once a day", async (t) => {
  const { store, pair, files, pass, log, start } = bench(t);
  const now = Date.now();
  pair(self({ notBefore: now - 90 * DAY, notAfter: now - 3 * DAY - 1000 }), "old");
  pair(self({ names: ["b.example"], notBefore: now + 2 * DAY, notAfter: now + 90 * DAY }), "young");
  await start(files("old"), files("young"));
  assert.equal(store.certificates.length, 2);
  const warnings = (): string[] => log.filter((line) => line.includes("certificate_expiry"));
  assert.equal(warnings().length, 2);
  assert.match(warnings()[0] ?? "", /a\.example expired 3 days ago, on \d{4}-\d\d-\d\d.*old\.pem/);
  assert.match(warnings()[1] ?? "", /b\.example is not valid before .* clock of this machine/);
  await pass(DAY - 120_000);
  assert.equal(warnings().length, 2);
  await pass(180_000);
  assert.equal(warnings().length, 4);
});

test("the last third of a life is warned about, but no earlier than 30 days before its end", async (t) => {
  const { pair, files, pass, log, start } = bench(t);
  const now = Date.now();
  pair(self({ names: ["week.example"], notBefore: now - DAY, notAfter: now + 5 * DAY }), "week");
  pair(
    self({ names: ["year.example"], notBefore: now - 250 * DAY, notAfter: now + 115 * DAY }),
    "year",
  );
  await start(files("week"), files("year"));
  assert.deepEqual(log, []);
  await pass(3.1 * DAY);
  assert.match(log.join("\n"), /week\.example expires in 47 hours/);
  assert.doesNotMatch(log.join("\n"), /year/);
});

test("a clock that jumps to and fro brings no flood of warnings", async (t) => {
  const { wall, pair, files, pass, log, start } = bench(t);
  pair(self());
  await start(files());
  for (let i = 0; i < 10; i++) {
    wall.start += 400 * DAY * (i % 2 === 0 ? 1 : -1);
    await pass(60_000);
  }
  assert.equal(log.length, 1);
  assert.match(log[0] ?? "", /expired/);
});

test("a local certificate covers the given names and those of the machine", async (t) => {
  const { store, local, start } = bench(t);
  await start(local("App.example", "*.app.example", "10.1.2.3", "[fd00::1]"));
  assert.deepEqual(store.certificates[0]?.names, [
    "app.example",
    "*.app.example",
    "10.1.2.3",
    "fd00::1",
    "localhost",
    "*.localhost",
    "127.0.0.1",
    "::1",
    "box",
    "box.local",
    "192.168.1.5",
  ]);
  assert.match(store.certificates[0]?.issuer ?? "", /^Sluice local CA box [0-9a-f]{6}$/);
});

test("names that the local authority may not certify are left out, with a warning", async (t) => {
  const { store, local } = bench(t);
  const { problems, certificates } = await store.prepare([local("8.8.8.8", "a b", "good.example")]);
  assert.deepEqual(
    problems.map(({ severity, message }) => `${severity} ${message}`),
    [
      "warning the local certificate authority is limited to private addresses, and 8.8.8.8 is none",
      "warning no certificate can be made out to `a b`",
    ],
  );
  assert.equal(certificates[0]?.names[0], "good.example");
});

test("a reload with the same names keeps the local certificate, other names make another", async (t) => {
  const { store, local, start } = bench(t);
  await start(local("a.example", "b.example"));
  const first = store.certificates[0];
  await start(local("b.example", "a.example"));
  assert.equal(store.certificates[0], first);
  await start(local("c.example"));
  assert.notEqual(store.certificates[0], first);
});

test("a local certificate is made anew after two thirds of its life, and after jumps of the clock", async (t) => {
  const { store, scheduler, wall, local, updates, pass, start } = bench(t);
  await start(local("a.example"));
  await scheduler.pass(4.6 * DAY);
  assert.equal(updates.length, 0);
  await scheduler.pass(0.2 * DAY);
  assert.equal(updates.length, 1);
  // A laptop that has slept for a month.
  wall.start += 30 * DAY;
  await pass(60_000);
  assert.equal(updates.length, 2);
  // Its clock was wrong, and is set back.
  wall.start -= 60 * DAY;
  await pass(60_000);
  assert.equal(updates.length, 3);
  const [certificate] = store.certificates;
  const now = wall.start + scheduler.now();
  assert.ok(certificate !== undefined && certificate.notBefore < now && now < certificate.notAfter);
});

test("a new address of the machine makes a new local certificate, a lost one does not", async (t) => {
  const { machine, local, updates, pass, start } = bench(t);
  const addresses = machine.addresses as string[];
  await start(local());
  addresses.length = 0;
  await pass(60_000);
  assert.equal(updates.length, 0);
  addresses.push("172.20.0.7");
  await pass(60_000);
  assert.ok(updates[0]?.[0]?.names.includes("172.20.0.7"));
});

test("without a root, commands that only look make none", async (t) => {
  const { store, local } = bench(t, { makesRoot: false });
  const prepared = await store.prepare([local()]);
  assert.deepEqual([prepared.certificates, prepared.problems], [[], []]);
});

test("a root that is damaged refuses the configuration with a sentence", async (t) => {
  const { folder, store, local } = bench(t);
  mkdirSync(join(folder, "data/local-ca"), { recursive: true });
  writeFileSync(join(folder, "data/local-ca/root.pem"), "-----BEGIN PRIVATE");
  const { problems } = await store.prepare([local()]);
  assert.equal(problems[0]?.severity, "error");
  assert.match(problems[0]?.message ?? "", /root\.pem, the root of the local .* is damaged/);
  assert.match(problems[0]?.hint ?? "", /backup/);
});

test("a source that leaves the configuration is forgotten", async (t) => {
  const { store, pair, files, watched, start } = bench(t);
  pair(self(), "one");
  pair(self({ names: ["b.example"] }), "two");
  await start(files("one"), files("two"));
  await start(files("two"));
  assert.deepEqual(
    store.certificates.map(({ names }) => names),
    [["b.example"]],
  );
  assert.equal(watched.at(-1)?.length, 2);
});

test("the chain that is served is the one of the files, intermediates included", async (t) => {
  const { store, write, files, start } = bench(t);
  const { leaf, middle } = hierarchy(["a.example"]);
  write("site.pem", leaf.pem + middle.pem);
  write("site-key.pem", leaf.key);
  await start(files());
  assert.deepEqual(chains(store.certificates), [leaf.pem + middle.pem]);
});

test("an OCSP answer is served with its certificate as soon as there is one", async (t) => {
  const asked: string[] = [];
  const { leaf, middle } = hierarchy(["a.example"], {
    extensions: [access(OID.ocsp, "http://ocsp.example/"), MUST_STAPLE],
  });
  const { store, write, files, start, updates, log, pass } = bench(t, {
    fetchOcsp: async (url) => {
      asked.push(url);
      return answer(leaf, middle);
    },
  });
  write("site.pem", leaf.pem + middle.pem);
  write("site-key.pem", leaf.key);
  await start(files());
  await pass(0);
  assert.deepEqual(asked, ["http://ocsp.example/"]);
  assert.ok((updates.at(-1)?.[0]?.ocsp?.length ?? 0) > 100);
  assert.ok((store.certificates[0]?.ocsp?.length ?? 0) > 100);
  const { certificates } = await store.prepare([files()]);
  assert.ok(certificates[0]?.ocsp !== null, "a reload keeps it");
  assert.deepEqual(log, []);
});

test("a certificate that promises an OCSP answer and gets none is served, with a warning", async (t) => {
  const { leaf, middle } = hierarchy(["a.example"], {
    extensions: [access(OID.ocsp, "http://ocsp.example/"), MUST_STAPLE],
  });
  const { store, write, files, start, log, pass } = bench(t, {
    fetchOcsp: async () => {
      throw new Error("connect ECONNREFUSED");
    },
  });
  write("site.pem", leaf.pem + middle.pem);
  write("site-key.pem", leaf.key);
  await start(files());
  await pass(0);
  assert.equal(store.certificates.length, 1);
  assert.match(log.join("\n"), /warn ocsp .*ECONNREFUSED; the certificate promises one/);
  assert.match(store.status()[0]?.problems.join() ?? "", /ECONNREFUSED/);
});

test("a root near its end is warned about, and its last certificate is not made again and again", async (t) => {
  const { store, wall, local, updates, pass, start } = bench(t);
  await start(local("a.example"));
  wall.start += 3645 * DAY;
  const { problems } = await store.prepare([local("a.example")]);
  assert.match(problems[0]?.message ?? "", /^the root of the local .* expires on \d{4}-/);
  assert.match(problems[0]?.hint ?? "", /delete \S+root\.pem/);
  await pass(600_000);
  assert.equal(updates.length, 1);
  wall.start += 4.5 * DAY;
  await pass(600_000);
  assert.equal(updates.length, 1);
});

test("who was told of changes between prepare and commit is told again of what is in use", async (t) => {
  const { store, pair, files, notice, updates, start } = bench(t);
  pair(self(), "one");
  await start(files("one"));
  pair(self({ names: ["b.example"] }), "two");
  const prepared = await store.prepare([files("one"), files("two")]);
  pair(self(), "one");
  await notice();
  assert.equal(updates.at(-1)?.length, 1);
  await store.commit(prepared);
  assert.equal(updates.at(-1)?.length, 2);
});
