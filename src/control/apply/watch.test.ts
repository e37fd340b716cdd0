import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import type { Scheduler } from "#core/time/scheduler.ts";
import { FileWatch } from "./watch.ts";

/** Real time, but the slow looks come only when a test calls for them. */
class Looks implements Scheduler {
  readonly now = (): number => performance.now();
  look: (() => void) | null = null;

  readonly after = (delay: number, task: () => void): (() => void) => {
    if (delay >= 5000) {
      this.look = task;
      return () => (this.look = null);
    }
    const timer = setTimeout(task, 20);
    return () => clearTimeout(timer);
  };
}

async function bench(t: TestContext, prepare?: (folder: string) => void) {
  const folder = mkdtempSync(join(tmpdir(), "sluice-watch-"));
  const file = join(folder, "sluice.yaml");
  if (prepare === undefined) writeFileSync(file, "one");
  else prepare(folder);
  const looks = new Looks();
  const seen = { changes: 0 };
  let wake: (() => void) | null = null;
  const watch = new FileWatch({
    scheduler: looks,
    onChange: () => {
      seen.changes++;
      wake?.();
    },
    log: (_level, message) => t.diagnostic(message),
  });
  t.after(async () => {
    await watch.close();
    rmSync(folder, { recursive: true, force: true });
  });
  await watch.watch([file]);
  const changed = async (times: number): Promise<void> => {
    while (seen.changes < times) await new Promise<void>((resolve) => (wake = resolve));
  };
  return { folder, file, looks, changed, count: () => seen.changes };
}

test("a file that an editor replaces counts as a change, one that is only touched does not", async (t) => {
  const { folder, file, looks, changed, count } = await bench(t);
  writeFileSync(file, "one");
  writeFileSync(join(folder, "new"), "two");
  renameSync(join(folder, "new"), file);
  // Where the folder's events are late or lost, the slow look finds it.
  looks.look?.();
  await changed(1);
  assert.equal(count(), 1);
});

test("a swapped symbolic link is found by the slow look", async (t) => {
  const { folder, looks, changed } = await bench(t, (place) => {
    for (const version of ["a", "b"]) {
      mkdirSync(join(place, version));
      writeFileSync(join(place, version, "sluice.yaml"), version);
    }
    symlinkSync("a", join(place, "current"));
    symlinkSync(join("current", "sluice.yaml"), join(place, "sluice.yaml"));
  });
  symlinkSync("b", join(folder, "next"));
  renameSync(join(folder, "next"), join(folder, "current"));
  looks.look?.();
  await changed(1);
});
