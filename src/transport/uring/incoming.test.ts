import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Slice, sliceOf } from "#core/bytes/slice.ts";
import type { Connection, Transport } from "../contract.ts";
import { QUIET } from "../quiet.fixture.ts";
import { Engine } from "./engine.ts";
import { Ledger } from "./ledger.ts";
import { Pinned } from "./native/pinned.ts";
import { createUringTransport } from "./transport.ts";
import { foreseeable } from "./unavailable.ts";

const skip = foreseeable() === null ? false : "needs io_uring";

const nothing = (): void => undefined;
/** More than all large buffers together. */
const SIZE = 80 * 1024 * 1024;

const PIECE = 256 * 1024;
/** What is sent at this place of the stream: the number of the piece. */
const byteAt = (place: number): number => Math.floor(place / PIECE) % 251;
const pieceAt = (place: number): Uint8Array => new Uint8Array(PIECE).fill(byteAt(place));

/** Two ends of a connection. */
async function pair(transport: Transport): Promise<{ near: Connection; far: Connection }> {
  const accepted = Promise.withResolvers<Connection>();
  const listener = await transport.listen(
    { kind: "address", address: { kind: "tcp", host: "127.0.0.1", port: 0 } },
    {
      onConnection(connection) {
        connection.handler = QUIET;
        accepted.resolve(connection);
      },
      onAcceptFailure: nothing,
    },
  );
  const near = transport.connect(listener.address, 1000, QUIET);
  return { near, far: await accepted.promise };
}

/** Sends the stream as fast as it is taken. */
function sendAll(connection: Connection): void {
  let sent = 0;
  const go = (): void => {
    while (sent < SIZE) {
      const piece = pieceAt(sent);
      sent += PIECE;
      if (!connection.write([sliceOf(piece)])) return;
    }
  };
  connection.handler = { ...QUIET, onWritable: go };
  go();
}

describe("when buffers to receive into run short", { skip }, () => {
  it("bytes are copied before anybody sees them, so that whoever keeps them keeps no buffer", async (t) => {
    const engine = new Engine(Ledger.alone());
    const transport = createUringTransport({ engine });
    t.after(() => transport.shutdown());
    const { near, far } = await pair(transport);
    const kept: Slice[] = [];
    const complete = Promise.withResolvers<void>();
    let size = 0;
    far.handler = {
      ...QUIET,
      onData(_, slice) {
        kept.push(slice.part(0, slice.length));
        size += slice.length;
        if (size === SIZE) complete.resolve();
      },
    };
    sendAll(near);
    await complete.promise;
    assert.ok(engine.large.total > 100, "a stream goes into large buffers");
    assert.ok(kept[0]!.owner instanceof Pinned, "as long as there are enough, nothing is copied");
    assert.ok(!(kept.at(-1)!.owner instanceof Pinned));
    assert.ok(engine.large.free > 0, "others still find some");
    let place = 0;
    for (const slice of kept) {
      for (let i = 0; i < slice.length; i += 997) {
        assert.equal(slice.bytes[slice.offset + i], byteAt(place + i));
      }
      place += slice.length;
      slice.release();
    }
    assert.equal(engine.large.free, engine.large.total, "all come back");
    assert.equal(engine.small.free, engine.small.total);
  });

  it("what waits for a peer that does not read lets go of its buffers, and is not lost", async (t) => {
    const engine = new Engine(Ledger.alone());
    const transport = createUringTransport({ engine });
    t.after(() => transport.shutdown());
    const source = await pair(transport);
    const sink = await pair(transport);
    sink.near.pause();
    let passed = 0;
    const all = Promise.withResolvers<void>();
    source.far.handler = {
      ...QUIET,
      onData(_, slice) {
        sink.far.write([slice.part(0, slice.length)]);
        passed += slice.length;
        if (passed === SIZE) all.resolve();
      },
    };
    sendAll(source.near);
    await all.promise;
    await new Promise(setImmediate);
    assert.ok(sink.far.queued > SIZE / 2, "it waits");
    assert.equal(engine.large.scarce, false, "and leaves others enough");
    const read = Promise.withResolvers<void>();
    let place = 0;
    sink.near.handler = {
      ...QUIET,
      onData(_, slice) {
        for (let i = 0; i < slice.length; i += 997) {
          assert.equal(slice.bytes[slice.offset + i], byteAt(place + i));
        }
        place += slice.length;
        if (place === SIZE) read.resolve();
      },
    };
    sink.near.resume();
    await read.promise;
  });
});
