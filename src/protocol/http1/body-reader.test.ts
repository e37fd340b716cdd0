import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BodyReader } from "./body-reader.ts";
import { DATA, END, FAULT, NEED_MORE } from "./events.ts";
import { everyByte, readRequests, wireBytes } from "./feed.fixture.ts";

const HEAD = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/** What a chunked body comes to: its bytes, or the fault. The same whole and byte by byte. */
function readChunked(body: string): string {
  const wire = HEAD + body;
  const record = readRequests(wire);
  assert.deepEqual(readRequests(wire, everyByte(wire)), record);
  if (record.fault !== null) {
    assert.equal(record.fault, "request_body_malformed");
    assert.equal(record.requests[0]?.complete, false);
    return `refused: ${record.detail}`;
  }
  const request = record.requests[0];
  assert(request !== undefined);
  return request.complete ? request.body : "incomplete";
}

describe("chunks", () => {
  test("are put together, whatever their sizes' spelling", () => {
    assert.equal(readChunked("5\r\nhello\r\n00A\r\n0123456789\r\n0\r\n\r\n"), "hello0123456789");
    assert.equal(readChunked("0000000000000001\r\na\r\n0000\r\n\r\n"), "a");
  });

  test("may hold anything, line ends and what looks like chunks included", () => {
    assert.equal(readChunked("7\r\n\r\n0\r\n\r\n\r\n0\r\n\r\n"), "\r\n0\r\n\r\n");
  });

  const extensions = [";a", ";a=b", ';a="b;\\"\\\\\t\xff"', ";a;b=c;d", ';a=""'];
  for (const extension of extensions) {
    test(`may have the extension ${JSON.stringify(extension)}, which is dropped`, () => {
      assert.equal(readChunked(`1${extension}\r\na\r\n0${extension}\r\n\r\n`), "a");
    });
  }

  const malformed: [chunk: string, detail: string][] = [
    ["\r\n", "malformed chunk size"],
    [";a\r\n", "malformed chunk size"],
    [" 1\r\na", "malformed chunk size"],
    ["1 \r\na", "malformed chunk size"],
    ["1 ;a\r\na", "malformed chunk size"],
    ["1\t\r\na", "malformed chunk size"],
    ["+1\r\na", "malformed chunk size"],
    ["-1\r\na", "malformed chunk size"],
    ["0x1\r\na", "malformed chunk size"],
    ["1_0\r\na", "malformed chunk size"],
    ["1,1\r\na", "malformed chunk size"],
    ["1\0\r\na", "malformed chunk size"],
    ["g\r\n", "malformed chunk size"],
    ["1\na\r\n", "malformed chunk size"],
    ["1\r\r\na", "bare CR in a chunk line"],
    ["1\ra", "bare CR in a chunk line"],
    ["20000000000000\r\n", "chunk size out of range"],
    ["ffffffffffffffff\r\n", "chunk size out of range"],
    ["10000000000000001\r\n", "chunk size out of range"],
    ["00000000000000001\r\n", "chunk size out of range"],
    ["1\r\nab\r\n", "chunk data not ended by CRLF"],
    ["1\r\na\n", "chunk data not ended by CRLF"],
    ["1\r\na\r0", "chunk data not ended by CRLF"],
    ["1\r\na0\r\n", "chunk data not ended by CRLF"],
    ["1;\r\na", "malformed chunk extension"],
    ["1; a\r\na", "malformed chunk extension"],
    ["1;a b\r\na", "malformed chunk extension"],
    ["1;a=\r\na", "malformed chunk extension"],
    ['1;a="\r\na', "malformed chunk extension"],
    ['1;a="b"c\r\na', "malformed chunk extension"],
    ["1;a\na\r\n", "malformed chunk extension"],
    ["1;a\0\r\n", "malformed chunk extension"],
    ['1;a="\\\n"\r\na', "malformed chunk extension"],
    ["0\r\n X: y\r\n\r\n", "folded field line in a trailer"],
    ["0\r\nX : y\r\n\r\n", "blank before the colon in a trailer"],
    ["0\r\nX: y\n\r\n", "bare LF in a trailer"],
    ["0\r\n\n", "empty field name in a trailer"],
    ["0\r\n\r\r\n", "bare CR in a trailer"],
  ];
  for (const [chunk, detail] of malformed) {
    test(`refused: ${JSON.stringify(chunk)}`, () => {
      assert.equal(readChunked(chunk), `refused: ${detail}`);
      assert.equal(readChunked(`1\r\na\r\n${chunk}`), `refused: ${detail}`);
    });
  }

  test("may be as large as a number can say", () => {
    assert.equal(readChunked("1fffffffffffff\r\n"), "incomplete");
  });
});

