import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ByteWriter } from "#core/bytes/writer.ts";
import { latin1 } from "#core/bytes/latin1.ts";
import { HeaderList } from "#core/http/header-list.ts";
import { RequestHead, ResponseHead } from "#core/http/message.ts";
import { readRequests, readResponses, wireBytes } from "./feed.fixture.ts";
import { RequestParser } from "./request-parser.ts";
import { ResponseParser } from "./response-parser.ts";
import {
  chunkHead,
  writeInterimHead,
  writeLastChunk,
  writeRequestHead,
  writeResponseHead,
  type ConnectionChoice,
} from "./serializer.ts";

function text(write: (writer: ByteWriter) => void): string {
  const writer = new ByteWriter(8);
  write(writer);
  return latin1(writer.bytes, 0, writer.length);
}

function requestHead(method: string, ...fields: [name: string, value: string][]): RequestHead {
  const head = new RequestHead();
  head.method = method;
  for (const [name, value] of fields) head.headers.append(name, value);
  return head;
}

function request(
  head: RequestHead,
  framing: "none" | "length" | "chunked" = "none",
  length = 0,
  connection: ConnectionChoice = "keep-alive",
  teTrailers = false,
): string {
  return text((writer) => {
    writeRequestHead(writer, head, "/x", "b:81", framing, length, connection, teTrailers);
  });
}

function responseHead(status: number, reason: string, ...fields: [string, string][]): ResponseHead {
  const head = new ResponseHead();
  head.status = status;
  head.reason = reason;
  for (const [name, value] of fields) head.headers.append(name, value);
  return head;
}

function response(
  head: ResponseHead,
  framing: "none" | "length" | "chunked" | "close" = "none",
  length = -1,
  connection: ConnectionChoice = "keep-alive",
  version: 10 | 11 = 11,
): string {
  return text((writer) => writeResponseHead(writer, head, framing, length, connection, version));
}

describe("a request", () => {
  test("has Host first, then its fields as they were written, without those of its connection", () => {
    const head = requestHead(
      "GET",
      ["Accept", "*/*"],
      ["Host", "a"],
      ["Connection", "close, x"],
      ["Keep-Alive", "1"],
      ["Proxy-Connection", "close"],
      ["TE", "gzip"],
      ["Transfer-Encoding", "chunked"],
      ["Content-Length", "9"],
      ["Upgrade", "h2c"],
      ["HTTP2-Settings", "x"],
      ["Proxy-Authorization", "x"],
      ["x-Odd_Name", "1"],
    );
    head.headers.deleteAt(head.headers.indexOfName("accept"));
    assert.equal(request(head), "GET /x HTTP/1.1\r\nHost: b:81\r\nx-Odd_Name: 1\r\n\r\n");
  });

  const framings: [method: string, framing: "none" | "length" | "chunked", line: string][] = [
    ["GET", "none", ""],
    ["DELETE", "none", ""],
    ["POST", "none", "Content-Length: 0\r\n"],
    ["PUT", "none", "Content-Length: 0\r\n"],
    ["PATCH", "none", "Content-Length: 0\r\n"],
    ["POST", "length", "Content-Length: 7\r\n"],
    ["GET", "chunked", "Transfer-Encoding: chunked\r\n"],
  ];
  for (const [method, framing, line] of framings) {
    test(`${method} with framing ${framing} says ${JSON.stringify(line)}`, () => {
      const written = request(requestHead(method), framing, 7);
      assert.equal(written, `${method} /x HTTP/1.1\r\nHost: b:81\r\n${line}\r\n`);
    });
  }

  const connections: [connection: ConnectionChoice, te: boolean, lines: string][] = [
    ["keep-alive", false, ""],
    ["close", false, "Connection: close\r\n"],
    ["upgrade", false, "Connection: upgrade\r\nUpgrade: websocket\r\n"],
    ["keep-alive", true, "Connection: TE\r\nTE: trailers\r\n"],
    ["close", true, "Connection: close, TE\r\nTE: trailers\r\n"],
    ["upgrade", true, "Connection: upgrade, TE\r\nUpgrade: websocket\r\nTE: trailers\r\n"],
  ];
  for (const [connection, te, lines] of connections) {
    test(`on a connection to ${connection}${te ? " that takes trailers" : ""}`, () => {
      const head = requestHead("GET");
      head.upgrade = "websocket";
      const written = request(head, "none", 0, connection, te);
      assert.equal(written, `GET /x HTTP/1.1\r\nHost: b:81\r\n${lines}\r\n`);
    });
  }

  test("is never split by its target or host", () => {
    for (const bad of ["/a b", "/a\r\nX: y", "/\n", "/a#b", "/\u00e9", "/\u0120"]) {
      const writer = new ByteWriter();
      const head = requestHead("GET");
      assert.throws(
        () => writeRequestHead(writer, head, bad, "b", "none", 0, "close", false),
        TypeError,
      );
      assert.throws(
        () => writeRequestHead(writer, head, "/", bad, "none", 0, "close", false),
        TypeError,
      );
    }
  });
});

