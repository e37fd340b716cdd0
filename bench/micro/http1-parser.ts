/**
 * The HTTP/1 engine without sockets: heads in and out, and chunked bodies.
 *
 *     node --expose-gc bench/micro/http1-parser.ts
 *     node bench/micro/http1-parser.ts --quick     shows that it works
 */

import { bench, do_not_optimize, group, run } from "mitata";
import { ByteWriter } from "#core/bytes/writer.ts";
import { END, HEAD, NEED_MORE } from "#protocol/http1/events.ts";
import { RequestParser } from "#protocol/http1/request-parser.ts";
import { ResponseParser } from "#protocol/http1/response-parser.ts";
import { writeRequestHead, writeResponseHead } from "#protocol/http1/serializer.ts";

const isQuick = process.argv.includes("--quick");

/** A benchmark, or with `--quick` a thousand calls. */
function measure(name: string, work: () => void): void {
  if (!isQuick) return void bench(name, work).gc("inner");
  for (let i = 0; i < 1000; i++) work();
  console.log(`${name}: works`);
}

function bytesOf(lines: readonly string[], body = ""): Uint8Array {
  return new TextEncoder().encode([...lines, "", body].join("\r\n"));
}

const requests: Readonly<Record<string, Uint8Array>> = {
  curl: bytesOf([
    "GET /index.html HTTP/1.1",
    "Host: localhost:8080",
    "User-Agent: curl/8.14.1",
    "Accept: */*",
  ]),
  browser: bytesOf([
    "GET /assets/app-3f9d2c1b.js?v=20261101 HTTP/1.1",
    "Host: www.example.com",
    "Connection: keep-alive",
    'sec-ch-ua: "Chromium";v="150", "Not)A;Brand";v="8"',
    "sec-ch-ua-mobile: ?0",
    'sec-ch-ua-platform: "Linux"',
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Sec-Fetch-Site: same-origin",
    "Sec-Fetch-Mode: no-cors",
    "Sec-Fetch-Dest: script",
    "Referer: https://www.example.com/",
    "Accept-Encoding: gzip, deflate, br, zstd",
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8",
    "Cookie: session=9f2c51d0a7b84e6c9d3e5f7a1b2c3d4e; theme=dark; consent=1",
    'If-None-Match: "5f3c-61a2b3c4d5e6f"',
  ]),
  chunked: bytesOf(
    ["POST /upload HTTP/1.1", "Host: a", "Transfer-Encoding: chunked"],
    `400\r\n${"x".repeat(1024)}\r\n`.repeat(16) + "0\r\n\r\n",
  ),
};

const response = bytesOf(
  [
    "HTTP/1.1 200 OK",
    "Date: Mon, 02 Nov 2026 10:00:00 GMT",
    "Content-Type: application/json; charset=utf-8",
    "Cache-Control: no-store",
    'ETag: W/"2-nOO9QiTIwXgNtWtBJezz8kv3SLc"',
    "Content-Length: 2",
    "Connection: keep-alive",
    "Keep-Alive: timeout=5",
  ],
  "{}",
);

function parseRequest(parser: RequestParser, bytes: Uint8Array): void {
  let position = 0;
  for (;;) {
    const event = parser.next(bytes, position, bytes.length);
    if (event === END) break;
    if (event === NEED_MORE) throw new Error("incomplete");
    position = parser.position;
  }
  parser.reset();
}

group("request in", () => {
  for (const [name, bytes] of Object.entries(requests)) {
    const parser = new RequestParser();
    measure(`${name}, ${bytes.length} bytes`, () => parseRequest(parser, bytes));
  }
  const parser = new RequestParser();
  const bytes = requests["browser"] ?? new Uint8Array(0);
  const half = bytes.length >> 1;
  measure("browser, in two pieces", () => {
    parser.next(bytes, 0, half);
    if (parser.next(bytes, half, bytes.length) !== HEAD) throw new Error("incomplete");
    parser.reset();
  });
});

group("response in", () => {
  const parser = new ResponseParser();
  measure(`json, ${response.length} bytes`, () => {
    parser.expect("GET", "");
    let position = 0;
    while (parser.next(response, position, response.length) !== END) position = parser.position;
  });
});

group("out", () => {
  const parser = new RequestParser();
  const bytes = requests["browser"] ?? new Uint8Array(0);
  if (parser.next(bytes, 0, bytes.length) !== HEAD) throw new Error("incomplete");
  const { head } = parser;
  const writer = new ByteWriter();
  measure("request head, browser", () => {
    writer.reset();
    writeRequestHead(writer, head, head.target, head.authority, "none", 0, "keep-alive", false);
    do_not_optimize(writer.length);
  });

  const responses = new ResponseParser();
  responses.expect("GET", "");
  if (responses.next(response, 0, response.length) !== HEAD) throw new Error("incomplete");
  measure("response head, json", () => {
    writer.reset();
    writeResponseHead(writer, responses.head, "length", 2, "keep-alive", 11);
    do_not_optimize(writer.length);
  });
});

if (!isQuick) await run();
