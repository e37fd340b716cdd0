/** Lines of the access log on their way out of the process: none is lost, torn or waited for. */

import assert from "node:assert/strict";
import { Agent } from "node:http";
import { test } from "node:test";

import { startBackend, startLoad } from "../../harness/app.ts";
import { connectTo, get } from "../../harness/client.ts";
import { missing, requireProgram, unless } from "../../harness/requires.ts";
import { type Sluice, startSluice } from "../../harness/sluice.ts";
import { statusOf } from "../../harness/wire.ts";
import { adminOf, ask, metric, until, workerConfig } from "./facts.ts";

/** Lines of a log; fails on one that is not whole. */
function linesOf(sluice: Sluice): { readonly path: string; readonly userAgent?: string }[] {
  const text = sluice.stdout();
  assert.ok(text === "" || text.endsWith("\n"), "the last line is whole");
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as { path: string; userAgent?: string });
}

test("10 000 requests have 10 000 lines when the proxy has stopped, those of a connection in order", async (t) => {
  const CONNECTIONS = 20;
  const EACH = 500;
  const backend = await startBackend(t, (_request, response) => response.end("ok"));
  const sluice = await startSluice(t, {
    args: ["--to", `http://127.0.0.1:${backend}`, "--listen", "127.0.0.1:0"],
  });
  const port = Number(new URL(sluice.url).port);
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, connection) => {
      const wire = await connectTo(port);
      for (let i = 0; i < EACH; i++) {
        // Some are written in the fast way, some not.
        const agent = `User-Agent: ${i % 10 === 0 ? "Gr\u00fc\u00dfe" : "test"}`;
        wire.send(get(`/${connection}/${i}`, agent));
        assert.equal(statusOf(await wire.readResponse()), 200);
      }
      wire.end();
    }),
  );
  await sluice.stop();
  const lines = linesOf(sluice);
  assert.equal(lines.length, CONNECTIONS * EACH);
  const next = new Map<string, number>();
  for (const { path, userAgent } of lines) {
    const [, connection = "", i = ""] = path.split("/");
    assert.equal(Number(i), next.get(connection) ?? 0);
    next.set(connection, Number(i) + 1);
    assert.match(userAgent ?? "", Number(i) % 10 === 0 ? /^Gr.+e$/ : /^test$/);
  }
});

test("what a worker has logged before it dies is written, and no line is torn", async (t) => {
  const backend = await startBackend(t, (_request, response) => response.end("ok"));
  const filter = `
    onRequestHead({ request }) {
      if (request.path === "/fatal") setTimeout(() => { throw new Error("thrown on purpose"); }, 0);
      return CONTINUE;
    },`;
  const sluice = await startSluice(t, {
    files: {
      "sluice.config.ts": workerConfig(
        {
          listen: "127.0.0.1:0",
          admin: "127.0.0.1:0",
          workers: 1,
          upstreams: { app: `http://127.0.0.1:${backend}` },
        },
        {},
        filter,
      ),
    },
  });
  const admin = await adminOf(sluice);
  const port = Number(new URL(sluice.url).port);
  const agent = new Agent({ keepAlive: true });
  t.after(() => agent.destroy());
  const rounds = 2;
  for (let round = 1; round <= rounds; round++) {
    for (let i = 0; i < 50; i++) {
      assert.equal((await ask(`${sluice.url}/${round}/${i}`, agent)).status, 200);
    }
    const load = startLoad(port, "/load", 8);
    await ask(`${sluice.url}/fatal`).catch(() => undefined);
    await until(async () => (await metric(admin, "sluice_worker_restarts_total")) === round);
    await until(async () => (await metric(admin, "sluice_workers", 'state="running"')) === 1);
    await load.stop();
  }
  await sluice.stop();
  const paths = linesOf(sluice).map(({ path }) => path);
  const expected = Array.from({ length: rounds }, (_, round) =>
    Array.from({ length: 50 }, (__, i) => `/${round + 1}/${i}`),
  ).flat();
  assert.deepEqual(
    paths.filter((path) => /^\/\d/.test(path)),
    expected,
  );
  assert.ok(paths.includes("/load"));
});

test(
  "a reader that sleeps costs lines, which are counted and told of, and neither requests nor the end",
  {
    skip:
      unless(process.platform === "linux", "pipes can be opened again on Linux only") ||
      missing("mkfifo"),
  },
  async (t) => {
    const REQUESTS = 1500;
    const backend = await startBackend(t, (_request, response) => response.end("ok"));
    const sluice = await startSluice(t, {
      files: {
        "sluice.yaml": `
          listen: 127.0.0.1:0
          admin: 127.0.0.1:0
          workers: 1
          upstreams: { app: "http://127.0.0.1:${backend}" }
          log: { access: json }`,
      },
      shell: `${requireProgram("mkfifo")} pipe; exec 9<>pipe; exec "$0" "$@" >&9`,
    });
    const admin = await adminOf(sluice);
    const memory = (): Promise<number> => metric(admin, "process_resident_memory_bytes");
    const agent = new Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    const long = "x".repeat(8000);
    const send = async (): Promise<void> => {
      for (let i = 0; i < REQUESTS; i++) {
        assert.equal((await ask(`${sluice.url}/${long}`, agent)).status, 200);
      }
    };
    await send();
    await until(async () => (await metric(admin, "sluice_log_lines_dropped_total")) > 0);
    await sluice.said(/"code":"access_log_dropped"/);
    const dropped = await metric(admin, "sluice_log_lines_dropped_total");
    // The pipe takes 64 KiB and the queue 8 MiB of 12.4 MB.
    assert.ok(dropped > 440 && dropped < 560, String(dropped));
    const before = await memory();
    await send();
    assert.equal(await metric(admin, "sluice_log_lines_dropped_total"), dropped + REQUESTS);
    assert.ok((await memory()) - before < 64 * 2 ** 20);
    assert.equal(sluice.stderr().match(/"code":"access_log_dropped"/g)?.length, 1);
    await sluice.stop();
  },
);
