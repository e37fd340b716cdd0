/** Real clients and backends: curl, ws, undici, node:http and nginx, none of which knows of the proxy. */

import assert from "node:assert/strict";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { Client, request as fetchOver } from "undici";
import { WebSocket, WebSocketServer } from "ws";
import { get } from "../../harness/client.ts";
import { closedPort } from "../../harness/origin.ts";
import { startProxy, type ProxyOptions, type TestProxy } from "../../harness/proxy.ts";
import { missing, requireProgram } from "../../harness/requires.ts";
import { scene } from "../../harness/scene.ts";

const folder = mkdtempSync(join(tmpdir(), "sluice-compatibility-"));
after(() => rmSync(folder, { recursive: true }));
const withoutCurl = missing("curl");
const withoutNginx = missing("nginx");

const bigFile = join(folder, "big");
const big = Buffer.alloc(20_000_000);
for (let i = 0; i < big.length; i += 4) big.writeUInt32LE(Math.imul(i, 2_654_435_761) >>> 0, i);
writeFileSync(bigFile, big);
const bigHash = hashOf(big);

function hashOf(bytes: Uint8Array): string {
  return createHash("sha1").update(bytes).digest("hex");
}

/** A proxy before a server of node:http; both end with the test. */
async function before(
  context: TestContext,
  listener: RequestListener,
  options: ProxyOptions = {},
): Promise<{ proxy: TestProxy; url: string; server: Server }> {
  const server = createServer(listener);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy = await startProxy({
    backends: [(server.address() as AddressInfo).port],
    ...options,
  });
  context.after(async () => {
    await proxy.close();
    server.closeAllConnections();
    server.close();
  });
  return { proxy, url: `http://127.0.0.1:${proxy.port}`, server };
}

/** What a request looked like to a server of node:http, with the hash of its body. */
interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: number;
  readonly hash: string;
}

/** Answers with what it has seen. */
const describing: RequestListener = (incoming, answer) => {
  const hash = createHash("sha1");
  let bytes = 0;
  incoming.on("data", (chunk: Buffer) => {
    hash.update(chunk);
    bytes += chunk.length;
  });
  incoming.on("end", () => {
    const { method, url, headers } = incoming;
    answer.setHeader("Content-Type", "application/json");
    answer.end(JSON.stringify({ method, url, headers, bytes, hash: hash.digest("hex") }));
  });
};

function seenBy(answer: string): Seen {
  return JSON.parse(answer) as Seen;
}

async function curl(...options: string[]): Promise<string> {
  const run = promisify(execFile);
  const { stdout } = await run(requireProgram("curl"), ["-sS", "--max-time", "10", ...options], {
    maxBuffer: 2 ** 26,
  });
  return stdout;
}

test("curl -T sends a big file", { skip: withoutCurl }, async (context) => {
  const { url } = await before(context, describing);
  const seen = seenBy(await curl("-T", bigFile, `${url}/big`));
  assert.equal(seen.method, "PUT");
  assert.equal(seen.bytes, big.length);
  assert.equal(seen.hash, bigHash);
});

test("curl sends a file of unknown length in chunks", { skip: withoutCurl }, async (context) => {
  const { url } = await before(context, describing);
  const seen = seenBy(await curl("-T", bigFile, "-H", "Transfer-Encoding: chunked", `${url}/big`));
  assert.equal(seen.headers["transfer-encoding"], "chunked");
  assert.equal(seen.hash, bigHash);
});

test("curl waits for 100 before it sends its body", { skip: withoutCurl }, async (context) => {
  const { url, server } = await before(context, describing);
  let asked = 0;
  server.on("checkContinue", (incoming, answer) => {
    asked++;
    answer.writeContinue();
    describing(incoming, answer);
  });
  const seen = seenBy(
    await curl(
      "--data-binary",
      `@${bigFile}`,
      "-H",
      "Expect: 100-continue",
      "--expect100-timeout",
      "9",
      url,
    ),
  );
  assert.equal(asked, 1);
  assert.equal(seen.hash, bigHash);
});

test(
  "curl --http1.0 gets the whole of an answer of unknown length",
  { skip: withoutCurl },
  async (context) => {
    const { url } = await before(context, (_incoming, answer) => {
      answer.write(big.subarray(0, 1_000_000));
      answer.end(big.subarray(1_000_000, 3_000_000));
    });
    const target = join(folder, "http10");
    const wrote = await curl("--http1.0", "-o", target, "-w", "%{http_code} %{size_download}", url);
    assert.equal(wrote, "200 3000000");
  },
);

