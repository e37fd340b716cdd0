import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { type IncomingMessage, type RequestOptions, get as getPlain } from "node:http";
import { get } from "node:https";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { WebSocket, WebSocketServer } from "ws";
import { startSluice } from "../harness/sluice.ts";
import { type Told, example, startBackend, telling } from "./example.ts";

const root = join(import.meta.dirname, "../..");
const LISTEN = { ":8080": "127.0.0.1:0" };

/** Where a request for localhost is led. */
async function redirectOf(
  options: RequestOptions,
): Promise<[status: number | undefined, location: string | undefined]> {
  const request = getPlain({ ...options, headers: { host: "localhost" } });
  const [response] = (await once(request, "response")) as [IncomingMessage];
  response.resume();
  return [response.statusCode, response.headers.location];
}

test("every example has a configuration, a README that names it, and a test", () => {
  const folder = join(import.meta.dirname, "../../examples");
  const names = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .toSorted();
  assert.deepEqual(names, [
    "demo",
    "https",
    "one-app",
    "protected",
    "two-apps-by-path",
    "websocket",
  ]);
  for (const name of names) {
    const files = ["sluice.yaml", "sluice.config.ts"];
    const file = files.find((each) => existsSync(join(folder, name, each)));
    assert.ok(file !== undefined, name);
    const readme = readFileSync(join(folder, name, "README.md"), "utf8");
    assert.ok(readme.includes(name === "demo" ? file : `examples/${name}/${file}`), name);
  }
});

test("the compiler accepts the examples in TypeScript", () => {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const { stdout, status } = spawnSync(process.execPath, [tsc, "-p", join(root, "examples")], {
    encoding: "utf8",
  });
  assert.equal(status, 0, stdout);
});

test("one-app: everything goes to the app, which sees who asked", async (t) => {
  const app = await startBackend(t, telling("app"));
  const config = example("one-app/sluice.yaml", { ...LISTEN, "http://localhost:3000": app.url });
  const sluice = await startSluice(t, { files: { "sluice.yaml": config } });

  const response = await fetch(`${sluice.url}/any/path?x=1`);
  assert.equal(response.status, 200);
  const told = (await response.json()) as Told;
  assert.equal(told.url, "/any/path?x=1");
  assert.equal(told.headers["host"], new URL(sluice.url).host);
  assert.equal(told.headers["x-forwarded-for"], "127.0.0.1");
  assert.equal(told.headers["x-forwarded-proto"], "http");
  assert.match(told.headers["via"] ?? "", /^1\.1 /);
  await sluice.said(new RegExp(told.headers["x-request-id"] ?? assert.fail()));
  await sluice.stop();
});

test("https: the app by TLS of the local authority, and the way there", async (t) => {
  const app = await startBackend(t, telling("app"));
  const config = example("https/sluice.yaml", {
    ":8443": "127.0.0.1:0",
    ":8080": "127.0.0.2:0",
    "http://localhost:3000": app.url,
  });
  const sluice = await startSluice(t, { files: { "sluice.yaml": config }, listeners: 2 });
  const [secure = "", plain = ""] = sluice.urls;
  const ca = readFileSync(join(sluice.directory, "sluice/local-ca/root.crt"), "utf8");

  for (const servername of ["localhost", "app.localhost"]) {
    const { port } = new URL(secure);
    const headers = { host: servername };
    const request = get({ host: "127.0.0.1", port, path: "/x", servername, ca, headers });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    let body = "";
    for await (const chunk of response) body += String(chunk);
    const told = JSON.parse(body) as Told;
    assert.equal(told.url, "/x");
    assert.equal(told.headers["x-forwarded-proto"], "https");
  }

  const { port } = new URL(plain);
  const led = await redirectOf({ host: "127.0.0.2", port, path: "/y?z" });
  assert.equal(led[0], 308);
  // The port is the one that is written; here any free one.
  assert.equal(led[1], "https://localhost:0/y?z");
  await sluice.stop();
});

