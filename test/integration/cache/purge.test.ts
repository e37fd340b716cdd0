/** Forgetting stored answers in a whole process, by the library. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { fetchText, portOf, startApp, startBackend } from "../../harness/app.ts";

test("what is purged is asked for again, in all workers", async (t) => {
  let count = 0;
  const backend = await startBackend(t, (request, response) => {
    response.setHeader("Cache-Control", "max-age=60");
    response.setHeader("Vary", "Accept-Language");
    response.setHeader("Surrogate-Key", request.url === "/a/1" ? "red shared" : "shared");
    response.end(String(++count));
  });
  const app = await startApp(t, {
    listen: "127.0.0.1:0",
    workers: 2,
    upstreams: { app: `http://127.0.0.1:${backend}` },
    routes: [{ match: "/*", use: [{ cache: {} }], to: "app" }],
  });
  const port = portOf(app);
  const origin = `http://127.0.0.1:${port}`;
  const paths = ["/a/1", "/a/2", "/b"];
  const bodies = async (): Promise<string[]> => {
    const answers = [];
    for (const path of paths) answers.push((await fetchText(port, path)).body);
    return answers;
  };
  assert.deepEqual(await bodies(), ["1", "2", "3"]);
  assert.deepEqual(await bodies(), ["1", "2", "3"]);
  assert.equal(app.cache?.forget({ kind: "url", url: `${origin}/a/1` }), 1);
  assert.deepEqual(await bodies(), ["4", "2", "3"]);
  assert.ok((app.cache?.forget({ kind: "prefix", prefix: `${origin}/a/` }) ?? 0) >= 2);
  assert.deepEqual(await bodies(), ["5", "6", "3"]);
  assert.equal(app.cache?.forget({ kind: "tag", tag: "red" }), 1);
  assert.deepEqual(await bodies(), ["7", "6", "3"]);
  assert.equal(app.cache?.forget({ kind: "tag", tag: "unknown" }), 0);
  app.cache?.forget({ kind: "all" });
  assert.equal(app.cache?.figures?.entries, 0);
  assert.equal(app.cache?.figures?.bytes, 0);
  assert.deepEqual(await bodies(), ["8", "9", "10"]);
  const { hits, stored } = app.cache?.figures ?? {};
  assert.deepEqual({ hits, stored }, { hits: 8, stored: 10 });
});

test("without a cache there is nothing to purge", async (t) => {
  const backend = await startBackend(t, (_request, response) => void response.end());
  const app = await startApp(t, {
    listen: "127.0.0.1:0",
    workers: 1,
    upstreams: { app: `http://127.0.0.1:${backend}` },
    routes: [{ match: "/*", to: "app" }],
  });
  assert.equal(app.cache?.figures, null);
  assert.equal(app.cache?.forget({ kind: "all" }), 0);
});
