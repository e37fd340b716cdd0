/** Messages end to end: order, framing, interim answers, trailers, versions. */

import assert from "node:assert/strict";
import { get, post, request } from "../../harness/client.ts";
import { answering, response } from "../../harness/origin.ts";
import { ANYTHING } from "../../harness/proxy.ts";
import { scene, until } from "../../harness/scene.ts";
import { statusOf, valueOf, valuesOf } from "../../harness/wire.ts";

// ── interim answers ──

scene("Expect: 100-continue passes, and so does the 100", {}, async (stage) => {
  const { client, backend } = await stage.exchange(
    request("POST / HTTP/1.1", ["Content-Length: 8", "Expect: 100-continue"]),
  );
  assert.equal(valueOf(await backend.readHead(), "expect"), "100-continue");
  assert.equal(client.received, 0, "the proxy does not ask on its own");
  backend.send("HTTP/1.1 100 Continue\r\n\r\n");
  assert.equal(statusOf(await client.readResponse()), 100);
  client.send("the body");
  assert.equal((await backend.read(8)).toString(), "the body");
  backend.send(response("201 Created"));
  assert.equal(statusOf(await client.readResponse()), 201);
});

scene("a final answer instead of 100 is delivered and ends the connection", {}, async (stage) => {
  const { client, backend } = await stage.exchange(
    request("POST / HTTP/1.1", ["Content-Length: 8", "Expect: 100-continue"]),
  );
  await backend.readHead();
  backend.send(response("403 Forbidden", "no"));
  const answer = await client.readResponse();
  assert.equal(statusOf(answer), 403);
  assert.equal(valueOf(answer, "connection"), "close");
  assert.equal(await client.ended, "fin");
});

scene("a client that does not wait for 100 may send at once", {}, async (stage) => {
  const { client, backend } = await stage.exchange(post("/", "the body", "Expect: 100-continue"));
  assert.equal((await backend.readRequest()).body.toString(), "the body");
  backend.send(`HTTP/1.1 100 Continue\r\n\r\n${response("200 OK")}`);
  assert.equal(statusOf(await client.readResponse()), 100);
  assert.equal(statusOf(await client.readResponse()), 200);
});

scene("eight interim answers pass, in order", {}, async (stage) => {
  const { client, backend } = await stage.exchange(get("/"));
  await backend.readHead();
  for (let i = 0; i < 8; i++) {
    backend.send(`HTTP/1.1 103 Early Hints\r\nLink: </${i}>\r\n\r\n`);
    const hint = await client.readResponse();
    assert.equal(statusOf(hint), 103);
    assert.equal(valueOf(hint, "link"), `</${i}>`);
  }
  backend.send(response("200 OK"));
  assert.equal(statusOf(await client.readResponse()), 200);
});

scene("no interim answer goes to a client of HTTP/1.0", {}, async (stage) => {
  const { client, backend } = await stage.exchange(request("GET / HTTP/1.0"));
  await backend.readHead();
  backend.send(`HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n${response("200 OK", "body")}`);
  const answer = await client.readResponse();
  assert.equal(statusOf(answer), 200);
  assert.equal(answer.body.toString(), "body");
});

