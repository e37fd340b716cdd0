/** Many clients and one answer: who asks the backend, who waits, and what becomes of them when it goes wrong. */

import assert from "node:assert/strict";
import { get } from "../../harness/client.ts";
import { response } from "../../harness/origin.ts";
import { type Scene, scene, until } from "../../harness/scene.ts";
import type { Message } from "../../harness/wire.ts";
import { cacheFilter, fieldOf, statusOf } from "../../conformance/cache/stage.ts";

const cached = { route: { filters: [cacheFilter()] } };
const STORED = "Cache-Control: max-age=60";

scene("many who ask at once are one request to the backend", cached, async (stage) => {
  const first = await stage.exchange(get("/"));
  const others = await Promise.all(Array.from({ length: 20 }, () => stage.client()));
  for (const client of others) client.send(get("/"));
  await first.backend.readRequest();
  await until(() => stage.proxy.worker.totals().exchanges === 22);
  first.backend.send(response("200 OK", "one for all", STORED));
  for (const client of [first.client, ...others]) {
    const { body, ...head } = await client.readResponse();
    assert.equal(body.toString(), "one for all");
    assert.match(fieldOf(head, "cache-status") ?? "", /fwd=uri-miss/);
  }
  assert.match(fieldOf(await ask(stage), "cache-status") ?? "", /sluice; hit/);
  assert.equal(stage.origin.accepted, 1);
  assert.equal(first.backend.pending(), "");
});

async function ask(stage: Scene, path = "/"): Promise<Message> {
  const client = await stage.client();
  client.send(get(path));
  return client.readResponse();
}

scene(
  "followers read while the first part of the answer is all there is",
  cached,
  async (stage) => {
    const { client, backend } = await stage.exchange(get("/"));
    await backend.readRequest();
    backend.send(`HTTP/1.1 200 OK\r\n${STORED}\r\nContent-Length: 10\r\n\r\n01234`);
    assert.match(await client.readThrough("01234"), /^HTTP\/1.1 200/);
    const follower = await stage.client();
    follower.send(get("/"));
    const head = await follower.readThrough("01234");
    assert.match(head, /cache-status: sluice; hit/i);
    backend.send("56789");
    assert.equal((await client.read(5)).toString(), "56789");
    assert.equal((await follower.read(5)).toString(), "56789");
  },
);

scene(
  "the client who caused a fill may leave: it is stored all the same",
  cached,
  async (stage) => {
    const { client, backend } = await stage.exchange(get("/"));
    await backend.readRequest();
    backend.send(`HTTP/1.1 200 OK\r\n${STORED}\r\nContent-Length: 10\r\n\r\n01234`);
    await client.readThrough("01234");
    client.reset();
    await stage.proxy.nextRecord();
    backend.send("56789");
    await until(() => stage.proxy.worker.totals().exchanges === 0);
    const { body } = await ask(stage);
    assert.equal(body.toString(), "0123456789");
    assert.equal(stage.origin.accepted, 1);
  },
);

scene(
  "a client that leaves takes a request along that would not be stored",
  cached,
  async (stage) => {
    const { client, backend } = await stage.exchange(get("/"));
    await backend.readRequest();
    backend.send("HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 10\r\n\r\n01234");
    await client.readThrough("01234");
    client.reset();
    assert.equal(await backend.ended, "reset");
  },
);

scene(
  "those who wait for an answer that is not stored are let go all at once",
  cached,
  async (stage) => {
    const first = await stage.exchange(get("/"));
    await first.backend.readRequest();
    const others = await Promise.all(Array.from({ length: 5 }, () => stage.client()));
    for (const client of others) client.send(get("/"));
    await until(() => stage.proxy.worker.totals().exchanges === 7);
    first.backend.send(response("200 OK", "mine", "Cache-Control: no-store"));
    assert.equal((await first.client.readResponse()).body.toString(), "mine");
    // All of them are at the backend before one of them is answered.
    const backends = [];
    for (let i = 0; i < 5; i++) backends.push(await stage.origin.connection());
    for (const backend of backends) await backend.readRequest();
    for (const backend of backends)
      backend.send(response("200 OK", "yours", "Cache-Control: no-store"));
    for (const client of others)
      assert.equal((await client.readResponse()).body.toString(), "yours");
  },
);

