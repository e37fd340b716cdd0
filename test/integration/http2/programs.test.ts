/** What other people's clients make of it. */

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import * as http2 from "node:http2";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { promisify } from "node:util";
import { startProxy, type ProxyOptions, type TestProxy } from "../../harness/proxy.ts";
import { missing, requireProgram } from "../../harness/requires.ts";
import { certificates, HOST, secured } from "../../harness/tls.ts";

const run = promisify(execFile);

/** A proxy before an application that answers with what it was sent. */
async function before(t: TestContext, options: ProxyOptions = {}): Promise<TestProxy> {
  const app = createServer((request, response) => {
    const { pathname } = new URL(request.url!, "http://a");
    if (pathname === "/large") return void response.end(Buffer.alloc(5_000_000, "x"));
    if (pathname === "/echo") return void request.pipe(response);
    if (pathname === "/trailers") {
      response.writeHead(200, { trailer: "x-sum" });
      response.write("body");
      response.addTrailers({ "x-sum": "1" });
      return void response.end();
    }
    let bytes = 0;
    request.on("data", (chunk: Buffer) => (bytes += chunk.length));
    request.on("end", () => {
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ fields: request.headers, bytes, method: request.method }));
    });
  });
  app.listen(0, "127.0.0.1");
  await once(app, "listening");
  const proxy = await startProxy({ backends: [(app.address() as AddressInfo).port], ...options });
  t.after(async () => {
    await proxy.close();
    app.closeAllConnections();
    app.close();
  });
  return proxy;
}

/** A file that is gone when the test is over. */
function file(t: TestContext, content: string | Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-http2-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "file");
  writeFileSync(path, content);
  return path;
}

test(
  "curl speaks HTTP/2 without TLS, uploads and downloads",
  { skip: missing("curl") },
  async (t) => {
    const proxy = await before(t);
    const url = `http://127.0.0.1:${proxy.port}`;
    const curl = async (...more: string[]): Promise<string> => {
      const { stdout } = await run(
        requireProgram("curl"),
        ["-sS", "--http2-prior-knowledge", "-w", " HTTP/%{http_version}", ...more],
        { maxBuffer: 20_000_000 },
      );
      return stdout;
    };
    const sent = Buffer.alloc(3_000_000, "0123456789");
    assert.match(await curl("-d", "hello", `${url}/`), /"bytes":5.* HTTP\/2$/);
    assert.equal(
      await curl("-T", file(t, sent), "-X", "POST", `${url}/echo`),
      `${sent.toString()} HTTP/2`,
    );
    assert.equal((await curl(`${url}/large`)).length, 5_000_007);
    assert.ok(proxy.records.every(({ version, failure }) => version === 20 && failure === null));
  },
);

test("curl agrees on HTTP/2 by TLS", { skip: missing("curl") }, async (t) => {
  const proxy = await before(t, await secured());
  const { stdout } = await run(requireProgram("curl"), [
    "-sS",
    "--http2",
    "-w",
    " HTTP/%{http_version}",
    "--cacert",
    file(t, certificates().root),
    "--resolve",
    `${HOST}:${proxy.port}:127.0.0.1`,
    `https://${HOST}:${proxy.port}/`,
  ]);
  assert.match(stdout, /"x-forwarded-proto":"https".* HTTP\/2$/);
});

test(
  "nghttp gets trailers, and several answers on one connection",
  { skip: missing("nghttp") },
  async (t) => {
    const proxy = await before(t);
    const url = `http://127.0.0.1:${proxy.port}`;
    const { stdout } = await run(requireProgram("nghttp"), [
      "-v",
      `${url}/trailers`,
      `${url}/a`,
      `${url}/b`,
    ]);
    assert.match(stdout, /x-sum: 1/);
    assert.equal(stdout.match(/:status: 200/g)?.length, 3);
    assert.doesNotMatch(stdout, /RST_STREAM|error_code=(?!NO_ERROR)/);
  },
);

test("h2load gets every answer", { skip: missing("h2load") }, async (t) => {
  const proxy = await before(t);
  const { stdout } = await run(requireProgram("h2load"), [
    ..."-n 3000 -c 8 -m 100".split(" "),
    `http://127.0.0.1:${proxy.port}/`,
  ]);
  assert.match(stdout, /3000 succeeded, 0 failed, 0 errored, 0 timeout/);
  assert.match(stdout, /status codes: 3000 2xx/);
  assert.deepEqual(proxy.logs, []);
});

test("Node's client gets all of many requests at a time, with fields as they were sent", async (t) => {
  const proxy = await before(t);
  const session = http2.connect(`http://127.0.0.1:${proxy.port}`);
  await once(session, "connect");
  const ask = async (index: number): Promise<void> => {
    const fields = Object.fromEntries(
      Array.from({ length: index % 20 }, (_, i) => [
        `x-${i}`,
        `value ${index} ${"y".repeat(i * 40)}.`,
      ]),
    );
    const stream = session.request({
      ":path": `/${index}`,
      ":method": "POST",
      cookie: ["a=1", "b=2"],
      ...fields,
    });
    stream.end("z".repeat(index * 200));
    let text = "";
    for await (const chunk of stream as AsyncIterable<Buffer>) text += chunk.toString();
    const answer = JSON.parse(text) as { fields: Record<string, string>; bytes: number };
    assert.equal(answer.bytes, index * 200);
    assert.equal(answer.fields["cookie"], "a=1; b=2");
    for (const [name, value] of Object.entries(fields)) assert.equal(answer.fields[name], value);
  };
  for (let round = 0; round < 3; round++) {
    await Promise.all(Array.from({ length: 100 }, (_, index) => ask(index)));
  }
  session.close();
  await once(session, "close");
});
