import assert from "node:assert/strict";
import { test } from "node:test";

import type { SnapshotData } from "#model/snapshot.ts";
import { Applier, type ApplyOutcome } from "./apply.ts";
import { ApplyQueue } from "./queue.ts";

const OK: ApplyOutcome = { ok: true };

function snapshot(generation: number, addresses: readonly string[] = [":1"]): SnapshotData {
  return {
    generation,
    hash: `hash ${generation}`,
    listeners: addresses.map((id) => ({ id, address: { kind: "tcp", host: "", port: 1 } })),
  } as unknown as SnapshotData;
}

/** An applier whose steps are written down and can be made to fail. */
function bench() {
  const steps: string[] = [];
  const answers = { prepare: OK, open: null as string | null, commit: OK };
  const ids = (listeners: SnapshotData["listeners"]): string =>
    listeners.map(({ id }) => id).join();
  const applier = new Applier({
    workers: {
      prepare: async (next) => (steps.push(`prepare ${next.id}`), answers.prepare),
      commit: async (next, sure) => {
        steps.push(`commit ${next.id}`);
        if (answers.commit.ok) await sure();
        return answers.commit;
      },
      discard: (next) => steps.push(`discard ${next.id}`),
    },
    listeners: {
      open: async (listeners) => (steps.push(`open ${ids(listeners)}`), answers.open),
      keep: async (listeners) => void steps.push(`keep ${ids(listeners)}`),
    },
    before: async (next) => {
      steps.push(`before ${next.generation}`);
      return null;
    },
    after: async (next) => void steps.push(`after ${next.generation}`),
    undo: (next, current) => steps.push(`undo ${next.generation} for ${current?.generation}`),
    payload: (data) => data.generation,
  });
  return { applier, steps, answers };
}

test("a configuration is prepared, its listeners opened, then committed while the old ones are let go", async () => {
  const { applier, steps } = bench();
  assert.deepEqual(await applier.apply(snapshot(1)), { ok: true, generation: 1, unchanged: false });
  assert.deepEqual(steps, ["before 1", "prepare 1", "open :1", "commit 1", "keep :1", "after 1"]);
  assert.equal(applier.current?.generation, 1);
});

test("a configuration that runs already is not applied again", async () => {
  const { applier, steps } = bench();
  await applier.apply(snapshot(1));
  steps.length = 0;
  const again = { ...snapshot(2), hash: "hash 1" };
  assert.deepEqual(await applier.apply(again), { ok: true, generation: 1, unchanged: true });
  assert.deepEqual(steps, []);
});

test("a refusal by a worker names the place and leaves the old configuration", async () => {
  const { applier, steps, answers } = bench();
  await applier.apply(snapshot(1));
  steps.length = 0;
  answers.prepare = { ok: false, reason: "no such filter", place: "routes[0].use[1]" };
  assert.deepEqual(await applier.apply(snapshot(2)), {
    ok: false,
    reason: "routes[0].use[1]: no such filter",
  });
  assert.deepEqual(steps, ["before 2", "prepare 2", "undo 2 for 1"]);
  assert.equal(applier.current?.generation, 1);
});

test("an address that cannot be bound is found before anything is committed", async () => {
  const { applier, steps, answers } = bench();
  answers.open = "port 1 is in use";
  assert.deepEqual(await applier.apply(snapshot(1)), { ok: false, reason: "port 1 is in use" });
  assert.deepEqual(steps.slice(-2), ["discard 1", "undo 1 for undefined"]);
  assert.equal(applier.current, null);
});

test("a commit that is refused closes the listeners that were opened for it", async () => {
  const { applier, steps, answers } = bench();
  await applier.apply(snapshot(1));
  steps.length = 0;
  answers.commit = { ok: false, reason: "EMFILE", place: null };
  assert.deepEqual(await applier.apply(snapshot(2, [":1", ":2"])), { ok: false, reason: "EMFILE" });
  assert.deepEqual(steps.slice(-3), ["commit 2", "keep :1", "undo 2 for 1"]);
});

test("jobs run one after the other, and requests that wait for the same are one", async () => {
  const queue = new ApplyQueue();
  const gate = Promise.withResolvers<void>();
  let runs = 0;
  let together = 0;
  const job = async (): Promise<number> => {
    assert.equal(++together, 1);
    await gate.promise;
    together--;
    return ++runs;
  };
  const first = queue.submit("file", job);
  await Promise.resolve();
  const waiting = [queue.submit("file", job), queue.submit("file", job), queue.submit(null, job)];
  gate.resolve();
  assert.equal(await first, 1);
  assert.deepEqual(await Promise.all(waiting), [2, 2, 3]);
});

test("a job that fails does not keep the next from running", async () => {
  const queue = new ApplyQueue();
  const failed = queue.submit(null, () => Promise.reject(new Error("no")));
  const next = queue.submit(null, () => Promise.resolve(1));
  await assert.rejects(failed, /no/);
  assert.equal(await next, 1);
  await queue.idle();
});