scene("those who wait for another variant get their own", cached, async (stage) => {
  const first = await stage.exchange(get("/", "X-Lang: de"));
  await first.backend.readRequest();
  const other = await stage.client();
  other.send(get("/", "X-Lang: en"));
  await until(() => stage.proxy.worker.totals().exchanges === 3);
  first.backend.send(response("200 OK", "deutsch", STORED, "Vary: X-Lang"));
  assert.equal((await first.client.readResponse()).body.toString(), "deutsch");
  const second = await stage.origin.connection();
  const request = await second.readRequest();
  assert.equal(fieldOf(request, "x-lang"), "en");
  second.send(response("200 OK", "english", STORED, "Vary: X-Lang"));
  assert.equal((await other.readResponse()).body.toString(), "english");
});

scene(
  "an answer that breaks off breaks off for all who read it, and is not stored",
  cached,
  async (stage) => {
    const { client, backend } = await stage.exchange(get("/"));
    await backend.readRequest();
    backend.send(`HTTP/1.1 200 OK\r\n${STORED}\r\nContent-Length: 10\r\n\r\n01234`);
    await client.readThrough("01234");
    const follower = await stage.client();
    follower.send(get("/"));
    await follower.readThrough("01234");
    backend.reset();
    assert.equal(await client.ended, "reset");
    assert.equal(await follower.ended, "reset");
    const again = await stage.exchange(get("/"));
    await again.backend.readRequest();
    again.backend.send(response("200 OK", "whole", STORED));
    assert.equal((await again.client.readResponse()).body.toString(), "whole");
  },
);

scene(
  "those who wait for a backend that fails get its failure, or ask for themselves",
  cached,
  async (stage) => {
    const first = await stage.exchange(get("/"));
    await first.backend.readRequest();
    const other = await stage.client();
    other.send(get("/"));
    await until(() => stage.proxy.worker.totals().exchanges === 3);
    first.backend.reset();
    assert.equal(statusOf(await first.client.readResponse()), 502);
    const second = await stage.origin.connection();
    await second.readRequest();
    second.send(response("200 OK", "there"));
    assert.equal((await other.readResponse()).body.toString(), "there");
  },
);

scene(
  "a client that reads slowly does not slow down the fill, nor others",
  { route: { filters: [cacheFilter({ maxObject: "3MiB" })] } },
  async (stage) => {
    const { client, backend } = await stage.exchange(get("/"));
    client.pause();
    await backend.readRequest();
    const size = 900_000;
    backend.send(`HTTP/1.1 200 OK\r\n${STORED}\r\nContent-Length: ${size}\r\n\r\n`);
    await backend.pour(size);
    const { body } = await ask(stage);
    assert.equal(body.length, size);
    client.resume();
    assert.equal((await client.readResponse()).body.length, size);
  },
);

scene(
  "what turns out to be too large is delivered whole, at the pace of who asked",
  { route: { filters: [cacheFilter({ maxObject: "100KiB" })] } },
  async (stage) => {
    const { client, backend } = await stage.exchange(get("/"));
    client.pause();
    await backend.readRequest();
    backend.send(`HTTP/1.1 200 OK\r\n${STORED}\r\nConnection: close\r\n\r\n`);
    const poured = backend.pour(30_000_000).then(() => backend.end());
    await backend.stalled();
    assert.ok(backend.poured < 30_000_000, "the backend is made to wait");
    client.resume();
    const { body } = await client.readResponse();
    await poured;
    assert.equal(body.length, 30_000_000);
    assert.ok(body.every((byte) => byte === 0x70));
  },
);
