/**
 * What every transport has to do, as tests. Each implementation registers them under its own name and brings a
 * bench: two transports that reach each other.
 */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Slice, sliceOf } from "#core/bytes/slice.ts";
import { Timer } from "#core/time/timers.ts";
import { Counter, pattern, pump, Recorder, Stage, type TransportBench } from "./stage.fixture.ts";

export type { TransportBench } from "./stage.fixture.ts";

/** Registers the tests. `make` is called once for each. */
export function describeTransport(name: string, make: () => Promise<TransportBench>): void {
  const test = (title: string, body: (stage: Stage) => Promise<void>): void => {
    it(title, async () => {
      const stage = new Stage(await make());
      try {
        await body(stage);
      } finally {
        await stage.bench.finish();
      }
      for (const recorder of stage.accepted) {
        assert.ok(recorder.gone, "every connection is reported closed in the end");
      }
    });
  };

  describe(`transport ${name}`, () => {
    describe("moving bytes", () => movingBytes(test));
    describe("memory", () => memory(test));
    describe("ending", () => ending(test));
    describe("connecting", () => connecting(test));
    describe("listening", () => listening(test));
    describe("time", () => time(test));
  });
}

type Test = (title: string, body: (stage: Stage) => Promise<void>) => void;

function movingBytes(test: Test): void {
  test("what is written arrives, and the answer too", async (stage) => {
    const { client, server } = await stage.pair();
    server.onDataMore = (slice) => server.write(slice.part(0, slice.length));
    client.send("hello");
    await stage.until(client, () => client.size === 5);
    assert.equal(client.text, "hello");
  });

  test("writes made before the connection is up are sent when it is", async (stage) => {
    const { address } = await stage.listen();
    const client = stage.connect(address);
    client.send("early ");
    client.send("bird");
    const server = await stage.accept();
    await stage.until(server, () => server.size === 10);
    assert.equal(server.text, "early bird");
  });

  test("large transfers in both directions at once arrive whole, with bounded queues", async (stage) => {
    const { client, server } = await stage.pair();
    const up = pattern(6_000_000, 1);
    const down = pattern(5_000_000, 2);
    pump(client, up, 16_384, () => client.call((connection) => connection.end()));
    pump(server, down, 50_000, () => server.call((connection) => connection.end()));
    await stage.closed(client, server);
    assert.ok(Buffer.concat(server.received).equals(up));
    assert.ok(Buffer.concat(client.received).equals(down));
    assert.equal(client.failure, null);
    assert.equal(server.failure, null);
    assert.ok(client.writables > 0);
    assert.equal(client.connection?.taken, up.length);
    assert.equal(server.connection?.taken, down.length);
  });

  test("slices of all sizes keep their order, in one write and over many", async (stage) => {
    const { client, server } = await stage.pair();
    const bytes = pattern(900_000);
    const sizes = [1, 0, 3, 65_535, 65_536, 65_537, 9, 200_000, 0, 4096, 16_384, 16_385, 2, 2, 2];
    const slices: Slice[] = [];
    let at = 0;
    const cut = (size: number): void => {
      slices.push(new Slice(bytes, at, size, sliceOf(bytes).owner));
      at += size;
    };
    for (const size of sizes) cut(size);
    client.write(...slices.splice(0));
    for (let i = 0; i < 1500; i++) cut(1 + (i % 7));
    // The array is read before `write` returns.
    client.call((connection) => connection.write(slices));
    slices.length = 0;
    cut(bytes.length - at);
    client.write(...slices);
    await stage.until(server, () => server.size === bytes.length);
    assert.ok(Buffer.concat(server.received).equals(bytes));
    await stage.bench.settle();
    assert.equal(client.connection?.queued, 0);
    assert.equal(client.connection?.taken, bytes.length);
  });

  test("bytes of shared memory can be written", async (stage) => {
    const { client, server } = await stage.pair();
    const shared = new Uint8Array(new SharedArrayBuffer(100_000));
    shared.set(pattern(100_000));
    client.write(sliceOf(shared), sliceOf(shared.subarray(7, 20)));
    await stage.until(server, () => server.size === 100_013);
    assert.ok(
      Buffer.concat(server.received).equals(
        Buffer.concat([pattern(100_000), pattern(100_000).subarray(7, 20)]),
      ),
    );
  });

  test("a paused connection delivers nothing and holds the sender up; resumed, all of it arrives", async (stage) => {
    const { client, server } = await stage.pair();
    server.call((connection) => connection.pause());
    const bytes = pattern(24_000_000);
    let sent = false;
    pump(client, bytes, 65_536, () => (sent = true));
    for (let i = 0; i < 20; i++) await stage.bench.settle();
    assert.equal(server.size, 0);
    assert.equal(sent, false);
    assert.ok((client.connection?.taken ?? 0) < bytes.length);
    server.call((connection) => connection.resume());
    await stage.until(server, () => server.size === bytes.length);
    assert.ok(Buffer.concat(server.received).equals(bytes));
  });

  test("pausing from inside onData stops the delivery there", async (stage) => {
    const { client, server } = await stage.pair();
    let calls = 0;
    server.onDataMore = () => {
      calls++;
      server.call((connection) => connection.pause());
    };
    for (let i = 0; i < 4; i++) client.write(sliceOf(pattern(100_000, i)));
    await stage.until(server, () => calls === 1);
    await stage.bench.settle();
    assert.equal(calls, 1);
    server.onDataMore = undefined;
    server.call((connection) => connection.resume());
    await stage.until(server, () => server.size === 400_000);
  });

  test("an end that arrives while paused is reported behind the bytes, after resume", async (stage) => {
    const { client, server } = await stage.pair();
    server.call((connection) => connection.pause());
    client.send("last words");
    client.call((connection) => connection.end());
    await stage.bench.settle();
    assert.equal(server.ends, 0);
    server.call((connection) => connection.resume());
    await stage.until(server, () => server.ends === 1);
    assert.equal(server.text, "last words");
  });

  test("the handler can be exchanged while bytes are under way", async (stage) => {
    const { client, server } = await stage.pair();
    const second = new Recorder();
    second.connection = server.connection;
    server.onDataMore = () => {
      if (server.connection !== undefined) server.connection.handler = second;
    };
    client.send("a");
    await stage.until(server, () => server.size === 1);
    client.send("b");
    await stage.until(second, () => second.size === 1);
    assert.equal(server.text + second.text, "ab");
    // From now on it is the second that is told.
    server.gone = true;
  });
}

