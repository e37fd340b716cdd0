import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { Connection, SocketAddress, Transport } from "../contract.ts";
import { QUIET } from "../quiet.fixture.ts";
import { Engine } from "./engine.ts";
import { Ledger } from "./ledger.ts";
import { AF_INET, AF_UNIX, SHUT_WR, SOCK_STREAM, SOL_SOCKET, SO_LINGER } from "./native/layout.ts";
import { encodeAddress } from "./native/sockaddr.ts";
import { createUringTransport } from "./transport.ts";
import { foreseeable } from "./unavailable.ts";

const skip = foreseeable() === null ? false : "needs io_uring";

const nothing = (): void => undefined;
describe("a connection over io_uring", { skip }, () => {
  let engine: Engine;
  let transport: Transport;
  before(() => {
    engine = new Engine(Ledger.alone());
    transport = createUringTransport({ engine });
  });
  after(() => transport.shutdown());

  const encode = (address: SocketAddress): Uint8Array => encodeAddress(address, () => 0)!;

  const LOCAL = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;

  /** A connection to a socket that no transport reads from, and whatever is told of it. */
  async function accept(): Promise<{
    connection: Connection;
    /** The peer ends its side, or resets the connection. What it does is known to the system when this returns. */
    end: () => void;
    reset: () => void;
    told: (event: string) => Promise<void>;
  }> {
    const { libc } = engine;
    const events = new EventEmitter();
    const accepted = Promise.withResolvers<Connection>();
    const listener = await transport.listen(
      { kind: "address", address: LOCAL },
      { onConnection: accepted.resolve, onAcceptFailure: nothing },
    );
    const fd = libc.socket(AF_INET, SOCK_STREAM);
    assert.equal(libc.connect(fd, encode(listener.address)), 0);
    const connection = await accepted.promise;
    connection.handler = {
      ...QUIET,
      onEnd: () => events.emit("end"),
      onClose: (_, failure) => events.emit(`close: ${failure?.code}`),
    };
    await listener.close();
    return {
      connection,
      end: () => libc.shutdown(fd, SHUT_WR),
      reset() {
        libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, 1, 0);
        libc.close(fd);
      },
      told: async (event) => void (await once(events, event)),
    };
  }

  it("tells a reset that comes behind the peer's end", async () => {
    const { end, reset, told } = await accept();
    const ended = told("end");
    end();
    await ended;
    // The watch has begun.
    await setImmediate();
    const closed = told("close: reset");
    reset();
    await closed;
  });

  it("tells a reset that comes behind the peer's end while it is paused", async () => {
    const { connection, end, reset, told } = await accept();
    connection.pause();
    await setImmediate();
    end();
    await setImmediate();
    const closed = told("close: reset");
    reset();
    await closed;
  });

  it("tells a reset that comes in the turn in which it is paused", async () => {
    const { connection, reset, told } = await accept();
    const closed = told("close: reset");
    transport.defer(() => {
      connection.pause();
      reset();
    });
    await closed;
  });

  it("makes no entry for a descriptor that is closed before it is submitted", async () => {
    const { connection, told } = await accept();
    const receive = engine.ring.receiveMany.bind(engine.ring);
    const entries: number[] = [];
    engine.ring.receiveMany = (low, high, fd, group) => {
      entries.push(fd);
      receive(low, high, fd, group);
    };
    const close = engine.libc.close.bind(engine.libc);
    const stale: number[] = [];
    engine.libc.close = (fd) => {
      if (entries.includes(fd)) stale.push(fd);
      close(fd);
    };
    const submit = engine.ring.submit.bind(engine.ring);
    engine.ring.submit = (wait) => {
      entries.length = 0;
      submit(wait);
    };
    const closed = told("close: undefined");
    // Reading begins anew in the turn in which it is closed.
    connection.pause();
    await setImmediate();
    transport.defer(() => {
      connection.resume();
      connection.end();
      connection.close();
    });
    await closed;
    assert.deepEqual(stale, []);
    Object.assign(engine.ring, { receiveMany: receive, submit });
    engine.libc.close = close;
  });

  it("is accepted from sockets only, and a descriptor of something else stays its owner's", async () => {
    const fd = openSync("/dev/null", "r");
    const acceptor = { onConnection: nothing, onAcceptFailure: nothing };
    await assert.rejects(transport.listen({ kind: "descriptor", fd }, acceptor), {
      code: "ENOTSOCK",
    });
    assert.equal([...engine.ledger.descriptors()].includes(fd), false);
    closeSync(fd);
  });

  it("to a unix socket whose queue is full is refused, and waits nowhere", async () => {
    const folder = mkdtempSync(join(tmpdir(), "full-"));
    const address = { kind: "unix", path: join(folder, "socket") } as const;
    const fd = engine.libc.socket(AF_UNIX, SOCK_STREAM);
    engine.libc.bind(fd, encode(address));
    engine.libc.listen(fd, 0);
    const outcome = (): Promise<string> =>
      new Promise((resolve) => {
        transport.connect(address, 5000, {
          ...QUIET,
          onConnect: () => resolve("up"),
          onClose: (_, failure) => resolve(`${failure?.code}, ${failure?.detail}`),
        });
      });
    assert.deepEqual(
      [await outcome(), await outcome(), await outcome()],
      ["up", "refused, EAGAIN", "refused, EAGAIN"],
    );
    engine.libc.close(fd);
    rmSync(folder, { recursive: true });
  });
});
