/** Where the process listens and connects to, in the forms that people write. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdtempSync, realpathSync, rmSync, statSync } from "node:fs";
import { createServer, get } from "node:http";
import { createServer as createSocketServer, type AddressInfo } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { describe, test, type TestContext } from "node:test";

import { startBackend } from "../../harness/app.ts";
import { runSluice, type Sluice, startSluice } from "../../harness/sluice.ts";
import { ask, countStatuses } from "./facts.ts";

const withoutIpv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === "::1"),
)
  ? false
  : "needs IPv6";

/** A backend on another kind of address. */
async function backendOn(t: TestContext, where: object): Promise<AddressInfo | string | null> {
  const server = createServer((incoming, outgoing) => {
    outgoing.end(`${incoming.headers.host} at ${incoming.socket.localAddress ?? "a path"}`);
  });
  server.listen(where);
  await once(server, "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return server.address();
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "sluice-address-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function proxyTo(t: TestContext, to: string, ...more: string[]): Promise<Sluice> {
  return startSluice(t, { args: ["--to", to, "--listen", "127.0.0.1:0", ...more] });
}

describe("--to", () => {
  for (const write of [
    (port: number) => `${port}`,
    (port: number) => `:${port}`,
    (port: number) => `localhost:${port}`,
    (port: number) => `http://127.0.0.1:${port}/`,
  ]) {
    test(`takes ${write(3000)}`, async (t) => {
      const sluice = await proxyTo(t, write(await startBackend(t, (_i, out) => out.end("hello"))));
      assert.equal((await ask(sluice.url)).body, "hello");
      await sluice.stop();
    });
  }

  test("takes the path of a unix socket", async (t) => {
    const path = join(folder(t), "app.sock");
    await backendOn(t, { path });
    const sluice = await proxyTo(t, `unix:${path}`);
    assert.match((await ask(sluice.url)).body, / at a path$/);
    await sluice.stop();
  });

  test(
    "finds a backend that listens on ::1 only by the name localhost",
    { skip: withoutIpv6 },
    async (t) => {
      const address = await backendOn(t, { host: "::1", port: 0, ipv6Only: true });
      const { port } = address as AddressInfo;
      const sluice = await proxyTo(t, `http://localhost:${port}`);
      const answers = await Promise.all(Array.from({ length: 10 }, () => ask(sluice.url)));
      assert.deepEqual(countStatuses(answers), { 200: 10 });
      assert.match(answers[0]?.body ?? "", / at ::1$/);
      await sluice.stop();
    },
  );
});

describe("listening", () => {
  test("on an IPv6 address", { skip: withoutIpv6 }, async (t) => {
    const backend = await startBackend(t, (incoming, outgoing) =>
      outgoing.end(incoming.headers["x-forwarded-for"]),
    );
    const sluice = await startSluice(t, { args: ["--to", `:${backend}`, "--listen", "[::1]:0"] });
    assert.match(sluice.url, /^http:\/\/\[::1\]:\d+$/);
    assert.deepEqual((await ask(sluice.url)).body, "::1");
    await sluice.stop();
  });

  test("on a unix socket, whose path is gone afterwards", async (t) => {
    const backend = await startBackend(t, (_incoming, outgoing) => outgoing.end("hello"));
    const socketPath = join(folder(t), "sluice.sock");
    const sluice = await startSluice(t, {
      args: ["--to", `:${backend}`, "--listen", `unix:${socketPath}`],
      listeners: 0,
    });
    await sluice.said(/listening on unix:/);
    assert.equal(statSync(socketPath).isSocket(), true);
    const text = await new Promise<string>((resolve, reject) => {
      get({ socketPath, path: "/", agent: false }, (response) => {
        response.setEncoding("utf8").once("data", resolve);
      }).on("error", reject);
    });
    assert.equal(text, "hello");
    await sluice.stop();
    assert.equal(existsSync(socketPath), false);
  });

  test("on an address that is taken is refused, with who has it", async (t) => {
    const taken = await startBackend(t, (_incoming, outgoing) => outgoing.end());
    const { code, stderr } = await runSluice(t, {
      args: ["--to", ":1", "--listen", `127.0.0.1:${taken}`],
    });
    assert.equal(code, 1);
    const owner =
      process.platform === "linux"
        ? `${basename(realpathSync(process.execPath))} \\(process ${process.pid}\\)`
        : "another process";
    assert.match(stderr, new RegExp(`127\\.0\\.0\\.1:${taken} is in use by .*${owner}`));
  });
});

describe("sockets that the service manager passes", () => {
  /** A socket that listens in this process, as a service manager holds it. */
  async function startManager(t: TestContext): Promise<{ port: number; fd: number; stop(): void }> {
    const server = createSocketServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const stop = (): void => void server.close();
    t.after(stop);
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
    return { port: (server.address() as AddressInfo).port, fd, stop };
  }

  const skip = process.platform === "win32" ? "has no such thing" : false;
  const addressed = 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$0" "$@"';

  test("are used instead of binding", { skip }, async (t) => {
    const backend = await startBackend(t, (_incoming, outgoing) => outgoing.end("hello"));
    const manager = await startManager(t);
    const sluice = await startSluice(t, {
      args: ["--to", `:${backend}`, "--listen", `127.0.0.1:${manager.port}`],
      shell: addressed,
      inherits: [manager.fd],
    });
    manager.stop();
    assert.equal(sluice.url, `http://127.0.0.1:${manager.port}`);
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(sluice.url)));
    assert.deepEqual(countStatuses(answers), { 200: 20 });
    await sluice.stop();
    await assert.rejects(ask(sluice.url), { code: "ECONNREFUSED" });
  });

  test("are left alone when they are meant for another process", { skip }, async (t) => {
    const manager = await startManager(t);
    const { code, stderr } = await runSluice(t, {
      args: ["--to", ":1", "--listen", `127.0.0.1:${manager.port}`],
      shell: 'LISTEN_FDS=1 LISTEN_PID=1 exec "$0" "$@"',
      inherits: [manager.fd],
    });
    assert.equal(code, 1);
    assert.match(stderr, /is in use by/);
  });

  test("that are none are refused with a sentence", { skip }, async (t) => {
    const { code, stderr } = await runSluice(t, {
      args: ["--to", ":1", "--listen", "127.0.0.1:0"],
      shell: `exec 3</dev/null; ${addressed}`,
    });
    assert.equal(code, 1);
    assert.match(stderr, /inherited descriptor 3 \(unknown\) is no listening stream socket/);
  });
});
