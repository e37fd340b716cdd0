/** Bodies of requests reach the backend, whatever the framework behind it does with them. */

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { request as send } from "undici";
import { post, request } from "../../harness/client.ts";
import { startProxy } from "../../harness/proxy.ts";
import { response } from "../../harness/origin.ts";
import { scene } from "../../harness/scene.ts";

// http-proxy-middleware 40, 741; node-http-proxy 180, 530, 843
for (const method of ["POST", "PUT", "PATCH", "DELETE", "GET", "QUERY", "OPTIONS"]) {
  scene(`the body of ${method} is forwarded, with a length and in chunks`, {}, async (stage) => {
    const { client, backend } = await stage.exchange(
      request(`${method} / HTTP/1.1`, ["Content-Length: 9"], '{"a": 1}\n'),
    );
    assert.equal((await backend.readRequest()).body.toString(), '{"a": 1}\n');
    backend.send(response("200 OK"));
    await client.readResponse();
    client.send(
      request(`${method} / HTTP/1.1`, ["Transfer-Encoding: chunked"], "3\r\nabc\r\n0\r\n\r\n"),
    );
    assert.equal((await backend.readRequest()).body.toString(), "abc");
    backend.send(response("200 OK"));
    await client.readResponse();
  });
}

scene("a POST whose body comes byte by byte is forwarded as it comes", {}, async (stage) => {
  const text = "one byte at a time";
  const { client, backend } = await stage.exchange(
    request("POST / HTTP/1.1", [`Content-Length: ${text.length}`]),
  );
  await backend.readHead();
  for (const character of text) {
    client.send(character);
    assert.equal((await backend.read(1)).toString(), character);
  }
  backend.send(response("200 OK"));
  await client.readResponse();
});

scene("a body that arrives while the connection is being made is forwarded", {}, async (stage) => {
  const big = "x".repeat(300_000);
  const { client, backend } = await stage.exchange(post("/", big));
  assert.equal((await backend.readRequest()).body.length, big.length);
  backend.send(response("200 OK"));
  await client.readResponse();
});

test("a JSON POST to a server of node:http arrives whole, on one connection, many times", async () => {
  const server = createServer((incoming, answer) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => answer.end(Buffer.concat(chunks)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy = await startProxy({ backends: [(server.address() as AddressInfo).port] });
  for (let i = 0; i < 50; i++) {
    const text = JSON.stringify({ i, filler: "y".repeat(i * 997) });
    const { statusCode, body } = await send(`http://127.0.0.1:${proxy.port}/`, {
      method: "POST",
      body: text,
    });
    assert.equal(statusCode, 200);
    assert.equal(await body.text(), text);
  }
  await proxy.close();
  server.closeAllConnections();
  server.close();
});
