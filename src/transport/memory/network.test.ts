import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type Slice, sliceOf } from "#core/bytes/slice.ts";
import { Xorshift } from "#core/random.ts";
import { Timer } from "#core/time/timers.ts";
import type {
  Connection,
  ConnectionHandler,
  SocketAddress,
  TransportFailure,
} from "../contract.ts";
import type { Behaviour } from "./address.ts";
import { POISON } from "./block.ts";
import { createMemoryNetwork, type MemoryNetwork } from "./network.ts";

const THERE: SocketAddress = { kind: "tcp", host: "10.0.0.1", port: 80 };

/** One side of a connection that remembers. */
class Side implements ConnectionHandler {
  readonly events: string[] = [];
  readonly slices: Slice[] = [];
  text = "";
  failure: TransportFailure | null = null;
  more: (slice: Slice) => void = () => undefined;
  connection: Connection | undefined;
  onConnect(): void {
    this.events.push("connect");
  }
  onData(_connection: Connection, slice: Slice): void {
    this.events.push(`data ${slice.length}`);
    this.text += String(Buffer.from(slice.view()));
    this.slices.push(slice);
    this.more(slice);
  }
  onEnd(): void {
    this.events.push("end");
  }
  onWritable(): void {
    this.events.push("writable");
  }
  onClose(_connection: Connection, failure: TransportFailure | null): void {
    this.events.push("close");
    this.failure = failure;
  }
}

async function connectThere(
  seed = 1,
  behaviour: Behaviour = {},
): Promise<{ network: MemoryNetwork; client: Side; server: Side }> {
  const network = createMemoryNetwork({ random: new Xorshift(seed) });
  network.behave(THERE, behaviour);
  const server = new Side();
  await network.transport("10.0.0.1").listen(
    { kind: "address", address: THERE },
    {
      onAcceptFailure: () => undefined,
      onConnection: (connection) => {
        server.connection = connection;
        connection.handler = server;
      },
    },
  );
  const client = new Side();
  client.connection = network.transport("10.0.0.2").connect(THERE, 3000, client);
  network.run();
  return { network, client, server };
}

function text(value: string): Slice {
  return sliceOf(Buffer.from(value));
}

describe("the network in memory", () => {
  it("overwrites received bytes as soon as the callback has returned", async () => {
    const { network, client, server } = await connectThere();
    client.connection?.write([text("secret")]);
    network.run();
    assert.equal(server.text, "secret");
    for (const slice of server.slices) {
      assert.ok(slice.view().every((byte) => byte === POISON));
    }
  });

  it("leaves parts alone until they are released, then overwrites them", async () => {
    const { network, client, server } = await connectThere();
    const parts: Slice[] = [];
    server.more = (slice) => parts.push(slice.part(0, slice.length));
    client.connection?.write([text("kept for a while")]);
    network.run();
    const kept = Buffer.concat(parts.map((part) => part.view()));
    assert.equal(String(kept), "kept for a while");
    assert.throws(() => network.assertClean(), /not released: received bytes/);
    for (const part of parts) part.release();
    assert.ok(parts.every((part) => part.view().every((byte) => byte === POISON)));
    assert.throws(() => parts[0]?.release(), /more often/);
    assert.throws(() => parts[0]?.part(0, 1), /after the last release/);
  });

  it("finds out who never releases, closes or disarms", async () => {
    const { network, client } = await connectThere();
    const slice = network.transport().allocate(10);
    assert.ok(slice.view().every((byte) => byte === POISON));
    network.timers.schedule(new Timer({ onTimer: () => undefined }, 0), 10);
    assert.throws(
      () => network.assertClean(),
      /allocated bytes, 10 bytes[^]*connections open: 2[^]*listeners open: \[10.0.0.1\]:80[^]*timers armed: 1/,
    );
    client.connection?.abort();
    slice.release();
  });

  it("a seed repeats everything, another does not", async () => {
    const play = async (seed: number): Promise<string[]> => {
      const { network, client, server } = await connectThere(seed);
      client.connection?.write([text("x".repeat(200_000))]);
      network.run();
      assert.equal(server.text.length, 200_000);
      return server.events;
    };
    assert.deepEqual(await play(7), await play(7));
    assert.notDeepEqual(await play(7), await play(8));
  });

  it("knows where connections come from", async () => {
    const { client, server } = await connectThere();
    assert.equal(server.connection?.remoteAddress, "10.0.0.2");
    assert.equal(client.connection?.remoteAddress, "10.0.0.1");
  });

  it("can refuse, and not answer at all", async () => {
    const refuse = { code: "unreachable", detail: "EHOSTUNREACH" } as const;
    const { client: refused } = await connectThere(1, { refuse });
    assert.deepEqual(refused.events, ["close"]);
    assert.deepEqual(refused.failure, refuse);
    const { network, client } = await connectThere(1, { silent: true });
    network.advance(2999);
    assert.deepEqual(client.events, []);
    network.advance(1);
    assert.equal(client.failure?.code, "connect-timeout");
  });

  it("can reset after a number of bytes in either direction, which arrive", async () => {
    const sent = await connectThere(3, { resetAfterSent: 5 });
    sent.client.connection?.write([text("123456789")]);
    sent.network.run();
    assert.equal(sent.server.text, "12345");
    assert.equal(sent.server.failure?.code, "reset");
    assert.equal(sent.client.failure?.code, "reset");
    const received = await connectThere(3, { resetAfterReceived: 3 });
    received.server.connection?.write([text("123456789")]);
    received.network.run();
    assert.equal(received.client.text, "123");
    assert.equal(received.client.failure?.code, "reset");
    assert.deepEqual(received.client.events.slice(-1), ["close"]);
    assert.ok(!received.client.events.includes("end"));
  });

  it("can deliver byte by byte, and hold a reader up", async () => {
    const { network, client, server } = await connectThere(1, { window: 1, stalled: true });
    client.connection?.write([text("abc")]);
    network.run();
    assert.equal(client.connection?.taken, 1);
    assert.equal(server.text, "");
    const stalled = [...network.connections].find((each) => each.incoming.stalled);
    assert.ok(stalled);
    stalled.incoming.stalled = false;
    network.run();
    assert.deepEqual(server.events, ["data 1", "data 1", "data 1"]);
  });

  it("closing with unread bytes resets the peer, as a kernel does", async () => {
    const { network, client, server } = await connectThere();
    server.connection?.pause();
    client.connection?.write([text("unread")]);
    network.run();
    server.connection?.write([text("answer that is lost")]);
    server.connection?.close();
    client.connection?.pause();
    network.run();
    client.connection?.resume();
    network.run();
    assert.equal(client.failure?.code, "reset");
    assert.equal(server.failure, null);
  });
});