scene(
  "Content-Length and Transfer-Encoding on an interim answer and on 204 are dropped",
  {},
  async (stage) => {
    const { client, backend } = await stage.exchange(get("/"));
    await backend.readHead();
    backend.send(
      "HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    const interim = await client.readHead();
    assert.deepEqual(valuesOf(interim, "content-length"), []);
    assert.deepEqual(valuesOf(interim, "transfer-encoding"), []);
    backend.send("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n");
    const final = await client.readHead();
    assert.equal(statusOf(final), 204);
    assert.deepEqual(valuesOf(final, "content-length"), []);
  },
);

// ── answers without a body ──

for (const [name, text, answer, length] of [
  ["HEAD with a length", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n", "1234"],
  ["HEAD with chunks", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", undefined],
  ["HEAD with neither", "HEAD", "HTTP/1.1 200 OK\r\n\r\n", undefined],
  ["204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", undefined],
  [
    "304 with a length",
    "GET",
    "HTTP/1.1 304 Not Modified\r\nContent-Length: 1234\r\nETag: x\r\n\r\n",
    "1234",
  ],
  ["304", "GET", "HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", undefined],
] as const) {
  scene(`${name}: no body, and the connections go on`, {}, async (stage) => {
    const { client, backend } = await stage.exchange(request(`${text} / HTTP/1.1`));
    await backend.readHead();
    backend.send(answer);
    const got = await client.readResponse(text);
    assert.equal(valueOf(got, "content-length"), length);
    client.send(get("/next"));
    assert.match(await backend.readThrough("\r\n\r\n"), /^GET \/next /);
    backend.send(response("200 OK", "next"));
    assert.equal((await client.readResponse()).body.toString(), "next");
  });
}

scene("an answer of no bytes and a POST of no bytes keep their length", {}, async (stage) => {
  const { client, backend } = await stage.exchange(post("/", ""));
  assert.equal(valueOf(await backend.readRequest(), "content-length"), "0");
  backend.send(response("200 OK"));
  assert.equal(valueOf(await client.readResponse(), "content-length"), "0");
});

scene("an answer that is chunked and empty stays so", {}, async (stage) => {
  const { client, backend } = await stage.exchange(get("/"));
  await backend.readHead();
  backend.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
  const answer = await client.readResponse();
  assert.equal(valueOf(answer, "transfer-encoding"), "chunked");
  assert.equal(answer.body.length, 0);
});

scene(
  "a status line without reason or blank is accepted, and bytes from 0x80 in it",
  {},
  async (stage) => {
    const { client, backend } = await stage.exchange(get("/1"));
    await backend.readHead();
    backend.send("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n");
    assert.equal((await client.readResponse()).startLine, "HTTP/1.1 200 ");
    client.send(get("/2"));
    await backend.readHead();
    backend.send("HTTP/1.1 200 Tr\xe8s bien\r\nContent-Length: 0\r\n\r\n");
    assert.equal((await client.readResponse()).startLine, "HTTP/1.1 200 Tr\xe8s bien");
  },
);

// ── trailers ──

scene("trailers pass both ways, but those that may not be trailers", {}, async (stage) => {
  const { client, backend } = await stage.exchange(
    request(
      "POST / HTTP/1.1",
      ["Transfer-Encoding: chunked", "TE: trailers", "Connection: TE, X-Mine"],
      "5\r\nhello\r\n0\r\nX-Sum: 1\r\nHost: evil\r\nX-Mine: secret\r\nX_Forwarded_For: 6.6.6.6\r\nAuthorization: evil\r\n\r\n",
    ),
  );
  assert.deepEqual((await backend.readRequest()).trailers, [["X-Sum", "1"]]);
  backend.send(
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Time\r\nConnection: X-Inner\r\n\r\n2\r\nhi\r\n0\r\nX-Time: 5\r\nX-Inner: secret\r\nSet-Cookie: a=b\r\nContent-Length: 5\r\n\r\n",
  );
  const answer = await client.readResponse();
  assert.equal(answer.body.toString(), "hi");
  assert.deepEqual(answer.trailers, [["X-Time", "5"]]);
});

scene("a client of HTTP/1.0 gets the body without chunks and trailers", {}, async (stage) => {
  const { client, backend } = await stage.exchange(request("GET / HTTP/1.0"));
  await backend.readHead();
  backend.send(
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Time: 5\r\n\r\n",
  );
  const { bytes, ending } = await client.readToEnd();
  assert.equal(ending, "fin");
  const [head, body] = bytes.toString().split("\r\n\r\n");
  assert.equal(body, "hi");
  assert.ok(!/transfer-encoding|content-length/i.test(head!));
});

// ── HTTP/1.0 ──

scene(
  "HTTP/1.0 without keep-alive: one answer, then the end",
  { script: answering(response("200 OK", "one")) },
  async (stage) => {
    const client = await stage.client();
    client.send(request("GET / HTTP/1.0"));
    const answer = await client.readResponse();
    assert.equal(valueOf(answer, "connection"), "close");
    assert.equal(await client.ended, "fin");
  },
);

scene(
  "HTTP/1.0 with keep-alive: told so, and kept",
  { script: answering(response("200 OK", "one")) },
  async (stage) => {
    const client = await stage.client();
    for (let i = 0; i < 3; i++) {
      client.send(request("GET / HTTP/1.0", ["Connection: keep-alive"]));
      const answer = await client.readResponse();
      assert.equal(valueOf(answer, "connection"), "keep-alive");
      assert.equal(answer.body.toString(), "one");
    }
    assert.equal(stage.origin.accepted, 1);
  },
);

scene(
  "HTTP/1.0 with keep-alive and an unknown length: closed to mark the end",
  {},
  async (stage) => {
    const { client, backend } = await stage.exchange(
      request("GET / HTTP/1.0", ["Connection: keep-alive"]),
    );
    await backend.readHead();
    backend.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n");
    const answer = await client.readResponse();
    assert.equal(answer.body.toString(), "hi");
    assert.equal(valueOf(answer, "connection"), "close");
  },
);

scene(
  "a request of HTTP/1.0 goes out as HTTP/1.1 with the endpoint as Host if it has none",
  {},
  async (stage) => {
    const { backend } = await stage.exchange(request("GET / HTTP/1.0"));
    const asked = await backend.readRequest();
    assert.equal(asked.startLine, "GET / HTTP/1.1");
    assert.equal(valueOf(asked, "host"), `127.0.0.1:${stage.origin.port}`);
    assert.equal(valueOf(asked, "via"), "1.0 sluice-test");
  },
);

scene(
  "an answer of HTTP/1.0 that ends with its connection is chunked for the client",
  {},
  async (stage) => {
    const { client, backend } = await stage.exchange(get("/"));
    await backend.readHead();
    backend.send("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nall of it");
    await client.readThrough("all of it");
    backend.end();
    assert.equal(await client.readThrough("0\r\n\r\n"), "\r\n0\r\n\r\n");
    const record = await stage.proxy.nextRecord();
    assert.equal(record.failure, null);
    client.send(get("/2"));
    const fresh = await stage.origin.connection();
    await fresh.readHead();
    fresh.send(response("200 OK"));
    assert.equal(statusOf(await client.readResponse()), 200);
  },
);

scene("an answer of HTTP/1.0 is not followed by another on its connection", {}, async (stage) => {
  const { client, backend } = await stage.exchange(get("/"));
  await backend.readHead();
  backend.send("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi");
  assert.equal((await client.readResponse()).startLine, "HTTP/1.1 200 OK");
  assert.notEqual(await backend.ended, null);
});

// ── the client's connection ──

scene(
  "Connection: close is kept to and told",
  { script: answering(response("200 OK", "bye")) },
  async (stage) => {
    const client = await stage.client();
    client.send(get("/", "Connection: close"));
    const answer = await client.readResponse();
    assert.equal(valueOf(answer, "connection"), "close");
    assert.equal(await client.ended, "fin");
  },
);

scene(
  "what is sent behind Connection: close is no request",
  { script: answering(response("200 OK", "bye")) },
  async (stage) => {
    const client = await stage.client();
    client.send(get("/1", "Connection: close") + get("/2"));
    await client.readResponse();
    assert.equal((await client.readToEnd()).bytes.length, 0);
    client.end();
    await stage.proxy.nextRecord();
    assert.equal(stage.proxy.records.length, 1);
  },
);

const asked: string[] = [];
const gate: PromiseWithResolvers<void> = Promise.withResolvers();
scene(
  "pipelined requests are answered in order, with a slow first one and the proxy's own between",
  {
    // The second request is for a path that has no route.
    routes: [{ matches: [{ ...ANYTHING, paths: [{ kind: "prefix", path: "/app" }] }] }],
    script: async (wire) => {
      for (;;) {
        const { startLine, body } = await wire.readRequest();
        asked.push(startLine);
        if (startLine.includes("slow")) await gate.promise;
        wire.send(response("200 OK", `${startLine} ${body.toString()}`));
      }
    },
  },
  async (stage) => {
    const client = await stage.client();
    client.send(get("/app/slow") + get("/none") + post("/app/2", "two") + get("/app/3"));
    await until(() => asked.length > 0);
    for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    assert.deepEqual(asked, ["GET /app/slow HTTP/1.1"], "one at a time");
    assert.equal(client.received, 0);
    gate.resolve();
    assert.equal((await client.readResponse()).body.toString(), "GET /app/slow HTTP/1.1 ");
    assert.equal(statusOf(await client.readResponse()), 404);
    assert.equal((await client.readResponse()).body.toString(), "POST /app/2 HTTP/1.1 two");
    assert.equal((await client.readResponse()).body.toString(), "GET /app/3 HTTP/1.1 ");
    const records = [];
    for (let i = 0; i < 4; i++) records.push((await stage.proxy.nextRecord()).status);
    assert.deepEqual(records, [200, 404, 200, 200]);
  },
);

scene(
  "hundreds of pipelined requests are all answered, in order",
  {
    script: async (wire) => {
      for (;;) wire.send(response("200 OK", (await wire.readRequest()).startLine));
    },
  },
  async (stage) => {
    const client = await stage.client();
    let all = "";
    for (let i = 0; i < 500; i++) all += get(`/${i}`, `X-Filler: ${"x".repeat(i)}`);
    client.send(all);
    for (let i = 0; i < 500; i++) {
      assert.equal((await client.readResponse()).body.toString(), `GET /${i} HTTP/1.1`);
    }
  },
);

scene("a client that pipelines without end is made to wait", {}, async (stage) => {
  const { client, backend } = await stage.exchange(get("/first"));
  await backend.readHead();
  void client.pour(50_000_000);
  await client.stalled();
  assert.ok(client.poured < 50_000_000);
  const { buffered } = stage.proxy.worker.totals();
  assert.ok(buffered > 0 && buffered < 300_000, `${buffered} bytes are kept`);
  backend.send(response("200 OK"));
  assert.equal(statusOf(await client.readResponse()), 200);
  assert.equal(statusOf(await client.readResponse()), 414, "what was poured is no request");
});

// ── targets ──

for (const [name, line, expected] of [
  ["absolute-form", "GET http://app.test/a?b HTTP/1.1", "GET /a?b HTTP/1.1"],
  ["absolute-form with another case", "GET HTTP://APP.TEST/a HTTP/1.1", "GET /a HTTP/1.1"],
  ["absolute-form with the default port", "GET http://app.test:80/a HTTP/1.1", "GET /a HTTP/1.1"],
  ["absolute-form without a path", "GET http://app.test HTTP/1.1", "GET / HTTP/1.1"],
  ["asterisk-form", "OPTIONS * HTTP/1.1", "OPTIONS * HTTP/1.1"],
  ["a later minor version", "GET /a HTTP/1.9", "GET /a HTTP/1.1"],
  [
    "odd but legal characters",
    "GET /a%2f..;x='\"<>^`{|}?%zz[] HTTP/1.1",
    "GET /a%2f..;x='\"<>^`{|}?%zz[] HTTP/1.1",
  ],
  ["an unknown method", "M-SEARCH /a HTTP/1.1", "M-SEARCH /a HTTP/1.1"],
] as const) {
  scene(`${name} goes out in origin-form, byte for byte`, {}, async (stage) => {
    const { backend } = await stage.exchange(request(line));
    assert.equal((await backend.readHead()).startLine, expected);
  });
}
