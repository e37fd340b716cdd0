/** The rules of RFC 9113 and RFC 7541 for servers, one by one, over sockets. */

import assert from "node:assert/strict";
import { FRAME } from "#protocol/http2/codes.ts";
import { headers, Http2Wire, requestFields } from "../../harness/http2.ts";
import { answering, response } from "../../harness/origin.ts";
import { scene, until, type Scene } from "../../harness/scene.ts";
import { CASES, OPENINGS, type Outcome } from "./cases.ts";

const options = { script: answering(response("200 OK", "hello")) };

for (const { section, name, send, outcome } of CASES) {
  scene(`§${section}: ${name}: ${inWords(outcome)}`, options, async (stage) => {
    const client = await Http2Wire.begin(await stage.client());
    await send(client);
    if ("connection" in outcome) {
      assert.ok(outcome.connection.includes(await client.goaway()), "the code of GOAWAY");
    } else if ("stream" in outcome) {
      const reset = await client.next(FRAME.rstStream);
      assert.equal(reset.stream, outcome.stream);
      assert.ok(outcome.code.includes(codeOf(reset.payload)), "the code of RST_STREAM");
      await client.settled();
      // Where no more streams are offered there is nothing to ask.
      if (!outcome.code.includes("REFUSED_STREAM")) await goesOn(client);
    } else {
      for (const stream of outcome.answers) {
        const answer = await client.answer(stream);
        assert.equal(answer.status, 200);
        assert.equal(answer.body.toString(), "hello");
      }
    }
    client.wire.reset();
    await quiet(stage);
  });
}

for (const [section, name, bytes] of OPENINGS) {
  scene(`§${section}: ${name}: the connection ends with PROTOCOL_ERROR`, options, async (stage) => {
    const client = new Http2Wire(await stage.client());
    client.wire.send(bytes);
    assert.equal(await client.goaway(), "PROTOCOL_ERROR");
  });
}

/** The connection is as good as new for another stream. */
async function goesOn(client: Http2Wire): Promise<void> {
  client.send(headers(301, requestFields()));
  assert.equal((await client.answer(301)).status, 200);
}

function codeOf(payload: Buffer): string {
  const codes: Readonly<Record<number, string>> = {
    1: "PROTOCOL_ERROR",
    3: "FLOW_CONTROL_ERROR",
    5: "STREAM_CLOSED",
    6: "FRAME_SIZE_ERROR",
    7: "REFUSED_STREAM",
  };
  return codes[payload.readUInt32BE(0)] ?? "another";
}

async function quiet({ proxy }: Scene): Promise<void> {
  await until(() => proxy.worker.totals().exchanges === 0);
}

function inWords(outcome: Outcome): string {
  if ("connection" in outcome) return `the connection ends with ${outcome.connection.join(" or ")}`;
  if ("stream" in outcome) return `stream ${outcome.stream} is reset with ${outcome.code.join()}`;
  return "answered";
}
