/** A WebSocket backend that resets its connection has taken whole Node processes with it. */

import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { get } from "../../harness/client.ts";
import { scene } from "../../harness/scene.ts";
import { statusOf, valueOf } from "../../harness/wire.ts";

const key = randomBytes(16).toString("base64");
const accept = createHash("sha1")
  .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
  .digest("base64");
const handshake = get(
  "/socket",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  `Sec-WebSocket-Key: ${key}`,
);
const agreed = `HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;

// http-proxy-middleware 327, 476, 777, 1062; webpack-dev-server 1642; vite 2974, 12664, 7119; node-http-proxy 1439
scene("a WebSocket backend that resets ends its client and nothing else", {}, async (stage) => {
  const { client, backend } = await stage.exchange(handshake);
  await backend.readHead();
  backend.send(agreed);
  assert.equal(statusOf(await client.readHead()), 101);
  client.send("ping");
  assert.equal((await backend.read(4)).toString(), "ping");
  backend.reset();
  assert.equal(await client.ended, "reset");
  const record = await stage.proxy.nextRecord();
  assert.equal(record.status, 101);
  assert.equal(record.upgrade, "websocket");

  const next = await stage.client();
  next.send(handshake);
  const again = await stage.origin.connection();
  await again.readHead();
  again.send(agreed);
  assert.equal(statusOf(await next.readHead()), 101);
  next.end();
  assert.equal(await again.ended, "fin");
  again.end();
  await next.ended;
});

scene("a backend that resets during the WebSocket handshake gives 502", {}, async (stage) => {
  const { client, backend } = await stage.exchange(handshake);
  await backend.readHead();
  backend.reset();
  const answer = await client.readResponse();
  assert.equal(statusOf(answer), 502);
  assert.match(valueOf(answer, "proxy-status") ?? "", /upstream_reset/);
});

scene("a client that resets its WebSocket resets its backend", {}, async (stage) => {
  const { client, backend } = await stage.exchange(handshake);
  await backend.readHead();
  backend.send(agreed);
  await client.readHead();
  client.reset();
  assert.equal(await backend.ended, "reset");
});

scene(
  "a client that leaves during the WebSocket handshake frees its backend",
  {},
  async (stage) => {
    const { client, backend } = await stage.exchange(handshake);
    await backend.readHead();
    client.reset();
    assert.equal(await backend.ended, "reset");
    assert.equal((await stage.proxy.nextRecord()).status, 499);
  },
);

scene("a hundred WebSockets whose backends reset leave no socket", {}, async (stage) => {
  for (let i = 0; i < 100; i++) {
    const { client, backend } = await stage.exchange(handshake);
    await backend.readHead();
    backend.send(agreed);
    await client.readHead();
    client.send("x".repeat(i));
    backend.reset();
    await client.ended;
    await stage.proxy.nextRecord();
  }
  assert.equal(stage.origin.open, 0);
  assert.equal(stage.proxy.worker.totals().tunnels, 0);
});
