/** Which protocol a connection speaks: by its first bytes where it is plain, by ALPN where it is not. */

import assert from "node:assert/strict";
import { PREFACE } from "#protocol/http2/codes.ts";
import { get } from "../../harness/client.ts";
import { headers, Http2Wire, requestFields, settings } from "../../harness/http2.ts";
import { answering, response } from "../../harness/origin.ts";
import { scene } from "../../harness/scene.ts";
import {
  certificateData,
  certificatePolicy,
  certificates,
  connectSecurely,
  HOST,
  PLAIN_POLICY,
  secured,
} from "../../harness/tls.ts";
import { statusOf } from "../../harness/wire.ts";

const options = { script: answering(response("200 OK", "hello")) };
const GET = requestFields();

scene("a preface that comes byte by byte opens HTTP/2", options, async ({ client, proxy }) => {
  const wire = await client();
  const opening = Buffer.concat([PREFACE, settings(), headers(1, GET)]);
  for (const byte of opening) {
    wire.send(Uint8Array.of(byte));
    await wire.flushed();
    await new Promise(setImmediate);
  }
  assert.equal((await new Http2Wire(wire).answer(1)).body.toString(), "hello");
  assert.equal((await proxy.nextRecord()).version, 20);
});

scene("all of a request in one piece opens HTTP/2", options, async ({ client }) => {
  const wire = await client();
  wire.send(Buffer.concat([PREFACE, settings(), headers(1, GET), headers(3, GET)]));
  const opened = new Http2Wire(wire);
  assert.equal((await opened.answer(1)).body.toString(), "hello");
  assert.equal((await opened.answer(3)).body.toString(), "hello");
});

for (const method of ["POST", "PUT", "PATCH", "PRIVATE", "PR"]) {
  scene(
    `${method} is a request of HTTP/1, in one piece and in many`,
    options,
    async ({ client, proxy }) => {
      const text = `${method} / HTTP/1.1\r\nHost: app.test\r\nContent-Length: 0\r\n\r\n`;
      const whole = await client();
      whole.send(text);
      assert.equal(statusOf(await whole.readResponse()), 200);
      const pieces = await client();
      for (const byte of text) {
        pieces.send(byte);
        await pieces.flushed();
        await new Promise(setImmediate);
      }
      assert.equal(statusOf(await pieces.readResponse()), 200);
      // And the next one on the same connection.
      pieces.send(text);
      assert.equal(statusOf(await pieces.readResponse()), 200);
      assert.deepEqual(
        proxy.records.map(({ version }) => version),
        [11, 11, 11],
      );
    },
  );
}

scene("the preface behind a request of HTTP/1 is refused", options, async ({ client }) => {
  const wire = await client();
  wire.send(get("/"));
  assert.equal(statusOf(await wire.readResponse()), 200);
  wire.send(PREFACE);
  assert.equal(statusOf(await wire.readResponse()), 400);
  assert.equal(await wire.ended, "fin");
});

scene(
  "a client that begins a preface and leaves is forgotten",
  options,
  async ({ client, proxy }) => {
    const wire = await client();
    wire.send(PREFACE.subarray(0, 10));
    await wire.flushed();
    wire.end();
    assert.equal(await wire.ended, "fin");
    assert.equal(proxy.records.length, 0);
  },
);

scene(
  "a preface that does not go on is closed after a while",
  { ...options, timeouts: { head: 50 } },
  async ({ client }) => {
    const wire = await client();
    wire.send(PREFACE.subarray(0, 10));
    assert.equal(await wire.ended, "fin");
  },
);

scene(
  "a drain closes a connection whose preface has not come yet",
  options,
  async ({ client, proxy }) => {
    const wire = await client();
    wire.send(PREFACE.subarray(0, 10));
    await wire.flushed();
    // So that the proxy has read it.
    const other = await client();
    other.send(get("/"));
    await other.readResponse();
    await proxy.dataPlane.drain(10_000);
    assert.equal(await wire.ended, "fin");
  },
);

scene("Upgrade: h2c is never taken up", options, async ({ client, origin }) => {
  origin.script = undefined;
  const wire = await client();
  wire.send(
    get("/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"),
  );
  const backend = await origin.connection();
  const head = await backend.readRequest();
  assert.ok(!head.fields.some(([name]) => /upgrade|http2-settings/i.test(name)));
  backend.send(response("200 OK"));
  assert.equal(statusOf(await wire.readResponse()), 200);
});

scene(
  "a client that offers h2 by TLS gets it, and one that does not gets HTTP/1.1",
  async () => ({ ...options, ...(await secured()) }),
  async ({ proxy }) => {
    const modern = await connectSecurely(proxy.port, { ALPNProtocols: ["http/1.1", "h2"] });
    assert.equal(modern.socket.alpnProtocol, "h2");
    const wire = await Http2Wire.begin(modern);
    const fields = requestFields().map(
      ([name, value]) => [name, value === "app.test" ? HOST : value] as const,
    );
    wire.send(headers(1, fields));
    assert.equal((await wire.answer(1)).status, 200);
    assert.equal((await proxy.nextRecord()).scheme, "https");
    for (const ALPNProtocols of [["http/1.1"], []]) {
      const old = await connectSecurely(proxy.port, { ALPNProtocols });
      old.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
      assert.equal(statusOf(await old.readResponse()), 200);
      old.socket.destroy();
    }
    modern.socket.destroy();
  },
);

scene(
  "the preface where TLS has agreed on HTTP/1.1 is refused, and a request line where it has agreed on h2",
  async () => ({ ...options, ...(await secured()) }),
  async ({ proxy }) => {
    const old = await connectSecurely(proxy.port, { ALPNProtocols: ["http/1.1"] });
    old.send(PREFACE);
    assert.equal(statusOf(await old.readResponse()), 400);
    old.socket.destroy();
    const modern = await connectSecurely(proxy.port, { ALPNProtocols: ["h2"] });
    modern.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
    assert.equal(await new Http2Wire(modern).goaway(), "PROTOCOL_ERROR");
    modern.socket.destroy();
  },
);

scene(
  "a request for a name under another policy than its connection's is answered 421",
  async () => {
    const { ecdsa } = certificates();
    return {
      ...options,
      ...(await secured({
        policies: [PLAIN_POLICY, certificatePolicy(certificates())],
        policyNames: [["vault.wild.test", 1]],
      })),
      certificates: [certificateData(ecdsa)],
    };
  },
  async ({ proxy, origin }) => {
    const modern = await connectSecurely(proxy.port, { ALPNProtocols: ["h2"] });
    const wire = await Http2Wire.begin(modern);
    wire.send(
      headers(1, [
        [":method", "GET"],
        [":scheme", "https"],
        [":path", "/"],
        [":authority", "vault.wild.test"],
      ]),
    );
    assert.equal((await wire.answer(1)).status, 421);
    assert.equal(origin.accepted, 0);
    modern.socket.destroy();
  },
);
