import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import * as net from "node:net";
import * as os from "node:os";
import { afterEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Slice } from "#core/bytes/slice.ts";
import { Timer } from "#core/time/timers.ts";
import type {
  Acceptor,
  Connection,
  ConnectionHandler,
  SocketAddress,
  Transport,
  TransportFailure,
} from "../contract.ts";
import { createNodeTransport } from "./transport.ts";

const TRANSPORT = new URL("./transport.ts", import.meta.url).href;
const hasIpv6 = Object.values(os.networkInterfaces()).some((list) =>
  list?.some((each) => each.address === "::1"),
);

const transports: Transport[] = [];
afterEach(() => Promise.all(transports.splice(0).map((transport) => transport.shutdown())));

function makeTransport(): Transport {
  const transport = createNodeTransport();
  transports.push(transport);
  return transport;
}

/** Accepts one connection and lets a test wait for what happens to it. */
class Server implements Acceptor, ConnectionHandler {
  readonly accepted: PromiseWithResolvers<Connection> = Promise.withResolvers();
  readonly closed: PromiseWithResolvers<TransportFailure | null> = Promise.withResolvers();
  onBytes: (slice: Slice) => void = () => undefined;
  onConnection(connection: Connection): void {
    connection.handler = this;
    this.accepted.resolve(connection);
  }
  onAcceptFailure: Acceptor["onAcceptFailure"] = () => undefined;
  onConnect(): void {}
  onData(_connection: Connection, slice: Slice): void {
    this.onBytes(slice);
  }
  onEnd(): void {}
  onWritable(): void {}
  onClose(_connection: Connection, failure: TransportFailure | null): void {
    this.closed.resolve(failure);
  }
}

async function listen(
  transport: Transport,
  host: string,
): Promise<{ server: Server; port: number }> {
  const server = new Server();
  const address: SocketAddress = { kind: "tcp", host, port: 0 };
  const listener = await transport.listen({ kind: "address", address }, server);
  assert.ok(listener.address.kind === "tcp");
  return { server, port: listener.address.port };
}

