/** Where compiled code is kept between starts, and where not. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";

import { unless } from "../../harness/requires.ts";

const bin = join(import.meta.dirname, "../../../bin");
const skip = unless(process.platform !== "win32", "there are no permissions to look at");

/** What `bin/load.js` does with these variables: the folder that is used in the main thread and in a worker. */
async function used(variables: NodeJS.ProcessEnv): Promise<readonly [string, string]> {
  const program = `
    require(${JSON.stringify(join(bin, "compile-cache.js"))})(process.env);
    const { getCompileCacheDir } = require("node:module");
    const script = "postMessage(require('node:module').getCompileCacheDir() ?? 'none')"
    const worker = new (require("node:worker_threads").Worker)(
      "require('node:worker_threads').parentPort." + script, { eval: true });
    worker.on("message", (there) => console.log(JSON.stringify([getCompileCacheDir() ?? "none", there])));
  `;
  const { NODE_COMPILE_CACHE: _, NODE_DISABLE_COMPILE_CACHE: __, ...inherited } = process.env;
  const env = { ...inherited, ...variables };
  const { stdout } = await promisify(execFile)(process.execPath, ["-e", program], { env });
  return JSON.parse(stdout) as [string, string];
}

function folder(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "sluice-cache-"));
  context.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

test(
  "compiled code is kept in a folder of the user's alone, by all threads",
  { skip },
  async (t) => {
    const caches = join(folder(t), "caches");
    const cache = join(caches, "sluice");
    for (const _ of ["made", "found"]) {
      const threads = await used({ XDG_CACHE_HOME: caches });
      for (const thread of threads) assert.ok(thread.startsWith(cache), thread);
      assert.equal(statSync(cache).mode & 0o777, 0o700);
    }
  },
);

test("without XDG_CACHE_HOME it is below the home, which is never made", { skip }, async (t) => {
  const home = folder(t);
  const [main] = await used({ XDG_CACHE_HOME: "", HOME: home });
  assert.ok(main.startsWith(join(home, ".cache/sluice")), main);

  const missing = join(home, "missing");
  assert.deepEqual(await used({ XDG_CACHE_HOME: "", HOME: missing }), ["none", "none"]);
  assert.ok(!existsSync(missing));
});

for (const mode of [0o770, 0o707, 0o755]) {
  test(`a folder of mode ${mode.toString(8)} is not used`, { skip }, async (t) => {
    const caches = folder(t);
    mkdirSync(join(caches, "sluice"));
    chmodSync(join(caches, "sluice"), mode);
    assert.deepEqual(await used({ XDG_CACHE_HOME: caches }), ["none", "none"]);
  });
}

test("a folder that others can put another in the place of is not used", { skip }, async (t) => {
  const above = folder(t);
  const caches = join(above, "caches");
  assert.notEqual((await used({ XDG_CACHE_HOME: caches }))[0], "none");
  chmodSync(above, 0o777);
  assert.deepEqual(await used({ XDG_CACHE_HOME: caches }), ["none", "none"]);
  chmodSync(above, 0o1777);
  assert.notEqual((await used({ XDG_CACHE_HOME: caches }))[0], "none", "sticky, as /tmp");
});

test("Node's own variables decide: a folder of one's own, or none", { skip }, async (t) => {
  const caches = folder(t);
  const own = join(folder(t), "own");
  const [main, worker] = await used({ XDG_CACHE_HOME: caches, NODE_COMPILE_CACHE: own });
  assert.ok(main.startsWith(own) && worker.startsWith(own), main);
  const off = { XDG_CACHE_HOME: caches, NODE_DISABLE_COMPILE_CACHE: "1" };
  assert.deepEqual(await used(off), ["none", "none"]);
  assert.ok(!existsSync(join(caches, "sluice")));
});
