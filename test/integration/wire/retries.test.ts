/** Which requests are sent again, how often, and where to. */

import assert from "node:assert/strict";
import { get, post, request } from "../../harness/client.ts";
import { answering, closedPort, response } from "../../harness/origin.ts";
import { scene, type Scene, until } from "../../harness/scene.ts";
import { statusOf, type Wire } from "../../harness/wire.ts";

/** A connection to the proxy over which a request has gone, and the proxy's to its backend, kept for the next one. */
async function warm({ exchange, proxy }: Scene): Promise<{ client: Wire; backend: Wire }> {
  const { client, backend } = await exchange(get("/warm"));
  await backend.readHead();
  backend.send(response("200 OK"));
  await client.readResponse();
  await proxy.nextRecord();
  return { client, backend };
}

for (const method of ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "QUERY"]) {
  scene(
    `${method} is sent again when a reused connection closes without an answer`,
    {},
    async (stage) => {
      const { client, backend } = await warm(stage);
      const body = method === "PUT" || method === "QUERY" ? "the body" : "";
      const fields = body === "" ? [] : [`Content-Length: ${body.length}`];
      client.send(request(`${method} / HTTP/1.1`, fields, body));
      await backend.readRequest();
      backend.end();
      const fresh = await stage.origin.connection();
      const again = await fresh.readRequest();
      assert.equal(again.startLine, `${method} / HTTP/1.1`);
      assert.equal(again.body.toString(), body);
      fresh.send(response("200 OK"));
      assert.equal(statusOf(await client.readResponse(method)), 200);
      const record = await stage.proxy.nextRecord();
      assert.equal(record.attempts, 2);
      assert.equal(record.failure, null);
    },
  );
}

for (const method of ["POST", "PATCH", "FROB"]) {
  scene(`${method} is not sent again when a reused connection closes`, {}, async (stage) => {
    const { client, backend } = await warm(stage);
    client.send(request(`${method} / HTTP/1.1`, ["Content-Length: 1", "Idempotency-Key: k"], "b"));
    await backend.readRequest();
    backend.end();
    assert.equal(statusOf(await client.readResponse()), 502);
    assert.equal((await stage.proxy.nextRecord()).attempts, 1);
    assert.equal(stage.origin.accepted, 1);
  });
}

for (const [key, status] of [
  ["Idempotency-Key: k", 200],
  ["X-Other: k", 502],
] as const) {
  scene(
    `POST with ${key} gives ${status} where the key is opted in to`,
    { retries: { idempotencyKey: true } },
    async (stage) => {
      const { client, backend } = await warm(stage);
      client.send(post("/", "the body", key));
      await backend.readRequest();
      backend.end();
      if (status === 200) {
        const fresh = await stage.origin.connection();
        assert.equal((await fresh.readRequest()).body.toString(), "the body");
        fresh.send(response("200 OK"));
      }
      assert.equal(statusOf(await client.readResponse()), status);
    },
  );
}

scene("a request is not sent again after the first byte of its answer", {}, async (stage) => {
  const { client, backend } = await warm(stage);
  client.send(get("/"));
  await backend.readHead();
  backend.send("HTTP/1.1 2");
  await backend.flushed();
  backend.end();
  assert.equal(statusOf(await client.readResponse()), 502);
  const record = await stage.proxy.nextRecord();
  assert.equal(record.failure, "upstream_closed");
  assert.equal(stage.origin.accepted, 1);
});

scene("a request is sent again once, not twice", {}, async (stage) => {
  const { client, backend } = await warm(stage);
  client.send(get("/"));
  await backend.readHead();
  backend.end();
  const fresh = await stage.origin.connection();
  await fresh.readHead();
  fresh.end();
  assert.equal(statusOf(await client.readResponse()), 502);
  const record = await stage.proxy.nextRecord();
  assert.equal(record.attempts, 2);
  assert.equal(record.failure, "upstream_closed");
});

scene(
  "without retries a stale connection is the client's to deal with",
  { retries: { attempts: 0 } },
  async (stage) => {
    const { client, backend } = await warm(stage);
    client.send(get("/"));
    await backend.readHead();
    backend.end();
    assert.equal(statusOf(await client.readResponse()), 502);
    assert.equal((await stage.proxy.nextRecord()).attempts, 1);
  },
);

