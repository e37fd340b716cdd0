/** Requests over HTTP/2, several on a connection: bodies, windows, ends and resets. */

import assert from "node:assert/strict";
import { ERROR, FLAG, FRAME } from "#protocol/http2/codes.ts";
import {
  data,
  fieldOf,
  frame,
  headers,
  Http2Wire,
  requestFields,
  rstStream,
  settings,
  windowUpdate,
} from "../../harness/http2.ts";
import { answering, response } from "../../harness/origin.ts";
import { scene, until } from "../../harness/scene.ts";
import { valueOf } from "../../harness/wire.ts";

const GET = requestFields();
const POST = requestFields([], "/", "POST");

scene(
  "answers come in the order in which backends give them",
  {},
  async ({ client, origin, proxy }) => {
    const wire = await Http2Wire.begin(await client());
    wire.send(headers(1, requestFields([], "/slow")), headers(3, requestFields([], "/fast")));
    const backends = [await origin.connection(), await origin.connection()];
    for (const backend of backends) {
      const { startLine } = await backend.readRequest();
      if (startLine.includes("fast")) backend.send(response("200 OK", "fast"));
    }
    assert.equal((await wire.answer(3)).body.toString(), "fast");
    const record = await proxy.nextRecord();
    assert.equal(record.version, 20);
    assert.equal(record.target, "/fast");
    for (const backend of backends)
      if (!backend.socket.destroyed) backend.send(response("200 OK", "slow"));
    assert.equal((await wire.answer(1)).body.toString(), "slow");
  },
);

scene("interim answers and trailers go both ways", {}, async ({ client, origin }) => {
  const wire = await Http2Wire.begin(await client());
  wire.send(
    headers(
      1,
      requestFields(
        [
          ["te", "trailers"],
          ["expect", "100-continue"],
        ],
        "/",
        "POST",
      ),
      false,
    ),
  );
  const backend = await origin.connection();
  const head = await backend.readHead();
  assert.equal(valueOf(head, "transfer-encoding"), "chunked");
  backend.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
  assert.equal(wire.decode((await wire.next(FRAME.headers)).payload)[0]![1], "100");
  assert.deepEqual(wire.decode((await wire.next(FRAME.headers)).payload).slice(0, 2), [
    [":status", "103"],
    ["link", "</x>"],
  ]);
  wire.send(
    data(1, "body"),
    headers(1, [
      ["x-sum", "1"],
      ["content-type", "no"],
    ]),
  );
  assert.equal((await backend.readChunk()).toString(), "body");
  assert.equal(await backend.readThrough("\r\n\r\n"), "0\r\nx-sum: 1\r\n\r\n");
  backend.send(
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n2\r\nok\r\n0\r\nX-End: 2\r\n\r\n",
  );
  const answer = await wire.answer(1);
  assert.equal(answer.body.toString(), "ok");
  assert.deepEqual(answer.trailers, [["x-end", "2"]]);
  assert.equal(fieldOf(answer.fields, "transfer-encoding"), "");
  assert.equal(fieldOf(answer.fields, "via"), "1.1 sluice-test");
});

scene("HEAD, 204 and 304 end with their heads", {}, async ({ client, origin }) => {
  const wire = await Http2Wire.begin(await client());
  const asked = [
    [requestFields([], "/", "HEAD"), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "5"],
    [GET, "HTTP/1.1 204 No Content\r\n\r\n", ""],
    [GET, 'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\n\r\n', ""],
    [GET, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "0"],
  ] as const;
  const backend = origin.connection();
  for (const [index, [fields, text, length]] of asked.entries()) {
    wire.send(headers(1 + 2 * index, fields));
    await (await backend).readRequest();
    (await backend).send(text);
    const head = await wire.next(FRAME.headers);
    assert.equal(head.flags, FLAG.endHeaders | FLAG.endStream);
    assert.equal(fieldOf(wire.decode(head.payload), "content-length"), length);
  }
});

scene("a body is sent no faster than its windows", {}, async ({ client, origin }) => {
  const wire = await Http2Wire.begin(await client(), [4, 1]);
  wire.send(headers(1, GET));
  const backend = await origin.connection();
  await backend.readRequest();
  backend.send(response("200 OK", "hello"));
  assert.equal((await wire.next(FRAME.data)).payload.toString(), "h");
  await wire.settled();
  wire.send(windowUpdate(1, 2));
  assert.equal((await wire.next(FRAME.data)).payload.toString(), "el");
  // A window may become negative: nothing is sent before it is positive again.
  wire.send(settings([4, 0]), windowUpdate(1, 1));
  await wire.settled();
  wire.send(settings([4, 2]));
  const last = await wire.next(FRAME.data);
  assert.equal(last.payload.toString(), "lo");
  assert.equal(last.flags, FLAG.endStream);
});

