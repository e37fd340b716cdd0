/** Whatever a backend does wrong has a defined answer, a code, and leaves nothing behind. */

import assert from "node:assert/strict";
import { FAILURES, type FailureCode } from "#core/errors.ts";
import { get, post, request } from "../../harness/client.ts";
import { answering, closedPort, response, type Script } from "../../harness/origin.ts";
import { scene } from "../../harness/scene.ts";
import { statusOf, valueOf, type Wire } from "../../harness/wire.ts";

const SHORT = { firstByte: 100, responseIdle: 100 };
const HEAD = "HTTP/1.1 200 OK\r\n";
const LENGTH = `${HEAD}Content-Length: 10\r\n\r\n`;
const CHUNKED = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`;
const CLOSE = `${HEAD}\r\n`;

interface Fault {
  readonly code: FailureCode;
  /** What the backend sends after it has read the request. */
  readonly sends?: string;
  /** What it sends once that has gone through. */
  readonly later?: string;
  /** What it does then; without it, it waits. */
  readonly leaves?: "end" | "reset";
}

const beforeTheAnswer: Readonly<Record<string, Fault>> = {
  "closes before the head": { code: "upstream_closed", leaves: "end" },
  "closes in the head": { code: "upstream_closed", sends: "HTTP/1.1 20", leaves: "end" },
  "closes behind a field": { code: "upstream_closed", sends: `${HEAD}A: b\r\n`, leaves: "end" },
  "closes after an interim answer": {
    code: "upstream_closed",
    sends: "HTTP/1.1 103 Early Hints\r\n\r\n",
    leaves: "end",
  },
  "resets before the head": { code: "upstream_reset", leaves: "reset" },
  "resets in the head": { code: "upstream_reset", sends: "HTTP/1.1 20", leaves: "reset" },
  "hangs before the head": { code: "response_timeout" },
  "hangs in the head": { code: "response_timeout", sends: `${HEAD}A: b\r\n` },
  "hangs after 100": { code: "response_timeout", sends: "HTTP/1.1 100 Continue\r\n\r\n" },
  "speaks something else": { code: "response_malformed", sends: "SSH-2.0-OpenSSH_9.9\r\n" },
  "sends a field with a blank in its name": {
    code: "response_malformed",
    sends: `${HEAD}A b: c\r\n\r\n`,
  },
  "ends its lines with bare LF": {
    code: "response_malformed",
    sends: "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
  },
  "folds a field": { code: "response_malformed", sends: `${HEAD}A: b\r\n c\r\n\r\n` },
  "answers as HTTP/2": { code: "response_malformed", sends: "HTTP/2 200 OK\r\n\r\n" },
  "frames its answer twice": {
    code: "response_framing",
    sends: `${HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
  },
  "repeats Content-Length": {
    code: "response_framing",
    sends: `${HEAD}Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello`,
  },
  "sends an endless head": {
    code: "response_head_too_large",
    sends: `${HEAD}A: ${"x".repeat(40_000)}\r\n\r\n`,
  },
  "sends 101 fields": {
    code: "response_head_too_large",
    sends: `${HEAD}${"A: b\r\n".repeat(101)}\r\n`,
  },
  "uses a coding that is not known": {
    code: "response_coding",
    sends: `${HEAD}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
  },
  "sends nine interim answers": {
    code: "response_interim_flood",
    sends: "HTTP/1.1 102 Processing\r\n\r\n".repeat(9),
  },
  "switches protocols unasked": {
    code: "upgrade_refused",
    sends: "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
  },
};

const inTheAnswer: Readonly<Record<string, Fault>> = {
  "closes short of its length": {
    code: "response_truncated",
    sends: `${LENGTH}begin`,
    leaves: "end",
  },
  "closes behind a head with a length": {
    code: "response_truncated",
    sends: LENGTH,
    leaves: "end",
  },
  "closes without a last chunk": {
    code: "response_truncated",
    sends: `${CHUNKED}5\r\nbegin\r\n`,
    leaves: "end",
  },
  "closes in a chunk": { code: "response_truncated", sends: `${CHUNKED}a\r\nbegin`, leaves: "end" },
  "closes in the trailers": {
    code: "response_truncated",
    sends: `${CHUNKED}5\r\nbegin\r\n0\r\nA: b\r\n`,
    leaves: "end",
  },
  "resets in a body with a length": {
    code: "response_truncated",
    sends: `${LENGTH}begin`,
    leaves: "reset",
  },
  "resets in a chunked body": {
    code: "response_truncated",
    sends: `${CHUNKED}5\r\nbegin\r\n`,
    leaves: "reset",
  },
  "resets in a body that ends with the connection": {
    code: "response_truncated",
    sends: `${CLOSE}begin`,
    leaves: "reset",
  },
  "hangs in a body with a length": { code: "response_idle", sends: `${LENGTH}begin` },
  "hangs in a chunked body": { code: "response_idle", sends: `${CHUNKED}5\r\nbegin\r\n` },
  "hangs in a body that ends with the connection": {
    code: "response_idle",
    sends: `${CLOSE}begin`,
  },
  "sends a chunk without a size": {
    code: "response_body_malformed",
    sends: `${CHUNKED}5\r\nbegin\r\n`,
    later: "\r\n",
  },
  "sends a chunk with a sign": {
    code: "response_body_malformed",
    sends: `${CHUNKED}5\r\nbegin\r\n`,
    later: "+5\r\nagain\r\n0\r\n\r\n",
  },
  "sends a chunk longer than it says": {
    code: "response_body_malformed",
    sends: `${CHUNKED}5\r\nbegin\r\n`,
    later: "5\r\nagain!\r\n0\r\n\r\n",
  },
  "sends a malformed trailer": {
    code: "response_body_malformed",
    sends: `${CHUNKED}5\r\nbegin\r\n`,
    later: "0\r\nA b: c\r\n\r\n",
  },
};

const requests = {
  GET: get("/"),
  POST: post("/", "the body"),
  "chunked POST": request(
    "POST / HTTP/1.1",
    ["Transfer-Encoding: chunked"],
    "8\r\nthe body\r\n0\r\n\r\n",
  ),
};

/** Only what is to time out has little time. */
function timeoutsFor({ code }: Fault): typeof SHORT | object {
  return code === "response_timeout" || code === "response_idle" ? SHORT : {};
}

/** Fails so on its first connection, and answers on the others. */
function failing(fault: Fault): Script {
  return async (wire, origin) => {
    if (origin.accepted > 1) return answering(response("200 OK", "well"))(wire, origin);
    await wire.readRequest();
    if (fault.sends !== undefined) wire.send(fault.sends);
    if (fault.later !== undefined) {
      await untilRead(wire);
      wire.send(fault.later);
    }
    if (fault.leaves !== undefined) await wire.flushed();
    // A reset overtakes what the other side has not read yet, so that is waited for.
    if (fault.leaves === "reset" && fault.sends !== undefined) await untilRead(wire);
    if (fault.leaves !== undefined) wire[fault.leaves]();
    await wire.ended;
    // Interim answers may have gone out before: none of them is to be taken for the final one.
    wire.socket.destroy();
  };
}

/** A few turns of the loop: proxy and backend share it, so that what was sent has been read by then. */
async function untilRead(wire: Wire): Promise<void> {
  await wire.flushed();
  for (let i = 0; i < 10; i++) await new Promise(setImmediate);
}

/** The final response on a connection. */
async function finalAnswer(client: Wire): ReturnType<Wire["readResponse"]> {
  for (;;) {
    const answer = await client.readResponse();
    if (statusOf(answer) >= 200) return answer;
  }
}

for (const [method, text] of Object.entries(requests)) {
  for (const [name, fault] of Object.entries(beforeTheAnswer)) {
    const { status, proxyStatus, sentence } = FAILURES[fault.code];
    scene(
      `${method}: a backend that ${name} gives ${status} ${fault.code}`,
      { script: failing(fault), upstreamTimeouts: timeoutsFor(fault) },
      async ({ client, proxy, origin }) => {
        const wire = await client();
        wire.send(text);
        const answer = await finalAnswer(wire);
        assert.equal(statusOf(answer), status);
        assert.equal(
          valueOf(answer, "proxy-status"),
          `sluice-test; error=${proxyStatus}; details="${fault.code}"`,
        );
        assert.equal(answer.body.toString().split("\n")[1], `${fault.code}: ${sentence}`);
        const record = await proxy.nextRecord();
        assert.equal(record.failure, fault.code);
        assert.equal(record.status, status);
        assert.equal(record.attempts, 1);
        assert.equal(proxy.endpoints.connections(0), 0, "its connection is not used again");
        // The client's connection has not suffered.
        wire.send(get("/after"));
        assert.equal((await wire.readResponse()).body.toString(), "well");
        assert.equal(origin.accepted, 2);
      },
    );
  }
  for (const [name, fault] of Object.entries(inTheAnswer)) {
    scene(
      `${method}: a backend that ${name} gives ${fault.code} and a reset`,
      { script: failing(fault), upstreamTimeouts: timeoutsFor(fault) },
      async ({ client, proxy }) => {
        const wire = await client();
        wire.send(text);
        assert.equal(statusOf(await wire.readHead()), 200);
        const { bytes, ending } = await wire.readToEnd();
        assert.equal(ending, "reset");
        assert.ok(!bytes.toString().includes("0\r\n\r\n"), "no last chunk");
        const record = await proxy.nextRecord();
        assert.equal(record.failure, fault.code);
        assert.equal(record.status, 200);
        assert.equal(proxy.endpoints.connections(0), 0, "its connection is not used again");
      },
    );
  }
}

for (const [name, fault] of Object.entries(inTheAnswer)) {
  scene(
    `a backend that ${name} resets a client of HTTP/1.0 too`,
    { script: failing(fault), upstreamTimeouts: timeoutsFor(fault) },
    async ({ client, proxy }) => {
      const wire = await client();
      wire.send(request("GET / HTTP/1.0"));
      assert.equal((await wire.readToEnd()).ending, "reset");
      assert.equal((await proxy.nextRecord()).failure, fault.code);
    },
  );
}

for (const [method, text] of Object.entries(requests)) {
  scene(
    `${method}: a backend at which nobody listens gives 502 connect_refused`,
    async () => ({ backends: [await closedPort()] }),
    async ({ client, proxy }) => {
      const wire = await client();
      wire.send(text);
      const answer = await wire.readResponse();
      assert.equal(statusOf(answer), 502);
      assert.match(valueOf(answer, "proxy-status")!, /error=connection_refused/);
      const record = await proxy.nextRecord();
      assert.equal(record.failure, "connect_refused");
      assert.equal(record.failureDetail, "ECONNREFUSED");
      assert.equal(record.attempts, 2);
    },
  );
}

scene(
  "bytes behind an answer end its connection and reach nobody",
  {
    script: async (wire, origin) => {
      const { startLine } = await wire.readRequest();
      const extra = origin.accepted === 1 ? response("200 OK", "poison") : "";
      wire.send(response("200 OK", startLine) + extra);
      await wire.ended;
    },
  },
  async ({ client, origin }) => {
    const wire = await client();
    wire.send(get("/1"));
    assert.equal((await wire.readResponse()).body.toString(), "GET /1 HTTP/1.1");
    wire.send(get("/2"));
    assert.equal((await wire.readResponse()).body.toString(), "GET /2 HTTP/1.1");
    assert.equal(origin.accepted, 2);
  },
);

scene("bytes on an unused connection end it and reach nobody", {}, async (stage) => {
  const { client, backend } = await stage.exchange(get("/1"));
  await backend.readHead();
  backend.send(response("200 OK", "one"));
  assert.equal((await client.readResponse()).body.toString(), "one");
  backend.send(response("200 OK", "poison"));
  assert.notEqual(await backend.ended, null);
  client.send(get("/2"));
  const fresh = await stage.origin.connection();
  await fresh.readHead();
  fresh.send(response("200 OK", "two"));
  assert.equal((await client.readResponse()).body.toString(), "two");
});

scene("an answer to HEAD with a body ends the connection", {}, async (stage) => {
  const { client, backend } = await stage.exchange(request("HEAD / HTTP/1.1"));
  await backend.readHead();
  backend.send(response("200 OK", "no body belongs here"));
  const answer = await client.readResponse("HEAD");
  assert.equal(valueOf(answer, "content-length"), "20");
  assert.notEqual(await backend.ended, null);
  client.send(get("/2"));
  const fresh = await stage.origin.connection();
  await fresh.readHead();
  fresh.send(response("200 OK", "two"));
  assert.equal((await client.readResponse()).body.toString(), "two");
});
