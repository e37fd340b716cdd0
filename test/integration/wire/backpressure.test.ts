/** Who does not read makes the other side wait: the proxy keeps a bounded number of bytes, and loses none. */

import assert from "node:assert/strict";
import { createHash, type Hash } from "node:crypto";
import type { Socket } from "node:net";
import { get, request } from "../../harness/client.ts";
import { response } from "../../harness/origin.ts";
import { scene, until } from "../../harness/scene.ts";
import { statusOf, type Wire } from "../../harness/wire.ts";

const MEGABYTE = 1_000_000;
const SIXTY_FOUR = 64 * MEGABYTE;
const TWO_HUNDRED = 200 * MEGABYTE;
/** What may lie between the two ends: the buffers of the kernel for four sockets, and the proxy's. */
const UNDER_WAY = 24 * MEGABYTE;
/** What the proxy may keep of it, and the test's own garbage. */
const KEPT = 16 * MEGABYTE;

function outsideTheHeap(): number {
  const { arrayBuffers, external } = process.memoryUsage();
  return Math.max(arrayBuffers, external);
}

scene(
  "an answer of 64 MB to a client that does not read pauses its backend",
  {},
  async ({ exchange }) => {
    const { client, backend } = await exchange(get("/"));
    await backend.readHead();
    client.pause();
    const before = outsideTheHeap();
    backend.send(`HTTP/1.1 200 OK\r\nContent-Length: ${SIXTY_FOUR}\r\n\r\n`);
    void backend.pour(SIXTY_FOUR);
    await backend.stalled();
    assert.ok(backend.poured < UNDER_WAY, `${backend.poured} bytes were taken`);
    const grown = outsideTheHeap() - before;
    assert.ok(grown < KEPT, `${grown} bytes are kept`);
  },
);

scene(
  "an upload of 64 MB to a backend that does not read pauses its client",
  {},
  async ({ exchange }) => {
    const { client, backend } = await exchange(
      request("POST / HTTP/1.1", [`Content-Length: ${SIXTY_FOUR}`]),
    );
    await backend.readHead();
    backend.pause();
    const before = outsideTheHeap();
    void client.pour(SIXTY_FOUR);
    await client.stalled();
    assert.ok(client.poured < UNDER_WAY, `${client.poured} bytes were taken`);
    const grown = outsideTheHeap() - before;
    assert.ok(grown < KEPT, `${grown} bytes are kept`);
    // That a client is gone is seen when it is read from again.
    backend.resume();
  },
);

for (const first of [60_000, 70_000, 100_000, 140_000]) {
  scene(
    `an upload of which ${first} bytes came before the connection goes on`,
    { pool: { maxConnections: 1 } },
    async (stage) => {
      const { client: other, backend } = await stage.exchange(get("/"));
      await backend.readHead();
      const client = await stage.client();
      client.send(request("POST / HTTP/1.1", ["Content-Length: 300000"], "x".repeat(first)));
      await until(() => stage.proxy.endpoints.pending(0) > 0);
      await client.flushed();
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
      backend.send(response("200 OK"));
      await other.readResponse();
      await backend.readThrough("\r\n\r\n");
      client.send("x".repeat(300_000 - first));
      assert.equal((await backend.read(300_000)).length, 300_000);
      backend.send(response("200 OK"));
      assert.equal(statusOf(await client.readResponse()), 200);
    },
  );
}

scene("a client that does not read makes nobody else wait", {}, async (stage) => {
  const slow = await stage.exchange(get("/slow"));
  await slow.backend.readHead();
  slow.client.pause();
  slow.backend.send(`HTTP/1.1 200 OK\r\nContent-Length: ${SIXTY_FOUR}\r\n\r\n`);
  void slow.backend.pour(SIXTY_FOUR);
  await slow.backend.stalled();
  const quick = await stage.exchange(get("/quick"));
  await quick.backend.readHead();
  quick.backend.send(`HTTP/1.1 200 OK\r\nContent-Length: ${MEGABYTE}\r\n\r\n`);
  await Promise.all([quick.backend.pour(MEGABYTE), quick.client.readResponse()]);
});

/** Bytes that do not repeat in any way that a lost or doubled slice would survive. */
const pattern = Buffer.alloc(MEGABYTE);
for (let i = 0, state = 1; i < MEGABYTE; i++) {
  state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
  pattern[i] = state >>> 24;
}

/** Sends the pattern, marked with its number each time, and returns its hash. The last piece waits for `last`. */
async function sendPattern(wire: Wire, last?: Promise<unknown>): Promise<string> {
  const hash = createHash("sha1");
  const pieces = TWO_HUNDRED / MEGABYTE;
  for (let i = 0; i < pieces && !wire.socket.destroyed; i++) {
    if (i === pieces - 1) await last;
    const piece = Buffer.from(pattern);
    piece.writeUInt32BE(i);
    hash.update(piece);
    await new Promise((resolve) => wire.socket.write(piece, resolve));
  }
  return hash.digest("hex");
}

/** Takes over what arrives on a connection whose head has been read. */
function hashBody(wire: Wire): Promise<string> {
  const hash: Hash = createHash("sha1");
  let left = TWO_HUNDRED;
  const { socket }: { socket: Socket } = wire;
  const early = Buffer.from(wire.pending(), "latin1");
  socket.removeAllListeners("data");
  return new Promise((resolve, reject) => {
    const take = (bytes: Buffer): void => {
      hash.update(bytes);
      left -= bytes.length;
      if (left === 0) resolve(hash.digest("hex"));
    };
    take(early);
    socket.on("data", take);
    socket.once("close", () => reject(new Error(`${left} bytes are missing`)));
  });
}

scene(
  "200 MB arrive whole, up and down at the same time",
  {},
  async ({ exchange, proxy }, context) => {
    const { client, backend } = await exchange(
      request("POST / HTTP/1.1", [`Content-Length: ${TWO_HUNDRED}`]),
    );
    await backend.readHead();
    backend.send(`HTTP/1.1 200 OK\r\nContent-Length: ${TWO_HUNDRED}\r\n\r\n`);
    assert.equal(statusOf(await client.readHead()), 200);
    const before = outsideTheHeap();
    let most = before;
    const watch = setInterval(() => (most = Math.max(most, outsideTheHeap())), 20);
    context.after(() => clearInterval(watch));
    const up = hashBody(backend);
    const down = hashBody(client);
    // An answer that ended before its request would cut the upload.
    const sent = Promise.all([sendPattern(client), sendPattern(backend, up)]);
    const [[sentUp, sentDown], arrivedUp, arrivedDown] = await Promise.all([sent, up, down]);
    assert.equal(arrivedUp, sentUp);
    assert.equal(arrivedDown, sentDown);
    const record = await proxy.nextRecord();
    assert.equal(record.requestBytes, TWO_HUNDRED);
    assert.equal(record.responseBytes, TWO_HUNDRED);
    // Garbage of the test itself included: far below what went through.
    assert.ok(most - before < 150 * MEGABYTE, `${most - before} bytes`);
  },
);