scene(
  "a stream whose window is shut holds back its own backend alone",
  {},
  async ({ client, origin, proxy }) => {
    const wire = await Http2Wire.begin(await client());
    wire.send(windowUpdate(0, 100_000_000), headers(1, requestFields([], "/stuck")));
    const stuck = await origin.connection();
    await stuck.readRequest();
    stuck.send("HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n");
    const pouring = stuck.pour(50_000_000);
    await stuck.stalled();
    assert.ok(stuck.poured < 20_000_000, `${stuck.poured} bytes were taken`);
    wire.send(headers(3, GET));
    const other = await origin.connection();
    await other.readRequest();
    other.send(response("200 OK", "x".repeat(60_000)));
    assert.equal((await wire.answer(3)).body.length, 60_000);
    assert.equal(proxy.worker.totals().exchanges, 1);
    let received = 0;
    wire.send(windowUpdate(1, 100_000_000));
    while (received < 50_000_000) received += (await wire.next(FRAME.data, 1)).payload.length;
    await pouring;
  },
);

scene(
  "a backend that takes no more shuts the window of its own stream alone",
  {},
  async ({ client, origin }) => {
    const wire = await Http2Wire.begin(await client());
    wire.send(headers(1, requestFields([["content-length", "50000000"]], "/", "POST"), false));
    const stuck = await origin.connection();
    await stuck.readHead();
    stuck.pause();
    let window = 65_535;
    let sent = 0;
    const piece = Buffer.alloc(16_000);
    for (;;) {
      while (window >= piece.length) {
        wire.send(data(1, piece));
        window -= piece.length;
        sent += piece.length;
      }
      const frames = await Promise.race([
        wire.next(FRAME.windowUpdate, 1).then((one) => one.payload.readUInt32BE(0)),
        wire.wire.stalledReading(),
      ]);
      if (frames === 0) break;
      window += frames;
    }
    assert.ok(sent < 20_000_000, `${sent} bytes were taken`);
    // The read that waits is for whatever comes next.
    wire.send(headers(3, GET));
    const other = await origin.connection();
    await other.readRequest();
    other.send(response("200 OK", "other"));
    stuck.resume();
    await until(() => stuck.received >= sent);
  },
);

scene(
  "a client that resets a stream ends the attempt, and nothing else",
  {},
  async ({ client, origin, proxy }) => {
    const wire = await Http2Wire.begin(await client());
    wire.send(headers(1, GET), headers(3, GET));
    const [first, second] = [await origin.connection(), await origin.connection()];
    await first.readRequest();
    await second.readRequest();
    wire.send(rstStream(1, ERROR.cancel));
    await Promise.race([first.ended, second.ended]);
    const record = await proxy.nextRecord();
    assert.equal(record.status, 499);
    assert.equal(record.failure, "client_gone");
    assert.equal(record.failureDetail, "CANCEL");
    const left = first.ending === null ? first : second;
    left.send(response("200 OK", "left"));
    assert.equal((await wire.answer(3)).body.toString(), "left");
  },
);

scene(
  "an answer that is complete before its request is delivered, then the rest is not wanted",
  {},
  async ({ client, origin }) => {
    const wire = await Http2Wire.begin(await client());
    wire.send(headers(1, POST, false), data(1, "some"));
    const backend = await origin.connection();
    await backend.readHead();
    await backend.readChunk();
    backend.send(response("200 OK", "enough"));
    assert.equal((await wire.answer(1)).body.toString(), "enough");
    assert.equal(await wire.reset(1), "NO_ERROR");
    // What was under way.
    wire.send(data(1, "more"), data(1, "", true), headers(3, GET));
    const next = await origin.connection();
    await next.readRequest();
    next.send(response("200 OK", "next"));
    assert.equal((await wire.answer(3)).body.toString(), "next");
  },
);

scene(
  "an answer that its backend breaks off is reset, never ended",
  {},
  async ({ client, origin, proxy }) => {
    const wire = await Http2Wire.begin(await client());
    wire.send(headers(1, GET));
    const backend = await origin.connection();
    await backend.readRequest();
    backend.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    assert.equal((await wire.next(FRAME.data)).flags, 0);
    backend.end();
    assert.equal(await wire.reset(1), "INTERNAL_ERROR");
    assert.equal((await proxy.nextRecord()).failure, "response_truncated");
    wire.send(headers(3, requestFields()));
    const again = await origin.connection();
    await again.readRequest();
    again.send(response("200 OK"));
    await wire.answer(3);
  },
);

scene(
  "DATA beyond Content-Length never makes a complete request",
  {},
  async ({ client, origin, proxy }) => {
    const wire = await Http2Wire.begin(await client());
    wire.send(
      headers(1, requestFields([["content-length", "5"]], "/", "POST"), false),
      data(1, "four"),
    );
    const backend = await origin.connection();
    await backend.readHead();
    assert.equal((await backend.read(4)).toString(), "four");
    wire.send(data(1, "and more", true));
    assert.equal(await wire.reset(1), "PROTOCOL_ERROR");
    assert.equal((await backend.readToEnd()).bytes.length, 0);
    const record = await proxy.nextRecord();
    assert.equal(record.failure, "request_body_malformed");
    assert.equal(record.status, 400);
  },
);

