/** One cache for all workers of a process. */

import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { test, type TestContext } from "node:test";
import type { ConfigSource } from "#api.ts";
import type { ServerResponse } from "node:http";
import { fetchText, portOf, startApp, startBackend } from "../../harness/app.ts";

function configuration(backend: number): ConfigSource {
  return {
    listen: "127.0.0.1:0",
    workers: 3,
    upstreams: { app: `http://127.0.0.1:${backend}` },
    routes: [{ match: "/*", use: [{ cache: {} }], to: "app" }],
  };
}

async function startCached(
  t: TestContext,
  answer: (response: ServerResponse, count: number) => void,
): Promise<number> {
  let count = 0;
  const backend = await startBackend(t, (_request, response) => answer(response, ++count));
  return portOf(await startApp(t, configuration(backend)));
}

test("what one worker has stored the others have", async (t) => {
  const port = await startCached(t, (response, count) => {
    response.setHeader("Cache-Control", "max-age=60");
    response.end(`answer ${count}`);
  });
  for (let i = 0; i < 40; i++) assert.equal((await fetchText(port, "/")).body, "answer 1");
});

test("many who ask different workers at once are one request, also while it streams", async (t) => {
  let asked = 0;
  const port = await startCached(t, (response) => {
    asked++;
    response.setHeader("Cache-Control", "max-age=60");
    void setTimeout(100)
      .then(() => void response.write("x".repeat(50_000)))
      .then(() => setTimeout(100))
      .then(() => void response.end("y".repeat(50_000)));
  });
  const all = await Promise.all(Array.from({ length: 40 }, () => fetchText(port, "/")));
  for (const { body } of all) assert.equal(body, "x".repeat(50_000) + "y".repeat(50_000));
  assert.equal(asked, 1);
});