function memory(test: Test): void {
  const counted = (bytes: Buffer): { slice: Slice; owner: Counter } => {
    const owner = new Counter();
    return { slice: new Slice(bytes, 0, bytes.length, owner), owner };
  };

  test("every slice is released once when its bytes are taken", async (stage) => {
    const { client, server } = await stage.pair();
    const sizes = [10, 0, 5000, 100_000, 1, 70_000];
    const all = sizes.map((size) => counted(pattern(size)));
    client.write(...all.map((each) => each.slice));
    await stage.until(server, () => server.size === 175_011);
    await stage.bench.settle();
    assert.deepEqual(
      all.map((each) => each.owner.references),
      sizes.map(() => 0),
    );
  });

  test("bytes may be overwritten as soon as they are released", async (stage) => {
    const { client, server } = await stage.pair();
    server.call((connection) => connection.pause());
    const bytes = pattern(6_000_000);
    const size = 40_000;
    for (let at = 0; at < bytes.length; at += size) {
      const copy = Buffer.from(bytes.subarray(at, at + size));
      const owner = { retain: () => undefined, release: () => void copy.fill(0xdb) };
      client.write(new Slice(copy, 0, copy.length, owner));
    }
    await stage.bench.settle();
    server.call((connection) => connection.resume());
    await stage.until(server, () => server.size === bytes.length);
    assert.ok(Buffer.concat(server.received).equals(bytes));
  });

  test("every slice is released once when the connection is aborted", async (stage) => {
    const { client, server } = await stage.pair();
    server.call((connection) => connection.pause());
    const all = Array.from({ length: 400 }, () => counted(pattern(60_000)));
    for (const each of all) client.write(each.slice);
    await stage.bench.settle();
    assert.ok(all.some((each) => each.owner.references === 1));
    client.call((connection) => connection.abort());
    const late = counted(pattern(10));
    assert.equal(client.write(late.slice), true);
    await stage.closed(client);
    assert.deepEqual(new Set(all.map((each) => each.owner.references)), new Set([0]));
    assert.equal(late.owner.references, 0);
  });

  test("every slice is released once when the peer is gone", async (stage) => {
    const { client, server } = await stage.pair();
    server.call((connection) => connection.pause());
    const all = Array.from({ length: 200 }, () => counted(pattern(60_000)));
    for (const each of all) client.write(each.slice);
    await stage.bench.settle();
    server.call((connection) => connection.abort());
    await stage.closed(client);
    assert.equal(client.failure?.code, "reset");
    assert.deepEqual(new Set(all.map((each) => each.owner.references)), new Set([0]));
  });

  test("every slice is released once when no connection comes about", async (stage) => {
    const client = stage.connect(stage.bench.nobody);
    const only = counted(pattern(5000));
    client.write(only.slice);
    await stage.closed(client);
    assert.equal(only.owner.references, 0);
  });

  test("allocated memory is written from without another copy by the caller", async (stage) => {
    const { client, server } = await stage.pair();
    const expected: Buffer[] = [];
    for (const size of [1, 100, 5000, 16_384, 16_385, 70_000, 100, 100]) {
      const slice = stage.bench.client.allocate(size);
      assert.equal(slice.length, size);
      const used = Math.max(1, size - 3);
      const bytes = pattern(used, size);
      slice.bytes.set(bytes, slice.offset);
      slice.length = used;
      expected.push(bytes);
      client.write(slice);
    }
    const all = Buffer.concat(expected);
    await stage.until(server, () => server.size === all.length);
    assert.ok(Buffer.concat(server.received).equals(all));
  });

  test("allocated memory may be released unused", async (stage) => {
    for (const size of [10, 100_000]) stage.bench.client.allocate(size).release();
  });

  test("received bytes that were kept stay as they are while more arrive", async (stage) => {
    const { client, server } = await stage.pair();
    const kept: Slice[] = [];
    server.onDataMore = (slice) => kept.push(slice.part(0, slice.length));
    const bytes = pattern(300_000);
    client.write(sliceOf(bytes));
    await stage.until(server, () => server.size === bytes.length);
    assert.ok(Buffer.concat(kept.map((slice) => slice.view())).equals(bytes));
    for (const slice of kept) slice.release();
  });
}