test(
  "curl over one connection: GET, HEAD, POST, and an error page",
  { skip: withoutCurl },
  async (context) => {
    const { url, server } = await before(context, describing);
    const out = await curl(
      "-w",
      "%{num_connects} ",
      "-o",
      "/dev/null",
      url,
      "--next",
      "-sS",
      "-I",
      "-w",
      "%{num_connects} ",
      "-o",
      "/dev/null",
      url,
      "--next",
      "-sS",
      "-d",
      "a=b",
      "-w",
      "%{num_connects} ",
      "-o",
      "/dev/null",
      url,
    );
    assert.equal(out, "1 0 0 ");
    server.closeAllConnections();
    server.close();
    const page = await curl("-i", "-H", "Accept: application/json", url);
    assert.match(page, /^HTTP\/1.1 502 Bad Gateway\r\n/);
    assert.match(page, /"code":"connect_refused"/);
  },
);

test("curl notices that an answer was cut short", { skip: withoutCurl }, async (context) => {
  const { url } = await before(context, (_incoming, answer) => {
    answer.write("the beginning");
    setImmediate(() => answer.destroy());
  });
  await assert.rejects(curl(url), /curl: \((18|56)\)/);
});

test("undici: many requests at a time over few connections, all with their own answers", async (context) => {
  const { url, proxy } = await before(context, (incoming, answer) => answer.end(incoming.url));
  const clients = Array.from({ length: 8 }, () => new Client(url, { pipelining: 5 }));
  await Promise.all(
    clients.flatMap((client, c) =>
      Array.from({ length: 100 }, async (_, i) => {
        const path = `/${c}/${i}`;
        const { statusCode, body } = await client.request({ path, method: "GET" });
        assert.equal(statusCode, 200);
        assert.equal(await body.text(), path);
      }),
    ),
  );
  await Promise.all(clients.map((client) => client.close()));
  assert.equal(proxy.records.length, 800);
});

test("undici: trailers of the backend arrive", async (context) => {
  const { url } = await before(context, (_incoming, answer) => {
    answer.setHeader("Trailer", "X-Sum");
    answer.write("body");
    answer.addTrailers({ "X-Sum": "42" });
    answer.end();
  });
  const { body, trailers } = await fetchOver(url, { headers: { te: "trailers" } });
  await body.text();
  assert.equal(trailers["x-sum"], "42");
});

// ── event streams ──

scene(
  "events arrive as they are sent, however long apart",
  { upstreamTimeouts: { responseIdle: 20 } },
  async (stage) => {
    const { client, backend } = await stage.exchange(get("/events", "Accept: text/event-stream"));
    await backend.readHead();
    backend.send(
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    await client.readHead();
    for (let i = 0; i < 50; i++) {
      const event = `id: ${i}\ndata: tick\n\n`;
      backend.send(`${event.length.toString(16)}\r\n${event}\r\n`);
      assert.equal((await client.readChunk()).toString(), event);
    }
    // Event streams have no idle limit: longer than that of other answers is nothing.
    await new Promise((resolve) => setTimeout(resolve, 60));
    backend.send("2\r\n\n\n\r\n0\r\n\r\n");
    await client.readThrough("0\r\n\r\n");
    assert.equal((await stage.proxy.nextRecord()).failure, null);
  },
);

// ── WebSockets ──

test("ws: messages of all sizes both ways, pings, and an orderly close", async (context) => {
  const { url, server, proxy } = await before(context, describing);
  const sockets = new WebSocketServer({ server, perMessageDeflate: true, maxPayload: 2 ** 27 });
  sockets.on("connection", (socket) => {
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
  });
  const socket = new WebSocket(url.replace("http", "ws"), ["chat", "superchat"], {
    maxPayload: 2 ** 27,
  });
  await once(socket, "open");
  assert.equal(socket.protocol, "chat");
  for (const size of [0, 1, 125, 126, 65_535, 65_536, 1_000_000, 16_000_000]) {
    const message = big.subarray(0, size);
    socket.send(message);
    const [echo] = (await once(socket, "message")) as [Buffer];
    assert.equal(hashOf(echo), hashOf(message), `${size} bytes`);
  }
  socket.ping("are you there");
  const [pong] = (await once(socket, "pong")) as [Buffer];
  assert.equal(pong.toString(), "are you there");
  socket.close(4000, "done");
  const [code, reason] = (await once(socket, "close")) as [number, Buffer];
  assert.equal(code, 4000);
  assert.equal(reason.toString(), "done");
  const record = await proxy.nextRecord();
  assert.equal(record.status, 101);
  assert.equal(record.failure, null);
  sockets.close();
});

test("ws: a hundred sockets at a time", async (context) => {
  const { url, server, proxy } = await before(context, describing);
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket, incoming) => socket.send(incoming.url!));
  await Promise.all(
    Array.from({ length: 100 }, async (_, i) => {
      const socket = new WebSocket(`${url.replace("http", "ws")}/${i}`);
      const [message] = (await once(socket, "message")) as [Buffer];
      assert.equal(message.toString(), `/${i}`);
      socket.close();
      await once(socket, "close");
    }),
  );
  while (proxy.records.length < 100) await proxy.nextRecord();
  assert.equal(proxy.endpoints.connections(0), 0);
  sockets.close();
});