describe("node transport", () => {
  it(
    "an IPv4 peer of a dual-stack listener is written as IPv4",
    { skip: hasIpv6 ? false : "needs IPv6" },
    async () => {
      const { server, port } = await listen(makeTransport(), "::");
      const client = net.connect(port, "127.0.0.1");
      const connection = await server.accepted.promise;
      assert.equal(connection.remoteAddress, "127.0.0.1");
      assert.equal(connection.localAddress, "127.0.0.1");
      assert.equal(connection.remotePort, client.localPort);
      client.destroy();
    },
  );

  it("a reset is noticed while paused, before much has arrived", async () => {
    const { server, port } = await listen(makeTransport(), "127.0.0.1");
    const client = net.connect(port, "127.0.0.1");
    const connection = await server.accepted.promise;
    connection.pause();
    await new Promise((resolve) => client.write("a little", resolve));
    client.resetAndDestroy();
    assert.equal((await server.closed.promise)?.code, "reset");
  });

  it("a host name is refused without a look-up", async () => {
    const closed = Promise.withResolvers<TransportFailure | null>();
    const handler = new Server();
    handler.onClose = (_connection, failure) => closed.resolve(failure);
    makeTransport().connect({ kind: "tcp", host: "localhost", port: 1 }, 1000, handler);
    assert.deepEqual(await closed.promise, { code: "other", detail: "ENOTFOUND" });
  });

  it("bytes that arrived in time come before the deadline, however late they are looked at", async () => {
    const transport = makeTransport();
    const { server, port } = await listen(transport, "127.0.0.1");
    const events: string[] = [];
    const done = Promise.withResolvers<void>();
    const timer = new Timer({ onTimer: () => void events.push("deadline") }, 0);
    const after = new Timer({ onTimer: () => done.resolve() }, 0);
    server.onBytes = () => {
      transport.timers.cancel(timer);
      events.push("bytes");
    };
    const client = net.connect(port, "127.0.0.1");
    await Promise.all([once(client, "connect"), server.accepted.promise]);
    await new Promise((resolve) => client.write("in time", resolve));
    transport.timers.schedule(timer, 5);
    transport.timers.schedule(after, 60);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    await done.promise;
    assert.deepEqual(events, ["bytes"]);
    client.destroy();
  });

  it("what is written in one turn leaves in one piece", async () => {
    const { server, port } = await listen(makeTransport(), "127.0.0.1");
    const client = net.connect(port, "127.0.0.1");
    const connection = await server.accepted.promise;
    const transport = transports[0]!;
    transport.defer(() => {
      for (const text of ["HTTP/1.1 200 OK\r\n", "\r\n", "body"]) {
        const slice = transport.allocate(text.length);
        slice.bytes.set(Buffer.from(text), slice.offset);
        connection.write([slice]);
      }
    });
    const [first] = (await once(client, "data")) as [Uint8Array];
    assert.equal(String(first), "HTTP/1.1 200 OK\r\n\r\nbody");
    client.destroy();
  });

  it("an armed timer does not keep the process alive", async () => {
    const program = `
      import { createNodeTransport } from ${JSON.stringify(TRANSPORT)};
      const transport = createNodeTransport();
      const { Timer } = await import(${JSON.stringify(new URL("../../core/time/timers.ts", import.meta.url).href)});
      transport.timers.schedule(new Timer({ onTimer() { process.exitCode = 1; } }, 0), 3_600_000);
    `;
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "inherit", "inherit"],
    });
    const [code] = (await once(child, "exit")) as [number];
    assert.equal(code, 0);
  });

  it(
    "the last descriptors are not used for connections, and that is said",
    { skip: process.platform === "win32" ? "has no descriptors" : false },
    async () => {
      const failures: TransportFailure[] = [];
      const listening = new Server();
      listening.onAcceptFailure = (failure) => void failures.push(failure);
      // Numbers below 4 are taken since the process began: every other is one of the last.
      const transport = createNodeTransport({ descriptors: 4 });
      transports.push(transport);
      const address: SocketAddress = { kind: "tcp", host: "127.0.0.1", port: 0 };
      const listener = await transport.listen({ kind: "address", address }, listening);
      assert.ok(listener.address.kind === "tcp");
      const exhausted: TransportFailure = { code: "exhausted", detail: "EMFILE" };

      const connecting = new Server();
      transport.connect(listener.address, 1000, connecting);
      assert.deepEqual(await connecting.closed.promise, exhausted);

      const before = failures.length;
      const client = net.connect(listener.address.port, "127.0.0.1");
      client.on("error", () => undefined);
      await once(client, "close");
      assert.deepEqual(failures.slice(before), [exhausted]);
    },
  );

  it(
    "without descriptors left connections are turned away, and accepted again later",
    { skip: process.platform === "win32" ? "needs ulimit" : false },
    async () => {
      const program = `
        import { createNodeTransport } from ${JSON.stringify(TRANSPORT)};
        const handler = { onConnect() {}, onEnd(c) { c.end(); }, onWritable() {}, onClose() {},
          onData(c, slice) { c.write([slice.part(0, slice.length)]); } };
        const listener = await createNodeTransport().listen(
          { kind: "address", address: { kind: "tcp", host: "127.0.0.1", port: 0 } },
          { onAcceptFailure() {}, onConnection(c) { c.handler = handler; } });
        console.log(listener.address.port);
      `;
      const child = spawn(
        "/bin/sh",
        ["-c", 'ulimit -n 48; exec "$0" --input-type=module -e "$1"', process.execPath, program],
        { stdio: ["ignore", "pipe", "inherit"] },
      );
      const [line] = (await once(child.stdout, "data")) as [Uint8Array];
      const port = Number(String(line));
      const sockets = Array.from({ length: 64 }, () => net.connect(port, "127.0.0.1"));
      const turnedAway = Promise.withResolvers<void>();
      for (const socket of sockets) {
        socket.on("error", () => undefined);
        socket.on("close", () => turnedAway.resolve());
        socket.resume();
      }
      await turnedAway.promise;
      for (const socket of sockets) socket.destroy();
      let answer = "";
      while (answer !== "again") {
        answer = await echo(port, "again");
        if (answer !== "again") await sleep(20);
      }
      child.kill("SIGKILL");
    },
  );
});

function echo(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    let received = "";
    socket.on("data", (bytes) => {
      received += String(bytes);
      if (received.length >= text.length) socket.destroy();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(received));
    socket.write(text);
  });
}
