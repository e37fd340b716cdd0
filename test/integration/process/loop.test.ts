import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { type Sluice, startSluice } from "../../harness/sluice.ts";
import { ask, codeOf } from "./facts.ts";

/** Listens on a path too, so that others can name it before it has a port. */
function startAt(t: TestContext, path: string, to: string): Promise<Sluice> {
  return startSluice(t, {
    args: ["--to", `unix:${to}`, "--listen", "127.0.0.1:0", "--listen", `unix:${path}`],
  });
}

function exchangesOf(sluice: Sluice): Record<string, unknown>[] {
  const lines = sluice.stdout().split("\n");
  return lines
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

for (const [title, instances] of [
  ["itself", 1],
  ["another that forwards to it", 2],
] as const) {
  test(`forwarding to ${title} ends with 508 when it has been there twice`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-loop-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const path = (index: number): string => join(folder, `${index % instances}.sock`);
    const circle = await Promise.all(
      Array.from({ length: instances }, (_, index) => startAt(t, path(index), path(index + 1))),
    );
    const [first] = circle;
    assert.ok(first !== undefined);
    const answer = await ask(`${first.url}/round`);
    assert.equal(answer.status, 508);
    assert.equal(codeOf(answer), "loop_detected");
    // The access log is complete when it has ended.
    for (const sluice of circle) await sluice.stop();
    const exchanges = circle.flatMap(exchangesOf);
    // A request may come back once on purpose.
    assert.equal(exchanges.length, 2 * instances + 1);
    assert.deepEqual([...new Set(exchanges.map(({ status }) => status))], [508]);
  });
}
