import assert from "node:assert/strict";
import { type ServerResponse, get } from "node:http";
import { test } from "node:test";

import {
  Tunnel,
  closed,
  fetchText,
  portOf,
  startApp,
  startBackend,
  startLoad,
} from "../harness/app.ts";

/** An event stream through the proxy. */
class EventStream {
  events = 0;
  ended = false;
  #wake: (() => void) | null = null;

  constructor(port: number, path: string) {
    const request = get({ port, host: "127.0.0.1", path, agent: false }, (response) => {
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        this.events += chunk.split("\n\n").length - 1;
        this.#wake?.();
      });
      response.on("close", () => this.#end());
      response.on("error", () => undefined);
    });
    request.on("error", () => this.#end());
  }

  #end(): void {
    this.ended = true;
    this.#wake?.();
  }

  async until(events: number): Promise<void> {
    while (this.events < events && !this.ended) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}

test("100 reloads under load drop no tunnel, no stream and no request of unchanged routes", async (t) => {
  const TUNNELS = 500;
  const STREAMS = 20;
  const streams = new Set<ServerResponse>();
  const backend = await startBackend(t, (request, response) => {
    if (request.url !== "/events") return void response.end("ok");
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: hello\n\n");
    streams.add(response);
  });
  const config = (version: number) => ({
    listen: "127.0.0.1:0",
    workers: 2,
    upstreams: { app: `http://127.0.0.1:${backend}`, other: `http://127.0.0.1:${1 + version}` },
    routes: [
      { match: "/*", to: "app", upgrade: ["echo", "websocket"] },
      { match: `/version-${version}/*`, to: "other" },
    ],
  });
  const app = await startApp(t, config(0));
  const port = portOf(app);

  const tunnels = await Promise.all(
    Array.from({ length: TUNNELS }, () => Tunnel.open(port, "/socket")),
  );
  t.after(() => {
    for (const tunnel of tunnels) tunnel.close();
  });
  const listeners = Array.from({ length: STREAMS }, () => new EventStream(port, "/events"));
  await Promise.all(listeners.map((stream) => stream.until(1)));
  assert.equal(app.status.tunnels, TUNNELS);

  const load = startLoad(port, "/", 8);
  for (let version = 1; version <= 100; version++) {
    const result = await app.reload(config(version));
    assert.ok(result.ok && !result.unchanged, JSON.stringify(result));
  }
  const { requests, failures } = await load.stop();
  assert.deepEqual(failures, []);
  assert.ok(requests > 100);

  await Promise.all(tunnels.map((tunnel, i) => tunnel.echo(`still here ${i}.`)));
  for (const response of streams) response.write("data: again\n\n");
  await Promise.all(listeners.map((stream) => stream.until(2)));
  assert.deepEqual(
    listeners.filter(({ ended, events }) => ended || events < 2),
    [],
  );
  assert.equal(app.status.tunnels, TUNNELS);
  assert.equal(app.status.workers.deaths, 0);
});

test("a request that began before a reload ends on the configuration that it began with", async (t) => {
  const waiting: ServerResponse[] = [];
  const arrived = Promise.withResolvers<void>();
  const first = await startBackend(t, (_request, response) => {
    waiting.push(response);
    arrived.resolve();
  });
  const second = await startBackend(t, (_request, response) => response.end("second"));
  const config = (port: number) => ({
    listen: "127.0.0.1:0",
    workers: 1,
    upstreams: { app: `http://127.0.0.1:${port}` },
    routes: [{ match: "/*", to: "app" }],
  });
  const app = await startApp(t, config(first));
  const before = fetchText(portOf(app), "/");
  await arrived.promise;
  assert.ok((await app.reload(config(second))).ok);
  assert.equal((await fetchText(portOf(app), "/")).body, "second");
  waiting[0]?.end("first");
  assert.equal((await before).body, "first");
});

test("listeners come and go with the configuration", async (t) => {
  const backend = await startBackend(t, (_request, response) => response.end("ok"));
  const config = (listen: string[]) => ({
    listen,
    workers: 2,
    upstreams: { app: `http://127.0.0.1:${backend}` },
  });
  const app = await startApp(t, config(["127.0.0.1:0"]));
  const first = portOf(app);
  const keptConnection = startLoad(first, "/", 2);

  assert.ok((await app.reload(config(["127.0.0.1:0", "127.0.0.2:0"]))).ok);
  assert.equal(portOf(app), first);
  const [, added] = app.addresses;
  const second = new URL(added?.url ?? "").port;
  const answered = await fetch(`http://127.0.0.2:${second}/`);
  assert.equal(await answered.text(), "ok");

  assert.ok((await app.reload(config(["127.0.0.1:0"]))).ok);
  await closed(Number(second), "127.0.0.2");
  assert.deepEqual((await keptConnection.stop()).failures, []);
});

test("an address in use refuses the whole configuration, and the old one goes on", async (t) => {
  const backend = await startBackend(t, (_request, response) => response.end("old"));
  const taken = await startBackend(t, (_request, response) => response.end());
  const config = (listen: string[]) => ({
    listen,
    workers: 2,
    upstreams: { app: `http://127.0.0.1:${backend}` },
  });
  const app = await startApp(t, config(["127.0.0.1:0"]));
  const result = await app.reload(config(["127.0.0.1:0", "127.0.0.3:0", `127.0.0.1:${taken}`]));
  assert.ok(!result.ok);
  assert.match(result.reason, new RegExp(`127\\.0\\.0\\.1:${taken} is in use`));
  assert.equal(app.addresses.length, 1);
  assert.equal((await fetchText(portOf(app), "/")).body, "old");
});

test("a configuration with mistakes is refused with all of them, and the old one goes on", async (t) => {
  const backend = await startBackend(t, (_request, response) => response.end("old"));
  const app = await startApp(t, {
    listen: "127.0.0.1:0",
    workers: 1,
    upstreams: { app: `http://127.0.0.1:${backend}` },
  });
  const result = await app.reload({
    upstreams: { app: "ftp://nowhere" },
    routes: [{ match: "/*", to: "ap" }],
  });
  assert.ok(!result.ok);
  assert.match(result.reason, /ftp/);
  assert.match(result.reason, /did you mean `app`/);
  assert.equal((await fetchText(portOf(app), "/")).body, "old");
  assert.equal(app.status.generation, 1);
});
