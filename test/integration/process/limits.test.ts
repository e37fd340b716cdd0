/** Limits that are the process's, not a worker's: who comes too late in one worker is helped by the other. */

import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { describe, test, type TestContext } from "node:test";

import { startBackend } from "../../harness/app.ts";
import { connectTo, get } from "../../harness/client.ts";
import { answering, response, startOrigin } from "../../harness/origin.ts";
import { type Sluice, startSluice } from "../../harness/sluice.ts";
import { statusOf, valueOf } from "../../harness/wire.ts";
import {
  adminOf,
  ask,
  codeOf,
  countStatuses,
  metric,
  oneInEachWorker,
  until,
  workerConfig,
} from "./facts.ts";

/** Two workers in front of one backend, with these rules for connections to it. */
function startTwo(
  t: TestContext,
  backend: number,
  connections: object,
  more: object = {},
): Promise<Sluice> {
  return startSluice(t, {
    files: {
      "sluice.config.ts": workerConfig({
        listen: "127.0.0.1:0",
        admin: "127.0.0.1:0",
        workers: 2,
        upstreams: { app: { endpoints: `http://127.0.0.1:${backend}`, connections } },
        ...more,
      }),
    },
  });
}

/** A backend that answers "/hold" when the test says so, and everything else at once. */
async function startHolding(t: TestContext): Promise<{ port: number; held: ServerResponse[] }> {
  const held: ServerResponse[] = [];
  const port = await startBackend(t, (incoming, outgoing) => {
    if (incoming.url === "/hold") held.push(outgoing);
    else outgoing.end("ok");
  });
  return { port, held };
}

const portOf = ({ url }: Sluice): number => Number(new URL(url).port);
const WAITING = "sluice_upstream_waiting_requests";

describe("connections to an endpoint", () => {
  test("are one at a time for the process, and every request of both workers is answered", async (t) => {
    let most = 0;
    const origin = await startOrigin(async (wire, self) => {
      // The end of the last connection was sent before this one began; it is seen a turn later.
      for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
      most = Math.max(most, self.open);
      await answering(response("200 OK", "ok"))(wire, self);
    });
    t.after(() => origin.close());
    const sluice = await startTwo(t, origin.port, { max: 1 });
    const answers = [];
    for (let round = 0; round < 4; round++) {
      answers.push(...(await Promise.all(Array.from({ length: 40 }, () => ask(`${sluice.url}/`)))));
    }
    assert.deepEqual(countStatuses(answers), { 200: 160 });
    assert.equal(new Set(answers.map(({ headers }) => headers["x-worker"])).size, 2);
    assert.equal(most, 1);
    await sluice.stop();
  });

  test("a request that waits in one worker gets the connection that becomes free in the other", async (t) => {
    const { port, held } = await startHolding(t);
    const sluice = await startTwo(t, port, { max: 1 });
    const admin = await adminOf(sluice);
    const pair = await oneInEachWorker(portOf(sluice));
    for (const [holder, waiter] of [pair, pair.toReversed()] as (typeof pair)[]) {
      holder.wire.send(get("/hold"));
      await until(() => held.length === 1);
      waiter.wire.send(get("/"));
      await until(async () => (await metric(admin, WAITING)) === 1);
      held.pop()?.end("held");
      assert.equal(String((await holder.wire.readResponse()).body), "held");
      assert.equal(statusOf(await waiter.wire.readResponse()), 200);
    }
    assert.equal(await metric(admin, WAITING), 0);
    for (const { wire } of pair) wire.end();
    await sluice.stop();
  });

  test("no more requests than may wait do, in both workers together: 503 queue_full", async (t) => {
    const { port, held } = await startHolding(t);
    const sluice = await startTwo(t, port, { max: 1, maxPending: 3 });
    const admin = await adminOf(sluice);
    const first = ask(`${sluice.url}/hold`);
    await until(() => held.length === 1);
    const others = Array.from({ length: 30 }, () => ask(`${sluice.url}/`));
    await until(
      async () => (await metric(admin, "sluice_failures_total", 'code="queue_full"')) === 27,
    );
    assert.equal(await metric(admin, WAITING), 3);
    held.pop()?.end();
    const answers = await Promise.all(others);
    assert.deepEqual(countStatuses(answers), { 200: 3, 503: 27 });
    for (const answer of answers) {
      if (answer.status === 503) assert.equal(codeOf(answer), "queue_full");
    }
    assert.equal((await first).status, 200);
    await sluice.stop();
  });

  test("who waits too long is told: 503 queue_timeout", async (t) => {
    const { port, held } = await startHolding(t);
    const sluice = await startTwo(t, port, { max: 1, queueTimeout: "100ms" });
    const first = ask(`${sluice.url}/hold`);
    await until(() => held.length === 1);
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(`${sluice.url}/`)));
    assert.deepEqual(countStatuses(answers), { 503: 10 });
    assert.deepEqual([...new Set(answers.map(codeOf))], ["queue_timeout"]);
    held.pop()?.end();
    assert.equal((await first).status, 200);
    assert.equal((await ask(`${sluice.url}/`)).status, 200);
    await sluice.stop();
  });
});

test("connections of clients beyond the process's limit are told so, and served when others have left", async (t) => {
  const backend = await startBackend(t, (_incoming, outgoing) => outgoing.end("ok"));
  const sluice = await startTwo(t, backend, {}, { limits: { connections: 4 } });
  const admin = await adminOf(sluice);
  const port = portOf(sluice);
  const open = async (): Promise<number> => metric(admin, "sluice_connections");
  const served = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const wire = await connectTo(port);
      wire.send(get("/"));
      assert.equal(statusOf(await wire.readResponse()), 200);
      return wire;
    }),
  );
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      const wire = await connectTo(port);
      const answer = await wire.readResponse();
      assert.equal(statusOf(answer), 503);
      assert.match(valueOf(answer, "proxy-status") ?? "", /details="connection_limit"/);
      assert.equal(valueOf(answer, "connection"), "close");
      assert.equal(await wire.ended, "fin");
      wire.end();
    }),
  );
  assert.equal(await open(), 4);
  assert.equal(await metric(admin, "sluice_connections_refused_total"), 20);
  // Said, and not twenty times.
  await sluice.said(/"code":"connection_limit"/);
  const lines = sluice.stderr().split("\n");
  assert.ok(lines.filter((line) => line.includes('"code":"connection_limit"')).length <= 2);

  for (const wire of served.splice(0, 2)) wire.end();
  await until(async () => (await open()) === 2);
  for (let round = 0; round < 2; round++) assert.equal((await ask(`${sluice.url}/`)).status, 200);
  for (const wire of served) {
    wire.send(get("/"));
    assert.equal(statusOf(await wire.readResponse()), 200);
    wire.end();
  }
  await until(async () => (await open()) === 0);
  await sluice.stop();
});
