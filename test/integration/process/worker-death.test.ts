import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { test } from "node:test";

import { startBackend } from "../../harness/app.ts";
import { get } from "../../harness/client.ts";
import { startSluice } from "../../harness/sluice.ts";
import { statusOf } from "../../harness/wire.ts";
import {
  adminOf,
  ask,
  canCountDescriptors,
  countStatuses,
  descriptorsOf,
  metric,
  oneInEachWorker,
  until,
  workerConfig,
} from "./facts.ts";

/** How often a worker is ended. */
const ROUNDS = 2;
/** The channel to the helper that copies descriptors, which is let go a second later. */
const HELPER = 1;

test("requests under way in a worker do not notice that another one ends, and nothing of that one remains", async (t) => {
  const held: ServerResponse[] = [];
  const backend = await startBackend(t, (incoming, outgoing) => {
    // No connection stays unused: what is open at the end of a round is a leak.
    outgoing.setHeader("connection", "close");
    if (incoming.url !== "/hold") return void outgoing.end("ok");
    // A part of the answer is on its way already.
    outgoing.writeHead(200, { "content-length": 8 });
    outgoing.write("half");
    held.push(outgoing);
  });
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
          workers: 2,
          upstreams: { app: `http://127.0.0.1:${backend}` },
        },
        {},
        filter,
      ),
    },
  });
  const admin = await adminOf(sluice);
  const port = Number(new URL(sluice.url).port);
  const running = (): Promise<number> => metric(admin, "sluice_workers", 'state="running"');
  let base: number | null = null;

  for (let round = 1; round <= ROUNDS; round++) {
    const [victim, survivor] = await oneInEachWorker(port);
    survivor.wire.send(get("/hold"));
    await until(() => held.length === 1);
    victim.wire.send(get("/fatal"));
    await until(async () => (await metric(admin, "sluice_worker_restarts_total")) === round);
    for (const response of held.splice(0)) response.end("half");

    const answer = await survivor.wire.readResponse();
    assert.equal(statusOf(answer), 200);
    assert.equal(String(answer.body), "halfhalf");
    assert.notEqual(await victim.wire.ended, null);
    await until(async () => (await running()) === 2);
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask(sluice.url)));
    assert.deepEqual(countStatuses(answers), { 200: 40 });
    survivor.wire.end();
    victim.wire.end();

    await until(async () => (await metric(admin, "sluice_connections")) === 0);
    await until(async () => (await metric(admin, "sluice_upstream_connections")) === 0);
    assert.equal(await metric(admin, "sluice_requests_in_flight"), 0);
    // Later rounds hold no more than the first, which has loaded and started whatever comes with a new worker.
    if (canCountDescriptors) {
      base ??= descriptorsOf(sluice.pid);
      await until(() => descriptorsOf(sluice.pid) <= (base ?? 0) + HELPER);
    }
  }
  assert.equal(await metric(admin, "sluice_bugs_total"), 0);
  await sluice.stop();
});
