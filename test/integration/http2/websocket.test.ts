/** WebSockets over HTTP/2 (RFC 8441), to backends that know those of HTTP/1.1 only. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ERROR, FLAG, FRAME } from "#protocol/http2/codes.ts";
import {
  data,
  type Fields,
  fieldOf,
  headers,
  Http2Wire,
  requestFields,
  rstStream,
} from "../../harness/http2.ts";
import { response } from "../../harness/origin.ts";
import { scene, until } from "../../harness/scene.ts";
import { valueOf, valuesOf, type Message, type Wire } from "../../harness/wire.ts";

const CONNECT: Fields = [
  [":method", "CONNECT"],
  [":protocol", "websocket"],
  [":scheme", "http"],
  [":path", "/chat?x=1"],
  [":authority", "app.test"],
  ["sec-websocket-version", "13"],
  ["sec-websocket-protocol", "soap"],
];

/** The backend's agreement. */
function agreement(head: Pick<Message, "fields">): string {
  const key = valueOf(head, "sec-websocket-key")!;
  assert.equal(Buffer.from(key, "base64").length, 16);
  const accept = createHash("sha1")
    .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest("base64");
  return `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Protocol: soap\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
}

/** Opens a tunnel on a stream; the backend's end of it. */
async function open(wire: Http2Wire, stream: number, connection: Promise<Wire>): Promise<Wire> {
  wire.send(headers(stream, CONNECT, false));
  const backend = await connection;
  backend.send(agreement(await backend.readHead()));
  const head = await wire.next(FRAME.headers, stream);
  assert.equal(head.flags, FLAG.endHeaders);
  const fields = wire.decode(head.payload);
  assert.equal(fieldOf(fields, ":status"), "200");
  assert.equal(fieldOf(fields, "sec-websocket-protocol"), "soap");
  assert.equal(fieldOf(fields, "sec-websocket-accept"), "");
  assert.equal(fieldOf(fields, "upgrade"), "");
  return backend;
}

scene(
  "a WebSocket over HTTP/2 is an upgrade to the backend",
  {},
  async ({ client, origin, proxy }) => {
    const wire = new Http2Wire(await client());
    wire.wire.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    wire.send(Buffer.from("000000040000000000", "hex"));
    const offer = (await wire.next(FRAME.settings)).payload.toString("hex");
    assert.match(offer, /^(?:.{12})*000800000001/, "it is offered");
    wire.send(headers(1, [...CONNECT, ["sec-websocket-key", "mine"]], false));
    const backend = await origin.connection();
    const head = await backend.readHead();
    assert.equal(head.startLine, "GET /chat?x=1 HTTP/1.1");
    assert.deepEqual(valuesOf(head, "upgrade"), ["websocket"]);
    assert.deepEqual(valuesOf(head, "connection"), ["upgrade"]);
    assert.deepEqual(valuesOf(head, "host"), ["app.test"]);
    assert.equal(valueOf(head, "transfer-encoding"), undefined);
    backend.send(agreement(head));
    assert.equal(fieldOf(wire.decode((await wire.next(FRAME.headers)).payload), ":status"), "200");
    wire.send(data(1, "to the backend"));
    assert.equal((await backend.read(14)).toString(), "to the backend");
    backend.send("to the client");
    assert.equal((await wire.next(FRAME.data)).payload.toString(), "to the client");
    assert.equal(proxy.worker.totals().tunnels, 1);
    // The backend ends its half; the client goes on, then ends its own.
    backend.end();
    assert.equal((await wire.next(FRAME.data)).flags, FLAG.endStream);
    wire.send(data(1, "more"));
    assert.equal((await backend.read(4)).toString(), "more");
    wire.send(data(1, "", true));
    assert.equal(await backend.ended, "fin");
    const record = await proxy.nextRecord();
    assert.equal(record.status, 101);
    assert.equal(record.upgrade, "websocket");
    assert.equal(record.requestBytes, 18);
    assert.equal(record.responseBytes, 13);
    await wire.settled();
    assert.equal(proxy.worker.totals().connections, 1, "the connection is the client's still");
  },
);

scene(
  "a reset on either side is one on the other, and other streams go on",
  {},
  async ({ client, origin, proxy }) => {
    const wire = await Http2Wire.begin(await client());
    const first = await open(wire, 1, origin.connection());
    wire.send(rstStream(1, ERROR.cancel));
    assert.equal(await first.ended, "reset");
    const second = await open(wire, 3, origin.connection());
    second.reset();
    assert.equal(await wire.reset(3), "CANCEL");
    wire.send(headers(5, requestFields()));
    const third = await origin.connection();
    await third.readRequest();
    third.send(response("200 OK"));
    assert.equal((await wire.answer(5)).status, 200);
    await until(() => proxy.worker.totals().tunnels === 0);
  },
);

scene("a connection that breaks ends its tunnels", {}, async ({ client, origin, proxy }) => {
  const wire = await Http2Wire.begin(await client());
  const backend = await open(wire, 1, origin.connection());
  wire.wire.reset();
  await backend.ended;
  assert.equal((await proxy.nextRecord()).upgrade, "websocket");
});

scene(
  "bytes that come before the backend has agreed follow its agreement",
  {},
  async ({ client, origin }) => {
    const wire = await Http2Wire.begin(await client());
    wire.send(headers(1, CONNECT, false), data(1, "early"));
    const backend = await origin.connection();
    const head = await backend.readHead();
    await wire.settled();
    assert.equal(backend.pending(), "");
    backend.send(agreement(head));
    assert.equal((await backend.read(5)).toString(), "early");
    wire.wire.reset();
  },
);

scene(
  "what the backend answers instead is delivered, but not as an agreement",
  {},
  async ({ client, origin, proxy }) => {
    const wire = await Http2Wire.begin(await client());
    wire.send(headers(1, CONNECT, false));
    const backend = await origin.connection();
    await backend.readHead();
    backend.send(response("403 Forbidden", "no"));
    const refusal = await wire.answer(1);
    assert.equal(refusal.status, 403);
    assert.equal(refusal.body.toString(), "no");
    wire.send(headers(3, CONNECT, false));
    const other = await Promise.race([backend.readHead().then(() => backend), origin.connection()]);
    other.send(response("200 OK", "a page"));
    assert.equal((await wire.answer(3)).status, 502);
    assert.equal(proxy.records[1]?.failure, "upgrade_refused");
  },
);

scene("a 101 for another handshake is refused", {}, async ({ client, origin }) => {
  const wire = await Http2Wire.begin(await client());
  wire.send(headers(1, CONNECT, false));
  const backend = await origin.connection();
  const head = await backend.readHead();
  backend.send(agreement(head).replace(/Accept: ./, "Accept: x"));
  assert.equal((await wire.answer(1)).status, 502);
});

for (const [name, fields, status] of [
  [
    "another protocol than websocket",
    CONNECT.map(([each, value]) => [each, each === ":protocol" ? "x" : value] as const),
    400,
  ],
  ["a Content-Length", [...CONNECT, ["content-length", "0"]], 400],
] as const) {
  scene(`an extended CONNECT with ${name} is refused`, {}, async ({ client, origin }) => {
    const wire = await Http2Wire.begin(await client());
    wire.send(headers(1, fields as Fields, false));
    assert.equal((await wire.answer(1)).status, status);
    assert.equal(origin.accepted, 0);
  });
}

scene("an extended CONNECT that ends at once is refused", {}, async ({ client, origin }) => {
  const wire = await Http2Wire.begin(await client());
  wire.send(headers(1, CONNECT));
  assert.equal((await wire.answer(1)).status, 400);
  assert.equal(origin.accepted, 0);
});

scene(
  "a route that lets no protocol be switched answers 405",
  { route: { upgrades: [] } },
  async ({ client, origin }) => {
    const wire = await Http2Wire.begin(await client());
    wire.send(headers(1, CONNECT, false));
    assert.equal((await wire.answer(1)).status, 405);
    assert.equal(origin.accepted, 0);
  },
);

scene(
  "a tunnel whose client shuts its window holds back its backend, and is let go in the end",
  { timeouts: { write: 100 } },
  async ({ client, origin, proxy }) => {
    const wire = await Http2Wire.begin(await client());
    const backend = await open(wire, 1, origin.connection());
    void backend.pour(50_000_000);
    assert.equal(await wire.reset(1), "ENHANCE_YOUR_CALM");
    await backend.ended;
    assert.ok(backend.poured < 30_000_000);
    await until(() => proxy.worker.totals().tunnels === 0);
  },
);

scene("a drain ends tunnels when its time is over", {}, async ({ client, origin, proxy }) => {
  const wire = await Http2Wire.begin(await client());
  const backend = await open(wire, 1, origin.connection());
  await proxy.dataPlane.drain(50);
  await backend.ended;
  await wire.wire.ended;
});
