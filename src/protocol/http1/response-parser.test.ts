import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { FailureCode } from "#core/errors.ts";
import { END, FAULT, HEAD, NEED_MORE } from "./events.ts";
import {
  everyByte,
  readResponses,
  wireBytes,
  type Expectation,
  type ResponseRecord,
} from "./feed.fixture.ts";
import { ResponseParser } from "./response-parser.ts";

/** The one response of a wire, which must be complete. */
function read(wire: string, method = "GET"): ResponseRecord {
  const record = readResponses(wire, [{ method }]);
  assert.equal(record.fault, null, record.detail);
  assert.equal(record.responses.length, 1);
  const response = record.responses[0];
  assert(response?.complete);
  return response;
}

function ok(lines: string[], body = ""): string {
  return ["HTTP/1.1 200 OK", ...lines, "", body].join("\r\n");
}

describe("a response that is well formed", () => {
  test("is told with everything that its head says", () => {
    const wire = "HTTP/1.1 404 Not  Found\r\nX: y\r\nContent-Length: 2\r\n\r\nhi";
    assert.deepEqual(read(wire), {
      version: 11,
      status: 404,
      reason: "Not  Found",
      framing: "length",
      contentLength: 2,
      keepAlive: true,
      upgrade: "",
      fields: [
        ["X", "y"],
        ["Content-Length", "2"],
      ],
      body: "hi",
      trailers: [],
      complete: true,
    } satisfies ResponseRecord);
  });

  test("without framing ends with its connection, which is not used again", () => {
    const response = read(ok([], "all of this"));
    assert.equal(response.framing, "close");
    assert.equal(response.keepAlive, false);
    assert.equal(response.body, "all of this");
  });

  test("may be chunked, with trailers", () => {
    const response = read(
      ok(["Transfer-Encoding: Chunked"], "3\r\nabc\r\n0\r\nX-Sum: 1\r\nHost: b\r\n\r\n"),
    );
    assert.equal(response.framing, "chunked");
    assert.equal(response.body, "abc");
    assert.deepEqual(response.trailers, [["X-Sum", "1"]]);
  });

  test("of HTTP/1.0 keeps its connection only if it says so", () => {
    assert.equal(read("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n").keepAlive, false);
    const kept = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n";
    assert.equal(read(kept).keepAlive, true);
    assert.equal(read(ok(["Connection: close", "Content-Length: 0"])).keepAlive, false);
  });

  test("may follow another for the next request", () => {
    const wire = ok(["Content-Length: 1"], "a") + ok(["Content-Length: 1"], "b");
    const record = readResponses(wire, [{ method: "GET" }, { method: "GET" }]);
    assert.deepEqual(
      record.responses.map(({ body }) => body),
      ["a", "b"],
    );
  });
});

describe("interim responses", () => {
  test("come before the final one, each with its own fields", () => {
    const wire =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" +
      ok(["Content-Length: 2"], "hi");
    const { responses, fault } = readResponses(wire);
    assert.equal(fault, null);
    assert.deepEqual(
      responses.map(({ status, fields }) => [status, fields]),
      [
        [100, []],
        [103, [["Link", "</a>"]]],
        [200, [["Content-Length", "2"]]],
      ],
    );
  });

  test("do not count for the connection of the final one", () => {
    const wire = "HTTP/1.1 100 Continue\r\nConnection: close\r\n\r\n" + ok(["Content-Length: 0"]);
    assert.equal(readResponses(wire).responses[1]?.keepAlive, true);
  });
});

describe("an upgrade", () => {
  const asked: Expectation[] = [{ method: "GET", upgrade: "websocket" }];
  const switching = (lines: string[]): string =>
    ["HTTP/1.1 101 Switching Protocols", ...lines, "", "\x81\x02hi"].join("\r\n");
  const agreed = switching(["Connection: Upgrade", "Upgrade: WebSocket"]);

  test("hands what stands behind the 101 over", () => {
    const record = readResponses(agreed, asked);
    assert.equal(record.fault, null);
    assert.equal(record.responses[0]?.upgrade, "websocket");
    assert.equal(record.tunnel, "\x81\x02hi");
  });

  test("may be answered by an ordinary response", () => {
    const record = readResponses(ok(["Upgrade: websocket", "Content-Length: 2"], "no"), asked);
    assert.equal(record.responses[0]?.body, "no");
    assert.equal(record.responses[0].upgrade, "");
  });

  test("may come behind interim responses", () => {
    const record = readResponses("HTTP/1.1 100 Continue\r\n\r\n" + agreed, asked);
    assert.equal(record.responses[1]?.upgrade, "websocket");
  });

  const refused: [name: string, wire: string, expectations: Expectation[]][] = [
    ["that nobody asked for", agreed, [{ method: "GET" }]],
    ["to another protocol", agreed, [{ method: "GET", upgrade: "foo" }]],
    ["without a token", switching(["Connection: upgrade"]), asked],
    ["without Connection", switching(["Upgrade: websocket"]), asked],
    ["to two", switching(["Connection: upgrade", "Upgrade: websocket, foo"]), asked],
    ["in HTTP/1.0", agreed.replace("HTTP/1.1", "HTTP/1.0"), asked],
  ];
  for (const [name, wire, expectations] of refused) {
    test(`${name} is refused`, () => {
      assert.equal(readResponses(wire, expectations).fault, "upgrade_refused");
    });
  }

  test("leaves no responses to be read", () => {
    const parser = new ResponseParser();
    parser.expect("GET", "websocket");
    const bytes = wireBytes(agreed);
    assert.equal(parser.next(bytes, 0, bytes.length), HEAD);
    assert.throws(() => parser.next(bytes, parser.position, bytes.length), /tunnel/);
  });
});

