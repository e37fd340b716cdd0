import assert from "node:assert/strict";
import { once } from "node:events";
import { type RequestListener, createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { join } from "node:path";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { type TestContext, test } from "node:test";

import { issue } from "#tls/certificates.fixture.ts";
import type { UpstreamTlsData } from "#model/tls.ts";
import type { EndpointAddress, HealthData, UpstreamData } from "#model/snapshot.ts";
import { ManualScheduler, settle } from "#core/time/scheduler.fixture.ts";
import { HealthChecker } from "./health.ts";
import { type ProbeResult, type ProbeTarget, httpProbe } from "./probe.ts";

const HEALTH: HealthData = {
  path: "/healthz",
  host: null,
  interval: 10_000,
  timeout: 2000,
  unhealthyAfter: 3,
  healthyAfter: 2,
  expect: [[200, 299]],
};

const ADDRESS: EndpointAddress = { kind: "tcp", host: "127.0.0.1", port: 9001 };

function upstream(health: HealthData | null, slots: readonly number[] = [0]): UpstreamData {
  const endpoints = slots.map((slot) => ({ slot, name: `e${slot}`, address: ADDRESS, weight: 1 }));
  return { name: "api", endpoints, health } as unknown as UpstreamData;
}

function bench() {
  const scheduler = new ManualScheduler();
  const verdicts: [number, boolean][] = [];
  const logged: string[] = [];
  const state = { healthy: true, asked: 0 };
  const targets: ProbeTarget[] = [];
  const checker = new HealthChecker({
    scheduler,
    random: { next: () => 0.5, int: () => 0 },
    probe: (target): Promise<ProbeResult> => {
      targets.push(target);
      state.asked++;
      return Promise.resolve({ healthy: state.healthy, detail: "answered 503" });
    },
    addresses: ({ address }) => [address],
    setHealthy: (slot, healthy) => verdicts.push([slot, healthy]),
    log: (level, message) => logged.push(`${level}: ${message}`),
  });
  return { checker, scheduler, verdicts, logged, state, targets };
}

test("an endpoint goes down after three failures in a row and comes back after two successes", async () => {
  const { checker, scheduler, verdicts, logged, state } = bench();
  checker.update([upstream(HEALTH)]);
  state.healthy = false;
  await scheduler.pass(20_400);
  assert.deepEqual(verdicts, [[0, true]]);
  await scheduler.pass(200);
  assert.deepEqual(verdicts, [
    [0, true],
    [0, false],
  ]);
  await scheduler.pass(30_000);
  state.healthy = true;
  await scheduler.pass(10_000);
  assert.equal(verdicts.length, 2);
  await scheduler.pass(10_000);
  assert.deepEqual(verdicts[2], [0, true]);
  assert.deepEqual(logged, [
    "warn: e0 is unhealthy: answered 503",
    "info: e0 is healthy again (answered 503)",
  ]);
});

test("a single failure between successes changes nothing", async () => {
  const { checker, scheduler, verdicts, state } = bench();
  checker.update([upstream(HEALTH)]);
  for (let i = 0; i < 6; i++) {
    state.healthy = i % 2 === 0;
    await scheduler.pass(10_000);
  }
  assert.deepEqual(verdicts, [[0, true]]);
});

test("a reload that leaves the check as it is leaves what is known as it is", async () => {
  const { checker, scheduler, verdicts, state } = bench();
  checker.update([upstream(HEALTH)]);
  state.healthy = false;
  await scheduler.pass(21_000);
  checker.update([upstream(HEALTH, [0, 1])]);
  assert.deepEqual(verdicts, [
    [0, true],
    [0, false],
    [1, true],
  ]);
});

test("an endpoint whose check is taken away counts as healthy, and is asked no more", async () => {
  const { checker, scheduler, verdicts, state } = bench();
  checker.update([upstream(HEALTH)]);
  state.healthy = false;
  await scheduler.pass(21_000);
  checker.update([upstream(null)]);
  const { asked } = state;
  await scheduler.pass(60_000);
  assert.deepEqual(verdicts.at(-1), [0, true]);
  assert.equal(state.asked, asked);
  assert.deepEqual(scheduler.waits, []);
});

/** A backend of one handler; the probe's target for it. */
async function backend(t: TestContext, handler: RequestListener, path?: string) {
  const server = createServer(handler);
  server.listen(path ?? { port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address: EndpointAddress =
    path === undefined
      ? { kind: "tcp", host: "127.0.0.1", port: (server.address() as AddressInfo).port }
      : { kind: "unix", path };
  return { addresses: [address], host: "app.example", health: HEALTH, tls: null };
}

const never = new AbortController().signal;

test("the probe asks for the path with the host, and reads the status", async (t) => {
  let seen = "";
  const target = await backend(t, (request, response) => {
    seen = `${request.method} ${request.url} ${request.headers.host}`;
    response.writeHead(503).end();
  });
  assert.deepEqual(await httpProbe(target, never), {
    healthy: false,
    detail: "answered 503",
    connected: true,
  });
  assert.equal(seen, "GET /healthz app.example");
  const lenient = { ...target, health: { ...HEALTH, expect: [[500, 599]] as const } };
  assert.equal((await httpProbe(lenient, never)).healthy, true);
});

test("the probe goes on to the next address when nobody listens at the first", async (t) => {
  const target = await backend(t, (_request, response) => response.end("ok"));
  const closed = createServer().listen(0, "127.0.0.1");
  await once(closed, "listening");
  const { port } = closed.address() as AddressInfo;
  closed.close();
  await once(closed, "close");
  const addresses = [{ kind: "tcp", host: "127.0.0.1", port } as const, ...target.addresses];
  assert.equal((await httpProbe({ ...target, addresses }, never)).healthy, true);
  const alone = await httpProbe({ ...target, addresses: addresses.slice(0, 1) }, never);
  assert.match(alone.detail, /ECONNREFUSED/);
});

test("the probe speaks to unix sockets", { skip: process.platform === "win32" }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const target = await backend(t, (_request, response) => response.end(), join(folder, "s"));
  assert.equal((await httpProbe(target, never)).healthy, true);
});

test("a backend that does not answer in time is unhealthy, and so is a name without an address", async (t) => {
  const target = await backend(t, () => undefined);
  const short = { ...target, health: { ...HEALTH, timeout: 50 } };
  assert.deepEqual(await httpProbe(short, never), {
    healthy: false,
    detail: "no answer within 50 ms",
    connected: true,
  });
  const unresolved = await httpProbe({ ...target, addresses: [] }, never);
  assert.deepEqual(unresolved, { healthy: false, detail: "its name does not resolve" });
});

test("checks that run are ended when checking stops", async (t) => {
  const scheduler = new ManualScheduler();
  const asked = Promise.withResolvers<AbortSignal>();
  const checker = new HealthChecker({
    scheduler,
    random: { next: () => 0, int: () => 0 },
    probe: (_target, signal) => {
      asked.resolve(signal);
      return new Promise(() => undefined);
    },
    addresses: ({ address }) => [address],
    setHealthy: () => undefined,
    log: () => t.diagnostic("unexpected"),
  });
  checker.update([upstream(HEALTH)]);
  await scheduler.pass(1000);
  const signal = await asked.promise;
  checker.stop();
  assert.equal(signal.aborted, true);
  await settle();
});

/** A backend that speaks TLS, with a certificate for these names. */
async function secureBackend(t: TestContext, names = ["app.example"], path?: string) {
  const root = issue({ by: null, commonName: "Root", authority: true });
  const { pem, key } = issue({ by: root, names });
  let serverName: unknown;
  const server = createSecureServer({ cert: pem, key }, (request, response) => {
    serverName = (request.socket as TLSSocket).servername;
    response.end();
  });
  server.listen(path ?? { port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address: EndpointAddress =
    path === undefined
      ? { kind: "tcp", host: "127.0.0.1", port: (server.address() as AddressInfo).port }
      : { kind: "unix", path };
  const upstream: UpstreamTlsData = {
    verify: true,
    ca: root.pem,
    serverName: null,
    minVersion: "TLSv1.2",
    certificate: null,
  };
  const probe = (identity: string | null, more: Partial<UpstreamTlsData> = {}) =>
    httpProbe(
      {
        addresses: [address],
        host: "app.example",
        health: HEALTH,
        tls: { upstream: { ...upstream, ...more }, identity },
      },
      never,
    );
  return { probe, serverName: () => serverName };
}

test("the probe verifies backends by TLS as requests do", async (t) => {
  const { probe, serverName } = await secureBackend(t);
  assert.equal((await probe("app.example")).healthy, true);
  assert.equal(serverName(), "app.example");
  assert.match((await probe("127.0.0.1")).detail, /does not match certificate/);
  assert.match((await probe("other.example")).detail, /does not match certificate/);
  assert.match((await probe("app.example", { ca: null })).detail, /unable to verify/);
  assert.equal((await probe("other.example", { ca: null, verify: false })).healthy, true);
});

test(
  "the probe takes any certificate that verifies of a unix socket, which has no name",
  { skip: process.platform === "win32" },
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), "sluice-"));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const { probe } = await secureBackend(t, ["app.example"], join(folder, "s"));
    assert.equal((await probe(null)).healthy, true);
    assert.match((await probe(null, { ca: null })).detail, /unable to verify/);
  },
);

test("a check of a unix socket by TLS asks for no name", async () => {
  const { checker, scheduler, targets } = bench();
  const address = { kind: "unix", path: "/run/app.sock" } as const;
  const tls = {
    verify: true,
    ca: null,
    serverName: null,
    minVersion: "TLSv1.2",
    certificate: null,
  } as const;
  const base = upstream(HEALTH);
  const secure = { ...base, tls, endpoints: [{ ...base.endpoints[0]!, address, secure: true }] };
  checker.update([secure]);
  await scheduler.pass(1000);
  checker.update([{ ...secure, tls: { ...tls, serverName: "app.example" } }]);
  await scheduler.pass(1000);
  assert.deepEqual(
    targets.map(({ tls: asked }) => asked?.identity),
    [null, "app.example"],
  );
  checker.update([]);
});
