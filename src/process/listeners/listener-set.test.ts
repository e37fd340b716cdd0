import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as net from "node:net";
import * as os from "node:os";
import * as path from "node:path";
import { after, afterEach, describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import type { ListenAddress } from "./address.ts";
import { ListenerSet } from "./listener-set.ts";

const LOCAL: ListenAddress = { kind: "tcp", host: "127.0.0.1", port: 0 };
const linux = process.platform === "linux";
const skip = process.platform === "win32" ? "sockets cannot be shared" : false;

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "listeners-"));
after(() => fs.rmSync(folder, { recursive: true, force: true }));

const sets: ListenerSet[] = [];
const workers: Worker[] = [];
const children: ChildProcess[] = [];
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
  await Promise.all(sets.splice(0).map((set) => set.close()));
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

function makeSet(): ListenerSet {
  const set = new ListenerSet();
  sets.push(set);
  return set;
}

async function openOne(set: ListenerSet, address: ListenAddress): Promise<net.NetConnectOpts> {
  assert.equal(await set.open([{ id: "a", address }]), null);
  const bound = set.addressOf("a");
  assert.ok(bound);
  return bound.kind === "tcp" ? { host: bound.host, port: bound.port } : { path: bound.path };
}

async function startWorker(set: ListenerSet, name: string): Promise<Worker> {
  const fd = await set.duplicate("a");
  const entry = new URL("./listener.fixture.ts", import.meta.url);
  const worker = new Worker(entry, { workerData: { name, fd } });
  workers.push(worker);
  await once(worker, "message");
  return worker;
}

/** Ends a worker as a supervisor does. */
async function end(worker: Worker): Promise<void> {
  workers.splice(workers.indexOf(worker), 1);
  await worker.terminate();
}

/** What the other side says until it ends; an error is its code. */
function ask(to: net.NetConnectOpts): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect(to);
    let text = "";
    socket.on("data", (bytes) => (text += String(bytes)));
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on("close", () => resolve(text));
  });
}

/** Connections that are up, and the promise of what each is told. */
async function connectMany(
  to: net.NetConnectOpts,
  count: number,
): Promise<{ answers: Promise<string[]> }> {
  const sockets = Array.from({ length: count }, () => net.connect(to));
  const answers = Promise.all(
    sockets.map(async (socket) => {
      let text = "";
      socket.on("data", (bytes) => (text += String(bytes)));
      socket.on("error", (error: NodeJS.ErrnoException) => (text = error.code ?? "error"));
      await new Promise((resolve) => socket.on("close", resolve));
      return text;
    }),
  );
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  return { answers };
}

function descriptors(): string[] {
  return fs
    .readdirSync("/proc/self/fd")
    .map((fd) => {
      try {
        return fs.readlinkSync(`/proc/self/fd/${fd}`);
      } catch {
        return "";
      }
    })
    .filter((target) => target.startsWith("socket:"));
}

/** What the process of the fixture says. */
interface Said {
  readonly adopted: readonly { readonly name: string; readonly address: ListenAddress }[];
  readonly failure: string | null;
  readonly helper: number;
  readonly address: ListenAddress;
}

async function startProcess(
  command: string,
  args: string[],
  stdio: (number | "pipe" | "ignore" | "inherit")[],
): Promise<{
  child: ChildProcess;
  said: Said;
}> {
  const child = spawn(command, args, { stdio });
  children.push(child);
  assert.ok(child.stdout);
  const [line] = (await once(child.stdout, "data")) as [Uint8Array];
  return { child, said: JSON.parse(String(line)) as Said };
}

const PROCESS = fileURLToPath(new URL("./process.fixture.ts", import.meta.url));