for (const [size, status] of [
  [65_536, 200],
  [65_537, 502],
] as const) {
  scene(`a body of ${size} bytes on a stale connection gives ${status}`, {}, async (stage) => {
    const { client, backend } = await warm(stage);
    const body = "0123456789abcdef".repeat(5000).slice(0, size);
    client.send(request("PUT / HTTP/1.1", [`Content-Length: ${size}`], body));
    await backend.readRequest();
    backend.end();
    if (status === 200) {
      const fresh = await stage.origin.connection();
      assert.equal((await fresh.readRequest()).body.toString(), body);
      fresh.send(response("200 OK"));
    }
    assert.equal(statusOf(await client.readResponse()), status);
  });
}

scene("a body that is still coming is sent again from its first byte", {}, async (stage) => {
  const { client, backend } = await warm(stage);
  client.send(request("PUT / HTTP/1.1", ["Transfer-Encoding: chunked"], "5\r\nfirst\r\n"));
  await backend.readThrough("first\r\n");
  backend.end();
  const fresh = await stage.origin.connection();
  await fresh.readThrough("first\r\n");
  client.send("6\r\nsecond\r\n0\r\nX-Sum: 1\r\n\r\n");
  await fresh.readThrough("6\r\nsecond\r\n0\r\nX-Sum: 1\r\n\r\n");
  fresh.send(response("200 OK"));
  assert.equal(statusOf(await client.readResponse()), 200);
});

scene(
  "a POST goes to the next endpoint when the first refuses the connection",
  async (origin) => ({ backends: [await closedPort(), origin.port] }),
  async ({ client, origin, proxy }) => {
    let retried = 0;
    let backend: Wire | null = null;
    for (let i = 0; i < 6; i++) {
      const wire = await client();
      wire.send(post("/", `body ${i}`));
      backend ??= await origin.connection();
      assert.equal((await backend.readRequest()).body.toString(), `body ${i}`);
      backend.send(response("200 OK"));
      assert.equal(statusOf(await wire.readResponse()), 200);
      const record = await proxy.nextRecord();
      assert.equal(record.endpoint, `http://127.0.0.1:${origin.port}`);
      retried += record.attempts - 1;
    }
    assert.ok(retried > 0);
  },
);

scene(
  "an endpoint that refuses again and again is left out for a while",
  async (origin) => ({
    backends: [await closedPort(), origin.port],
    ejection: { consecutiveFailures: 2, pause: 60_000, maxPause: 60_000 },
  }),
  async ({ client, origin, proxy }) => {
    const wire = await client();
    let served: Wire | null = null;
    let attempts = 0;
    for (let i = 0; i < 10; i++) {
      wire.send(get("/"));
      served ??= await origin.connection();
      await served.readHead();
      served.send(response("200 OK"));
      assert.equal(statusOf(await wire.readResponse()), 200);
      attempts += (await proxy.nextRecord()).attempts;
    }
    assert.equal(attempts, 12);
  },
);

// ── answers after which a request is sent again: opt-in ──

const unavailable = response("503 Service Unavailable", "busy");

scene(
  "a 503 is delivered where retries of it were not opted in to",
  { script: answering(unavailable) },
  async (stage) => {
    const client = await stage.client();
    client.send(get("/"));
    assert.equal((await client.readResponse()).body.toString(), "busy");
    assert.equal((await stage.proxy.nextRecord()).attempts, 1);
  },
);

for (const [name, text, again] of [
  ["GET", get("/"), true],
  ["PUT", request("PUT / HTTP/1.1", ["Content-Length: 1"], "b"), true],
  ["POST", post("/", "b"), false],
] as const) {
  scene(
    `${name} after a 503 that is opted in to is ${again ? "sent again" : "not sent again"}`,
    { retries: { statuses: [503] } },
    async (stage) => {
      const { client, backend: first } = await stage.exchange(text);
      await first.readRequest();
      first.send(unavailable);
      if (again) {
        const fresh = await stage.origin.connection();
        await fresh.readRequest();
        fresh.send(response("200 OK", "well"));
      }
      assert.equal((await client.readResponse()).body.toString(), again ? "well" : "busy");
      assert.equal((await stage.proxy.nextRecord()).attempts, again ? 2 : 1);
    },
  );
}

scene(
  "the last answer is delivered when all of them are 503",
  { retries: { statuses: [503] }, script: answering(unavailable) },
  async (stage) => {
    const client = await stage.client();
    client.send(get("/"));
    assert.equal((await client.readResponse()).body.toString(), "busy");
    const record = await stage.proxy.nextRecord();
    assert.equal(record.attempts, 2);
    assert.equal(record.status, 503);
  },
);

scene(
  "a Retry-After beyond what is waited for is the client's to keep to",
  {
    retries: { statuses: [429] },
    script: answering(response("429 Too Many Requests", "", "Retry-After: 3600")),
  },
  async (stage) => {
    const client = await stage.client();
    client.send(get("/"));
    const answer = await client.readResponse();
    assert.equal(statusOf(answer), 429);
    assert.equal((await stage.proxy.nextRecord()).attempts, 1);
  },
);

