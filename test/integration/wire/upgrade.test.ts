/** Protocol switches: who may ask, what is checked, and what happens to the bytes around them. */

import assert from "node:assert/strict";
import { get, request } from "../../harness/client.ts";
import { response } from "../../harness/origin.ts";
import { scene } from "../../harness/scene.ts";
import { statusOf, valueOf } from "../../harness/wire.ts";

// The example of RFC 6455 §1.3.
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const FIELDS = [
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  `Sec-WebSocket-Key: ${KEY}`,
];
const HANDSHAKE = get("/", ...FIELDS);

function switching(...fields: string[]): string {
  return `${["HTTP/1.1 101 Switching Protocols", ...fields].join("\r\n")}\r\n\r\n`;
}
const AGREED = switching(
  "Connection: Upgrade",
  "Upgrade: websocket",
  `Sec-WebSocket-Accept: ${ACCEPT}`,
);

scene("a WebSocket handshake passes with its fields, then bytes both ways", {}, async (stage) => {
  const { client, backend } = await stage.exchange(HANDSHAKE);
  const asked = await backend.readRequest();
  assert.equal(valueOf(asked, "connection"), "upgrade");
  assert.equal(valueOf(asked, "upgrade"), "websocket");
  assert.equal(valueOf(asked, "sec-websocket-key"), KEY);
  backend.send(AGREED);
  const answer = await client.readHead();
  assert.equal(statusOf(answer), 101);
  assert.equal(valueOf(answer, "connection"), "upgrade");
  assert.equal(valueOf(answer, "upgrade"), "websocket");
  assert.equal(valueOf(answer, "sec-websocket-accept"), ACCEPT);
  assert.equal(stage.proxy.worker.totals().tunnels, 1);
  for (let i = 0; i < 5; i++) {
    client.send(`ping ${i}`);
    assert.equal((await backend.read(6)).toString(), `ping ${i}`);
    backend.send(`pong ${i}`);
    assert.equal((await client.read(6)).toString(), `pong ${i}`);
  }
  client.end();
  await backend.ended;
  backend.end();
  await client.ended;
  const record = await stage.proxy.nextRecord();
  assert.equal(record.status, 101);
  assert.equal(record.upgrade, "websocket");
  assert.equal(record.failure, null);
  assert.equal(record.requestBytes, 30);
  assert.equal(record.responseBytes, 30);
  assert.equal(stage.proxy.endpoints.connections(0), 0);
});

for (const [first, second] of [
  ["client", "backend"],
  ["backend", "client"],
] as const) {
  scene(`half-close by the ${first} passes, the other direction goes on`, {}, async (stage) => {
    const ends = await stage.exchange(HANDSHAKE);
    await ends.backend.readHead();
    ends.backend.send(AGREED);
    await ends.client.readHead();
    ends[first].end();
    assert.equal(await ends[second].ended, "fin");
    ends[second].send("still here");
    assert.equal((await ends[first].read(10)).toString(), "still here");
    ends[second].end();
    assert.equal(await ends[first].ended, "fin");
    assert.equal((await stage.proxy.nextRecord()).failure, null);
  });
}

scene("bytes behind the handshake wait for the 101", {}, async (stage) => {
  const client = await stage.client();
  client.send(`${HANDSHAKE}early`);
  const backend = await stage.origin.connection();
  await backend.readHead();
  client.send(" bird");
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
  assert.equal(backend.pending(), "");
  backend.send(`${AGREED}welcome`);
  assert.equal((await backend.read(10)).toString(), "early bird");
  await client.readHead();
  assert.equal((await client.read(7)).toString(), "welcome");
});

scene("bytes behind a handshake that is declined are the next request", {}, async (stage) => {
  const { client, backend } = await stage.exchange(HANDSHAKE + get("/next"));
  await backend.readHead();
  backend.send(response("426 Upgrade Required", "no", "Upgrade: other"));
  const answer = await client.readResponse();
  assert.equal(statusOf(answer), 426);
  assert.equal(answer.body.toString(), "no");
  const next = await stage.origin.connection();
  assert.match(await next.readThrough("\r\n\r\n"), /^GET \/next /);
  next.send(response("200 OK"));
  assert.equal(statusOf(await client.readResponse()), 200);
});

for (const [name, answer] of [
  ["no Sec-WebSocket-Accept", switching("Connection: Upgrade", "Upgrade: websocket")],
  [
    "a wrong Sec-WebSocket-Accept",
    switching("Connection: Upgrade", "Upgrade: websocket", `Sec-WebSocket-Accept: ${KEY}`),
  ],
  [
    "two of them",
    switching(
      "Connection: Upgrade",
      "Upgrade: websocket",
      `Sec-WebSocket-Accept: ${ACCEPT}`,
      `Sec-WebSocket-Accept: ${ACCEPT}`,
    ),
  ],
  [
    "another token",
    switching("Connection: Upgrade", "Upgrade: h2c", `Sec-WebSocket-Accept: ${ACCEPT}`),
  ],
  ["no token", switching("Connection: Upgrade", `Sec-WebSocket-Accept: ${ACCEPT}`)],
  ["no Connection", switching("Upgrade: websocket", `Sec-WebSocket-Accept: ${ACCEPT}`)],
] as const) {
  scene(`a 101 with ${name} gives 502 and no tunnel`, {}, async (stage) => {
    const { client, backend } = await stage.exchange(`${HANDSHAKE}early`);
    await backend.readHead();
    backend.send(`${answer}${response("200 OK", "poison")}`);
    const got = await client.readResponse();
    assert.equal(statusOf(got), 502);
    assert.match(valueOf(got, "proxy-status") ?? "", /upgrade_refused/);
    const { bytes, ending } = await backend.readToEnd();
    assert.equal(bytes.length, 0, "no byte after the request was forwarded");
    assert.equal(ending, "reset");
  });
}

