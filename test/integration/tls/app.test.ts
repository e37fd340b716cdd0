/** TLS of a whole proxy: files that change, workers that share, and configurations that are refused. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { X509Certificate } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type * as tls from "node:tls";
import type { App } from "#app.ts";
import { startApp, startBackend } from "../../harness/app.ts";
import { HOST, certificates, connectSecurely } from "../../harness/tls.ts";
import type { CertificatePair } from "#transport/tls.ts";

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "tls-app-"));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

async function writePair(directory: string, { chain, key }: CertificatePair): Promise<void> {
  for (const [name, text] of [
    ["site.pem", chain],
    ["site.key", key],
  ] as const) {
    await writeFile(join(directory, `${name}.new`), text);
    await rename(join(directory, `${name}.new`), join(directory, name));
  }
}

function portOf(app: App): number {
  return Number(new URL(app.addresses[0]!.url).port);
}

const PAIR = { cert: "site.pem", key: "site.key" };

async function start(
  t: TestContext,
  directory: string,
  listen: object = { address: "127.0.0.1:0", tls: PAIR },
  match: string | readonly string[] = "/*",
): Promise<App> {
  const backend = await startBackend(t, (request, response) => {
    response.end(`${request.url} ${String(request.headers["x-forwarded-proto"])}`);
  });
  const upstreams = { app: `http://127.0.0.1:${backend}` };
  return startApp(t, { listen, upstreams, routes: [{ match, to: "app" }], workers: 2 } as never, {
    directory,
    watch: true,
    data: join(directory, "data"),
  });
}

/** One GET; the answer, and what was shown. */
async function ask(
  port: number,
  options: tls.ConnectionOptions = {},
): Promise<{ body: string; certificate: X509Certificate; resumed: boolean }> {
  const request = get({
    port,
    host: "127.0.0.1",
    path: "/x",
    agent: false,
    headers: { host: options.servername ?? HOST },
    servername: HOST,
    ca: certificates().root,
    ...options,
  });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  const socket = response.socket as tls.TLSSocket;
  const certificate = socket.getPeerX509Certificate()!;
  const resumed = socket.isSessionReused();
  let body = "";
  for await (const chunk of response) body += String(chunk);
  return { body, certificate, resumed };
}

test("a certificate that is renewed on disk is shown to new connections, and ends no other", async (t) => {
  const directory = await folder(t);
  await writePair(directory, certificates().ecdsa);
  const app = await start(t, directory);
  assert.match(app.addresses[0]!.url, /^https:/);
  const port = portOf(app);
  assert.equal((await ask(port)).body, "/x https");
  const before = await connectSecurely(port);
  const { generation } = app.status;

  await writePair(directory, certificates().rsa);
  const type = async (): Promise<string | undefined> =>
    (await ask(port)).certificate.publicKey.asymmetricKeyType;
  let shown = await type();
  while (shown !== "rsa") {
    await new Promise((resolve) => setTimeout(resolve, 50));
    shown = await type();
  }
  before.send(`GET /y HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  assert.match((await before.readResponse()).body.toString(), /^\/y/);
  assert.equal(app.status.generation, generation, "it is no other configuration");
  before.socket.destroy();
});

test("a key that does not belong to its certificate keeps the old pair in use, and refuses a start", async (t) => {
  const directory = await folder(t);
  const { ecdsa, rsa } = certificates();
  await writePair(directory, ecdsa);
  const app = await start(t, directory);
  await writeFile(join(directory, "site.key"), rsa.key);
  const again = await app.reload();
  assert.ok(again.ok, "nothing of the configuration has changed");
  const { certificate } = await ask(portOf(app));
  assert.equal(certificate.publicKey.asymmetricKeyType, "ec");
  await assert.rejects(start(t, directory), /site\.key.*(belong|match)/s);
});

test("a certificate that is not there refuses the start, with the name of the file and its option", async (t) => {
  const directory = await folder(t);
  await assert.rejects(start(t, directory), (error: Error) => {
    assert.match(error.message, /listen\[0\]\.tls/);
    assert.match(error.message, /site\.pem/);
    return true;
  });
});

test("a session is taken up by whichever worker the client comes to", async (t) => {
  const directory = await folder(t);
  await writePair(directory, certificates().ecdsa);
  const port = portOf(await start(t, directory));
  const first = await connectSecurely(port);
  first.send(`GET / HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`);
  const session = await first.session;
  first.socket.destroy();
  for (let i = 0; i < 12; i++) {
    assert.equal((await ask(port, { session })).resumed, true);
  }
});

test("the local authority certifies the names of routes, and the same root after a restart", async (t) => {
  const directory = await folder(t);
  const listen = { address: "127.0.0.1:0", tls: "local" };
  const app = await start(t, directory, listen, ["localhost", "app.localhost"]);
  const ca = await readFile(join(directory, "data/local-ca/root.crt"), "utf8");
  for (const servername of ["localhost", "app.localhost"]) {
    const { body, certificate } = await ask(portOf(app), { servername, ca });
    assert.equal(body, "/x https");
    assert.equal(certificate.checkIP("127.0.0.1"), "127.0.0.1");
  }
  await app.close({ drain: 0 });
  const next = await start(t, directory, listen, "localhost");
  assert.equal(await readFile(join(directory, "data/local-ca/root.crt"), "utf8"), ca);
  assert.equal((await ask(portOf(next), { servername: "localhost", ca })).body, "/x https");
});

test("a reload from plain HTTP to TLS and back keeps the socket", async (t) => {
  const directory = await folder(t);
  await writePair(directory, certificates().ecdsa);
  const app = await start(t, directory, { address: "127.0.0.1:0" });
  const port = portOf(app);
  assert.match(app.addresses[0]!.url, /^http:/);
  const { upstreams } = app.config;
  const source = (listen: object): never =>
    ({ listen, upstreams: { app: upstreams[0]!.endpoints[0]!.url }, workers: 2 }) as never;
  const secured = await app.reload(source({ address: "127.0.0.1:0", tls: PAIR }));
  assert.ok(secured.ok, JSON.stringify(secured));
  assert.equal((await ask(port)).body, "/x https");
  assert.equal(app.addresses[0]!.url, `https://127.0.0.1:${port}`);
  const plain = await app.reload(source({ address: "127.0.0.1:0" }));
  assert.ok(plain.ok);
  await assert.rejects(ask(port));
});
