import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { setTimeout } from "node:timers/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import type { App } from "#app.ts";
import { Tunnel, fetchText, portOf, startApp, startBackend } from "../harness/app.ts";

const WORKERS = 2;

/** A configuration whose filter harms the worker that it runs in, as the query says. */
function harmful(t: TestContext, backend: number): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-workers-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "sluice.config.ts");
  writeFileSync(
    file,
    `import { defineConfig, CONTINUE } from "sluice";
    const kept: unknown[] = [];
    export default defineConfig({
      listen: "127.0.0.1:0",
      workers: ${WORKERS},
      upstreams: { app: "http://127.0.0.1:${backend}" },
      routes: [{
        match: "/*",
        upgrade: ["echo"],
        use: [{
          onRequestHead(context) {
            switch (context.request.query) {
              case "throw":
                setTimeout(() => { throw new Error("thrown on purpose"); }, 0);
                break;
              case "exhaust":
                for (;;) kept.push(Array.from({ length: 1000 }, () => ({})));
              case "loop":
                for (;;);
            }
            return CONTINUE;
          },
        }],
        to: "app",
      }],
    });`,
  );
  return file;
}

/** Until a tunnel has been opened in each worker: a dead one takes its own with it and no other. */
async function openTunnels(app: App, count: number): Promise<Tunnel[]> {
  const port = portOf(app);
  return Promise.all(Array.from({ length: count }, () => Tunnel.open(port, "/socket")));
}

const descriptors = (): number | null =>
  process.platform === "linux" ? readdirSync("/proc/self/fd").length : null;

const moreThan = (before: number | null): boolean =>
  before !== null && (descriptors() ?? 0) > before;

for (const [way, reason] of [
  ["throw", /thrown on purpose/],
  ["exhaust", /out of heap memory/],
  ["loop", /no sign of life/],
] as const) {
  test(`a worker that is ended by ${way} under load is replaced, the other goes on, and nothing leaks`, async (t) => {
    const backend = await startBackend(t, (_request, response) => response.end("ok"));
    const app = await startApp(
      t,
      { configFile: harmful(t, backend) },
      { workerHeapMb: 48, supervision: { check: 200, warn: 2500, end: 4000 } },
    );
    const port = portOf(app);
    assert.equal((await fetchText(port, "/")).body, "ok");
    const tunnels = await openTunnels(app, 40);
    t.after(() => {
      for (const tunnel of tunnels) tunnel.close();
    });
    await fetchText(port, "/");
    const before = descriptors();

    const died = once(app, "workerRestart") as Promise<[{ worker: number; reason: string }]>;
    // The request goes down with the worker that took it, or is answered just before.
    const fatal = fetchText(port, `/?${way}`).catch(() => null);
    const [event] = await died;
    assert.match(event.reason, reason);
    await fatal;

    // The other worker and its tunnels never noticed.
    const alive: Tunnel[] = [];
    for (const tunnel of tunnels) {
      try {
        await tunnel.echo("still here.");
        alive.push(tunnel);
      } catch {
        assert.equal(tunnel.closed, true);
      }
    }
    assert.ok(alive.length > 0 && alive.length < tunnels.length, `${alive.length} survived`);
    assert.equal(app.status.tunnels, alive.length);
    assert.equal(app.status.connections, alive.length);

    await replaced(app);
    const answers = await Promise.all(Array.from({ length: 40 }, () => fetchText(port, "/")));
    assert.deepEqual(
      answers.filter(({ body }) => body !== "ok"),
      [],
    );
    assert.equal(app.status.workers.deaths, 1);
    assert.equal(app.status.exchanges, alive.length);

    // A tunnel is four descriptors of this process: client, proxy twice, backend.
    const more = await openTunnels(app, tunnels.length - alive.length);
    tunnels.push(...more);
    // Unused connections to the backend stay for some seconds.
    while (moreThan(before)) await setTimeout(100);
  });
}

/** Until as many workers run as there should. */
async function replaced(app: App): Promise<void> {
  while (app.status.workers.running < WORKERS) await once(app, "log");
}
