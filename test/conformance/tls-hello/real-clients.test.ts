import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { connect } from "node:tls";
import { ClientHelloReader } from "#protocol/tls-hello/client-hello-reader.ts";
import {
  everyByte,
  readHello,
  takeApart,
  type HelloRecord,
} from "#protocol/tls-hello/hello.fixture.ts";
import { missing, requireProgram } from "../../harness/requires.ts";
import { compareWithOpenssl } from "./openssl-differential.ts";

/** The first hello, or what comes instead of one, that arrives at a port which `start` is told; `name`: the first with that name. */
async function firstHello(
  t: TestContext,
  start: (port: number) => void,
  name?: string,
): Promise<Buffer> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const arrived = new Promise<Buffer>((resolve) => {
    server.on("connection", (socket) => {
      const reader = new ClientHelloReader();
      const chunks: Buffer[] = [];
      socket.on("error", () => {});
      socket.on("data", (chunk: Buffer) => {
        chunks.push(chunk);
        if (reader.feed(chunk, 0, chunk.length) === "need-more") return;
        if (name === undefined || reader.serverName === name) resolve(Buffer.concat(chunks));
        socket.destroy();
      });
    });
  });
  start((server.address() as AddressInfo).port);
  return arrived;
}

/** Runs a program until the test is over. */
function run(t: TestContext, program: string, args: readonly string[]): void {
  const child = spawn(requireProgram(program), args, { stdio: ["pipe", "ignore", "ignore"] });
  const ended = once(child, "close");
  t.after(async () => {
    child.kill("SIGKILL");
    await ended;
  });
}

/** A hello that reader and OpenSSL take for the same, whole and byte by byte. */
async function taken(hello: Buffer): Promise<HelloRecord> {
  const whole = readHello(hello);
  assert.equal(whole.progress, "done", whole.fault?.detail);
  assert.deepEqual(readHello(hello, everyByte(hello)), whole);
  assert.equal(await compareWithOpenssl(hello), "both");
  return whole;
}

test("the hello of Node.js is read", async (t) => {
  const hello = await firstHello(t, (port) => {
    const ALPNProtocols = ["h2", "http/1.1"];
    const socket = connect({ port, host: "127.0.0.1", servername: "Node.example", ALPNProtocols });
    socket.on("error", () => {});
    t.after(() => socket.destroy());
  });
  const record = await taken(hello);
  assert.equal(record.serverName, "node.example");
  assert.deepEqual(record.protocols, ["h2", "http/1.1"]);
  assert.deepEqual([record.offersTls12, record.offersTls13], [true, true]);
});

for (const [flag, offers12, offers13] of [
  ["-tls1_2", true, false],
  ["-tls1_3", false, true],
] as const) {
  test(`the hello of openssl s_client ${flag} is read`, { skip: missing("openssl") }, async (t) => {
    const hello = await firstHello(t, (port) => {
      const address = `127.0.0.1:${port}`;
      const names = ["-servername", "openssl.example", "-alpn", "acme-tls/1"];
      run(t, "openssl", ["s_client", "-connect", address, flag, ...names]);
    });
    const record = await taken(hello);
    assert.equal(record.serverName, "openssl.example");
    assert.deepEqual(record.protocols, ["acme-tls/1"]);
    assert.deepEqual([record.offersTls12, record.offersTls13], [offers12, offers13]);
  });
}

test(
  "the hello of openssl s_client for TLS 1.1 is refused as too old",
  { skip: missing("openssl") },
  async (t) => {
    const hello = await firstHello(t, (port) => {
      const address = `127.0.0.1:${port}`;
      const old = ["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"];
      run(t, "openssl", ["s_client", "-connect", address, ...old]);
    });
    assert.equal(readHello(hello).fault?.kind, "version");
  },
);

test("the hello of curl is read", { skip: missing("curl") }, async (t) => {
  const hello = await firstHello(t, (port) => {
    const to = ["--connect-to", `curl.example:443:127.0.0.1:${port}`];
    run(t, "curl", ["--silent", "--insecure", "--noproxy", "*", ...to, "https://curl.example/"]);
  });
  const record = await taken(hello);
  assert.equal(record.serverName, "curl.example");
  assert(record.protocols.includes("http/1.1"));
});

test(
  "the plain request of curl on a TLS port is recognised",
  { skip: missing("curl") },
  async (t) => {
    const bytes = await firstHello(t, (port) => {
      run(t, "curl", ["--silent", "--noproxy", "*", `http://127.0.0.1:${port}/`]);
    });
    assert.equal(readHello(bytes).fault?.kind, "plain_http");
  },
);

test("the hello of Chromium is read", { skip: missing("chromium") }, async (t) => {
  const profile = mkdtempSync(join(tmpdir(), "sluice-hello-"));
  t.after(() => rmSync(profile, { recursive: true, force: true, maxRetries: 5 }));
  // It connects to other hosts on its own account too.
  const start = (port: number): void => {
    run(t, "chromium", [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--no-first-run",
      "--no-proxy-server",
      "--disable-background-networking",
      "--disable-sync",
      `--user-data-dir=${profile}`,
      `--host-resolver-rules=MAP * 127.0.0.1:${port}`,
      "https://chromium.example/",
    ]);
  };
  const hello = await firstHello(t, start, "chromium.example");
  const record = await taken(hello);
  assert.deepEqual(record.protocols, ["h2", "http/1.1"]);
  const { extensions } = takeApart(hello);
  const isGrease = (type: number): boolean => (type & 0x0f0f) === 0x0a0a;
  assert(
    extensions?.some(([type]) => isGrease(type)),
    "with GREASE, or this shows less than it says",
  );
});