function ending(test: Test): void {
  test("the client may end its side and still read", async (stage) => {
    const { client, server } = await stage.pair();
    client.send("question");
    client.call((connection) => connection.end());
    await stage.until(server, () => server.ends === 1);
    assert.equal(server.text, "question");
    server.send("answer");
    server.call((connection) => connection.end());
    await stage.closed(client, server);
    assert.equal(client.text, "answer");
    assert.equal(client.ends, 1);
    assert.equal(client.failure, null);
    assert.equal(server.failure, null);
  });

  test("the server may end its side and still read", async (stage) => {
    const { client, server } = await stage.pair();
    server.call((connection) => connection.end());
    await stage.until(client, () => client.ends === 1);
    client.send("still here");
    await stage.until(server, () => server.size === 10);
    client.call((connection) => connection.end());
    await stage.closed(client, server);
    assert.equal(server.text, "still here");
    assert.equal(client.failure, null);
    assert.equal(server.failure, null);
  });

  test("end sends what is queued first", async (stage) => {
    const { client, server } = await stage.pair();
    const bytes = pattern(1_000_000);
    client.write(sliceOf(bytes));
    client.call((connection) => connection.end());
    await stage.until(server, () => server.ends === 1);
    assert.ok(Buffer.concat(server.received).equals(bytes));
  });

  test("writing after the end is an error of the caller, and its slices are released", async (stage) => {
    const { client } = await stage.pair();
    client.call((connection) => connection.end());
    const owner = new Counter();
    assert.throws(() => client.write(new Slice(Buffer.from("x"), 0, 1, owner)), /write after/);
    assert.equal(owner.references, 0);
  });

  test("close sends what is queued, closes both sides and reports nothing more", async (stage) => {
    const { client, server } = await stage.pair();
    const bytes = pattern(2_000_000);
    server.write(sliceOf(bytes));
    server.call((connection) => connection.close());
    await stage.until(client, () => client.ends === 1);
    await stage.closed(server);
    assert.ok(Buffer.concat(client.received).equals(bytes));
    assert.equal(server.failure, null);
    assert.equal(server.ends, 0);
    client.call((connection) => connection.end());
    await stage.closed(client);
    assert.equal(client.failure, null);
  });

  test("lingerClose lets a peer that is still sending read the whole answer", async (stage) => {
    const { client, server } = await stage.pair();
    const answer = pattern(300_000);
    let answered = false;
    server.onDataMore = () => {
      assert.equal(answered, false, "nothing is delivered after lingerClose");
      answered = true;
      server.write(sliceOf(answer));
      server.call((connection) => connection.lingerClose());
    };
    // Does not look at the answer before it has sent everything.
    client.call((connection) => connection.pause());
    const body = pattern(8_000_000);
    let sent = false;
    pump(client, body, 65_536, () => {
      sent = true;
      client.call((connection) => connection.resume());
    });
    await stage.until(client, () => client.ends === 1);
    assert.ok(sent);
    assert.ok(Buffer.concat(client.received).equals(answer));
    assert.equal(server.gone, false);
    client.call((connection) => connection.end());
    await stage.closed(server, client);
    assert.equal(server.failure, null);
    assert.equal(client.failure, null);
    assert.equal(server.ends, 0);
  });

  test("lingerClose gives a silent peer 5 s", async (stage) => {
    const { client, server } = await stage.pair();
    server.send("bye");
    server.call((connection) => connection.lingerClose());
    await stage.until(client, () => client.ends === 1);
    await stage.bench.settle();
    stage.bench.elapse(4900);
    await stage.bench.settle();
    assert.equal(server.gone, false);
    stage.bench.elapse(200);
    await stage.closed(server);
    assert.equal(server.failure, null);
    assert.equal(client.text, "bye");
  });

  test("lingerClose gives a peer that goes on sending 30 s", async (stage) => {
    const { client, server } = await stage.pair();
    server.call((connection) => connection.lingerClose());
    await stage.until(client, () => client.ends === 1);
    await stage.bench.settle();
    let elapsed = 0;
    while (elapsed < 28_000) {
      client.send("more");
      await stage.bench.settle();
      stage.bench.elapse(4000);
      elapsed += 4000;
      await stage.bench.settle();
      assert.equal(server.gone, false);
    }
    stage.bench.elapse(2200);
    await stage.closed(server);
    assert.equal(server.failure, null);
  });

  test("abort is at once, says nothing to its owner and resets the peer", async (stage) => {
    const { client, server } = await stage.pair();
    client.send("x");
    await stage.until(server, () => server.size === 1);
    server.send("never to be complete");
    server.call((connection) => connection.abort());
    assert.equal(server.connection?.closed, true);
    await stage.closed(server);
    assert.equal(server.failure, null);
    if (stage.bench.resets) {
      await stage.closed(client);
      assert.equal(client.failure?.code, "reset");
      assert.equal(client.ends, 0, "a reset does not look like an end");
    }
  });

  test("abort does not wait for a peer that does not read", async (stage) => {
    const { client, server } = await stage.pair();
    client.call((connection) => connection.pause());
    server.write(sliceOf(pattern(20_000_000)));
    await stage.bench.settle();
    server.call((connection) => connection.abort());
    await stage.closed(server);
    assert.equal(server.failure, null);
  });

  test("after abort nothing is delivered, and every further call is without effect", async (stage) => {
    const { client, server } = await stage.pair();
    client.send("x");
    server.call((connection) => {
      connection.abort();
      connection.abort();
      connection.pause();
      connection.resume();
      connection.end();
      connection.close();
      connection.lingerClose();
    });
    assert.equal(server.send("y"), true);
    await stage.closed(server);
    assert.equal(server.size, 0);
  });

  test("a peer that resets after the whole answer was sent with close is no failure", async (stage) => {
    const { client, server } = await stage.pair();
    server.send("answer");
    server.call((connection) => connection.lingerClose());
    await stage.until(client, () => client.ends === 1);
    await stage.bench.settle();
    client.call((connection) => connection.abort());
    await stage.closed(server);
    assert.equal(server.failure, null);
  });

  test("shutdown aborts what is open, says so, and takes no more", async (stage) => {
    const { client, server } = await stage.pair();
    const { address } = stage.listener!;
    await stage.bench.until(stage.bench.server.shutdown());
    assert.equal(server.gone, true);
    assert.equal(server.failure?.code, "shutdown");
    if (stage.bench.resets) {
      await stage.closed(client);
      assert.equal(client.failure?.code, "reset");
    }
    const again = stage.connect(address);
    await stage.closed(again);
    assert.equal(again.failure?.code, "refused");
    await stage.bench.until(stage.bench.client.shutdown());
    const late = stage.connect(address);
    await stage.closed(late);
    assert.equal(late.failure?.code, "shutdown");
  });
}