scene(
  "a body that does not come is answered 408",
  { timeouts: { bodyIdle: 50 } },
  async ({ client, origin, proxy }) => {
    const wire = await Http2Wire.begin(await client());
    wire.send(headers(1, POST, false), data(1, "some"));
    await (await origin.connection()).readHead();
    assert.equal((await wire.answer(1)).status, 408);
    assert.equal(await wire.reset(1), "NO_ERROR");
    assert.equal((await proxy.nextRecord()).failure, "request_body_timeout");
  },
);

scene(
  "a stream whose window stays shut is reset after a while",
  { timeouts: { write: 50 } },
  async ({ client, origin, proxy }) => {
    const wire = await Http2Wire.begin(await client(), [4, 1]);
    wire.send(headers(1, GET));
    const backend = await origin.connection();
    await backend.readRequest();
    backend.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nsome");
    assert.equal(await wire.reset(1), "ENHANCE_YOUR_CALM");
    assert.equal((await proxy.nextRecord()).failure, "client_stalled");
    await backend.ended;
    await wire.settled();
  },
);

scene("a connection that breaks ends all its exchanges", {}, async ({ client, origin, proxy }) => {
  const wire = await Http2Wire.begin(await client());
  wire.send(headers(1, GET), headers(3, GET));
  const backends = [await origin.connection(), await origin.connection()];
  for (const backend of backends) await backend.readRequest();
  wire.wire.reset();
  for (const backend of backends) await backend.ended;
  assert.equal((await proxy.nextRecord()).failure, "client_gone");
  assert.equal((await proxy.nextRecord()).failure, "client_gone");
});

scene(
  "an unused connection is told so and closed",
  { timeouts: { keepAlive: 50 }, script: answering(response("200 OK")) },
  async ({ client }) => {
    const wire = await Http2Wire.begin(await client());
    wire.send(headers(1, GET));
    await wire.answer(1);
    const { payload } = await wire.next(FRAME.goaway);
    assert.equal(payload.readUInt32BE(0), 1, "the last stream that was handled");
    assert.equal(payload.readUInt32BE(4), ERROR.noError);
    assert.equal(await wire.wire.ended, "fin");
  },
);

scene(
  "a drain says goodbye twice, and the answers that are under way still come",
  {},
  async ({ client, origin, proxy }) => {
    const wire = await Http2Wire.begin(await client());
    wire.send(headers(1, GET));
    const first = await origin.connection();
    await first.readRequest();
    const drained = proxy.dataPlane.drain(10_000);
    assert.equal((await wire.next(FRAME.goaway)).payload.readUInt32BE(0), 0x7fff_ffff);
    const ping = await wire.next(FRAME.ping);
    // Sent before the client could know.
    wire.send(headers(3, GET), frame(FRAME.ping, FLAG.ack, 0, ping.payload));
    const second = await origin.connection();
    await second.readRequest();
    assert.equal((await wire.next(FRAME.goaway)).payload.readUInt32BE(0), 3);
    wire.send(headers(5, GET));
    await wire.settled();
    first.send(response("200 OK", "first"));
    second.send(response("200 OK", "second"));
    assert.equal((await wire.answer(1)).body.toString(), "first");
    assert.equal((await wire.answer(3)).body.toString(), "second");
    assert.equal(await wire.wire.ended, "fin");
    await drained;
    assert.equal(origin.accepted, 2, "what came behind the second goodbye was not taken");
  },
);

scene(
  "a drain does not wait for a client that does not answer it",
  {},
  async ({ client, proxy }) => {
    const wire = await Http2Wire.begin(await client());
    await wire.settled();
    await proxy.dataPlane.drain(10_000);
    assert.equal(await wire.wire.ended, "fin");
  },
);

scene("more urgent streams go first", {}, async ({ client, origin }) => {
  const wire = await Http2Wire.begin(await client(), [4, 0]);
  const urgency = (u: number): Buffer =>
    headers(7 - 2 * u, requestFields([["priority", `u=${u}, i`]], `/${u}`));
  wire.send(urgency(3), urgency(2), urgency(1));
  for (let i = 0; i < 3; i++) {
    const backend = await origin.connection();
    await backend.readRequest();
    backend.send(response("200 OK", "x".repeat(1000)));
  }
  for (let i = 0; i < 3; i++) await wire.next(FRAME.headers);
  await wire.settled();
  wire.send(settings([4, 1000]));
  const order: number[] = [];
  for (let i = 0; i < 3; i++) order.push((await wire.next(FRAME.data)).stream);
  assert.deepEqual(order, [5, 3, 1]);
});
