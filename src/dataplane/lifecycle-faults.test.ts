import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { play } from "./memory-scene.fixture.ts";

const GET = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

test("a client that pipelines for ever and reads nothing is made to wait, whoever answers", async () => {
  await play({ routes: [] }, (stage) => {
    const client = stage.client();
    client.connection!.pause();
    for (let i = 0; i < 20; i++) client.send(GET.repeat(1000));
    stage.run();
    const proxySide = [...stage.network.connections].find(
      (each) => each.queued > 0 && each !== client.connection,
    );
    assert.ok(proxySide!.queued < 400_000, `${proxySide!.queued} bytes wait for the client`);
    assert.ok(client.connection!.queued > 300_000, "the client's requests wait at the client");
    client.connection!.resume();
    stage.run();
    assert.equal(client.text.split("HTTP/1.1 404 ").length - 1, 20_000);
  });
});

test("a client that pauses in its body is not taken for a slow backend", async () => {
  await play({ upstreamTimeouts: { firstByte: 5000 }, timeouts: { bodyRate: 0 } }, (stage) => {
    const client = stage.client("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nbegin");
    stage.network.advance(20_000);
    assert.equal(client.text, "");
    client.send("ended");
    stage.network.advance(4000);
    assert.match(stage.backends[0]!.text, /beginended$/);
    assert.equal(client.text, "");
    stage.network.advance(2000);
    assert.match(client.text, /^HTTP\/1.1 504 /);
    assert.equal(stage.proxy.records[0]!.failure, "response_timeout");
  });
});

test("a backend that takes nothing of a body is slow, also while the client goes on sending", async () => {
  const options = {
    upstreamTimeouts: { firstByte: 5000 },
    timeouts: { bodyRate: 0 },
    behaviour: { stalled: true, window: 10 },
  };
  await play(options, (stage) => {
    const client = stage.client("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100\r\n\r\n");
    for (let second = 0; second < 20; second++) {
      if (!client.closed) client.send("x");
      stage.network.advance(1000);
    }
    assert.equal(stage.proxy.records[0]?.failure, "request_stalled");
    assert.match(client.text, /^HTTP\/1.1 504 /);
  });
});

const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = createHash("sha1")
  .update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
  .digest("base64");
const UPGRADE = `GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: ${KEY}\r\n\r\n`;
const SWITCHED = `HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`;

test("what both sides send before the switch is known goes through the tunnel, in order", async () => {
  for (let seed = 1; seed <= 10; seed++) {
    await play({ seed }, (stage) => {
      const client = stage.client(`${UPGRADE}early client`);
      const backend = stage.backends[0]!;
      assert.match(backend.text, /\r\n\r\n$/, "nothing is forwarded before the switch");
      backend.send(`${SWITCHED}early backend`);
      stage.run();
      client.send(", late client");
      backend.send(", late backend");
      stage.run();
      assert.match(client.text, /^HTTP\/1.1 101 [^]*\r\n\r\nearly backend, late backend$/);
      assert.match(backend.text, /\r\n\r\nearly client, late client$/);
      client.connection!.end();
      stage.run();
      assert.ok(backend.ended, "a half-close is passed on");
      assert.ok(backend.closed && client.closed);
    });
  }
});

for (const [what, head] of [
  ["with a wrong accept", SWITCHED.replace(ACCEPT, "nonsense")],
  ["without an accept", SWITCHED.replace(/Sec-.*\r\n/, "")],
  ["to another protocol", SWITCHED.replace("websocket", "other")],
]) {
  test(`a switch ${what} is refused, and what came behind it is released`, async () => {
    await play({}, async (stage) => {
      const client = stage.client(`${UPGRADE}early client`);
      stage.backends[0]!.send(`${head}early backend`);
      await stage.turns();
      assert.match(client.text, /^HTTP\/1.1 502 /);
      assert.ok(!client.text.includes("early"));
      assert.ok(stage.backends[0]!.closed);
      assert.equal(stage.proxy.records[0]!.failure, "upgrade_refused");
    });
  });
}

for (const framing of [
  "Content-Length: 10\r\n\r\nbegin",
  "Transfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n",
]) {
  test(`a switch before the request has ended is refused (${framing.slice(0, 8)})`, async () => {
    await play({ route: { upgrades: ["other"] } }, async (stage) => {
      const client = stage.client(
        `POST / HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: other\r\n${framing}`,
      );
      stage.backends[0]!.send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\nearly",
      );
      await stage.turns();
      assert.match(client.text, /^HTTP\/1.1 502 /);
      assert.equal(stage.proxy.records[0]!.failure, "upgrade_refused");
    });
  });
}

test("a switch after a request with a body", async () => {
  await play({ route: { upgrades: ["other"] } }, (stage) => {
    const client = stage.client(
      "POST / HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: other\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n0\r\n\r\nearly",
    );
    const backend = stage.backends[0]!;
    assert.match(backend.text, /\r\n\r\n5\r\nbegin\r\n0\r\n\r\n$|begin/);
    assert.ok(!backend.text.includes("early"));
    backend.send(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n",
    );
    stage.run();
    assert.match(backend.text, /0\r\n\r\nearly$/);
    assert.match(client.text, /^HTTP\/1.1 101 /);
  });
});

test("a tunnel whose client has left ends, though its backend takes nothing and it may be idle for ever", async () => {
  await play({ upstreamTimeouts: { tunnelIdle: 0 } }, (stage) => {
    const client = stage.client(UPGRADE);
    const backend = stage.backends[0]!;
    backend.send(SWITCHED);
    stage.run();
    backend.connection!.pause();
    client.send("x".repeat(100_000));
    backend.connection!.end();
    stage.run();
    client.connection!.close();
    stage.network.advance(200_000);
    assert.equal(stage.proxy.worker.totals().tunnels, 0);
  });
});

test("a backend that fails while a filter still thinks about its answer leaves the connection unused", async () => {
  const pending = Promise.withResolvers<{ kind: "continue" }>();
  const filter = { onResponseHead: () => pending.promise };
  const place = "routes[0].use[0]";
  await play(
    { route: { filters: [{ kind: "inline", name: "waits", place }] }, inline: () => filter },
    async (stage) => {
      const client = stage.client(GET);
      stage.backends[0]!.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345");
      stage.run();
      stage.backends[0]!.connection!.abort();
      await stage.turns();
      assert.match(client.text, /^HTTP\/1.1 502 [^]*Connection: close\r\n/);
      pending.resolve({ kind: "continue" });
      await stage.turns();
      assert.equal(client.text.split("HTTP/1.1").length, 2);
    },
  );
});