function connecting(test: Test): void {
  test("nobody there: refused", async (stage) => {
    const client = stage.connect(stage.bench.nobody);
    await stage.closed(client);
    assert.equal(client.failure?.code, "refused");
    assert.ok((client.failure?.detail.length ?? 0) > 0);
    assert.equal(client.connects, 0);
  });

  test("a unix socket that does not exist: refused", async (stage) => {
    const client = stage.connect({ kind: "unix", path: "/nonexistent/socket" });
    await stage.closed(client);
    assert.equal(client.failure?.code, "refused");
    assert.equal(client.failure?.detail, "ENOENT");
  });

  test("no route: unreachable", async (stage) => {
    if (stage.bench.unreachable === undefined) return;
    const client = stage.connect(stage.bench.unreachable);
    await stage.closed(client);
    assert.equal(client.failure?.code, "unreachable");
  });

  test("no connection in time: connect-timeout", async (stage) => {
    const { address } = await stage.listen();
    const client = stage.connect(address, 3000);
    // In the turn that began to connect: whatever the peer answers has not been looked at yet.
    stage.bench.elapse(3001);
    await stage.closed(client);
    assert.equal(client.failure?.code, "connect-timeout");
    assert.equal(client.connects, 0);
  });

  test("aborted before it is up: closed without a failure, and never up", async (stage) => {
    const { address } = await stage.listen();
    const client = stage.connect(address);
    client.call((connection) => connection.abort());
    await stage.closed(client);
    assert.equal(client.failure, null);
    assert.equal(client.connects, 0);
  });

  test("both sides know the addresses", async (stage) => {
    const { client, server } = await stage.pair();
    const near = client.connection!;
    const far = server.connection!;
    const { address } = stage.listener!;
    if (address.kind === "unix") {
      assert.deepEqual([near.remoteAddress, far.remoteAddress, far.localAddress], ["", "", ""]);
    } else {
      assert.equal(near.remotePort, address.port);
      assert.equal(far.localPort, address.port);
      assert.equal(far.remotePort, near.localPort);
      assert.equal(far.remoteAddress, near.localAddress);
      assert.equal(near.remoteAddress, address.host);
    }
    client.call((connection) => connection.abort());
    await stage.closed(client);
    if (address.kind === "tcp") assert.equal(near.localPort, far.remotePort);
  });
}

