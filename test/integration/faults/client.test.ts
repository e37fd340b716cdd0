/** Whatever a client does wrong has a defined answer, a code, and leaves nothing behind. */

import assert from "node:assert/strict";
import { FAILURES, type FailureCode } from "#core/errors.ts";
import { get, request } from "../../harness/client.ts";
import { answering, response } from "../../harness/origin.ts";
import { playScene, scene, type Scene, until } from "../../harness/scene.ts";
import { statusOf, valueOf, type Wire } from "../../harness/wire.ts";
import { test } from "node:test";

const UPLOAD = request("POST / HTTP/1.1", ["Content-Length: 1000"], "begin");
const CHUNKED_UPLOAD = request("POST / HTTP/1.1", ["Transfer-Encoding: chunked"], "5\r\nbegin\r\n");

/** Fails unless the page, its fields and the record agree. */
async function expectRefusal({ proxy }: Scene, client: Wire, code: FailureCode): Promise<void> {
  const { status, proxyStatus, sentence } = FAILURES[code];
  const answer = await client.readResponse();
  assert.equal(statusOf(answer), status);
  assert.equal(valueOf(answer, "connection"), "close");
  assert.equal(
    valueOf(answer, "proxy-status"),
    `sluice-test; error=${proxyStatus}; details="${code}"`,
  );
  assert.equal(answer.body.toString().split("\n")[1], `${code}: ${sentence}`);
  assert.equal(await client.ended, "fin");
  const record = await proxy.nextRecord();
  assert.equal(record.failure, code);
  assert.equal(record.status, status);
}

for (const leave of ["end", "reset"] as const) {
  const what = leave === "end" ? "a FIN" : "a RST";

  scene(`${what} before a request is no exchange`, {}, async ({ client, proxy }) => {
    const wire = await client();
    await until(() => proxy.worker.totals().connections > 0);
    wire[leave]();
    await until(() => proxy.worker.totals().connections === 0);
    assert.deepEqual(proxy.records, []);
  });

  scene(`${what} in the head reaches no backend`, {}, async ({ client, proxy, origin }) => {
    const wire = await client();
    wire.send("GET / HTTP/1.1\r\nHost: app.test\r\n");
    await until(() => proxy.worker.totals().connections > 0);
    wire[leave]();
    await until(() => proxy.worker.totals().connections === 0);
    assert.equal(origin.accepted, 0);
    assert.deepEqual(proxy.logs, []);
  });

  for (const [framing, upload] of [
    ["with a length", UPLOAD],
    ["in chunks", CHUNKED_UPLOAD],
  ] as const) {
    scene(
      `${what} in a body ${framing} resets the backend, which never sees its end`,
      {},
      async (stage) => {
        const { client, backend } = await stage.exchange(upload);
        await backend.readThrough("begin");
        client[leave]();
        const { bytes, ending } = await backend.readToEnd();
        assert.equal(ending, "reset");
        assert.ok(!bytes.toString().includes("\r\n0\r\n"), "no last chunk");
        const record = await stage.proxy.nextRecord();
        assert.equal(record.failure, "client_gone");
        assert.equal(record.status, 499);
        assert.equal(record.requestBytes, 5);
      },
    );
  }

  scene(`${what} between two chunks of an answer resets the backend`, {}, async (stage) => {
    const { client, backend } = await stage.exchange(get("/"));
    await backend.readHead();
    backend.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegin\r\n");
    await client.readThrough("begin\r\n");
    client[leave]();
    assert.equal(await backend.ended, "reset");
    assert.equal((await stage.proxy.nextRecord()).failure, "client_gone");
  });

  scene(`${what} after an interim answer resets the backend`, {}, async (stage) => {
    const { client, backend } = await stage.exchange(get("/"));
    await backend.readHead();
    backend.send("HTTP/1.1 103 Early Hints\r\n\r\n");
    await client.readHead();
    client[leave]();
    assert.equal(await backend.ended, "reset");
    const record = await stage.proxy.nextRecord();
    assert.equal(record.failure, "client_gone");
    assert.equal(record.status, 499);
  });

  scene(`${what} behind a complete answer takes nothing from it`, {}, async (stage) => {
    const { client, backend } = await stage.exchange(get("/"));
    await backend.readHead();
    backend.send(response("200 OK", "whole"));
    await client.readResponse();
    client[leave]();
    const record = await stage.proxy.nextRecord();
    assert.equal(record.failure, null);
    assert.equal(stage.proxy.endpoints.idle(0), 1);
  });

  scene(
    `${what} during the wait before a retry ends it`,
    {
      retries: { statuses: [503] },
      script: async (wire) => {
        await wire.readRequest();
        wire.send(response("503 Service Unavailable", "", "Retry-After: 2"));
      },
    },
    async ({ client, proxy, origin }) => {
      const wire = await client();
      wire.send(get("/"));
      await until(() => origin.accepted === 1 && origin.open === 0);
      wire[leave]();
      assert.equal((await proxy.nextRecord()).failure, "client_gone");
      assert.equal(origin.accepted, 1);
    },
  );
}