describe("the end of the connection", () => {
  const cases: [name: string, wire: string, fault: FailureCode | null][] = [
    ["before a byte", "", "upstream_closed"],
    ["in the status line", "HTTP/1.1 200", "upstream_closed"],
    ["in the fields", "HTTP/1.1 200 OK\r\nX: y\r\n", "upstream_closed"],
    ["after an interim response", "HTTP/1.1 100 Continue\r\n\r\n", "upstream_closed"],
    ["short of Content-Length", ok(["Content-Length: 5"], "hell"), "response_truncated"],
    ["before a body of known length", ok(["Content-Length: 5"]), "response_truncated"],
    ["in a chunk", ok(["Transfer-Encoding: chunked"], "5\r\nhell"), "response_truncated"],
    ["between chunks", ok(["Transfer-Encoding: chunked"], "1\r\na\r\n"), "response_truncated"],
    ["in the last chunk", ok(["Transfer-Encoding: chunked"], "0\r\n"), "response_truncated"],
    ["in trailers", ok(["Transfer-Encoding: chunked"], "0\r\nX: y\r\n"), "response_truncated"],
    ["in a body without framing", ok([], "abc"), null],
  ];
  for (const [name, wire, fault] of cases) {
    test(`${name}: ${fault ?? "the end of the response"}`, () => {
      assert.equal(readResponses(wire).fault, fault);
      assert.equal(readResponses(wire, undefined, everyByte(wire)).fault, fault);
    });
  }

  test("is told apart by how far the response had come", () => {
    const parser = new ResponseParser();
    assert(parser.idle);
    assert.equal(parser.finish(), END);
    parser.expect("GET", "");
    assert(!parser.idle && !parser.started && !parser.bodyStarted);
    const bytes = wireBytes(ok(["Content-Length: 1"]));
    assert.equal(parser.next(bytes, 0, 1), NEED_MORE);
    assert(parser.started && !parser.bodyStarted);
    assert.equal(parser.next(bytes, 1, bytes.length), HEAD);
    assert(parser.bodyStarted);
    assert.equal(parser.finish(), FAULT);
    assert(parser.bodyStarted);
    assert.equal(parser.finish(), FAULT);
  });
});

describe("bytes on a connection that nothing is expected on", () => {
  test("are a fault and never the beginning of the next answer", () => {
    const parser = new ResponseParser();
    const bytes = wireBytes(ok(["Content-Length: 0"]));
    assert.equal(parser.next(bytes, 0, 0), NEED_MORE);
    assert.equal(parser.next(bytes, 0, bytes.length), FAULT);
    assert.equal(parser.fault, "response_malformed");
  });

  test("also directly behind a response", () => {
    const record = readResponses(ok(["Content-Length: 1"], "aHTTP/1.1 200 OK\r\n\r\n"));
    assert.equal(record.responses[0]?.complete, true);
    assert.equal(record.fault, "response_malformed");
  });
});

describe("any split of the bytes gives the same", () => {
  const wires: [wire: string, expectations: Expectation[]][] = [
    [
      "HTTP/1.1 100\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + ok(["Content-Length: 2"], "hi"),
      [{ method: "PUT" }],
    ],
    [
      ok(["Transfer-Encoding: chunked"], "a;x=y\r\n0123456789\r\n0\r\nX: y\r\n\r\n") +
        "HTTP/1.1 304\r\nContent-Length: 7\r\n\r\n" +
        ok([], "until the end"),
      [{ method: "GET" }, { method: "GET" }, { method: "GET" }],
    ],
    [
      "HTTP/1.1 101 Up\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nbytes",
      [{ method: "GET", upgrade: "websocket" }],
    ],
    [ok(["Transfer-Encoding: chunked"], "5\r\nhello\n"), [{ method: "GET" }]],
    ["HTTP/1.1 200 OK\r\nX:\0\r\n\r\n", [{ method: "GET" }]],
  ];
  for (const [index, [wire, expectations]] of wires.entries()) {
    test(`wire ${index + 1}, byte by byte and at every place`, () => {
      const whole = readResponses(wire, expectations);
      assert.deepEqual(readResponses(wire, expectations, everyByte(wire)), whole);
      for (let cut = 1; cut < wire.length; cut++) {
        assert.deepEqual(readResponses(wire, expectations, [cut]), whole, `cut at ${cut}`);
      }
    });
  }

  test("whatever is damaged in them", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...wires),
        fc.nat(300),
        fc.integer({ min: 0, max: 255 }),
        fc.array(fc.nat(300), { maxLength: 10 }),
        ([wire, expectations], at, byte, cuts) => {
          const bytes = wireBytes(wire);
          if (at < bytes.length) bytes[at] = byte;
          assert.deepEqual(
            readResponses(bytes, expectations, cuts),
            readResponses(bytes, expectations),
          );
        },
      ),
      { numRuns: 500 },
    );
  });
});