describe("limits of a chunked body", () => {
  const extension = (length: number): string => `;${"x".repeat(length - 1)}`;

  test("1 KiB of extension for a chunk", () => {
    assert.equal(readChunked(`1${extension(1024)}\r\na\r\n0\r\n\r\n`), "a");
    assert.equal(readChunked(`1${extension(1025)}`), "refused: chunk extensions too long");
  });

  test("64 KiB of extensions in all", () => {
    const chunks = `1${extension(1024)}\r\na\r\n`.repeat(64);
    assert.equal(readRequests(`${HEAD}${chunks}0\r\n\r\n`).fault, null);
    const record = readRequests(`${HEAD}${chunks}1;x\r\na\r\n0\r\n\r\n`);
    assert.equal(record.fault, "request_body_malformed");
    assert.equal(record.detail, "chunk extensions too long");
  });

  test("a new body has all of it again", () => {
    const chunks = `1${extension(1024)}\r\na\r\n`.repeat(64);
    const wire = `${HEAD}${chunks}0\r\n\r\n`;
    assert.equal(readRequests(wire + wire).fault, null);
  });

  test("8 KiB or 32 fields of trailers", () => {
    const fields = (count: number): string => `0\r\n${"x: y\r\n".repeat(count)}\r\n`;
    assert.equal(readChunked(fields(32)), "");
    assert.equal(readChunked(fields(33)), "refused: trailers too large");
    const bytes = (count: number): string => `0\r\nx: ${"y".repeat(count - 7)}\r\n\r\n`;
    assert.equal(readChunked(bytes(8192)), "");
    assert.equal(readChunked(bytes(8193)), "refused: trailers too large");
  });
});

describe("trailers", () => {
  test("that have to do with framing, routing, identity or the connection are dropped", () => {
    const dropped = [
      "Content-Length: 5",
      "Transfer-Encoding: chunked",
      "Host: b",
      "Authorization: x",
      "Cookie: a=b",
      "Connection: close",
      "X-Forwarded-For: 1.2.3.4",
      "x_forwarded_for: 1.2.3.4",
      "Forwarded: for=1.2.3.4",
      "Via: 1.1 x",
      "Set-Cookie: a=b",
    ];
    const wire = `${HEAD}0\r\n${dropped.join("\r\n")}\r\nX-Sum: 1\r\nGrpc-Status: 0\r\n\r\n`;
    const [request] = readRequests(wire).requests;
    assert.deepEqual(request?.trailers, [
      ["X-Sum", "1"],
      ["Grpc-Status", "0"],
    ]);
  });

  test("of one message are gone in the next", () => {
    const [, second] = readRequests(`${HEAD}0\r\nX: y\r\n\r\n${HEAD}0\r\n\r\n`).requests;
    assert.deepEqual(second?.trailers, []);
  });
});

describe("the reader by itself", () => {
  test("tells ranges of what it was given and copies nothing", () => {
    const body = new BodyReader();
    const bytes = wireBytes("..abcde..");
    body.begin("length", 4);
    assert.equal(body.next(bytes, 2, 4), DATA);
    assert.deepEqual([body.dataStart, body.dataEnd, body.position], [2, 4, 4]);
    assert.equal(body.next(bytes, 4, 4), NEED_MORE);
    assert.equal(body.next(bytes, 4, 9), DATA);
    assert.deepEqual([body.dataStart, body.dataEnd, body.position], [4, 6, 6]);
    assert.equal(body.next(bytes, 6, 9), END);
    assert.equal(body.position, 6);
  });

  test("knows which bodies the end of the connection completes", () => {
    const body = new BodyReader();
    body.begin("length", 1);
    assert(!body.mayEnd);
    body.begin("none", 0);
    assert(body.mayEnd);
    body.begin("chunked", 0);
    assert(!body.mayEnd);
    body.begin("close", 0);
    assert(body.mayEnd);
    assert.equal(body.next(wireBytes("abc"), 0, 3), DATA);
    assert(body.mayEnd);
  });

  test("refuses without reading on", () => {
    const body = new BodyReader();
    body.begin("chunked", 0);
    const bytes = wireBytes("x5\r\n");
    assert.equal(body.next(bytes, 0, bytes.length), FAULT);
    assert.equal(body.detail, "malformed chunk size");
  });
});

test("a reader knows nothing of the body before, however that was framed and how far it was read", () => {
  const chunked = [
    "0\r\n\r\n",
    "0\r\nX: y\r\n\r\n",
    "1\r\na\r\n0\r\nX: y",
    "0\r\n\r",
    "0\r\nX",
    "",
  ];
  for (const first of chunked) {
    for (const between of ["none", "length", "close", "chunked"] as const) {
      const reader = new BodyReader();
      reader.begin("chunked", 0);
      const bytes = Buffer.from(first);
      let event = reader.next(bytes, 0, bytes.length);
      while (event === DATA) event = reader.next(bytes, reader.position, bytes.length);
      reader.begin(between, 0);
      assert.equal(reader.trailers.count, 0);
      reader.begin("chunked", 0);
      const again = Buffer.from("0\r\nA: b\r\n\r\n");
      assert.equal(reader.next(again, 0, again.length), END);
      assert.deepEqual([...reader.trailers], [["A", "b"]]);
    }
  }
});
