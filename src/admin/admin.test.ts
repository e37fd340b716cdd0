import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingMessage, type RequestOptions, request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { text } from "node:stream/consumers";

import type { ListenAddress } from "#model/snapshot.ts";
import { unless } from "../../test/harness/requires.ts";
import { type Admin, type AdminOptions, type AdminResult, createAdmin } from "./admin.ts";

const LOOPBACK: ListenAddress = { kind: "tcp", host: "127.0.0.1", port: 0 };
const unixOnly = unless(process.platform !== "win32", "needs unix sockets");

function open(options: Partial<AdminOptions> = {}): Promise<AdminResult> {
  return createAdmin({
    address: LOOPBACK,
    metrics: (accept) => ({ contentType: `text/plain; for=${accept ?? "none"}`, body: "m 1\n" }),
    ready: () => ({ ready: true, reasons: [] }),
    onError: (error) => {
      throw error;
    },
    ...options,
  });
}

async function running(context: TestContext, options: Partial<AdminOptions> = {}): Promise<Admin> {
  const result = await open(options);
  assert.ok(result.ok);
  context.after(() => result.admin.close());
  return result.admin;
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

async function ask(
  { address }: Admin,
  path: string,
  options: RequestOptions = {},
): Promise<Answer> {
  const where =
    address.kind === "unix"
      ? { socketPath: address.path }
      : { host: "127.0.0.1", port: address.port };
  const outgoing = request({ ...where, path, agent: false, ...options }).end();
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: await text(response),
  };
}

test("metrics are served in the format that was asked for, and are not to be cached", async (context) => {
  const admin = await running(context);
  const plain = await ask(admin, "/metrics?x=1");
  assert.equal(plain.status, 200);
  assert.equal(plain.body, "m 1\n");
  assert.equal(plain.headers["content-type"], "text/plain; for=none");
  assert.equal(plain.headers["cache-control"], "no-store");
  assert.equal(plain.headers["x-content-type-options"], "nosniff");
  const open = await ask(admin, "/metrics", {
    headers: { accept: "application/openmetrics-text" },
  });
  assert.equal(open.headers["content-type"], "text/plain; for=application/openmetrics-text");
});

test("health says alive, readiness says why not", async (context) => {
  let reasons: string[] = ["starting", "2 workers are not up"];
  const admin = await running(context, {
    ready: () => ({ ready: reasons.length === 0, reasons }),
  });
  assert.equal((await ask(admin, "/healthz")).status, 200);
  const starting = await ask(admin, "/readyz");
  assert.equal(starting.status, 503);
  assert.equal(starting.body, "not ready: starting\nnot ready: 2 workers are not up\n");
  reasons = [];
  assert.equal((await ask(admin, "/readyz")).status, 200);
});

test("the index lists what there is, and everything else is 404", async (context) => {
  const admin = await running(context);
  const index = await ask(admin, "/");
  for (const [path] of index.body.matchAll(/\/\w+/g)) {
    assert.equal((await ask(admin, path)).status, 200, path);
  }
  for (const path of ["/metricsx", "/metrics/", "//", "/..%2fmetrics", "/%"]) {
    assert.equal((await ask(admin, path)).status, 404, path);
  }
});

test("only GET and HEAD are answered; HEAD has no body", async (context) => {
  const admin = await running(context);
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"]) {
    const answer = await ask(admin, "/metrics", { method });
    assert.equal(answer.status, 405);
    assert.equal(answer.headers["allow"], "GET, HEAD");
  }
  const head = await ask(admin, "/metrics", { method: "HEAD" });
  assert.equal(head.status, 200);
  assert.equal(head.body, "");
  assert.equal(head.headers["content-length"], "4");
});

test("a page that lets its name point here does not get to read anything", async (context) => {
  const admin = await running(context, { hosts: ["Admin.internal"] });
  const status = async (host: string): Promise<number> =>
    (await ask(admin, "/metrics", { headers: { host } })).status;
  for (const host of [
    "localhost",
    "LOCALHOST:9180",
    "localhost.",
    "a.localhost:80",
    "127.0.0.1:1",
  ]) {
    assert.equal(await status(host), 200, host);
  }
  for (const host of ["[::1]:9180", "10.0.0.8", "admin.internal:9180"]) {
    assert.equal(await status(host), 200, host);
  }
  for (const host of [
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil.example:9180",
  ]) {
    assert.equal(await status(host), 403, host);
  }
});