scene(
  "a head that does not come to its end gives 408",
  { timeouts: { head: 50 } },
  async (stage) => {
    const client = await stage.client();
    client.send("GET / HTTP/1.1\r\nHost: app");
    await expectRefusal(stage, client, "request_head_timeout");
    assert.equal(stage.origin.accepted, 0);
  },
);

scene(
  "a head whose bytes keep coming slowly gives 408",
  { timeouts: { head: 100 } },
  async (stage) => {
    const client = await stage.client();
    client.send("GET / HTTP/1.1\r\n");
    const drip = setInterval(() => client.send("A: b\r\n"), 10);
    await expectRefusal(stage, client, "request_head_timeout").finally(() => clearInterval(drip));
  },
);

scene(
  "the second head on a connection has its own time",
  { timeouts: { head: 50 }, script: answering(response("200 OK")) },
  async (stage) => {
    const client = await stage.client();
    client.send(`${get("/")}GET /second`);
    assert.equal(statusOf(await client.readResponse()), 200);
    await stage.proxy.nextRecord();
    await expectRefusal(stage, client, "request_head_timeout");
  },
);

scene(
  "a connection without a byte is closed without an answer",
  { timeouts: { keepAlive: 30 } },
  async ({ client, proxy }) => {
    const { bytes, ending } = await (await client()).readToEnd();
    assert.equal(bytes.length, 0);
    assert.equal(ending, "fin");
    assert.deepEqual(proxy.records, []);
  },
);

scene(
  "a connection without another request is closed without an answer",
  { timeouts: { keepAlive: 200 }, script: answering(response("200 OK")) },
  async ({ client, proxy }) => {
    const wire = await client();
    wire.send(get("/"));
    await wire.readResponse();
    const { bytes, ending } = await wire.readToEnd();
    assert.equal(bytes.length, 0);
    assert.equal(ending, "fin");
    assert.equal(proxy.records.length, 1);
  },
);

for (const [framing, upload] of [
  ["with a length", UPLOAD],
  ["in chunks", CHUNKED_UPLOAD],
] as const) {
  scene(
    `a body ${framing} that stops gives 408 and the backend no end`,
    { timeouts: { bodyIdle: 150 } },
    async (stage) => {
      const { client, backend } = await stage.exchange(upload);
      await expectRefusal(stage, client, "request_body_timeout");
      const { bytes, ending } = await backend.readToEnd();
      assert.equal(ending, "reset");
      assert.ok(!bytes.toString().includes("\r\n0\r\n"), "no last chunk");
    },
  );
}

scene(
  "a body below the least rate gives 408",
  { timeouts: { bodyGrace: 20, bodyRate: 1_000_000 } },
  async (stage) => {
    const { client } = await stage.exchange(UPLOAD);
    await expectRefusal(stage, client, "request_body_timeout");
  },
);

scene(
  "a client is not slow while the backend does not take its body",
  { timeouts: { bodyIdle: 200, bodyGrace: 200 }, upstreamTimeouts: { firstByte: 800 } },
  async (stage) => {
    const { client, backend } = await stage.exchange(
      request("POST / HTTP/1.1", ["Content-Length: 50000000"]),
    );
    backend.pause();
    client.send(Buffer.alloc(50_000_000));
    const answer = await client.readResponse();
    assert.equal(statusOf(answer), 504);
    assert.equal((await stage.proxy.nextRecord()).failure, "request_stalled");
  },
);

scene(
  "a client that takes no byte of its answer is reset",
  { timeouts: { write: 400 }, upstreamTimeouts: { responseIdle: 150 } },
  async (stage) => {
    const { client, backend } = await stage.exchange(get("/"));
    client.pause();
    await backend.readHead();
    backend.send("HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n");
    backend.send(Buffer.alloc(50_000_000));
    const record = await stage.proxy.nextRecord();
    assert.equal(record.failure, "client_stalled");
    assert.equal(record.status, 200);
    assert.equal(await backend.ended, "reset");
    client.resume();
    assert.equal(await client.ended, "reset");
  },
);

