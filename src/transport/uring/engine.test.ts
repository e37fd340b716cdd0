import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import * as net from "node:net";
import { after, before, describe, it } from "node:test";
import { Worker } from "node:worker_threads";
import { Ledger } from "./ledger.ts";
import { reclaim } from "./reclaim.ts";
import { foreseeable } from "./unavailable.ts";

const skip = foreseeable() === null ? false : "needs io_uring";

/** A thread that waits in a ring with nothing to do: whatever does not wake it is never seen. */
async function startThread(): Promise<{
  worker: Worker;
  port: number;
  ledger: Ledger;
  pause: Int32Array;
}> {
  const pause = new SharedArrayBuffer(4);
  const shared = new SharedArrayBuffer(Ledger.byteLength(1));
  const worker = new Worker(new URL("./engine.fixture.ts", import.meta.url), {
    workerData: { ledger: shared, pause },
  });
  const [port] = (await once(worker, "message")) as [number];
  return { worker, port, ledger: new Ledger(shared, 0), pause: new Int32Array(pause) };
}

describe("a thread that waits in its ring", { skip }, () => {
  let thread: Awaited<ReturnType<typeof startThread>>;
  before(async () => {
    thread = await startThread();
  });
  after(async () => {
    await thread.worker.terminate();
    reclaim(thread.ledger);
  });

  const ask = async (name: string): Promise<void> => {
    thread.worker.postMessage(name);
    assert.deepEqual(await once(thread.worker, "message"), [name]);
  };

  it("sees a message", async () => {
    for (let i = 0; i < 50; i++) await ask("echo");
  });
  it("fires a timer of Node's", () => ask("timeout"));
  it("fires a timer of the wheel", () => ask("wheel"));
  it("runs immediates, one after the other", () => ask("immediates"));
  it("fires a timer of Node's that was set in a turn of its own", () => ask("timeoutInTurn"));
  it("runs promises and ticks of its own turns", () => ask("promisesInTurn"));
  it("runs an immediate that was set in a turn of its own", () => ask("immediateInTurn"));
  it("lets Node watch a descriptor that was opened in a turn of its own", () => ask("fetchInTurn"));

  it("does all that while it is never idle", async () => {
    const client = net.connect(thread.port, "127.0.0.1");
    await once(client, "connect");
    // Every byte that comes back is sent again.
    client.on("data", (bytes) => client.write(bytes));
    client.write("x");
    for (const name of ["echo", "timeout", "wheel", "timeoutInTurn", "promisesInTurn"]) {
      await ask(name);
    }
    client.destroy();
  });
});

describe("a thread that is ended", { skip }, () => {
  it("ends while it waits, and while it is in an endless loop", async () => {
    const waiting = await startThread();
    await waiting.worker.terminate();
    reclaim(waiting.ledger);
    const looping = await startThread();
    looping.worker.postMessage("spin");
    await looping.worker.terminate();
    reclaim(looping.ledger);
  });

  it("leaves nothing: its connections end, its descriptors and its memory are given back", async () => {
    const { worker, port, ledger } = await startThread();
    const client = net.connect(port, "127.0.0.1");
    client.write("hello");
    await once(client, "data");
    const ended = once(client, "close");
    client.on("error", () => undefined).resume();
    await worker.terminate();
    const descriptors = [...ledger.descriptors()];
    // The ring, the listener and the connection.
    assert.equal(descriptors.length, 3);
    assert.equal(reclaim(ledger), 3);
    await ended;
    assert.deepEqual([...ledger.descriptors()], []);
    assert.deepEqual([...ledger.memory()], []);
    for (const fd of descriptors) {
      // Nobody else has opened anything meanwhile.
      assert.equal(existsSync(`/proc/self/fd/${fd}`), false);
    }
    assert.equal(reclaim(ledger), 0, "and only once");
    const late = net.connect(port, "127.0.0.1");
    const [error] = (await once(late, "error")) as [NodeJS.ErrnoException];
    assert.equal(error.code, "ECONNREFUSED");
  });
});

