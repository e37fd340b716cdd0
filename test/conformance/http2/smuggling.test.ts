/**
 * From HTTP/2 to HTTP/1.1: whatever would mean something else there than it says here is refused, and nothing of it
 * reaches a backend. The rules are those of HTTP/1.1 (`../http1`), and those that HTTP/2 adds.
 */

import assert from "node:assert/strict";
import { type Fields, fieldOf, headers, Http2Wire, requestFields } from "../../harness/http2.ts";
import { answering, response } from "../../harness/origin.ts";
import { scene } from "../../harness/scene.ts";
import { valueOf, valuesOf } from "../../harness/wire.ts";

/** A request with one thing changed. */
function changed(name: string, value: string): Fields {
  return requestFields().map(([each, old]) => [each, each === name ? value : old]);
}

/** What is answered with which status. */
const REFUSED: readonly (readonly [name: string, fields: Fields, status: number])[] = [
  ["a method that is no token", changed(":method", "GE T"), 400],
  ["a method with a slash", changed(":method", "GET/"), 400],
  ["an empty method", changed(":method", ""), 400],
  ["a request line in the method", changed(":method", "GET / HTTP/1.1"), 400],
  [
    "CONNECT",
    [
      [":method", "CONNECT"],
      [":authority", "app.test:443"],
    ],
    405,
  ],
  ["CONNECT with a path", changed(":method", "CONNECT"), 405],
  ["TRACE", changed(":method", "TRACE"), 405],
  ["a blank in the path", changed(":path", "/a b"), 400],
  ["the end of a request line in the path", changed(":path", "/ HTTP/1.1"), 400],
  ["a fragment in the path", changed(":path", "/a#b"), 400],
  ["a byte beyond ASCII in the path", changed(":path", "/\xe9"), 400],
  ["a tab in the path", changed(":path", "/a\tb"), 400],
  ["* with another method than OPTIONS", changed(":path", "*"), 400],
  ["an escaped NUL in the path", changed(":path", "/a%00b"), 400],
  ["a path of more than a request line", changed(":path", `/${"x".repeat(8200)}`), 414],
  ["a scheme that is not http", changed(":scheme", "ftp"), 400],
  ["a scheme with a request line in it", changed(":scheme", "http://evil.test/ HTTP/1.1"), 400],
  ["user and password in the authority", changed(":authority", "user@app.test"), 400],
  ["a blank in the authority", changed(":authority", "app.test evil.test"), 400],
  ["a path in the authority", changed(":authority", "app.test/evil"), 400],
  ["no authority", requestFields().filter(([name]) => name !== ":authority"), 400],
  ["an empty authority and no Host", changed(":authority", ""), 400],
  [
    "two Hosts",
    requestFields([
      ["host", "app.test"],
      ["host", "app.test"],
    ]),
    400,
  ],
  ["a Host that is none", requestFields([["host", "app test"]]), 400],
  ["a name that is no token", requestFields([["x(y)", "z"]]), 400],
  ["a name with a quote", requestFields([['x"y', "z"]]), 400],
  ["a control character in a value", requestFields([["x", "a\x01b"]]), 400],
  ["DEL in a value", requestFields([["x", "a\x7fb"]]), 400],
  [
    "two Content-Lengths",
    requestFields([
      ["content-length", "0"],
      ["content-length", "0"],
    ]),
    400,
  ],
  ["a Content-Length with a sign", requestFields([["content-length", "+0"]]), 400],
  ["a Content-Length that is a list", requestFields([["content-length", "0, 0"]]), 400],
  ["a Content-Length beyond 2^53", requestFields([["content-length", "9007199254740992"]]), 400],
  ["an empty Content-Length", requestFields([["content-length", ""]]), 400],
  [
    "more than 100 fields",
    requestFields(Array.from({ length: 101 }, (_, i) => [`x-${i}`, "y"])),
    431,
  ],
];

