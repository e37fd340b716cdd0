/** What a worker that is busy does to connections that others could serve. */

import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { startBackend } from "../../harness/app.ts";
import { startSluice } from "../../harness/sluice.ts";
import { ask, until, workerConfig } from "./facts.ts";

test("a worker that is busy keeps nobody from being served by another", async (t) => {
  const port = await startBackend(t, (_, outgoing) => outgoing.end("ok"));
  const config = workerConfig(
    {
      listen: "127.0.0.1:0",
      admin: "off",
      workers: 2,
      upstreams: { app: `http://127.0.0.1:${port}` },
    },
    {},
    // Busy, and never back in its loop, until the file is there.
    `onRequestHead({ request }) {
       if (request.path === "/busy") {
         writeFileSync("busy", "");
         while (!existsSync("enough"));
       }
       return CONTINUE;
     },`,
  );
  const sluice = await startSluice(t, {
    files: {
      "sluice.config.ts": `import { existsSync, writeFileSync } from "node:fs";\n${config}`,
    },
  });
  let done = false;
  const busy = ask(`${sluice.url}/busy`).then((answer) => {
    done = true;
    return answer;
  });
  // Whoever is accepted before is that worker's.
  await until(() => existsSync(join(sluice.directory, "busy")));
  const workers = new Set<unknown>();
  for (let i = 0; i < 12; i++) {
    const { status, headers } = await ask(`${sluice.url}/${i}`);
    assert.equal(status, 200);
    workers.add(headers["x-worker"]);
  }
  assert.equal(done, false);
  assert.equal(workers.size, 1, "all by the one that is not busy");
  writeFileSync(join(sluice.directory, "enough"), "");
  const { status, headers } = await busy;
  assert.equal(status, 200);
  assert.equal(workers.has(headers["x-worker"]), false);
  await sluice.stop();
});
