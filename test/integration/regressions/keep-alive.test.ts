/** Keep-alive to backends: on without being asked for, and a stale connection is nobody's error. */

import assert from "node:assert/strict";
import { get, post } from "../../harness/client.ts";
import { response } from "../../harness/origin.ts";
import { scene } from "../../harness/scene.ts";
import { statusOf, valueOf } from "../../harness/wire.ts";

// node-http-proxy 682, 767
scene("requests of different clients go over one kept connection", {}, async (stage) => {
  const first = await stage.exchange(get("/0"));
  await first.backend.readHead();
  first.backend.send(response("200 OK", "a"));
  await first.client.readResponse();
  for (let i = 1; i < 10; i++) {
    const client = await stage.client();
    client.send(get(`/${i}`));
    assert.match(await first.backend.readThrough("\r\n\r\n"), new RegExp(`^GET /${i} `));
    first.backend.send(response("200 OK", "a"));
    assert.equal(statusOf(await client.readResponse()), 200);
  }
  assert.equal(stage.origin.accepted, 1);
});

// node-http-proxy 859, 1000; nodejs/node 47130
for (const leave of ["end", "reset"] as const) {
  scene(`a stale connection on which the backend ${leave}s is retried`, {}, async (stage) => {
    const first = await stage.exchange(get("/first"));
    await first.backend.readHead();
    first.backend.send(response("200 OK"));
    await first.client.readResponse();
    first.client.send(get("/second"));
    await first.backend.readHead();
    first.backend[leave]();
    const fresh = await stage.origin.connection();
    assert.match(await fresh.readThrough("\r\n\r\n"), /^GET \/second /);
    fresh.send(response("200 OK", "again"));
    const answer = await first.client.readResponse();
    assert.equal(answer.body.toString(), "again");
    await stage.proxy.nextRecord();
    const record = await stage.proxy.nextRecord();
    assert.equal(record.attempts, 2);
    assert.equal(record.failure, null);
  });
}

// next.js 36251, 36586, 62869: "socket hang up" with no hint
scene("a POST on a stale connection says whose keep-alive is too short", {}, async (stage) => {
  const { client, backend } = await stage.exchange(get("/first"));
  await backend.readHead();
  backend.send(response("200 OK"));
  await client.readResponse();
  client.send(post("/second", "once only"));
  await backend.readRequest();
  backend.end();
  const answer = await client.readResponse();
  assert.equal(statusOf(answer), 502);
  assert.match(valueOf(answer, "proxy-status") ?? "", /upstream_closed_reused/);
  assert.match(answer.body.toString(), /its keep-alive is shorter than ours/);
  await stage.proxy.nextRecord();
  assert.match((await stage.proxy.nextRecord()).failureDetail, /after \d+(\.\d)? s idle/);
});

scene(
  "an unused connection is closed before the backend's announced timeout",
  {},
  async (stage) => {
    const { client, backend } = await stage.exchange(get("/"));
    await backend.readHead();
    // One second is what is kept off for the race: nothing is left of it.
    backend.send(response("200 OK", "", "Keep-Alive: timeout=1"));
    await client.readResponse();
    assert.equal(await backend.ended, "fin");
  },
);

scene(
  "an unused connection is closed after its idle time",
  { pool: { idle: 30 } },
  async (stage) => {
    const { client, backend } = await stage.exchange(get("/"));
    await backend.readHead();
    backend.send(response("200 OK"));
    await client.readResponse();
    assert.equal(await backend.ended, "fin");
  },
);

scene("a backend's Connection: close is kept to", {}, async (stage) => {
  const { client, backend } = await stage.exchange(get("/"));
  await backend.readHead();
  backend.send(response("200 OK", "", "Connection: close"));
  const answer = await client.readResponse();
  assert.equal(valueOf(answer, "connection"), undefined, "it is no matter of the client's");
  assert.equal(await backend.ended, "fin");
});