function listening(test: Test): void {
  test("port 0 becomes a port that is reported", async (stage) => {
    const { address } = await stage.listen();
    assert.equal(address.kind, stage.bench.address.kind);
    if (address.kind === "tcp") assert.ok(address.port > 0);
  });

  test("an address that is taken is thrown as EADDRINUSE", async (stage) => {
    const { address } = await stage.listen();
    await assert.rejects(stage.listen(address), { code: "EADDRINUSE" });
  });

  test("closing a listener keeps its connections and refuses new ones", async (stage) => {
    const { client, server } = await stage.pair();
    const { address } = stage.listener!;
    await stage.bench.until(stage.listener!.close());
    const late = stage.connect(address);
    await stage.closed(late);
    assert.equal(late.failure?.code, "refused");
    client.send("still up");
    await stage.until(server, () => server.size === 8);
    assert.equal(stage.accepted.length, 1);
  });

  test("a paused listener keeps connections and what they sent for later", async (stage) => {
    const { address } = await stage.listen();
    stage.listener!.pause();
    const clients = [stage.connect(address), stage.connect(address)];
    for (const client of clients) {
      client.send("patience");
      await stage.until(client, () => client.connects === 1);
    }
    for (let i = 0; i < 5; i++) await stage.bench.settle();
    assert.equal(stage.accepted.length, 0);
    assert.ok(clients.every((client) => !client.gone && client.size === 0));
    stage.listener!.resume();
    for (let i = 1; i <= clients.length; i++) {
      const server = await stage.accept(i);
      await stage.until(server, () => server.size === 8);
      assert.equal(server.text, "patience");
    }
  });

  test("a descriptor is listened on, paused without losing a connection, and resumed", async (stage) => {
    const shared = await stage.bench.descriptors?.();
    if (shared === undefined) return;
    const { address, next } = shared;
    // Before anybody accepts.
    const early = stage.connect(address);
    await stage.until(early, () => early.connects === 1);
    const source = { kind: "descriptor", fd: await next(), renew: next } as const;
    const listener = await stage.bench.server.listen(source, stage);
    if (address.kind === "tcp") assert.deepEqual(listener.address, address);
    await stage.accept(1);
    listener.pause();
    const queued = stage.connect(address);
    await stage.until(queued, () => queued.connects === 1);
    for (let i = 0; i < 5; i++) await stage.bench.settle();
    assert.equal(stage.accepted.length, 1);
    listener.resume();
    const server = await stage.accept(2);
    queued.send("waited");
    await stage.until(server, () => server.size === 6);
  });
}

