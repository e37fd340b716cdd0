import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { WebSocket } from "ws";

const DEMO = join(import.meta.dirname, "../../examples/demo/demo.ts");

interface Demo {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  output(): string;
  /** Resolves once it has said these words, or has ended. */
  said(words: string): Promise<void>;
}

function startDemo(t: TestContext, port: number | string): Demo {
  const child = spawn(process.execPath, [DEMO], {
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, to which the tests send signals as a terminal does.
    detached: true,
    env: { ...process.env, DEMO_PORT: String(port) },
  });
  let text = "";
  const listeners = new Set<() => void>();
  const add = (chunk: string): void => {
    text += chunk;
    for (const listener of listeners) listener();
  };
  child.stdout.setEncoding("utf8").on("data", add);
  child.stderr.setEncoding("utf8").on("data", add);
  const ended = once(child, "close").then(([code]) => code as number | null);
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    await ended;
  });
  return {
    child,
    ended,
    output: () => text,
    said: (words) => {
      const spoken = new Promise<void>((resolve) => {
        const look = (): void => void (text.includes(words) && resolve());
        listeners.add(look);
        look();
      });
      return Promise.race([spoken, ended.then(() => undefined)]);
    },
  };
}

/** A port that was free a moment ago. The demo takes none of its own choice, as its user has to know it. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

test("the demo shows what it promises, and ends cleanly on Ctrl-C with streams open", async (t) => {
  const port = await freePort();
  const demo = startDemo(t, port);
  await demo.said("Ctrl-C ends the demo");
  const url = `http://localhost:${port}`;
  assert.match(demo.output(), new RegExp(`Open +${url}`), demo.output());
  const text = async (path: string, options: RequestInit = {}): Promise<string> =>
    (await fetch(url + path, options)).text();

  await t.test("every line that it tells to try works", async () => {
    const lines = [...demo.output().matchAll(/curl \S+ (http\S+)/g)].map((found) => found[1] ?? "");
    assert.equal(lines.length, 5);
    for (const line of lines) {
      const response = await fetch(line);
      assert.equal(response.status, line.endsWith("/teapot") ? 418 : 200, line);
      await response.body?.cancel();
    }
  });

  await t.test("the page comes from both instances by turns", async () => {
    const names = new Set<string>();
    for (let i = 0; i < 8; i++) {
      const page = await text("/");
      names.add(/<b class="(app-[12])">/.exec(page)?.[1] ?? "none");
    }
    assert.deepEqual([...names].toSorted(), ["app-1", "app-2"]);
  });

  await t.test("an upload is counted, and a socket echoes", async () => {
    const body = new Uint8Array(3_000_000);
    const uploaded = JSON.parse(await text("/upload", { method: "POST", body })) as object;
    assert.equal("bytes" in uploaded && uploaded.bytes, body.length);
    const socket = new WebSocket(`ws://localhost:${port}/echo`);
    await once(socket, "open");
    socket.send("hello");
    const [message] = (await once(socket, "message")) as [Buffer];
    assert.match(message.toString(), /^app-[12]: hello$/);
    socket.terminate();
  });

  await t.test("the backend saw what the proxy says of the client", async () => {
    const { headers } = JSON.parse(await text("/whoami")) as { headers: [string, string][] };
    const names = new Set(headers.map(([name]) => name));
    for (const name of ["X-Forwarded-For", "Via", "X-Request-Id", "X-Client"]) {
      assert.ok(names.has(name), name);
    }
  });

  const events = await fetch(`${url}/events`);
  const socket = new WebSocket(`ws://localhost:${port}/echo`);
  await once(socket, "open");
  const closed = once(socket, "close");
  assert.ok(demo.child.pid !== undefined);
  process.kill(-demo.child.pid, "SIGINT");
  assert.equal(await demo.ended, 0, demo.output());
  assert.doesNotMatch(demo.output(), /demo: /);
  await events.text().catch(() => "broken off");
  await closed;
});

test("the demo ends cleanly when only it is sent SIGTERM", async (t) => {
  const demo = startDemo(t, await freePort());
  await demo.said("Ctrl-C ends the demo");
  demo.child.kill("SIGTERM");
  assert.equal(await demo.ended, 0, demo.output());
  assert.match(demo.output(), /SIGTERM: finishing what is under way/);
  assert.doesNotMatch(demo.output(), /demo: /);
});

test("the demo says what to do when its port is taken, or is none", async (t) => {
  const server = createServer().listen(0);
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const taken = startDemo(t, port);
  assert.equal(await taken.ended, 1);
  assert.match(taken.output(), new RegExp(`port ${port} cannot be used \\(in use\\).*DEMO_PORT=`));

  const none = startDemo(t, "http");
  assert.equal(await none.ended, 1);
  assert.match(none.output(), /it has to be a port, 1 to 65535/);
});
