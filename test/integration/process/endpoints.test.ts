/** Backends that change, fall ill and recover while requests come in. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { once } from "node:events";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

import { startLoad } from "../../harness/app.ts";
import { startSluice } from "../../harness/sluice.ts";
import { adminOf, ask, codeOf, countStatuses, metric, until } from "./facts.ts";

/** A backend that counts its requests and connections, and whose health check can be made to fail. */
interface Backend {
  readonly port: number;
  requests: number;
  checks: number;
  healthy: boolean;
  readonly connections: ReadonlySet<Socket>;
}

async function startCounting(t: TestContext): Promise<Backend> {
  const connections = new Set<Socket>();
  const server = createServer((incoming, outgoing) => {
    if (incoming.url === "/healthz") {
      backend.checks++;
      outgoing.statusCode = backend.healthy ? 200 : 503;
      return void outgoing.end();
    }
    backend.requests++;
    outgoing.end(String(backend.port));
  });
  server.keepAliveTimeout = 0;
  server.on("connection", (socket) => {
    connections.add(socket);
    socket.on("close", () => connections.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const backend: Backend = { port, requests: 0, checks: 0, healthy: true, connections };
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return backend;
}

const urlsOf = (backends: readonly Backend[]): string =>
  JSON.stringify(backends.map(({ port }) => `http://127.0.0.1:${port}`));

test("endpoints change under load: no request fails, old connections are closed, and counters go on", async (t) => {
  const old = await Promise.all([startCounting(t), startCounting(t)]);
  const next = await Promise.all([startCounting(t), startCounting(t)]);
  const config = (backends: readonly Backend[]): string => `
listen: 127.0.0.1:0
admin: 127.0.0.1:0
workers: 2
log: { access: off }
upstreams:
  app: { endpoints: ${urlsOf(backends)}, connections: { idle: 1h } }
routes: [{ name: everything, match: /*, to: app }]
`;
  const sluice = await startSluice(t, { files: { "sluice.yaml": config(old) } });
  const admin = await adminOf(sluice);
  const load = startLoad(Number(new URL(sluice.url).port), "/", 16);
  await until(() => old.every(({ requests }) => requests > 50));
  const total = (): Promise<number> => metric(admin, "sluice_requests_total", 'route="everything"');
  const before = await total();
  assert.ok(before >= 100);

  for (const [generation, backends] of [next, old, next].entries()) {
    const seen = backends.map(({ requests }) => requests);
    writeFileSync(join(sluice.directory, "sluice.yaml"), config(backends));
    sluice.signal("SIGHUP");
    await until(async () => (await metric(admin, "sluice_config_generation")) > generation + 1);
    await until(() => backends.every(({ requests }, i) => requests > (seen[i] ?? 0) + 50));
  }
  const { requests, failures } = await load.stop();
  assert.deepEqual(failures, []);
  assert.ok(requests > 500);

  await until(() => old.every(({ connections }) => connections.size === 0));
  const sent = [...old, ...next].reduce((sum, backend) => sum + backend.requests, 0);
  assert.equal(sent, requests);
  await until(async () => (await total()) === requests);
  assert.equal(await metric(admin, "sluice_bugs_total"), 0);
  await sluice.stop();
});

test("an endpoint whose checks fail gets no requests until they succeed; without any left it is 503 no_endpoint", async (t) => {
  const [first, second] = await Promise.all([startCounting(t), startCounting(t)]);
  const sluice = await startSluice(t, {
    files: {
      "sluice.yaml": `
listen: 127.0.0.1:0
admin: 127.0.0.1:0
workers: 2
upstreams:
  app:
    endpoints: ${urlsOf([first, second])}
    health: { path: /healthz, interval: 50ms, unhealthyAfter: 2, healthyAfter: 2 }
`,
    },
  });
  const admin = await adminOf(sluice);
  const up = (): Promise<number> => metric(admin, "sluice_endpoint_up");
  const answers = (): ReturnType<typeof ask>[] => Array.from({ length: 20 }, () => ask(sluice.url));
  await until(() => first.checks > 1 && second.checks > 1);
  assert.equal(await up(), 2);
  assert.deepEqual(countStatuses(await Promise.all(answers())), { 200: 20 });
  assert.ok(first.requests > 0 && second.requests > 0);

  first.healthy = false;
  await until(async () => (await up()) === 1);
  await sluice.said(/is unhealthy/);
  const quiet = first.requests;
  const healthy = await Promise.all(answers());
  assert.deepEqual(countStatuses(healthy), { 200: 20 });
  assert.deepEqual([...new Set(healthy.map(({ body }) => body))], [String(second.port)]);
  assert.equal(first.requests, quiet);

  second.healthy = false;
  await until(async () => (await up()) === 0);
  const refused = await Promise.all(answers());
  assert.deepEqual(countStatuses(refused), { 503: 20 });
  assert.deepEqual([...new Set(refused.map(codeOf))], ["no_endpoint"]);

  first.healthy = true;
  second.healthy = true;
  await until(async () => (await up()) === 2);
  await sluice.said(/is healthy again/);
  const again = first.requests;
  assert.deepEqual(countStatuses(await Promise.all(answers())), { 200: 20 });
  assert.ok(first.requests > again);
  await sluice.stop();
});
