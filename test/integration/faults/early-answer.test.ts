/** Answers that begin or end before their request has. */

import assert from "node:assert/strict";
import { request } from "../../harness/client.ts";
import { closedPort, response } from "../../harness/origin.ts";
import { scene, until } from "../../harness/scene.ts";
import { statusOf, valueOf } from "../../harness/wire.ts";

const LARGE = 24_000_000;
const UPLOAD = request("POST / HTTP/1.1", [`Content-Length: ${LARGE}`]);
const PIECE = Buffer.alloc(1_000_000, "u");

scene("an answer that begins before its request has ended runs beside it", {}, async (stage) => {
  const { client, backend } = await stage.exchange(
    request("POST / HTTP/1.1", ["Transfer-Encoding: chunked"]),
  );
  await backend.readHead();
  backend.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  await client.readHead();
  for (const word of ["one", "two", "three"]) {
    client.send(`${word.length}\r\n${word}\r\n`);
    assert.equal((await backend.readChunk()).toString(), word);
    backend.send(`${word.length}\r\n${word}\r\n`);
    assert.equal((await client.readChunk()).toString(), word);
  }
  client.send("0\r\n\r\n");
  assert.equal((await backend.readChunk()).length, 0);
  backend.send("0\r\n\r\n");
  assert.equal((await client.readChunk()).length, 0);
  const record = await stage.proxy.nextRecord();
  assert.equal(record.failure, null);
  assert.equal(stage.proxy.endpoints.idle(0), 1, "both are complete: the connection is kept");
});

scene(
  "an answer that ends first is delivered, and its connection not used again",
  {},
  async (stage) => {
    const { client, backend } = await stage.exchange(UPLOAD + "begin");
    await backend.readThrough("begin");
    backend.send(response("200 OK", "enough"));
    const answer = await client.readResponse();
    assert.equal(answer.body.toString(), "enough");
    assert.equal(await client.ended, "fin", "our side is shut");
    // The rest is read and discarded, so that no reset destroys the answer.
    for (let i = 0; i < 10; i++) {
      client.send(PIECE);
      await client.flushed();
    }
    assert.equal(client.ending, "fin");
    client.end();
    await client.closed;
    assert.notEqual(await backend.ended, null);
    assert.equal(stage.proxy.endpoints.connections(0), 0);
    assert.equal((await stage.proxy.nextRecord()).failure, null);
  },
);

scene("a backend that answers and takes no more of the request is let go", {}, async (stage) => {
  const { client, backend } = await stage.exchange(UPLOAD);
  await backend.readHead();
  backend.pause();
  void client.pour(LARGE);
  await client.stalled();
  backend.send(response("200 OK", "enough"));
  assert.equal((await client.readResponse()).body.toString(), "enough");
  await stage.proxy.nextRecord();
  backend.resume();
  const { bytes, ending } = await backend.readToEnd();
  assert.equal(ending, "reset", "it is cut, not served from a queue that nobody wants");
  assert.ok(bytes.length < LARGE);
});

for (const leave of ["end", "reset"] as const) {
  scene(
    `an answer before the request's end survives a backend that ${leave}s at once`,
    {},
    async (stage) => {
      for (let i = 0; i < 20; i++) {
        const { client, backend } = await stage.exchange(UPLOAD);
        await backend.readHead();
        client.send(PIECE);
        backend.pause();
        backend.send(response("413 Content Too Large", "too much", "Connection: close"));
        await backend.flushed();
        if (leave === "end") backend.end();
        else {
          for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
          backend.reset();
        }
        const answer = await client.readResponse();
        assert.equal(statusOf(answer), 413);
        assert.equal(answer.body.toString(), "too much");
        const record = await stage.proxy.nextRecord();
        assert.equal(record.status, 413);
        assert.equal(record.failure, null);
        client.socket.destroy();
      }
    },
  );
}

scene(
  "a backend that closes in the middle of an upload without an answer gives 502",
  {},
  async (stage) => {
    for (let i = 0; i < 20; i++) {
      const { client, backend } = await stage.exchange(UPLOAD);
      await backend.readHead();
      client.send(PIECE);
      backend.socket.destroy();
      assert.equal(statusOf(await client.readResponse()), 502);
      const { failure } = await stage.proxy.nextRecord();
      assert.ok(failure === "upstream_closed" || failure === "upstream_reset", String(failure));
      client.socket.destroy();
    }
  },
);

scene(
  "a backend that takes the request slowly but steadily is waited for",
  { upstreamTimeouts: { firstByte: 800 } },
  async (stage) => {
    const { client, backend } = await stage.exchange(UPLOAD);
    void client.pour(LARGE);
    await backend.readHead();
    // In all it takes longer than may pass without a byte.
    for (let i = 0; i < 12; i++) {
      backend.pause();
      await new Promise((resolve) => setTimeout(resolve, 80));
      const enough = Math.min(LARGE, backend.received + 1_000_000);
      backend.resume();
      await until(() => backend.received >= enough);
    }
    await backend.read(LARGE);
    backend.send(response("200 OK", "all of it"));
    assert.equal((await client.readResponse()).body.toString(), "all of it");
  },
);

for (const expects of ["end", "reset"] as const) {
  scene(
    `a response body goes on after the client's upload was complete (${expects})`,
    {},
    async (stage) => {
      const { client, backend } = await stage.exchange(
        request("POST / HTTP/1.1", ["Content-Length: 3"]),
      );
      await backend.readHead();
      backend.send("HTTP/1.1 200 OK\r\n\r\nfirst,");
      await client.readThrough("first,");
      client.send("abc");
      assert.equal((await backend.read(3)).toString(), "abc");
      backend.send("second");
      await client.readThrough("second");
      backend[expects]();
      if (expects === "end") assert.match(await client.readThrough("0\r\n\r\n"), /0\r\n\r\n$/);
      else assert.equal(await client.ended, "reset");
    },
  );
}

scene(
  "an upload to a backend at which nobody listens gets its 502 whole, however much is still coming",
  async () => ({ backends: [await closedPort()] }),
  async (stage) => {
    const client = await stage.client();
    client.send(UPLOAD);
    void client.pour(LARGE);
    const answer = await client.readResponse();
    assert.equal(statusOf(answer), 502);
    assert.equal(valueOf(answer, "connection"), "close");
    assert.equal(await client.ended, "fin");
    assert.equal((await stage.proxy.nextRecord()).attempts, 2);
  },
);

scene("an answer does not wait for an upload that the client has stopped", {}, async (stage) => {
  const { client, backend } = await stage.exchange(UPLOAD + "begin");
  await backend.readThrough("begin");
  backend.send(response("409 Conflict", "no"));
  assert.equal(statusOf(await client.readResponse()), 409);
  assert.equal(await client.ended, "fin");
  client.end();
  await until(() => stage.proxy.worker.totals().connections === 0);
});
