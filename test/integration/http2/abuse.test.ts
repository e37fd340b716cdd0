/** What a client may not do without end, one test for each: the connection ends, and says why. */

import assert from "node:assert/strict";
import { ABUSES } from "#core/http/abuse.ts";
import { ERROR, FLAG, FRAME } from "#protocol/http2/codes.ts";
import {
  block,
  data,
  frame,
  headers,
  Http2Wire,
  requestFields,
  rstStream,
  settings,
  uint32,
  windowUpdate,
} from "../../harness/http2.ts";
import { answering, response } from "../../harness/origin.ts";
import { scene, until } from "../../harness/scene.ts";

const GET = requestFields();
const POST = requestFields([], "/", "POST");
const many = (count: number, make: (index: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, index) => make(index)));

/** What is sent, and what it is called. */
const FLOODS: readonly (readonly [kind: string, bytes: () => Buffer])[] = [
  [
    "rapid_resets",
    () =>
      many(600, (i) =>
        Buffer.concat([headers(1 + 2 * i, GET), rstStream(1 + 2 * i, ERROR.cancel)]),
      ),
  ],
  [
    "provoked_resets",
    () =>
      many(200, (i) =>
        Buffer.concat([headers(1 + 2 * i, POST, false), windowUpdate(1 + 2 * i, 0)]),
      ),
  ],
  ["provoked_resets", () => many(200, (i) => headers(1 + 2 * i, requestFields([["X", "y"]])))],
  [
    "continuation_flood",
    () =>
      Buffer.concat([
        frame(FRAME.headers, 0, 1, block(GET)),
        many(100, () => frame(FRAME.continuation, 0, 1, block([["x", "y"]]))),
      ]),
  ],
  [
    "continuation_flood",
    () => Buffer.concat([frame(FRAME.headers, 0, 1, block(GET)), frame(FRAME.continuation, 0, 1)]),
  ],
  [
    "continuation_flood",
    () =>
      Buffer.concat([
        frame(FRAME.headers, 0, 1, block(GET)),
        many(5, () => frame(FRAME.continuation, 0, 1, block([["x", "y".repeat(16_000)]]))),
      ]),
  ],
  ["settings_flood", () => many(200, () => settings())],
  ["ping_flood", () => many(300, () => frame(FRAME.ping, 0, 0, "12345678"))],
  [
    "empty_data_flood",
    () => Buffer.concat([headers(1, POST, false), many(200, () => data(1, ""))]),
  ],
  [
    "empty_data_flood",
    () =>
      Buffer.concat([
        headers(1, POST, false),
        many(200, () => frame(FRAME.data, FLAG.padded, 1, Buffer.from([3, 0, 0, 0]))),
      ]),
  ],
  ["control_flood", () => many(6000, () => windowUpdate(0, 1))],
  [
    "control_flood",
    () =>
      many(6000, () => frame(FRAME.priority, 0, 1, Buffer.concat([uint32(0), Buffer.from([1])]))),
  ],
  ["control_flood", () => many(6000, () => frame(0x99, 0, 0, ""))],
  [
    "large_heads",
    () =>
      many(30, (i) =>
        headers(1 + 2 * i, requestFields(Array.from({ length: 110 }, () => ["x", ""]))),
      ),
  ],
  [
    "hpack_bomb",
    () => {
      const entry = Buffer.concat([
        Buffer.from([0x40, 1, 0x78, 0x7f, 0xa1, 0x1e]),
        Buffer.alloc(4000, "y"),
      ]);
      const whole = Buffer.concat([block(GET), entry, Buffer.alloc(2000, 0xbe)]);
      return frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, 1, whole);
    },
  ],
  ["stream_flood", () => many(600, (i) => headers(1 + 2 * i, POST, false))],
];

for (const [index, [kind, bytes]] of FLOODS.entries()) {
  scene(`${kind} (${index}): ENHANCE_YOUR_CALM`, {}, async ({ client, proxy, origin }) => {
    const wire = await Http2Wire.begin(await client());
    wire.wire.send(bytes());
    const { payload } = await wire.next(FRAME.goaway);
    assert.equal(payload.readUInt32BE(4), ERROR.enhanceYourCalm);
    assert.equal(payload.toString("latin1", 8), kind);
    await wire.wire.ended;
    assert.deepEqual(
      proxy.logs.map(({ code, level }) => [code, level]),
      [[kind, "warn"]],
    );
    const counted = ABUSES.filter((_, at) => proxy.worker.totals().abuses[at] === 1);
    assert.deepEqual(counted, [kind]);
    await until(() => proxy.worker.totals().exchanges === 0);
    assert.ok(origin.accepted <= 510, "cancelled requests count as long as they are at work");
  });
}

scene("a client that does not read is not read from", {}, async ({ client, proxy }) => {
  const wire = await client();
  const opened = await Http2Wire.begin(wire);
  wire.pause();
  // Requests that are answered by their heads alone, which no window holds back.
  const ask = (i: number): Buffer => headers(1 + 2 * i, requestFields([], "*"));
  let sent = 0;
  let asked = 0;
  for (;;) {
    const before = proxy.records.length;
    opened.send(many(1000, () => ask(asked++)));
    sent += 1000;
    for (let turn = 0; turn < 200; turn++) await new Promise(setImmediate);
    if (proxy.records.length === before) break;
    assert.ok(sent < 200_000, "it is read from without end");
  }
  wire.reset();
});

scene(
  "honest clients are not taken for others: many requests with small windows",
  { script: answering(response("200 OK", "x".repeat(1000))) },
  async ({ client }) => {
    const wire = await Http2Wire.begin(await client(), [4, 100]);
    for (let i = 0; i < 600; i++) {
      const stream = 1 + 2 * i;
      wire.send(headers(stream, GET));
      let got = 0;
      while (got < 1000) {
        const { payload } = await wire.next(FRAME.data, stream);
        got += payload.length;
        if (payload.length > 0 && got < 1000) {
          wire.send(windowUpdate(stream, payload.length), windowUpdate(0, payload.length));
        }
      }
    }
    await wire.settled();
  },
);