describe("the listening sockets of the process", { skip }, () => {
  it("two workers accept from one port, each with a descriptor of its own", async () => {
    const set = makeSet();
    const to = await openOne(set, LOCAL);
    const [one, two] = await Promise.all([set.duplicate("a"), set.duplicate("a")]);
    assert.notEqual(one, two);
    set.giveBack(one);
    set.giveBack(two);
    const first = await startWorker(set, "first");
    await startWorker(set, "second");
    assert.match(await ask(to), /^(first|second)$/);
    await end(first);
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(to)));
    assert.deepEqual(new Set(answers), new Set(["second"]));
  });

  for (const kind of ["tcp", "unix"] as const) {
    it(`connections wait while no worker is there, and none is lost when one is ended (${kind})`, async () => {
      const set = makeSet();
      const address: ListenAddress =
        kind === "tcp" ? LOCAL : { kind, path: path.join(folder, "waiting") };
      const to = await openOne(set, address);
      const early = await connectMany(to, 40);
      const first = await startWorker(set, "first");
      assert.deepEqual(new Set(await early.answers), new Set(["first"]));
      await end(first);
      const between = await connectMany(to, 40);
      await startWorker(set, "second");
      assert.deepEqual(new Set(await between.answers), new Set(["second"]));
    });
  }

  it("who connects while workers are ended and replaced is always answered", async () => {
    const set = makeSet();
    const to = await openOne(set, LOCAL);
    let worker = await startWorker(set, "w");
    const stop = new AbortController();
    const asking = Array.from({ length: 4 }, async () => {
      const answers: string[] = [];
      while (!stop.signal.aborted) answers.push(await ask(to));
      return answers;
    });
    for (let i = 0; i < 5; i++) {
      const next = await startWorker(set, "w");
      // Of its own accord: `terminate()` also cuts the connections that it has accepted.
      worker.postMessage("leave");
      await once(worker, "exit");
      worker = next;
    }
    stop.abort();
    const answers = (await Promise.all(asking)).flat();
    assert.ok(answers.length > 0);
    assert.deepEqual(new Set(answers), new Set(["w"]));
  });

  it("a closed listener is answered by the workers that still have it, and refused after them", async () => {
    const set = makeSet();
    const to = await openOne(set, LOCAL);
    const worker = await startWorker(set, "last");
    await set.keep([]);
    assert.equal(await ask(to), "last");
    worker.postMessage("leave");
    await once(worker, "exit");
    assert.equal(await ask(to), "ECONNREFUSED");
    await assert.rejects(set.duplicate("a"), /no listener a/);
  });

  it(
    "twenty restarts leak no descriptor and no handle",
    { skip: linux ? false : "needs /proc" },
    async () => {
      const set = makeSet();
      const to = await openOne(set, LOCAL);
      await end(await startWorker(set, "0"));
      const before = descriptors().length;
      for (let i = 1; i <= 20; i++) {
        const worker = await startWorker(set, `${i}`);
        assert.equal(await ask(to), `${i}`);
        await end(worker);
      }
      set.giveBack(await set.duplicate("a"));
      assert.ok(descriptors().length <= before, "no more sockets than before");
      assert.ok(set.lent <= 1, "no more handles than before");
    },
  );

  it("a number whose worker ended without opening it is taken back; one that it closed is left alone", async () => {
    const set = makeSet();
    await openOne(set, LOCAL);
    const unopened = await set.duplicate("a");
    const inode = fs.fstatSync(unopened).ino;
    set.giveBack(unopened);
    assert.ok(!isOpen(unopened, inode));
    const worker = await startWorker(set, "w");
    const { fd } = { fd: await set.duplicate("a") };
    await end(worker);
    // The number that the worker closed is somebody else's now.
    const file = fs.openSync(PROCESS, "r");
    set.giveBack(file);
    assert.ok(fs.fstatSync(file).isFile());
    fs.closeSync(file);
    set.giveBack(fd);
  });

  it("opening what is open already changes nothing; a failure closes what was opened with it", async () => {
    const set = makeSet();
    const to = await openOne(set, LOCAL);
    const taken = net.createServer().listen(0, "127.0.0.1");
    await once(taken, "listening");
    const { port } = taken.address() as net.AddressInfo;
    const other: ListenAddress = { kind: "tcp", host: "127.0.0.1", port: await freePort() };
    const failure = await set.open([
      { id: "a", address: LOCAL },
      { id: "b", address: other },
      { id: "c", address: { kind: "tcp", host: "127.0.0.1", port } },
    ]);
    assert.match(failure ?? "", new RegExp(`^127.0.0.1:${port} is in use by `));
    if (linux) assert.match(failure ?? "", new RegExp(`process ${process.pid}\\)`));
    assert.equal(await ask({ host: "127.0.0.1", port: other.port }), "ECONNREFUSED");
    assert.deepEqual(
      set.addresses().map(({ configured }) => configured),
      ["a"],
    );
    await startWorker(set, "still");
    assert.equal(await ask(to), "still");
    taken.close();
  });

  it("every address means IPv6 and IPv4, on a URL that works here", async () => {
    const set = makeSet();
    await openOne(set, { kind: "tcp", host: "", port: 0 });
    const bound = set.addressOf("a");
    assert.ok(bound?.kind === "tcp");
    await startWorker(set, "w");
    assert.equal(await ask({ host: "127.0.0.1", port: bound.port }), "w");
    assert.deepEqual(set.addresses(), [{ configured: "a", url: `http://localhost:${bound.port}` }]);
  });

  it("errors say what helps", async () => {
    const set = makeSet();
    const tell = (address: ListenAddress): Promise<string | null> =>
      set.open([{ id: "x", address }]);
    assert.match(
      String(await tell({ kind: "tcp", host: "192.0.2.1", port: 0 })),
      /no network interface/,
    );
    assert.match(
      String(await tell({ kind: "unix", path: "/nonexistent/x" })),
      /folder does not exist/,
    );
    assert.match(String(await tell({ kind: "unix", path: `/tmp/${"x".repeat(110)}` })), /too long/);
    const file = path.join(folder, "file");
    fs.writeFileSync(file, "precious");
    assert.match(String(await tell({ kind: "unix", path: file })), /is no socket/);
    assert.equal(fs.readFileSync(file, "utf8"), "precious");
  });
});

