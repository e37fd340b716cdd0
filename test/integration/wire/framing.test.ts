/**
 * What a backend sees of requests that are meant to be two: byte by byte one well-formed request each, or
 * nothing. The parser's own tests have many more; these go through the whole proxy and its connections.
 */

import assert from "node:assert/strict";
import { get, request } from "../../harness/client.ts";
import { response } from "../../harness/origin.ts";
import { scene } from "../../harness/scene.ts";
import { statusOf } from "../../harness/wire.ts";

const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: app.test\r\n\r\n";

/** Requests that must reach nobody. */
const refused: Readonly<Record<string, readonly [status: number, text: string]>> = {
  "Content-Length and Transfer-Encoding": [
    400,
    request(
      "POST / HTTP/1.1",
      ["Content-Length: 5", "Transfer-Encoding: chunked"],
      `0\r\n\r\n${SMUGGLED}`,
    ),
  ],
  "two lengths that differ": [
    400,
    request("POST / HTTP/1.1", ["Content-Length: 0", "Content-Length: 44"], SMUGGLED),
  ],
  "a list of lengths": [400, request("POST / HTTP/1.1", ["Content-Length: 0, 44"], SMUGGLED)],
  "a signed length": [400, request("POST / HTTP/1.1", ["Content-Length: +44"], SMUGGLED)],
  "a length in hex": [400, request("POST / HTTP/1.1", ["Content-Length: 0x2c"], SMUGGLED)],
  "a length beyond 2^53": [
    400,
    request("POST / HTTP/1.1", ["Content-Length: 9007199254740992"], SMUGGLED),
  ],
  "chunked twice": [
    400,
    request("POST / HTTP/1.1", ["Transfer-Encoding: chunked, chunked"], `0\r\n\r\n${SMUGGLED}`),
  ],
  "chunked not last": [
    400,
    request("POST / HTTP/1.1", ["Transfer-Encoding: chunked, gzip"], SMUGGLED),
  ],
  "chunked with a tab before it": [
    400,
    request("POST / HTTP/1.1", ["Transfer-Encoding: \x0bchunked"], `0\r\n\r\n${SMUGGLED}`),
  ],
  "a blank before the colon": [
    400,
    request("POST / HTTP/1.1", ["Transfer-Encoding : chunked"], `0\r\n\r\n${SMUGGLED}`),
  ],
  "a coding that is not known": [
    501,
    request("POST / HTTP/1.1", ["Transfer-Encoding: gzip, chunked"], `0\r\n\r\n${SMUGGLED}`),
  ],
  "Transfer-Encoding in HTTP/1.0": [
    400,
    request("POST / HTTP/1.0", ["Transfer-Encoding: chunked"], `0\r\n\r\n${SMUGGLED}`),
  ],
  "a folded field": [400, get("/", "Transfer-Encoding:\r\n chunked")],
  "a bare LF": [400, "GET / HTTP/1.1\r\nHost: app.test\nX: y\r\n\r\n"],
  "a bare CR": [400, "GET / HTTP/1.1\r\nHost: app.test\rX: y\r\n\r\n"],
  "a NUL in a value": [400, get("/", "X: a\0b")],
  "two empty lines before": [400, `\r\n\r\n${get("/")}`],
  "two blanks in the request line": [400, "GET  / HTTP/1.1\r\nHost: app.test\r\n\r\n"],
  "a fragment": [400, get("/a#b")],
  "no Host": [400, "GET / HTTP/1.1\r\n\r\n"],
  "two Hosts": [400, get("/", "Host: other.test")],
  "a Host that is none": [400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"],
  "a target and a Host that differ": [400, get("http://other.test/")],
  "another major version": [505, "GET / HTTP/2.0\r\nHost: app.test\r\n\r\n"],
  "a request line beyond 8 KiB": [414, get(`/${"x".repeat(8200)}`)],
  "a head beyond 32 KiB": [431, get("/", `X: ${"x".repeat(33_000)}`)],
  "101 fields": [431, get("/", ...Array.from({ length: 100 }, (_, i) => `X-${i}: y`))],
  "an asterisk with GET": [400, get("*")],
  "a target above 0x7E": [400, get("/\xff")],
};

for (const [name, [status, text]] of Object.entries(refused)) {
  scene(`${name} gives ${status} and reaches nobody`, {}, async (stage) => {
    const client = await stage.client();
    client.send(text + SMUGGLED);
    assert.equal(statusOf(await client.readResponse()), status);
    const { bytes, ending } = await client.readToEnd();
    assert.equal(bytes.length, 0, "one answer, then the end");
    assert.equal(ending, "fin");
    assert.equal(stage.origin.accepted, 0);
    assert.equal((await stage.proxy.nextRecord()).status, status);
  });
}

/** Requests that pass, with what the backend sees of start line, framing and body. */
const passed: Readonly<Record<string, readonly [text: string, line: string, body: string]>> = {
  "one empty line before": [`\r\n${get("/a")}`, "GET /a HTTP/1.1", ""],
  "a body that looks like a request": [
    request("POST /a HTTP/1.1", [`Content-Length: ${SMUGGLED.length}`], SMUGGLED),
    "POST /a HTTP/1.1",
    SMUGGLED,
  ],
  "chunks that look like a request": [
    request(
      "POST /a HTTP/1.1",
      ["Transfer-Encoding: chunked"],
      `${SMUGGLED.length.toString(16)};x="y"\r\n${SMUGGLED}\r\n000\r\n\r\n`,
    ),
    "POST /a HTTP/1.1",
    SMUGGLED,
  ],
  "Transfer-Encoding in capitals": [
    request("POST /a HTTP/1.1", ["TRANSFER-ENCODING: CHUNKED"], "1\r\nx\r\n0\r\n\r\n"),
    "POST /a HTTP/1.1",
    "x",
  ],
  "underscores that stand for dashes": [
    request(
      "POST /a HTTP/1.1",
      ["Content_Length: 3", "Transfer_Encoding: chunked", "Content-Length: 1"],
      "x",
    ),
    "POST /a HTTP/1.1",
    "x",
  ],
  "a GET with a body": [
    request("GET /a HTTP/1.1", [`Content-Length: ${SMUGGLED.length}`], SMUGGLED),
    "GET /a HTTP/1.1",
    SMUGGLED,
  ],
};

for (const [name, [text, line, body]] of Object.entries(passed)) {
  for (const pieces of ["whole", "byte by byte"]) {
    scene(`${name}, ${pieces}: the backend sees one request, then the next`, {}, async (stage) => {
      const client = await stage.client();
      const sent = (async () => {
        if (pieces === "whole") return client.send(text);
        for (const byte of text) {
          client.send(byte);
          await new Promise(setImmediate);
        }
        return true;
      })();
      const backend = await stage.origin.connection();
      const asked = await backend.readRequest();
      await sent;
      assert.equal(asked.startLine, line);
      assert.equal(asked.body.toString("latin1"), body);
      assert.equal(backend.pending(), "");
      backend.send(response("200 OK"));
      await client.readResponse();
      client.send(get("/next"));
      assert.equal((await backend.readRequest()).startLine, "GET /next HTTP/1.1");
      assert.equal(backend.pending(), "");
      backend.send(response("200 OK"));
      await client.readResponse();
      assert.equal(stage.origin.accepted, 1);
    });
  }
}

for (const size of [
  1, 1000, 65_535, 65_536, 65_537, 80_000, 100_000, 130_000, 131_072, 131_073, 200_000, 1_000_000,
]) {
  for (const framing of ["length", "chunked"]) {
    scene(`a body of ${size} bytes (${framing}) passes both ways`, {}, async (stage) => {
      const body = Buffer.alloc(size);
      for (let i = 0; i < size; i++) body[i] = (i * 31 + (i >> 8)) & 255;
      const text = body.toString("latin1");
      const chunks: string[] = [];
      for (let at = 0; at < size; at += 16_000) {
        const chunk = text.slice(at, at + 16_000);
        chunks.push(`${chunk.length.toString(16)}\r\n${chunk}\r\n`);
      }
      const fields =
        framing === "length" ? [`Content-Length: ${size}`] : ["Transfer-Encoding: chunked"];
      const framed = framing === "length" ? text : `${chunks.join("")}0\r\n\r\n`;
      const client = await stage.client();
      // Everything is there before the connection to the backend is.
      client.send(request("POST / HTTP/1.1", fields, framed));
      const backend = await stage.origin.connection();
      assert.ok((await backend.readRequest()).body.equals(body), "the request's body");
      backend.send(`HTTP/1.1 200 OK\r\n${fields[0]}\r\n\r\n${framed}`);
      assert.ok((await client.readResponse()).body.equals(body), "the answer's body");
      const record = await stage.proxy.nextRecord();
      assert.equal(record.requestBytes, size);
      assert.equal(record.responseBytes, size);
    });
  }
}
