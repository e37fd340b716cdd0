import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";

import { ConfigError, createProxy } from "#index.ts";
import { fetchText, portOf, startBackend } from "../harness/app.ts";

test("a program makes a proxy, hears of it, reloads it and closes it", async (t) => {
  const backends = await Promise.all(
    ["one", "two"].map((name) => startBackend(t, (_request, response) => response.end(name))),
  );
  const config = (index: number) => ({
    listen: "127.0.0.1:0",
    workers: 1,
    upstreams: { app: `http://127.0.0.1:${backends[index]}` },
  });
  const signals = process.listenerCount("SIGTERM");
  const proxy = await createProxy(config(0));
  t.after(() => proxy.close());
  assert.deepEqual(proxy.addresses, []);
  const listening = once(proxy, "listening");
  await proxy.listen();
  assert.deepEqual(await listening, [proxy.addresses]);
  assert.equal((await fetchText(portOf(proxy), "/")).body, "one");

  const reloaded = once(proxy, "reload");
  const result = await proxy.reload(config(1));
  assert.deepEqual(await reloaded, [result]);
  assert.equal((await fetchText(portOf(proxy), "/")).body, "two");
  const again = await proxy.reload();
  assert.ok(again.ok && again.unchanged);

  assert.equal(process.listenerCount("SIGTERM"), signals);
  const port = portOf(proxy);
  await proxy.close();
  assert.equal(proxy.status.ready, false);
  await assert.rejects(fetchText(port, "/"), /ECONNREFUSED/);
  await assert.rejects(proxy.listen(), /once/);
});

test("the short form works in a program as on the command line", async (t) => {
  const backend = await startBackend(t, (_request, response) => response.end("ok"));
  const proxy = await createProxy({ to: [`http://127.0.0.1:${backend}`], listen: ["127.0.0.1:0"] });
  t.after(() => proxy.close());
  await proxy.listen();
  assert.equal((await fetchText(portOf(proxy), "/")).body, "ok");
});

test("mistakes reject with a ConfigError that holds them all", async () => {
  await assert.rejects(
    createProxy({ listen: "nowhere:x", upstreams: { app: "ftp://a" } }),
    (error: unknown) =>
      error instanceof ConfigError && /listen/.test(error.message) && /ftp/.test(error.message),
  );
});

test("a function in a configuration object is refused, with the way that works", async () => {
  await assert.rejects(
    createProxy({
      upstreams: { app: "http://127.0.0.1:1" },
      routes: [{ match: "/*", use: [{ onEnd: () => undefined }], to: "app" }],
    }),
    /routes\[0\]\.use\[0\].*configFile/s,
  );
});

test("an address in use rejects, and what was opened is closed again", async (t) => {
  const taken = await startBackend(t, (_request, response) => response.end());
  const proxy = await createProxy({
    listen: ["127.0.0.1:0", `127.0.0.1:${taken}`],
    workers: 1,
    upstreams: { app: "http://127.0.0.1:1" },
  });
  await assert.rejects(proxy.listen(), /is in use/);
  assert.deepEqual(proxy.addresses, []);
  await proxy.close();
});