scene("a Retry-After within it is waited for", { retries: { statuses: [503] } }, async (stage) => {
  const { client, backend: first } = await stage.exchange(get("/"));
  await first.readRequest();
  first.send(response("503 Service Unavailable", "", "Retry-After: 1"));
  const fresh = await stage.origin.connection();
  await fresh.readRequest();
  fresh.send(response("200 OK"));
  assert.equal(statusOf(await client.readResponse()), 200);
  const record = await stage.proxy.nextRecord();
  assert.ok(record.totalMs >= 990, `${record.totalMs} ms`);
});

scene(
  "retries are a share of the requests under way",
  { retries: { budgetMinimum: 1, budgetRatio: 0, statuses: [503] } },
  async (stage) => {
    const first = await stage.exchange(get("/1"));
    await first.backend.readHead();
    const second = await stage.exchange(get("/2"));
    await second.backend.readHead();
    first.backend.send(unavailable);
    const again = await stage.origin.connection();
    await again.readHead();
    // The one place is taken until the first request has ended.
    second.backend.send(unavailable);
    assert.equal((await second.client.readResponse()).body.toString(), "busy");
    again.send(response("200 OK", "well"));
    assert.equal((await first.client.readResponse()).body.toString(), "well");
    // It is free again. (Last used, first taken.)
    first.client.send(get("/3"));
    await again.readHead();
    again.send(unavailable);
    await second.backend.readHead();
    second.backend.send(response("200 OK", "well"));
    assert.equal((await first.client.readResponse()).body.toString(), "well");
  },
);

// ── the pool's limit and its queue ──

scene(
  "a request waits for the one connection that there may be",
  { pool: { maxConnections: 1 } },
  async (stage) => {
    const first = await stage.exchange(get("/1"));
    await first.backend.readHead();
    const second = await stage.client();
    second.send(get("/2"));
    await until(() => stage.proxy.endpoints.pending(0) > 0);
    first.backend.send(response("200 OK", "one"));
    assert.equal((await first.client.readResponse()).body.toString(), "one");
    assert.match(await first.backend.readThrough("\r\n\r\n"), /^GET \/2 /);
    first.backend.send(response("200 OK", "two"));
    assert.equal((await second.readResponse()).body.toString(), "two");
    assert.equal(stage.origin.accepted, 1);
  },
);

for (const [name, pool, code] of [
  ["whose time in the queue is over", { maxConnections: 1, queueTimeout: 40 }, "queue_timeout"],
  ["that finds the queue full", { maxConnections: 1, maxPending: 1 }, "queue_full"],
] as const) {
  scene(`a request ${name} gives 503 ${code}`, { pool }, async (stage) => {
    const first = await stage.exchange(get("/1"));
    await first.backend.readHead();
    const second = await stage.client();
    second.send(get("/2"));
    let refused = second;
    if (code === "queue_full") {
      await until(() => stage.proxy.endpoints.pending(0) > 0);
      refused = await stage.client();
      refused.send(get("/3"));
    }
    assert.equal(statusOf(await refused.readResponse()), 503);
    const record = await stage.proxy.nextRecord();
    assert.equal(record.failure, code);
    first.backend.send(response("200 OK"));
    await first.client.readResponse();
  });
}

scene(
  "a client that leaves the queue gives its place up",
  { pool: { maxConnections: 1 } },
  async (stage) => {
    const first = await stage.exchange(get("/1"));
    await first.backend.readHead();
    const second = await stage.client();
    second.send(get("/2"));
    await until(() => stage.proxy.endpoints.pending(0) > 0);
    second.reset();
    assert.equal((await stage.proxy.nextRecord()).failure, "client_gone");
    assert.equal(stage.proxy.endpoints.pending(0), 0);
    first.backend.send(response("200 OK"));
    await first.client.readResponse();
  },
);

scene(
  "a queued request is served when the connection that it waits for breaks",
  { pool: { maxConnections: 1 } },
  async (stage) => {
    const first = await stage.exchange(get("/1"));
    await first.backend.readHead();
    const second = await stage.client();
    second.send(get("/2"));
    await until(() => stage.proxy.endpoints.pending(0) > 0);
    first.backend.reset();
    assert.equal(statusOf(await first.client.readResponse()), 502);
    const fresh = await stage.origin.connection();
    assert.match(await fresh.readThrough("\r\n\r\n"), /^GET \/2 /);
    fresh.send(response("200 OK", "two"));
    assert.equal((await second.readResponse()).body.toString(), "two");
  },
);
