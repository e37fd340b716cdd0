import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Slice, sliceOf } from "#core/bytes/slice.ts";
import type { Connection } from "../../contract.ts";
import { QUIET } from "../../quiet.fixture.ts";
import { Channel } from "./channel.ts";

describe("a raw connection as a stream", () => {
  /** A peer that sends what it likes, and whose system takes nothing until it is told to. */
  function makeChannel(): {
    channel: Channel;
    calls: string[];
    arrive: () => void;
    take: () => void;
  } {
    const calls: string[] = [];
    let written: Slice[] = [];
    const raw = {
      handler: QUIET,
      pause: () => calls.push("pause"),
      resume: () => calls.push("resume"),
      write: (slices: readonly Slice[]) => written.push(...slices),
    } as unknown as Connection;
    const owner = { onRawEnd: () => {}, onRawClose: () => {}, onFinal: () => {} };
    const channel = new Channel(raw, owner);
    channel.resume();
    return {
      channel,
      calls,
      arrive: () => channel.onData(raw, sliceOf(new Uint8Array(30_000))),
      take: () => {
        const slices = written;
        written = [];
        for (const slice of slices) slice.release();
      },
    };
  }

  const turn = (): Promise<void> => new Promise(setImmediate);

  it("stops reading what bears no fruit while the peer takes nothing, and goes on when it does", async () => {
    const { channel, calls, arrive, take } = makeChannel();
    channel.write("an answer");
    for (let i = 0; i < 8; i++) {
      arrive();
      await turn();
    }
    assert.deepEqual(calls, []);
    arrive();
    await turn();
    assert.deepEqual(calls, ["pause"]);
    take();
    assert.deepEqual(calls, ["pause", "resume"]);
  });

  it("reads on while plain bytes come of it", async () => {
    const { channel, calls, arrive } = makeChannel();
    channel.write("an answer");
    for (let i = 0; i < 50; i++) {
      arrive();
      await turn();
      channel.bearFruit();
    }
    assert.deepEqual(calls, []);
  });

  it("reads on while nothing waits to be taken", async () => {
    const { calls, arrive } = makeChannel();
    for (let i = 0; i < 50; i++) {
      arrive();
      await turn();
    }
    assert.deepEqual(calls, []);
  });
});