function time(test: Test): void {
  test("timers fire in the order of their deadlines, and not when cancelled", async (stage) => {
    const { timers } = stage.bench.server;
    const fired: number[] = [];
    let done = (): void => undefined;
    const finished = new Promise<void>((resolve) => (done = resolve));
    const owner = {
      onTimer(timer: Timer): void {
        assert.ok(timers.now >= timer.deadline);
        fired.push(timer.kind);
        if (timer.kind === 4) done();
      },
    };
    const all = [0, 1, 2, 3, 4].map((kind) => new Timer(owner, kind));
    timers.schedule(all[4]!, 40);
    timers.schedule(all[2]!, 10);
    timers.schedule(all[1]!, 5);
    timers.schedule(all[3]!, 20);
    timers.schedule(all[0]!, 0);
    timers.cancel(all[3]!);
    await stage.bench.until(finished);
    assert.deepEqual(fired, [0, 1, 2, 4]);
  });

  test("deferred tasks run in order, behind the handler that deferred them and before what comes later", async (stage) => {
    const { client, server } = await stage.pair();
    const transport = stage.bench.server;
    const order: string[] = [];
    server.onDataMore = () => {
      transport.defer(() => {
        order.push("task");
        transport.defer(() => order.push("task of the task"));
      });
      transport.defer(() => order.push("second task"));
      server.call((connection) => connection.abort());
      order.push("handler");
    };
    client.send("x");
    await stage.closed(server);
    order.push("closed");
    assert.deepEqual(order, ["handler", "task", "second task", "task of the task", "closed"]);
  });
}
