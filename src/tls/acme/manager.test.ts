import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import { Xorshift } from "#core/random.ts";
import type { Scheduler } from "#core/time/scheduler.ts";
import type { AcmeData, CertificateUpdate } from "#model/tls.ts";
import { DAY } from "../certificates.fixture.ts";
import { FakeAuthority } from "./authority.fixture.ts";
import { AcmeManager } from "./manager.ts";

/** 2026-11-24. */
const START = Date.UTC(2026, 10, 24);

/** Time that a test moves in leaps, as for a machine that sleeps: what is due by then comes afterwards, once. */
class LeapScheduler implements Scheduler {
  #tasks: { readonly at: number; readonly task: () => void }[] = [];
  #time = 0;

  readonly now = (): number => this.#time;

  readonly after = (delay: number, task: () => void): (() => void) => {
    const entry = { at: this.#time + delay, task };
    this.#tasks.push(entry);
    return () => void (this.#tasks = this.#tasks.filter((one) => one !== entry));
  };

  leap(ms: number): void {
    this.#time += ms;
    const due = this.#tasks.filter(({ at }) => at <= this.#time);
    this.#tasks = this.#tasks.filter(({ at }) => at > this.#time);
    for (const { task } of due) task();
  }
}

/** A folder, authorities and time of one test. */
class World {
  readonly scheduler: LeapScheduler = new LeapScheduler();
  readonly logs: string[] = [];
  readonly managers: AcmeManager[] = [];
  readonly folder: string;
  /** What the clock was set forward by. */
  jumped = 0;
  readonly wall = (): number => START + this.scheduler.now() + this.jumped;
  readonly first: FakeAuthority = new FakeAuthority("https://first.test", this.wall);
  readonly second: FakeAuthority = new FakeAuthority("https://second.test", this.wall);

  constructor(folder: string) {
    this.folder = folder;
  }

  data(names: readonly string[], more: Partial<AcmeData> = {}): AcmeData {
    const issuer = { ca: null, eab: null, profile: null, chain: null };
    return {
      names,
      place: "listen[0].tls",
      email: null,
      issuers: [
        { ...issuer, name: "first", directory: "https://first.test/directory" },
        { ...issuer, name: "second", directory: "https://second.test/directory" },
      ],
      challenges: ["http-01", "tls-alpn-01"],
      dns: null,
      ...more,
    };
  }

  /** A manager that runs, as one process has it. */
  async start(data: AcmeData): Promise<Running> {
    const update: { certificates: CertificateUpdate } = { certificates: [] };
    const manager = new AcmeManager({
      dataFolder: this.folder,
      scheduler: this.scheduler,
      random: new Xorshift(1),
      wall: this.wall,
      log: (_level, _code, message) => void this.logs.push(message),
      fetch: ({ name }) => (name === "first" ? this.first.fetch : this.second.fetch),
      dns: () => assert.fail("no test uses DNS"),
      publish: () => Promise.resolve(),
      onChange: (certificates) => (update.certificates = certificates),
    });
    this.managers.push(manager);
    const prepared = await manager.prepare(data);
    update.certificates = prepared.certificates;
    manager.commit(prepared);
    return { manager, served: () => update.certificates };
  }

  /** Lets time pass, and files be written, until it holds. */
  async until(holds: () => boolean, step = 500): Promise<void> {
    const deadline = performance.now() + 40_000;
    while (performance.now() < deadline) {
      if (holds()) return;
      this.scheduler.leap(step);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert.fail(`never came true: ${String(holds)}\n${this.logs.join("\n")}`);
  }

  /** Lets a long time pass, in leaps of a day with some seconds between. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= DAY) {
      this.scheduler.leap(Math.min(left, DAY));
      for (let turns = 0; turns < 8; turns++) {
        await new Promise((resolve) => setTimeout(resolve, 1));
        this.scheduler.leap(500);
      }
    }
  }
}

interface Running {
  readonly manager: AcmeManager;
  readonly served: () => CertificateUpdate;
}

async function world(t: TestContext): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), "acme-"));
  const made = new World(folder);
  t.after(async () => {
    for (const manager of made.managers) await manager.close();
    await rm(folder, { recursive: true, force: true });
  });
  return made;
}

const fingerprints = ({ served }: Running): string =>
  served()
    .map(({ fingerprint }) => fingerprint)
    .join(" ");

test("hundreds of names are obtained one after the other, four at a time, with one account", async (t) => {
  const here = await world(t);
  const names = Array.from({ length: 100 }, (_, index) => `n${index}.example.com`);
  const running = await here.start(here.data(names));
  await here.until(() => running.served().length === names.length);
  assert.equal(here.first.orders.length, names.length);
  assert.equal(here.first.busiest, 4);
  assert.equal(here.first.accounts, 1);
});

test("a certificate is renewed in the window that its issuer names, as a replacement, also after a restart", async (t) => {
  const here = await world(t);
  here.first.windows.set(0, { start: START + 20 * DAY, end: START + 22 * DAY });
  const data = here.data(["a.example.com"]);
  const before = await here.start(data);
  await here.until(() => before.served().length === 1);
  await here.pass(DAY);
  await before.manager.close();
  const old = fingerprints(before);

  const running = await here.start(data);
  assert.equal(fingerprints(running), old);
  await here.pass(18 * DAY);
  assert.equal(here.first.orders.length, 1);
  await here.pass(3 * DAY);
  await here.until(() => fingerprints(running) !== old);
  assert.equal(here.first.orders.length, 2);
  assert.equal(here.first.orders[0]?.replaces, null);
  assert.match(here.first.orders[1]?.replaces ?? "", /^[\w-]+\.[\w-]+$/);
});

test("a window that is moved to now brings a new certificate within hours", async (t) => {
  const here = await world(t);
  here.first.windows.set(0, { start: START + 60 * DAY, end: START + 61 * DAY });
  const running = await here.start(here.data(["a.example.com"]));
  await here.until(() => running.served().length === 1);
  const old = fingerprints(running);
  await here.pass(2 * DAY);
  assert.equal(fingerprints(running), old);
  here.first.windows.set(0, { start: START, end: START + DAY });
  await here.pass(DAY);
  await here.until(() => fingerprints(running) !== old);
});

test("an issuer that does not say when has its certificates renewed when two thirds of their life are over", async (t) => {
  const here = await world(t);
  const running = await here.start(here.data(["a.example.com"]));
  await here.until(() => running.served().length === 1);
  const old = fingerprints(running);
  await here.pass(59 * DAY);
  assert.equal(fingerprints(running), old);
  await here.pass(3 * DAY);
  await here.until(() => fingerprints(running) !== old);
});

test("an issuer that is down for days is asked ever more seldom, the certificate stays, and then it is renewed", async (t) => {
  const here = await world(t);
  const data = here.data(["a.example.com"]);
  const running = await here.start({ ...data, issuers: data.issuers.slice(0, 1) });
  await here.until(() => running.served().length === 1);
  const old = fingerprints(running);
  here.first.down = true;
  await here.pass(62 * DAY);
  const tries = here.first.orders.length;
  assert.equal(fingerprints(running), old);
  const said = (): string[] => here.logs.filter((line) => line.includes("first cannot be reached"));
  await here.until(() => said().length === 8, 60_000);
  assert.match(said()[0] ?? "", /stays in use, next try in 2 minutes$/);
  assert.match(said()[7] ?? "", /next try in [67] hours$/);
  assert.equal(here.first.orders.length, tries);
  here.first.down = false;
  await here.pass(DAY);
  await here.until(() => fingerprints(running) !== old);
});

test("a certificate that has expired is still served, and replaced", async (t) => {
  const here = await world(t);
  const data = here.data(["a.example.com"]);
  const before = await here.start(data);
  await here.until(() => before.served().length === 1);
  await before.manager.close();
  // The process was away, or the clock jumps.
  here.jumped = 200 * DAY;
  here.first.down = true;
  here.second.down = true;
  const running = await here.start(data);
  assert.equal(fingerprints(running), fingerprints(before));
  await here.until(() => here.logs.some((line) => line.includes("expired")));
  here.first.down = false;
  await here.pass(DAY);
  await here.until(() => fingerprints(running) !== fingerprints(before));
});

test("an issuer that refuses for its limits is let alone as long as it says, and the next one is asked", async (t) => {
  const here = await world(t);
  here.first.refusesOrders = { status: 429, type: "rateLimited", retryAfter: 7200 };
  const names = [
    "a.example.com",
    "b.example.com",
    "c.example.com",
    "d.example.com",
    "e.example.com",
  ];
  const running = await here.start(here.data(names));
  await here.until(() => running.served().length === names.length);
  assert.equal(here.second.orders.length, names.length);
  const { attempts, failures } = running.manager.counts;
  assert.ok((attempts.get("first") ?? 0) <= 4, "those that were under way at once");
  assert.equal(failures.get("first")?.get("rate_limit"), attempts.get("first"));
});

test("a challenge that fails is followed by another, and what to do is said when all have failed", async (t) => {
  const here = await world(t);
  here.first.finds.set("http-01", { status: 400, type: "connection", detail: "refused" });
  const running = await here.start(here.data(["a.example.com"]));
  await here.until(() => running.served().length === 1);
  assert.equal(here.second.orders.length, 0);

  here.first.finds.set("tls-alpn-01", { status: 400, type: "dns", detail: "NXDOMAIN" });
  here.second.refusesOrders = { status: 403, type: "caa" };
  const failing = await here.start(here.data(["b.example.com"]));
  await here.until(() => here.logs.some((line) => line.startsWith("b.example.com")));
  const line = here.logs.find((one) => one.startsWith("b.example.com")) ?? "";
  assert.match(line, /port 80 of b\.example\.com is not reachable from first: open it/);
  assert.match(line, /give it an A or AAAA record/);
  assert.match(line, /add a CAA record `0 issue "ca\.example"`/);
  assert.deepEqual(failing.served(), []);
  await here.until(() => /^in \d minutes?$/.test(failing.manager.status()[0]?.renewal ?? ""), 1);
});

test("a damaged file is said so, and replaced; the certificate that was read before stays in use", async (t) => {
  const here = await world(t);
  const data = here.data(["a.example.com"]);
  const before = await here.start(data);
  await here.until(() => before.served().length === 1);
  const file = join(here.folder, "acme/certificates/a.example.com.pem");
  const good = await readFile(file, "utf8");
  await writeFile(file, good.slice(0, 300));
  const old = fingerprints(before);
  await here.pass(DAY);
  assert.equal(fingerprints(before), old);
  await before.manager.close();

  const running = await here.start(data);
  assert.deepEqual(running.served(), []);
  assert.ok(here.logs.some((line) => /a\.example\.com\.pem ends in the middle/.test(line)));
  await here.until(() => running.served().length === 1);
  assert.match(await readFile(file, "utf8"), /END CERTIFICATE-----\n$/);
});

test("nothing is asked for that could not be kept", async (t) => {
  const here = await world(t);
  await writeFile(join(here.folder, "acme"), "a file where the folder belongs");
  const running = await here.start(here.data(["a.example.com"]));
  await here.until(() => here.logs.length > 0);
  assert.match(here.logs[0] ?? "", /could not be kept: .*acme/);
  assert.equal(here.first.orders.length, 0);
  await rm(join(here.folder, "acme"));
  await here.pass(3_600_000);
  await here.until(() => running.served().length === 1);
});

test("what could not be written when it came is served, and written once there is room", async (t) => {
  const here = await world(t);
  const file = join(here.folder, "acme/certificates/a.example.com.pem");
  await mkdir(file, { recursive: true });
  const running = await here.start(here.data(["a.example.com"]));
  await here.until(() => here.logs.some((line) => line.includes("is written once there is room")));
  assert.equal(running.served().length, 1);
  await rm(file, { recursive: true });
  await here.until(() => existsSync(file), 10_000);
  assert.match(await readFile(file, "utf8"), /END CERTIFICATE-----\n$/);
  assert.equal(here.first.orders.length, 1);
});

test("processes that share a folder obtain a certificate once, and all serve it", async (t) => {
  const here = await world(t);
  const data = here.data(["a.example.com", "b.example.com"]);
  const [one, other] = [await here.start(data), await here.start(data)];
  await here.until(() => one.served().length === 2 && other.served().length === 2);
  assert.equal(fingerprints(one), fingerprints(other));
  assert.equal(here.first.orders.length, 2);
  assert.equal(here.first.accounts, 1);
  // A renewal by one of them reaches the other.
  const old = fingerprints(one);
  one.manager.renew("a.example.com");
  await here.until(() => fingerprints(one) !== old);
  await here.until(() => fingerprints(other) === fingerprints(one), 30_000);
  assert.equal(here.first.orders.length, 3);
});

test("an order that was cut off is taken up again by the next process", async (t) => {
  const here = await world(t);
  const data = here.data(["a.example.com"]);
  here.first.loses = "/certificate/";
  here.second.down = true;
  const before = await here.start(data);
  await here.until(() => here.logs.some((line) => line.startsWith("a.example.com")));
  await before.manager.close();
  assert.equal(here.first.orders[0]?.status, "valid");
  here.first.loses = null;
  const running = await here.start(data);
  await here.until(() => running.served().length === 1);
  assert.equal(here.first.orders.length, 1);
});

test("a certificate of an issuer that is not configured any more is replaced at once", async (t) => {
  const here = await world(t);
  const data = here.data(["a.example.com"]);
  const before = await here.start({ ...data, issuers: data.issuers.slice(0, 1) });
  await here.until(() => before.served().length === 1);
  await before.manager.close();
  const running = await here.start({ ...data, issuers: data.issuers.slice(1) });
  assert.equal(fingerprints(running), fingerprints(before));
  await here.until(() => fingerprints(running) !== fingerprints(before));
  assert.equal(here.second.orders.length, 1);
});

test("a profile is asked for where there are any, and one that there is not is said with those that there are", async (t) => {
  const here = await world(t);
  here.first.profiles = { classic: "90 days", shortlived: "6 days" };
  const data = here.data(["a.example.com"]);
  const issuers = (profile: string): Partial<AcmeData> => ({
    issuers: data.issuers.slice(0, 1).map((one) => ({ ...one, profile })),
  });
  const running = await here.start(here.data(["a.example.com"], issuers("shortlived")));
  await here.until(() => running.served().length === 1);
  assert.equal(here.first.orders[0]?.profile, "shortlived");
  await here.start(here.data(["b.example.com"], issuers("shortlifed")));
  await here.until(() => here.logs.some((line) => line.includes("has no such profile")));
  assert.match(here.logs.at(-1) ?? "", /`shortlifed`; it has classic, shortlived/);
});