test("two-apps-by-path: the API without its prefix, a redirect, and the rest", async (t) => {
  const web = await startBackend(t, telling("web"));
  const apis = await Promise.all(["api 1", "api 2"].map((name) => startBackend(t, telling(name))));
  const config = example("two-apps-by-path/sluice.yaml", {
    ...LISTEN,
    "http://localhost:3000": web.url,
    "http://localhost:4000": apis[0]?.url ?? "",
    "http://localhost:4001": apis[1]?.url ?? "",
  });
  const sluice = await startSluice(t, { files: { "sluice.yaml": config } });
  const get = (path: string): Promise<Response> => fetch(sluice.url + path, { redirect: "manual" });
  const told = async (path: string): Promise<Told> => (await (await get(path)).json()) as Told;

  const api = await told("/api/users?x=1");
  assert.match(api.name, /^api/);
  assert.equal(api.url, "/users?x=1");
  assert.equal(api.headers["x-forwarded-prefix"], "/api");
  assert.equal((await get("/api/users")).headers.has("x-powered-by"), false);

  assert.equal((await told("/apix")).name, "web");
  assert.equal((await told("/")).name, "web");
  assert.equal((await get("/")).headers.get("x-powered-by"), "node");

  const moved = await get("/v0/users/7?x=1");
  assert.equal(moved.status, 308);
  assert.equal(moved.headers.get("location"), "/api/users/7?x=1");
  await moved.body?.cancel();

  const large = await fetch(`${sluice.url}/api/users`, {
    method: "POST",
    body: new Uint8Array(10 * 1024 * 1024 + 1),
  });
  assert.equal(large.status, 413);
  await large.body?.cancel();
  await sluice.stop();
});

test("websocket: a socket on its route, none on the others", async (t) => {
  const app = await startBackend(t, telling("chat"));
  const sockets = new WebSocketServer({ server: app.server });
  t.after(() => sockets.close());
  sockets.on("connection", (socket) => {
    socket.on("message", (data: Buffer) => socket.send(`echo ${data.toString()}`));
  });
  const config = example("websocket/sluice.config.ts", {
    ...LISTEN,
    "http://localhost:3000": app.url,
  });
  const sluice = await startSluice(t, { files: { "sluice.config.ts": config } });
  const base = sluice.url.replace("http", "ws");

  const socket = new WebSocket(`${base}/chat`);
  await once(socket, "open");
  socket.send("hello");
  const [message] = (await once(socket, "message")) as [Buffer];
  assert.equal(message.toString(), "echo hello");
  socket.close();
  await once(socket, "close");

  const refused = new WebSocket(`${base}/other`);
  const [error] = (await once(refused, "error")) as [Error];
  assert.match(error.message, /Unexpected server response: 200/);
  assert.equal(((await (await fetch(`${sluice.url}/other`)).json()) as Told).name, "chat");
  await sluice.stop();
});

test("protected: the administration asks for a password, and a flood is stopped", async (t) => {
  const app = await startBackend(t, telling("app"));
  const config = example("protected/sluice.yaml", {
    ...LISTEN,
    "http://localhost:3000": app.url,
    "rate: 100/s": "rate: 1/h",
  });
  const files = { "sluice.yaml": config, "office.txt": example("protected/office.txt", {}) };
  const sluice = await startSluice(t, { files });
  const get = (path: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${sluice.url}${path}`, { headers });

  const asked = await get("/admin/", { "X-User": "root" });
  assert.equal(asked.status, 401);
  assert.equal(
    asked.headers.get("www-authenticate"),
    'Basic realm="administration", charset="UTF-8"',
  );
  const credentials = Buffer.from("anna:example").toString("base64");
  const admitted = await get("/admin/", {
    "X-User": "root",
    Authorization: `Basic ${credentials}`,
  });
  assert.equal(admitted.status, 200);
  const told = (await admitted.json()) as Told;
  assert.equal(told.headers["x-user"], "anna");
  assert.equal(told.headers["authorization"], undefined);

  const all = await Promise.all(Array.from({ length: 30 }, () => get("/")));
  assert.equal(all.filter(({ status }) => status === 200).length, 20);
  const refused = all.find(({ status }) => status === 429);
  assert.match(refused?.headers.get("retry-after") ?? "", /^\d+$/);
  assert.equal(refused?.headers.get("x-frame-options"), "DENY");
  await sluice.stop();
});