// ── nginx as the backend ──

async function startNginx(context: TestContext): Promise<number> {
  const port = await closedPort();
  const home = mkdtempSync(join(folder, "nginx-"));
  writeFileSync(join(home, "file.bin"), big);
  const config = join(home, "nginx.conf");
  writeFileSync(
    config,
    `daemon off; worker_processes 1; pid ${home}/pid; error_log ${home}/error.log;
     ${process.getuid?.() === 0 ? "user root;" : ""}
     events { worker_connections 64; }
     http {
       access_log off; keepalive_timeout 3s; client_max_body_size 1m;
       client_body_temp_path ${home}/body; proxy_temp_path ${home}/proxy; fastcgi_temp_path ${home}/fastcgi;
       uwsgi_temp_path ${home}/uwsgi; scgi_temp_path ${home}/scgi;
       server {
         listen 127.0.0.1:${port}; root ${home};
         location /echo { return 200 "$request_method $request_uri $http_x_forwarded_for $http_connection|"; }
         location /gone { return 301 http://$http_host/elsewhere; }
         location /closing { keepalive_timeout 0; return 200 "bye"; }
       }
     }`,
  );
  const child: ChildProcess = spawn(requireProgram("nginx"), ["-p", home, "-c", config], {
    stdio: "ignore",
  });
  context.after(async () => {
    child.kill("SIGTERM");
    if (child.exitCode === null) await once(child, "exit");
  });
  for (;;) {
    assert.equal(child.exitCode, null, "nginx runs");
    const socket = connect({ host: "127.0.0.1", port });
    const up = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.destroy();
    if (up) return port;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test(
  "nginx as the backend: files, ranges, HEAD, conditions, redirects, refused uploads",
  { skip: withoutNginx },
  async (context) => {
    const proxy = await startProxy({ backends: [await startNginx(context)] });
    context.after(() => proxy.close());
    const url = `http://127.0.0.1:${proxy.port}`;

    const whole = await fetchOver(`${url}/file.bin`);
    assert.equal(hashOf(Buffer.from(await whole.body.arrayBuffer())), bigHash);

    const range = await fetchOver(`${url}/file.bin`, { headers: { range: "bytes=1000-1999" } });
    assert.equal(range.statusCode, 206);
    assert.ok(Buffer.from(await range.body.arrayBuffer()).equals(big.subarray(1000, 2000)));

    const head = await fetchOver(`${url}/file.bin`, { method: "HEAD" });
    assert.equal(head.headers["content-length"], String(big.length));
    await head.body.dump();

    const etag = String(head.headers["etag"]);
    const unchanged = await fetchOver(`${url}/file.bin`, { headers: { "if-none-match": etag } });
    assert.equal(unchanged.statusCode, 304);
    await unchanged.body.dump();

    const echo = await fetchOver(`${url}/echo?x=%2F`);
    assert.equal(await echo.body.text(), "GET /echo?x=%2F 127.0.0.1 |");

    const moved = await fetchOver(`${url}/gone`);
    assert.equal(moved.statusCode, 301);
    assert.equal(moved.headers["location"], `${url}/elsewhere`, "Host was preserved");
    await moved.body.dump();

    for (let i = 0; i < 3; i++) {
      const closing = await fetchOver(`${url}/closing`);
      assert.equal(await closing.body.text(), "bye");
    }

    // nginx answers 413 at once and reads no further.
    const client = new Client(url);
    const refused = await client.request({
      path: "/echo",
      method: "POST",
      body: big.subarray(0, 4_000_000),
    });
    assert.equal(refused.statusCode, 413);
    await refused.body.dump();
    await client.destroy();

    assert.deepEqual(
      proxy.records.map(({ failure }) => failure).filter((failure) => failure !== null),
      [],
    );
  },
);