describe("a thread that is ended before it has looked at what was accepted", { skip }, () => {
  it("leaves no connection open that nobody knows of", async () => {
    const { worker, port, ledger, pause } = await startThread();
    worker.postMessage("spinOnConnection");
    while (Atomics.load(pause, 0) === 0) await new Promise(setImmediate);
    const clients = Array.from({ length: 10 }, () => net.connect(port, "127.0.0.1"));
    await Promise.all(clients.map((client) => once(client, "connect")));
    const ended = clients.map((client) => {
      client.on("error", () => undefined).resume();
      return once(client, "close");
    });
    Atomics.store(pause, 0, 2);
    Atomics.notify(pause, 0);
    // The first is looked at when it is written down, beside the ring and the listener.
    while ([...ledger.descriptors()].length < 3) await new Promise(setImmediate);
    await worker.terminate();
    reclaim(ledger);
    await Promise.all(ended);
  });
});

describe("a process with an engine", { skip }, () => {
  const run = async (program: string): Promise<number | null> => {
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
      stdio: ["ignore", "inherit", "inherit"],
      timeout: 30_000,
    });
    const [code] = (await once(child, "exit")) as [number | null];
    return code;
  };
  const url = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
  const open = `
    import { createUringTransport } from ${url("./transport.ts")};
    import { Timer } from ${url("../../core/time/timers.ts")};
    const transport = createUringTransport();`;

  it("is not kept alive by a timer", async () => {
    const timer = "new Timer({ onTimer() { process.exitCode = 1; } }, 0)";
    assert.equal(await run(`${open} transport.timers.schedule(${timer}, 3_600_000);`), 0);
  });

  it("fires timers of the wheel also without a connection", async () => {
    const timer = "new Timer({ onTimer() { process.exit(7); } }, 0)";
    const wait = "setTimeout(() => undefined, 60_000);";
    assert.equal(await run(`${open} ${wait} transport.timers.schedule(${timer}, 5);`), 7);
  });

  it("fires timers of Node's also behind one of the wheel that was waited for without a connection", async () => {
    const program = `${open}
      import { createServer } from "node:net";
      createServer().listen(0);
      transport.timers.schedule(new Timer({ onTimer() {} }, 0), 1);
      setTimeout(() => process.exit(7), 20);`;
    assert.equal(await run(program), 7);
  });

  it("sends all that is written in one turn, also more than there is memory to send from", async () => {
    // 64 KiB each of JavaScript's heap, which are copied: 20 MiB, of 16.
    const program = `${open}
      const count = 320;
      const bytes = new Uint8Array(65536);
      const owner = { retain() {}, release() {} };
      const slice = () => ({ bytes, offset: 0, length: bytes.length, owner, release() {} });
      let left = count * bytes.length;
      const handler = { onConnect() {}, onEnd() {}, onWritable() {}, onClose() {},
        onData(_, { length }) { if ((left -= length) === 0) process.exit(7); } };
      const listener = await transport.listen(
        { kind: "address", address: { kind: "tcp", host: "127.0.0.1", port: 0 } },
        { onConnection(connection) { connection.handler = handler; } });
      let up = 0;
      const clients = Array.from({ length: count }, () =>
        transport.connect(listener.address, 10_000, { ...handler, onConnect() {
          if (++up === count) for (const client of clients) client.write([slice()]);
        } }));`;
    assert.equal(await run(program), 7);
  });

  it("ends by an exception of a handler, which is reported as any other", async () => {
    const program = `${open}
      process.on("uncaughtException", ({ message }) => process.exit(message === "on purpose" ? 7 : 1));
      const listener = await transport.listen(
        { kind: "address", address: { kind: "tcp", host: "127.0.0.1", port: 0 } },
        { onConnection() { throw new Error("on purpose"); } });
      transport.connect(listener.address, 1000, {});`;
    assert.equal(await run(program), 7);
  });
});