for (const [name, fields, status] of REFUSED) {
  scene(
    `${name} is answered ${status}, and no backend hears of it`,
    {},
    async ({ client, origin, proxy }) => {
      const wire = await Http2Wire.begin(await client());
      wire.send(headers(1, fields));
      const answer = await wire.answer(1);
      assert.equal(answer.status, status);
      assert.match(fieldOf(answer.fields, "proxy-status"), /sluice-test; error=/);
      assert.equal(origin.accepted, 0);
      assert.equal((await proxy.nextRecord()).version, 20);
      wire.send(headers(3, requestFields([["content-length", "0"]])));
      const backend = await origin.connection();
      await backend.readRequest();
      backend.send(response("200 OK"));
      assert.equal((await wire.answer(3)).status, 200, "the connection is as good as new");
    },
  );
}

scene(
  "a head of more than 32 KiB in several frames is answered 431",
  {},
  async ({ client, origin }) => {
    const wire = await Http2Wire.begin(await client());
    const all = headers(1, requestFields(Array.from({ length: 8 }, () => ["x", "y".repeat(5000)])));
    const whole = all.subarray(9);
    for (let at = 0; at < whole.length; at += 16_000) {
      const piece = Buffer.from(whole.subarray(at, at + 16_000));
      const last = at + 16_000 >= whole.length;
      const head = Buffer.alloc(9);
      head.writeUIntBE(piece.length, 0, 3);
      head[3] = at === 0 ? 1 : 9;
      head[4] = (at === 0 ? 1 : 0) | (last ? 4 : 0);
      head.writeUInt32BE(1, 5);
      wire.send(head, piece);
    }
    assert.equal((await wire.answer(1)).status, 431);
    assert.equal(origin.accepted, 0);
  },
);

const forwarded = { script: answering(response("200 OK")) };

scene("the head that goes on is that of HTTP/1.1", {}, async ({ client, origin }) => {
  const wire = await Http2Wire.begin(await client());
  wire.send(
    headers(
      1,
      requestFields(
        [
          ["cookie", "a=1"],
          ["x", "y"],
          ["cookie", "b=2"],
          ["te", "trailers"],
          ["cookie", "c=3"],
          ["host", "APP.test:80"],
          ["http2-settings", "x"],
          ["x-empty", ""],
        ],
        "/a%2Fb?c=d",
      ),
    ),
  );
  const backend = await origin.connection();
  const head = await backend.readRequest();
  assert.equal(head.startLine, "GET /a%2Fb?c=d HTTP/1.1");
  assert.deepEqual(valuesOf(head, "host"), ["app.test"]);
  assert.deepEqual(valuesOf(head, "cookie"), ["a=1; b=2; c=3"]);
  assert.equal(valueOf(head, "te"), "trailers");
  assert.equal(valueOf(head, "connection"), "TE");
  assert.equal(valueOf(head, "http2-settings"), undefined);
  assert.equal(valueOf(head, "x-empty"), "");
  assert.equal(valueOf(head, "via"), "2.0 sluice-test");
  assert.equal(valueOf(head, "x-forwarded-host"), "app.test");
  assert.equal(valueOf(head, "x-forwarded-proto"), "http");
  assert.equal(valueOf(head, "content-length"), undefined);
  assert.equal(valueOf(head, "transfer-encoding"), undefined);
  backend.send(response("200 OK"));
  await wire.answer(1);
});

scene("OPTIONS * goes on as it is", forwarded, async ({ client, proxy }) => {
  const wire = await Http2Wire.begin(await client());
  wire.send(headers(1, requestFields([], "*", "OPTIONS")));
  await wire.answer(1);
  assert.equal((await proxy.nextRecord()).target, "*");
});

scene("Host without :authority will do", {}, async ({ client, origin }) => {
  const wire = await Http2Wire.begin(await client());
  const fields = requestFields([["host", "app.test"]]).filter(([name]) => name !== ":authority");
  wire.send(headers(1, fields));
  const backend = await origin.connection();
  assert.deepEqual(valuesOf(await backend.readRequest(), "host"), ["app.test"]);
  backend.send(response("200 OK"));
  await wire.answer(1);
});