for (const [name, text] of [
  ["h2c", get("/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMA")],
  ["an unknown token", get("/", "Connection: Upgrade", "Upgrade: frobnicate")],
  ["a list of tokens", get("/", "Connection: Upgrade", "Upgrade: websocket, h2c")],
  ["HTTP/1.0", request("GET / HTTP/1.0", FIELDS)],
  ["no Connection: upgrade", get("/", ...FIELDS.slice(1))],
] as const) {
  scene(`an upgrade with ${name} goes on as an ordinary request`, {}, async (stage) => {
    const { client, backend } = await stage.exchange(text);
    const asked = await backend.readRequest();
    for (const gone of ["upgrade", "connection", "http2-settings"]) {
      assert.equal(valueOf(asked, gone), undefined, gone);
    }
    backend.send(response("200 OK", "plain"));
    assert.equal((await client.readResponse()).body.toString(), "plain");
  });
}

for (const [name, text] of [
  ["POST", request("POST / HTTP/1.1", [...FIELDS, "Content-Length: 0"])],
  ["HEAD", request("HEAD / HTTP/1.1", FIELDS)],
  ["GET with a body", request("GET / HTTP/1.1", [...FIELDS, "Content-Length: 4"], "body")],
  [
    "GET with chunks",
    request("GET / HTTP/1.1", [...FIELDS, "Transfer-Encoding: chunked"], "0\r\n\r\n"),
  ],
] as const) {
  scene(`a WebSocket upgrade by ${name} gives 400`, {}, async (stage) => {
    const client = await stage.client();
    client.send(text);
    const answer = await client.readResponse(name);
    assert.equal(statusOf(answer), 400);
    assert.match(valueOf(answer, "proxy-status") ?? "", /upgrade_invalid/);
    assert.equal(stage.origin.accepted, 0);
  });
}

scene(
  "another token that a route allows may use any method and a framed body",
  { route: { upgrades: ["frobnicate"] } },
  async (stage) => {
    const { client, backend } = await stage.exchange(
      request(
        "POST / HTTP/1.1",
        ["Connection: upgrade", "Upgrade: frobnicate", "Content-Length: 4"],
        "body",
      ),
    );
    assert.equal((await backend.readRequest()).body.toString(), "body");
    backend.send(switching("Connection: upgrade", "Upgrade: frobnicate"));
    assert.equal(statusOf(await client.readHead()), 101);
    client.send("frob");
    assert.equal((await backend.read(4)).toString(), "frob");
  },
);

for (const method of ["CONNECT app.test:443", "TRACE /"]) {
  scene(`${method} gives 405`, {}, async (stage) => {
    const client = await stage.client();
    client.send(`${method} HTTP/1.1\r\nHost: app.test:443\r\n\r\n`);
    const answer = await client.readResponse();
    assert.equal(statusOf(answer), 405);
    assert.ok(!valueOf(answer, "allow")!.includes("CONNECT"));
    assert.equal(stage.origin.accepted, 0);
  });
}

scene(
  "a tunnel without a byte in either direction is ended",
  { upstreamTimeouts: { tunnelIdle: 150 } },
  async (stage) => {
    const { client, backend } = await stage.exchange(HANDSHAKE);
    await backend.readHead();
    backend.send(AGREED);
    await client.readHead();
    assert.equal(await client.ended, "reset");
    assert.equal(await backend.ended, "reset");
    assert.equal((await stage.proxy.nextRecord()).failure, "tunnel_idle");
  },
);

scene(
  "a tunnel does not fall under the answer's clocks",
  {
    upstreamTimeouts: { firstByte: 150, responseIdle: 150 },
    timeouts: { bodyIdle: 150, keepAlive: 150, head: 150 },
  },
  async (stage) => {
    const { client, backend } = await stage.exchange(HANDSHAKE);
    await backend.readHead();
    backend.send(AGREED);
    await client.readHead();
    await new Promise((resolve) => setTimeout(resolve, 300));
    client.send("still here");
    assert.equal((await backend.read(10)).toString(), "still here");
  },
);

scene(
  "a client of a tunnel that takes nothing is reset",
  { timeouts: { write: 80 } },
  async (stage) => {
    const { client, backend } = await stage.exchange(HANDSHAKE);
    await backend.readHead();
    backend.send(AGREED);
    await client.readHead();
    client.pause();
    void backend.pour(100_000_000);
    const record = await stage.proxy.nextRecord();
    assert.equal(record.failure, "client_stalled");
    assert.equal(await backend.ended, "reset");
  },
);

scene(
  "a backend of a tunnel that reads slowly makes the client wait, and loses nothing",
  {},
  async (stage) => {
    const { client, backend } = await stage.exchange(HANDSHAKE);
    await backend.readHead();
    backend.send(AGREED);
    await client.readHead();
    backend.pause();
    void client.pour(20_000_000);
    await client.stalled();
    assert.ok(client.poured < 20_000_000);
    backend.resume();
    const bytes = await backend.read(20_000_000);
    assert.ok(bytes.every((byte) => byte === 0x70));
  },
);