describe("unix sockets of the process", { skip }, () => {
  it("a path that a dead process left is taken; one that is answered is not", async () => {
    const name = path.join(folder, "stale");
    const dead = spawn(process.execPath, [
      "-e",
      `require("net").createServer().listen(${JSON.stringify(name)}, () => process.kill(process.pid, "SIGKILL"))`,
    ]);
    await once(dead, "exit");
    assert.ok(fs.lstatSync(name).isSocket());
    const set = makeSet();
    const to = await openOne(set, { kind: "unix", path: name });
    await startWorker(set, "alive");
    assert.equal(await ask(to), "alive");
    const failure = await makeSet().open([{ id: "b", address: { kind: "unix", path: name } }]);
    assert.match(failure ?? "", /stale is in use by/);
    if (linux) assert.match(failure ?? "", new RegExp(`process ${process.pid}\\)`));
    assert.equal(await ask(to), "alive");
  });

  it("anybody may connect unless told otherwise; the path goes with the listener, but not with another's", async () => {
    const name = path.join(folder, "mode");
    const set = makeSet();
    await openOne(set, { kind: "unix", path: name });
    assert.equal(fs.lstatSync(name).mode & 0o777, 0o666);
    assert.equal(fs.existsSync(`${name}~`), false);
    await set.close();
    assert.equal(fs.existsSync(name), false);

    const strict = new ListenerSet({ mode: 0o600 });
    sets.push(strict);
    await openOne(strict, { kind: "unix", path: name });
    assert.equal(fs.lstatSync(name).mode & 0o777, 0o600);
    fs.writeFileSync(`${name}.new`, "another's");
    fs.renameSync(`${name}.new`, name);
    await strict.close();
    assert.equal(fs.existsSync(name), true);
  });
});

describe("around the process", { skip }, () => {
  it("the helper ends with the process, however that ends", async () => {
    const { child, said } = await startProcess(
      process.execPath,
      [PROCESS],
      ["ignore", "pipe", "inherit"],
    );
    assert.ok(said.helper > 0);
    assert.ok(isRunning(said.helper));
    child.kill("SIGKILL");
    await once(child, "exit");
    while (isRunning(said.helper)) await sleep(10);
  });

  it("the helper is started ahead, does the work, and is let go until there is more", async () => {
    const set = makeSet();
    set.warm();
    const { helper } = set;
    assert.ok(helper);
    const to = await openOne(set, LOCAL);
    assert.equal(set.helper, helper);
    while (isRunning(helper)) await sleep(10);
    assert.equal(set.helper, undefined);
    await startWorker(set, "w");
    assert.equal(await ask(to), "w");
  });

  it("a duplicate is made also when the helper was ended from outside", async () => {
    const set = makeSet();
    const to = await openOne(set, LOCAL);
    assert.ok(set.helper);
    process.kill(set.helper, "SIGKILL");
    await startWorker(set, "w");
    assert.equal(await ask(to), "w");
  });

  it("a socket that the service manager passes is taken over with who waits in it", async () => {
    const server = net.createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as net.AddressInfo;
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
    const command = `LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec "$0" "$1"`;
    const { said } = await startProcess(
      "/bin/sh",
      ["-c", command, process.execPath, PROCESS],
      ["ignore", "pipe", "inherit", fd],
    );
    server.close();
    const address = { kind: "tcp", host: "127.0.0.1", port };
    assert.deepEqual(said.adopted, [{ name: "web", address }]);
    assert.equal(said.failure, null);
    assert.deepEqual(said.address, address);
    // It is the child alone that has it open now.
    const { answers } = await connectMany({ host: "127.0.0.1", port }, 1);
    children[0]?.kill("SIGKILL");
    assert.deepEqual(await answers, ["ECONNRESET"]);
  });

  it("variables that are meant for another process are ignored", async () => {
    const set = makeSet();
    assert.deepEqual(await set.adopt({ LISTEN_PID: "1", LISTEN_FDS: "1" }), []);
    assert.deepEqual(await set.adopt({ LISTEN_PID: String(process.pid), LISTEN_FDS: "x" }), []);
    assert.deepEqual(await set.adopt({}), []);
  });
});

function isOpen(fd: number, inode: number): boolean {
  try {
    return fs.fstatSync(fd).ino === inode;
  } catch {
    return false;
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  // A process that nobody has waited for yet is gone all the same.
  if (!linux) return true;
  try {
    return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as net.AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