scene(
  "a backend is not slow while the client does not take its chunks",
  { upstreamTimeouts: { responseIdle: 150 }, timeouts: { write: 600 } },
  async (stage) => {
    const { client, backend } = await stage.exchange(get("/"));
    client.pause();
    await backend.readHead();
    backend.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    backend.send(`${"1000".padEnd(4)}\r\n${"x".repeat(4096)}\r\n`.repeat(10_000));
    assert.equal((await stage.proxy.nextRecord()).failure, "client_stalled");
  },
);

// ── faults that show after the head: the backend never sees a complete message ──

for (const [name, bytes] of [
  ["a chunk without a size", "\r\n"],
  ["a chunk size with a sign", "+5\r\nagain\r\n0\r\n\r\n"],
  ["a chunk size in 0x", "0x5\r\nagain\r\n0\r\n\r\n"],
  ["a chunk longer than it says", "5\r\nagain!\r\n0\r\n\r\n"],
  ["a bare LF behind a chunk", "5\r\nagain\n0\r\n\r\n"],
  ["a chunk size that overflows", "fffffffffffffffff\r\n"],
  ["a malformed trailer", "0\r\nA b: c\r\n\r\n"],
  ["a folded trailer", "0\r\nA: b\r\n c\r\n\r\n"],
] as const) {
  for (const together of [false, true]) {
    const when = together ? "at once" : "later";
    scene(`${name} ${when} gives 400 and the backend no end`, {}, async (stage) => {
      const client = await stage.client();
      client.send(together ? CHUNKED_UPLOAD + bytes : CHUNKED_UPLOAD);
      let backend: Wire | null = null;
      if (!together) {
        backend = await stage.origin.connection();
        await backend.readThrough("begin\r\n");
        client.send(bytes);
      }
      await expectRefusal(stage, client, "request_body_malformed");
      if (backend !== null) {
        const { bytes: rest, ending } = await backend.readToEnd();
        assert.equal(rest.toString(), "");
        assert.equal(ending, "reset");
      }
    });
  }
}

scene("a fault after the answer has begun resets the client", {}, async (stage) => {
  const { client, backend } = await stage.exchange(CHUNKED_UPLOAD);
  await backend.readThrough("begin\r\n");
  backend.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf ");
  await client.readThrough("half ");
  client.send("zz\r\n");
  assert.equal(await client.ended, "reset");
  assert.equal(await backend.ended, "reset");
  const record = await stage.proxy.nextRecord();
  assert.equal(record.failure, "request_body_malformed");
  assert.equal(record.status, 200);
});

// ── a refused request closes the connection, and what follows it is not a request ──

void test("nothing behind a refused request is answered or forwarded", async (context) => {
  await playScene(
    {},
    async ({ client, origin, proxy }) => {
      const wire = await client();
      wire.send(`GET / HTTP/1.1\r\nA b: c\r\n\r\n${get("/smuggled")}`);
      assert.equal(statusOf(await wire.readResponse()), 400);
      const { bytes, ending } = await wire.readToEnd();
      assert.equal(bytes.length, 0);
      assert.equal(ending, "fin");
      assert.equal(origin.accepted, 0);
      assert.equal(proxy.records.length, 1);
    },
    context,
  );
});

scene("a refusal survives the rest of an upload that nobody reads", {}, async (stage) => {
  const client = await stage.client();
  client.send("POST / HTTP/1.1\r\nHost: app.test\r\nContent-Length: +5\r\n\r\n");
  client.send(Buffer.alloc(5_000_000));
  client.end();
  await expectRefusal(stage, client, "request_framing");
});

scene(
  "the proxy holds as many connections as it may and says so",
  { connections: 1 },
  async (stage) => {
    const first = await stage.exchange(get("/"));
    await first.backend.readHead();
    const second = await stage.client();
    const answer = await second.readResponse();
    assert.equal(statusOf(answer), 503);
    assert.match(valueOf(answer, "proxy-status") ?? "", /connection_limit/);
    assert.equal(await second.ended, "fin");
    second.end();
    first.backend.send(response("200 OK"));
    assert.equal(statusOf(await first.client.readResponse()), 200);
    assert.equal(stage.proxy.logs.length, 1);
  },
);

scene("an upload that is answered with 413 by the backend is answered", {}, async (stage) => {
  const { client, backend } = await stage.exchange(
    request("POST / HTTP/1.1", ["Content-Length: 3000001"], "x".repeat(3_000_000)),
  );
  await backend.readHead();
  backend.send(response("413 Content Too Large", "too much", "Connection: close"));
  assert.equal(statusOf(await client.readResponse()), 413);
  assert.equal(await client.ended, "fin");
});