describe("a response", () => {
  test("has its fields without framing and those of its connection", () => {
    const head = responseHead(
      200,
      "OK",
      ["Content-Length", "9"],
      ["Transfer-Encoding", "chunked"],
      ["Connection", "close"],
      ["Proxy-Authenticate", "x"],
      ["Host", "is no field of a response, and passes"],
      ["Set-Cookie", "a=b"],
    );
    assert.equal(
      response(head, "length", 3),
      "HTTP/1.1 200 OK\r\nHost: is no field of a response, and passes\r\nSet-Cookie: a=b\r\nContent-Length: 3\r\n\r\n",
    );
  });

  test("of HTTP/1.0 is told as HTTP/1.1, and the blank before a missing reason is written", () => {
    const head = responseHead(299, "");
    head.version = 10;
    assert.equal(response(head), "HTTP/1.1 299 \r\n\r\n");
  });

  const framings: [
    status: number,
    framing: "none" | "length" | "chunked" | "close",
    length: number,
    line: string,
  ][] = [
    [200, "length", 0, "Content-Length: 0\r\n"],
    [200, "chunked", -1, "Transfer-Encoding: chunked\r\n"],
    [200, "close", -1, ""],
    [200, "none", 5, "Content-Length: 5\r\n"],
    [200, "none", -1, ""],
    [304, "none", 5, "Content-Length: 5\r\n"],
    [204, "none", 0, ""],
    [204, "chunked", -1, ""],
  ];
  for (const [status, framing, length, line] of framings) {
    test(`${status}, ${framing}, length ${length}: ${JSON.stringify(line)}`, () => {
      const written = response(responseHead(status, "X"), framing, length);
      assert.equal(written, `HTTP/1.1 ${status} X\r\n${line}\r\n`);
    });
  }

  const connections: [connection: ConnectionChoice, version: 10 | 11, line: string][] = [
    ["keep-alive", 11, ""],
    ["keep-alive", 10, "Connection: keep-alive\r\n"],
    ["close", 11, "Connection: close\r\n"],
    ["close", 10, "Connection: close\r\n"],
  ];
  for (const [connection, version, line] of connections) {
    test(`to an HTTP/${version / 10} client, ${connection}`, () => {
      const written = response(responseHead(200, "OK"), "close", -1, connection, version);
      assert.equal(written, `HTTP/1.1 200 OK\r\n${line}\r\n`);
    });
  }

  test("that switches protocols names the new one and no framing", () => {
    const head = responseHead(101, "Switching Protocols", ["Sec-WebSocket-Accept", "x"]);
    head.upgrade = "websocket";
    assert.equal(
      response(head, "none", 0, "upgrade"),
      "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
  });

  test("may be interim", () => {
    const head = responseHead(
      103,
      "Early Hints",
      ["Link", "</a>"],
      ["Content-Length", "1"],
      ["Connection", "x"],
    );
    assert.equal(
      text((writer) => writeInterimHead(writer, head)),
      "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n",
    );
  });
});

describe("chunks", () => {
  test("have their size in hexadecimal before them", () => {
    assert.equal(
      text((writer) => chunkHead(writer, 65_535)),
      "ffff\r\n",
    );
  });

  test("of no bytes are refused: they would end the body", () => {
    assert.throws(() => chunkHead(new ByteWriter(), 0), RangeError);
  });

  test("end with the last one and what may be a trailer", () => {
    assert.equal(
      text((writer) => writeLastChunk(writer, null)),
      "0\r\n\r\n",
    );
    const trailers = new HeaderList();
    trailers.append("X-Sum", "1");
    trailers.append("Content-Length", "1");
    trailers.append("X-Gone", "1");
    trailers.delete("x-gone");
    assert.equal(
      text((writer) => writeLastChunk(writer, trailers)),
      "0\r\nX-Sum: 1\r\n\r\n",
    );
  });
});

describe("fields that are copied in one piece", () => {
  const line = fc.record({
    name: fc.constantFrom("Accept", "Connection", "X-A", "content-length", "Cookie", "x-b", "TE"),
    before: fc.constantFrom(" ", " ", " ", "", "  ", "\t"),
    value: fc.constantFrom("", "a", "one, two", "\u00e9t\u00e9", "a\tb", "x".repeat(70)),
    after: fc.constantFrom("", "", "", " ", "\t"),
  });
  const edit = fc.oneof(
    fc.record({ do: fc.constant("delete" as const), index: fc.nat(12) }),
    fc.record({ do: fc.constant("append" as const), index: fc.nat(12) }),
  );

  test("are those that would be written one by one, whatever was received, deleted and added", () => {
    fc.assert(
      fc.property(
        fc.array(line, { maxLength: 12 }),
        fc.array(edit, { maxLength: 6 }),
        (lines, edits) => {
          const sent = lines.map((one) => `${one.name}:${one.before}${one.value}${one.after}`);
          // Content-Length may be there once only, and is not what this is about.
          const wire = ["HTTP/1.1 204 No Content", ...sent, "", ""].join("\r\n");
          const parser = new ResponseParser();
          parser.expect("GET", "");
          const bytes = wireBytes(wire);
          parser.next(bytes, 0, bytes.length);
          const { headers } = parser.head;
          for (const { do: what, index } of edits) {
            if (what === "append") headers.append(`X-Added-${index}`, "v".repeat(index));
            else if (index < headers.count) headers.deleteAt(index);
          }
          let expected = "";
          for (const [name, value] of headers) {
            const lower = name.toLowerCase();
            if (!["connection", "te", "content-length"].includes(lower)) {
              expected += `${name}: ${value}\r\n`;
            }
          }
          const written = text((writer) => writeInterimHead(writer, parser.head));
          assert.equal(written, `HTTP/1.1 204 No Content\r\n${expected}\r\n`);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("what is parsed and written and parsed again", () => {
  const field = fc.tuple(
    fc.stringMatching(/^x-[A-Za-z0-9!#$%&'*+.^_`|~-]{1,12}$/),
    fc.stringMatching(
      /^(?:[\x21-\x7e\x80-\xff][\x20-\x7e\t\x80-\xff]{0,40}[\x21-\x7e\x80-\xff])?$/,
    ),
    fc.constantFrom("", " ", "  ", "\t"),
  );

  test("is the same request", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("GET", "POST", "X"),
        fc.stringMatching(/^\/[\x21\x24-\x7e]{0,30}$/),
        fc.array(field, { maxLength: 10 }),
        fc.option(fc.nat(5), { nil: null }),
        (method, target, fields, length) => {
          const lines = fields.map(([name, value, blank]) => `${name}:${blank}${value}${blank}`);
          if (length !== null) lines.push(`Content-Length: ${length}`);
          const body = "x".repeat(length ?? 0);
          const wire = [`${method} ${target} HTTP/1.1`, "Host: a", ...lines, "", body].join("\r\n");
          const parser = new RequestParser();
          const bytes = wireBytes(wire);
          parser.next(bytes, 0, bytes.length);
          const { head } = parser;
          const framing = length === null ? "none" : "length";
          const again = text((writer) => {
            writeRequestHead(
              writer,
              head,
              head.target,
              head.authority,
              framing,
              length ?? 0,
              "keep-alive",
              false,
            );
          });
          const [first] = readRequests(wire).requests;
          const [second] = readRequests(again + body).requests;
          assert(first !== undefined && second !== undefined);
          assert.equal(second.target, first.target);
          assert.equal(second.body, first.body);
          const own = ([name]: [string, string]): boolean => name.startsWith("x-");
          assert.deepEqual(second.fields.filter(own), first.fields.filter(own));
        },
      ),
      { numRuns: 300 },
    );
  });

  test("is the same response", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(200, 204, 304, 404, 599),
        fc.stringMatching(/^(?:[\x21-\x7e\x80-\xff][\x20-\x7e]{0,20})?$/),
        fc.array(field, { maxLength: 10 }),
        fc.constantFrom("length" as const, "chunked" as const, "close" as const),
        (status, reason, fields, framing) => {
          const head = responseHead(status, reason);
          for (const [name, value] of fields) head.headers.appendUnchecked(name, value);
          const empty = status === 204 || status === 304;
          const first = response(head, empty ? "none" : framing, empty ? -1 : 3);
          const body = empty ? "" : framing === "chunked" ? "3\r\nabc\r\n0\r\n\r\n" : "abc";
          const record = readResponses(first + body);
          assert.equal(record.fault, null, record.detail);
          const [read] = record.responses;
          assert(read !== undefined);
          assert.equal(read.reason, reason);
          assert.equal(read.body, empty ? "" : "abc");
          const again = responseHead(read.status, read.reason);
          for (const [name, value] of read.fields) again.headers.appendUnchecked(name, value);
          assert.equal(response(again, empty ? "none" : framing, empty ? -1 : 3), first);
        },
      ),
      { numRuns: 300 },
    );
  });
});