test("on an address that others can reach, the name is theirs to choose, unless it is configured", async (context) => {
  const everywhere: ListenAddress = { kind: "tcp", host: "", port: 0 };
  const open = await running(context, { address: everywhere });
  const headers = { host: "sluice.internal:9180" };
  assert.equal((await ask(open, "/healthz", { headers })).status, 200);
  const named = await running(context, { address: everywhere, hosts: ["other.internal"] });
  assert.equal((await ask(named, "/healthz", { headers })).status, 403);
});

test("a request of HTTP/1.0 without a name is answered", async (context) => {
  const { address } = await running(context);
  assert.ok(address.kind === "tcp");
  const socket = connect(address.port, "127.0.0.1");
  socket.write("GET /healthz HTTP/1.0\r\n\r\n");
  assert.match(await text(socket), /^HTTP\/1\.1 200 /);
});

test("an error of our own is a 500 and does not end the listener", async (context) => {
  const errors: unknown[] = [];
  const admin = await running(context, {
    metrics: () => {
      throw new Error("broken");
    },
    onError: (error) => errors.push(error),
  });
  assert.equal((await ask(admin, "/metrics")).status, 500);
  assert.equal((await ask(admin, "/healthz")).status, 200);
  assert.match(String(errors), /broken/);
});

test("an address that is taken is a result with a code, not an exception", async (context) => {
  const { address } = await running(context);
  const result = await open({ address });
  assert.ok(!result.ok && address.kind === "tcp");
  assert.equal(result.failure.code, "address_in_use");
  assert.ok(result.failure.message.includes(`127.0.0.1:${address.port}`));
});

test("an address that this machine does not have is unavailable", async () => {
  const result = await open({ address: { kind: "tcp", host: "192.0.2.1", port: 0 } });
  assert.ok(!result.ok);
  assert.equal(result.failure.code, "address_unavailable");
});

test("closing does not wait for connections that stay open", async () => {
  const result = await open();
  assert.ok(result.ok && result.admin.address.kind === "tcp");
  const socket = connect(result.admin.address.port, "127.0.0.1");
  socket.write("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await once(socket, "data");
  const ended = once(socket, "close");
  await result.admin.close();
  socket.resume();
  await ended;
});

function socketPath(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-admin-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "admin.sock");
}

test("a unix socket serves whoever can open it", { skip: unixOnly }, async (context) => {
  const path = socketPath(context);
  const admin = await running(context, { address: { kind: "unix", path } });
  const answer = await ask(admin, "/healthz", { headers: { host: "anything" } });
  assert.equal(answer.status, 200);
  const second = await open({ address: { kind: "unix", path } });
  assert.ok(!second.ok);
  assert.equal(second.failure.code, "address_in_use");
  await admin.close();
  assert.equal(existsSync(path), false);
});

test(
  "a socket left by a process that was killed is replaced",
  { skip: unixOnly },
  async (context) => {
    const path = socketPath(context);
    const code = `require("node:net").createServer().listen(${JSON.stringify(path)}, () => console.log("up"))`;
    const child = spawn(process.execPath, ["--eval", code], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    child.kill("SIGKILL");
    await once(child, "exit");
    assert.equal(existsSync(path), true);
    const admin = await running(context, { address: { kind: "unix", path } });
    assert.equal((await ask(admin, "/healthz")).status, 200);
  },
);

test("a file that is no socket is never removed", { skip: unixOnly }, async (context) => {
  const path = socketPath(context);
  writeFileSync(path, "precious");
  const result = await open({ address: { kind: "unix", path } });
  assert.ok(!result.ok);
  assert.equal(result.failure.code, "address_in_use");
  assert.equal(readFileSync(path, "utf8"), "precious");
});
