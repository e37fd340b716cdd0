import assert from "node:assert/strict";
import { EventEmitter, on } from "node:events";
import { type TestContext, test } from "node:test";

import type { Behaviour } from "./worker.fixture.ts";
import { type Supervision, type WorkerEvent, WorkerPool } from "./workers.ts";

const entry = new URL("./worker.fixture.ts", import.meta.url);

interface Committed {
  readonly row: number;
  readonly running: number;
  readonly open: readonly { readonly id: string; readonly fd: number }[];
  readonly close: readonly string[];
}

/** A pool of fixtures, and what it has said. */
class Bench {
  readonly events: WorkerEvent[] = [];
  readonly commits: Committed[] = [];
  readonly returned: number[] = [];
  /** A death had been told before the last of them. */
  returnedBehindDeath = false;
  readonly pool: WorkerPool;
  duplicate: (listener: string) => Promise<number>;
  readonly #news: EventEmitter = new EventEmitter();
  #fd = 100;

  constructor(
    t: TestContext,
    count: number,
    supervision: Partial<Supervision> = {},
    program: URL = entry,
  ) {
    this.duplicate = () => Promise.resolve(this.#fd++);
    this.pool = new WorkerPool({
      entry: program,
      count,
      boot: null,
      heapMb: 32,
      duplicate: (listener) => this.duplicate(listener),
      giveBack: (fd) => {
        this.returned.push(fd);
        this.returnedBehindDeath = this.types().includes("died");
      },
      onEvent: (event) => {
        this.events.push(event);
        this.#news.emit("event");
      },
      onReport: (_row, report) => {
        if (report !== null && typeof report === "object" && "running" in report) {
          this.commits.push(report as Committed);
        }
      },
      now: () => performance.now(),
      supervision: { backoff: 5, maxBackoff: 20, ...supervision },
    });
    t.after(() => this.pool.stop());
  }

  apply(id: number, payload: Behaviour = {}, listeners: readonly string[] = [":1"]) {
    return applyTo(this.pool, { id, payload: () => payload, listeners });
  }

  types(): string[] {
    return this.events.map(({ type }) => type).filter((type) => type !== "starting");
  }

  /** Waits until an event of this type has come `times` times in all. */
  async until(type: WorkerEvent["type"], times: number): Promise<void> {
    const count = (): number => this.types().filter((other) => other === type).length;
    if (count() >= times) return;
    for await (const _ of on(this.#news, "event")) {
      if (count() >= times) return;
    }
  }
}

async function applyTo(pool: WorkerPool, next: Parameters<WorkerPool["prepare"]>[0]) {
  const prepared = await pool.prepare(next);
  return prepared.ok ? pool.commit(next) : prepared;
}

test("a generation runs in every worker, each with a descriptor of its own", async (t) => {
  const bench = new Bench(t, 2);
  assert.deepEqual(await bench.apply(1), { ok: true });
  assert.equal(bench.pool.ready, 2);
  assert.deepEqual(
    bench.commits.map(({ running }) => running),
    [1, 1],
  );
  const fds = bench.commits.flatMap(({ open }) => open.map(({ fd }) => fd));
  assert.equal(new Set(fds).size, 2);
});

test("threads that were started ahead run the first generation, and others if those have died", async (t) => {
  const bench = new Bench(t, 2);
  bench.pool.start();
  const starting = (): number => bench.events.filter(({ type }) => type === "starting").length;
  assert.equal(starting(), 2);
  assert.deepEqual(await bench.apply(1), { ok: true });
  assert.equal(starting(), 2);

  const other = new Bench(t, 1, {}, new URL("data:text/javascript,"));
  other.pool.start();
  await other.until("died", 1);
  const outcome = await other.apply(1);
  assert.equal(outcome.ok, false);
  assert.ok(other.types().filter((type) => type === "restarting").length > 0);
});

test("the next generation opens and closes only the listeners that differ", async (t) => {
  const bench = new Bench(t, 1);
  await bench.apply(1, {}, [":1", ":2"]);
  await bench.apply(2, {}, [":2", ":3"]);
  assert.deepEqual(
    bench.commits[1]?.open.map(({ id }) => id),
    [":3"],
  );
  assert.deepEqual(bench.commits[1]?.close, [":1"]);
});

test("one worker's refusal is the whole pool's, with its reason, and nothing is committed", async (t) => {
  const bench = new Bench(t, 2);
  await bench.apply(1);
  const outcome = await bench.apply(2, { prepare: "refuse" });
  assert.deepEqual(outcome, { ok: false, reason: "no such thing", place: "routes[0]" });
  assert.deepEqual(
    bench.commits.map(({ running }) => running),
    [1, 1],
  );
  assert.equal(bench.pool.ready, 2);
});

test("a worker that dies over a new generation refuses it, and comes back with the old one", async (t) => {
  const bench = new Bench(t, 1);
  await bench.apply(1);
  const outcome = await bench.apply(2, { prepare: "die" });
  assert.ok(!outcome.ok && outcome.reason.includes("dies over this generation"));
  await bench.until("started", 2);
  assert.deepEqual(
    bench.commits.map(({ running }) => running),
    [1, 1],
  );
});

test("a listener that cannot be shared refuses the generation and gives back what was made", async (t) => {
  const bench = new Bench(t, 2);
  await bench.apply(1);
  let made = 0;
  bench.duplicate = () =>
    ++made === 3 ? Promise.reject(new Error("EMFILE")) : Promise.resolve(made);
  const outcome = await bench.apply(2, {}, [":1", ":2", ":3"]);
  assert.ok(!outcome.ok && outcome.reason.includes("EMFILE"));
  assert.equal(bench.returned.length, made - 1);
  assert.equal(bench.commits.length, 2);
});

for (const way of ["die", "exhaust"] as const) {
  test(`a worker that is made to ${way} is replaced, and the other goes on`, async (t) => {
    const bench = new Bench(t, 2);
    await bench.apply(1);
    bench.pool.update({ row: 0, update: way });
    await bench.until("started", 3);
    assert.deepEqual(
      bench.events.flatMap((event) => (event.type === "died" ? [event.row] : [])),
      [0],
    );
    assert.equal(bench.pool.ready, 2);
    assert.deepEqual(
      bench.commits.at(-1)?.open.map(({ id }) => id),
      [":1"],
    );
  });
}

test("a worker in an endless loop is reported, ended and replaced", async (t) => {
  const bench = new Bench(t, 2, { check: 20, warn: 100, end: 400 });
  await bench.apply(1);
  bench.pool.update({ row: 1, update: "hang" });
  await bench.until("started", 3);
  assert.deepEqual(bench.types().slice(2, 4), ["silent", "died"]);
  assert.equal(bench.pool.ready, 2);
});

test("a worker that never comes up is given up, with the reason", async (t) => {
  const bench = new Bench(t, 1, { attempts: 3 });
  const outcome = await bench.apply(1, { prepare: "die" });
  assert.ok(!outcome.ok);
  assert.match(outcome.reason, /died 3 times before it was ready.*dies over this generation/s);
});

test("a worker that dies while another generation comes starts with that one", async (t) => {
  const bench = new Bench(t, 2);
  await bench.apply(1);
  bench.pool.update({ row: 0, update: "die" });
  await bench.until("died", 1);
  await bench.apply(2, {}, [":2"]);
  await bench.until("started", 3);
  const last = bench.commits.findLast(({ row }) => row === 0);
  assert.equal(last?.running, 2);
  assert.deepEqual(
    last.open.map(({ id }) => id),
    [":2"],
  );
});

test("draining asks every worker and does not replace those that end", async (t) => {
  const bench = new Bench(t, 2);
  await bench.apply(1);
  await bench.pool.drain(1000);
  await bench.pool.stop();
  assert.equal(bench.pool.ready, 0);
  assert.ok(!bench.types().includes("died"));
});

test("a worker that dies over a commit is cleared away before its descriptors are taken back", async (t) => {
  const bench = new Bench(t, 2);
  await bench.apply(1);
  await bench.apply(2, { commit: "die" }, [":1", ":2"]);
  assert.equal(bench.returned.length, 1);
  // Whoever clears away closes what the worker had open: a number that is closed already may be another's.
  assert.equal(bench.returnedBehindDeath, true);
});
