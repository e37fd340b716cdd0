/** What filters keep in memory that all workers share, in a whole proxy: over workers, reloads and deaths. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";

import type { App } from "#app.ts";
import { portOf, startApp, startBackend } from "../harness/app.ts";

interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** One GET on a connection of its own. */
function ask(port: number, headers: Record<string, string> = {}): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const options = { port, host: "127.0.0.1", path: "/", agent: false, headers };
    const sent = request(options, (response) => {
      response.resume();
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers }),
      );
    });
    sent.on("error", reject);
    sent.end();
  });
}

async function statuses(port: number, count: number): Promise<number[]> {
  const replies = await Promise.all(Array.from({ length: count }, () => ask(port)));
  return replies.map(({ status }) => status);
}

const passed = (all: readonly number[]): number => all.filter((status) => status === 200).length;

interface Stage {
  readonly app: App;
  readonly file: string;
  readonly write: (use: string) => void;
  /** Applies the file with these filters. */
  readonly reload: (use: string) => Promise<void>;
}

async function stage(t: TestContext, use: string, workers = 2): Promise<Stage> {
  const backend = await startBackend(t, (_request, response) => response.end("own"));
  const folder = mkdtempSync(join(tmpdir(), "sluice-filters-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "sluice.yaml");
  const write = (steps: string): void =>
    writeFileSync(
      file,
      `listen: "127.0.0.1:0"\nworkers: ${workers}\nupstreams: { app: "http://127.0.0.1:${backend}" }\nroutes:\n  - { match: /*, use: ${steps}, to: app }\n`,
    );
  write(use);
  writeFileSync(join(folder, "denied.txt"), "198.51.100.0/24\n");
  const app = await startApp(t, { configFile: file }, { directory: folder });
  const reload = async (steps: string): Promise<void> => {
    write(steps);
    const result = await app.reload();
    assert.ok(result.ok, result.ok ? "" : result.reason);
  };
  return { app, file, write, reload };
}

test("a limit is one of the process, however connections are spread over workers", async (t) => {
  const { app } = await stage(t, "[{ rateLimit: { rate: 40/h, burst: 40 } }]");
  const all = await statuses(portOf(app), 120);
  assert.equal(passed(all), 40);
  assert.equal(all.filter((status) => status === 429).length, 80);
});

test("counters outlive reloads that change the limit", async (t) => {
  const { app, reload } = await stage(t, "[{ rateLimit: { rate: 30/h, burst: 30 } }]");
  const port = portOf(app);
  assert.equal(passed(await statuses(port, 20)), 20);
  for (let i = 0; i < 20; i++) {
    await reload(`[{ rateLimit: { rate: 30/h, burst: 30, headers: ${i % 2 === 0} } }]`);
  }
  assert.equal(passed(await statuses(port, 20)), 10);
});

test("counters outlive the worker that counted", async (t) => {
  const { app } = await stage(t, "[{ rateLimit: { rate: 30/h, burst: 30 } }]", 1);
  const port = portOf(app);
  assert.equal(passed(await statuses(port, 30)), 30);
  const { status, headers } = await ask(port);
  assert.equal(status, 429);
  assert.match(String(headers["retry-after"]), /^1[12]\d$/);
  assert.match(String(headers["ratelimit"]), /^"client-ip";r=0;t=\d+$/);
});

test("a list of addresses is read from its file, and again when that has changed", async (t) => {
  const { app, file, reload } = await stage(t, "[{ ipAccess: { deny: { file: denied.txt } } }]");
  const port = portOf(app);
  assert.equal((await ask(port)).status, 200);
  writeFileSync(join(file, "../denied.txt"), "# all of this machine\n127.0.0.0/8\n");
  await reload("[{ ipAccess: { deny: { file: denied.txt } } }]");
  assert.equal((await ask(port)).status, 403);
  writeFileSync(join(file, "../denied.txt"), "127.0.0.1/8\n");
  const result = await app.reload();
  assert.ok(!result.ok);
  assert.match(result.reason, /denied\.txt`, line 1: .*bits set/);
  assert.equal((await ask(port)).status, 403, "the list that was in use stays");
});

test("a change to a list of addresses is noticed", async (t) => {
  const { file } = await stage(t, "[{ ipAccess: { deny: { file: denied.txt } } }]");
  const folder = join(file, "..");
  const app = await startApp(t, { configFile: file }, { directory: folder, watch: true });
  const port = portOf(app);
  assert.equal((await ask(port)).status, 200);
  const reloaded = once(app, "reload");
  writeFileSync(join(folder, "denied.txt"), "127.0.0.0/8\n");
  await reloaded;
  assert.equal((await ask(port)).status, 403);
});

test("what a dead worker had under way is given back, in a configuration in TypeScript as well", async (t) => {
  const backend = await startBackend(t, () => undefined);
  const folder = mkdtempSync(join(tmpdir(), "sluice-filters-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "sluice.config.ts");
  writeFileSync(
    file,
    `import { defineConfig, CONTINUE } from "sluice";
    export default defineConfig({
      listen: "127.0.0.1:0",
      workers: 1,
      upstreams: { app: "http://127.0.0.1:${backend}" },
      routes: [{
        match: "/*",
        use: [
          { concurrencyLimit: { max: 1, by: "route" } },
          { onRequestHead({ request }) {
            if (request.query === "throw") setTimeout(() => { throw new Error("on purpose"); }, 0);
            return CONTINUE;
          } },
        ],
        to: "app",
      }],
    });`,
  );
  const app = await startApp(t, { configFile: file }, { directory: folder });
  const port = portOf(app);
  const restarted = once(app, "workerRestart");
  const lost = request({ port, host: "127.0.0.1", path: "/?throw", agent: false });
  const failed = once(lost, "error");
  lost.end();
  await failed;
  await restarted;
  // The backend answers nothing: what is not refused at once has found the place free.
  const outcome = await Promise.race([
    ask(port).then(
      ({ status }) => status,
      () => 0,
    ),
    new Promise<string>((resolve) => setTimeout(resolve, 1500, "under way")),
  ]);
  assert.equal(outcome, "under way");
  assert.equal((await ask(port)).status, 503);
});
