import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { FailureCode } from "#core/errors.ts";
import { END, HEAD, NEED_MORE } from "./events.ts";
import { everyByte, readRequests, wireBytes, type RequestRecord } from "./feed.fixture.ts";
import { RequestParser } from "./request-parser.ts";

/** The one request of a wire, which must be complete. */
function read(wire: string): RequestRecord {
  const record = readRequests(wire);
  assert.equal(record.fault, null, record.detail);
  assert.equal(record.requests.length, 1);
  const request = record.requests[0];
  assert(request?.complete);
  return request;
}

function get(lines: string[]): string {
  return ["GET / HTTP/1.1", "Host: a", ...lines, "", ""].join("\r\n");
}

describe("a request that is well formed", () => {
  test("is told with everything that its head says", () => {
    const request = read(
      "POST /a/b?c=%20d HTTP/1.1\r\nHost: Example.com:8080\r\nX-One:  1 \t\r\nContent-Length: 5\r\nx-empty:\r\n\r\nhello",
    );
    assert.deepEqual(request, {
      version: 11,
      method: "POST",
      target: "/a/b?c=%20d",
      authority: "Example.com:8080",
      framing: "length",
      contentLength: 5,
      keepAlive: true,
      expectContinue: false,
      upgrade: "",
      fields: [
        ["Host", "Example.com:8080"],
        ["X-One", "1"],
        ["Content-Length", "5"],
        ["x-empty", ""],
      ],
      body: "hello",
      trailers: [],
      complete: true,
    } satisfies RequestRecord);
  });

  test("may have any token as its method, in its own case", () => {
    assert.equal(read("get / HTTP/1.1\r\nHost: a\r\n\r\n").method, "get");
    assert.equal(read("M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n").method, "M-SEARCH");
  });

  test("may follow another in the same bytes", () => {
    const wire = get([]) + "PUT /2 HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\nhi" + get([]);
    const { requests, idle } = readRequests(wire);
    assert.deepEqual(
      requests.map(({ method, target, body }) => [method, target, body]),
      [
        ["GET", "/", ""],
        ["PUT", "/2", "hi"],
        ["GET", "/", ""],
      ],
    );
    assert(idle);
  });

  test("may be preceded by one empty line", () => {
    assert.equal(read("\r\n" + get([])).target, "/");
  });

  test("keeps bytes of 0x80 and above in values", () => {
    assert.deepEqual(read(get(["X: \xe4\xff"])).fields[1], ["X", "\xe4\xff"]);
  });

  test("of a later 1.x counts as 1.1", () => {
    assert.equal(read("GET / HTTP/1.7\r\nHost: a\r\n\r\n").version, 11);
  });

  test("of 1.0 needs no Host", () => {
    assert.equal(read("GET / HTTP/1.0\r\n\r\n").authority, "");
  });

  test("may have a body of no bytes", () => {
    const request = read(get(["Content-Length: 0"]));
    assert.equal(request.framing, "length");
    assert.equal(request.contentLength, 0);
  });

  test("may say its length with leading zeros, and up to 2⁵³−1", () => {
    assert.equal(read(get(["Content-Length: 0005"]) + "hello").contentLength, 5);
    const [request] = readRequests(get(["Content-Length: 9007199254740991"])).requests;
    assert.equal(request?.contentLength, Number.MAX_SAFE_INTEGER);
  });
});

describe("the target", () => {
  const cases: [line: string, target: string, authority: string][] = [
    ["GET http://a HTTP/1.1", "/", "a"],
    ["GET http://a/ HTTP/1.1", "/", "a"],
    ["GET HTTP://A/x?y HTTP/1.1", "/x?y", "A"],
    ["GET http://a?x HTTP/1.1", "/?x", "a"],
    ["GET http://a:80/x HTTP/1.1", "/x", "a:80"],
    ["GET https://a:443/x HTTP/1.1", "/x", "a:443"],
    ["OPTIONS http://a HTTP/1.1", "*", "a"],
    ["OPTIONS http://a/ HTTP/1.1", "/", "a"],
    ["OPTIONS * HTTP/1.1", "*", "a"],
    ["GET //a/b HTTP/1.1", "//a/b", "a"],
    ['GET /"<>\\^`{|} HTTP/1.1', '/"<>\\^`{|}', "a"],
  ];
  for (const [line, target, authority] of cases) {
    test(`of ${line} is ${target} at ${authority}`, () => {
      const request = read(`${line}\r\nHost: a\r\n\r\n`);
      assert.equal(request.target, target);
      assert.equal(request.authority, authority);
    });
  }

  test("in absolute-form gives HTTP/1.0 its authority", () => {
    assert.equal(read("GET http://a:81/x HTTP/1.0\r\n\r\n").authority, "a:81");
  });
});

describe("the connection of a request", () => {
  const cases: [version: string, lines: string[], keepAlive: boolean][] = [
    ["1.1", [], true],
    ["1.1", ["Connection: close"], false],
    ["1.1", ["Connection: Close"], false],
    ["1.1", ["Connection: x-a , close"], false],
    ["1.1", ["Connection: x-a", "Connection: ,close"], false],
    ["1.1", ["Connection: closed"], true],
    ["1.0", [], false],
    ["1.0", ["Connection: keep-alive"], true],
    ["1.0", ["Connection: Keep-Alive, x-a"], true],
    ["1.0", ["Connection: keep-alive, close"], false],
    ["1.0", ["Proxy-Connection: keep-alive"], false],
  ];
  for (const [version, lines, keepAlive] of cases) {
    test(`HTTP/${version} ${JSON.stringify(lines)}: ${keepAlive ? "stays" : "ends"}`, () => {
      const wire = ["GET / HTTP/" + version, "Host: a", ...lines, "", ""].join("\r\n");
      assert.equal(read(wire).keepAlive, keepAlive);
    });
  }

  test("upgrade is the one token that Connection names, in lower case", () => {
    assert.equal(read(get(["Connection: Upgrade", "Upgrade: WebSocket"])).upgrade, "websocket");
    assert.equal(read(get(["Connection: keep-alive, upgrade", "Upgrade: Foo/2"])).upgrade, "foo/2");
  });

  for (const lines of [
    ["Upgrade: websocket"],
    ["Connection: upgrade"],
    ["Connection: upgrade", "Upgrade:"],
    ["Connection: upgrade", "Upgrade: websocket, h2c"],
    ["Connection: upgrade", "Upgrade: websocket", "Upgrade: h2c"],
    ["Connection: upgrade", "Upgrade: a/b/c"],
    ["Connection: upgrade", "Upgrade: /a"],
  ]) {
    test(`no upgrade: ${lines.join(", ")}`, () => {
      assert.equal(read(get(lines)).upgrade, "");
    });
  }

  test("HTTP/1.0 cannot upgrade", () => {
    const wire = "GET / HTTP/1.0\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert.equal(read(wire).upgrade, "");
  });

  test("100-continue counts in HTTP/1.1 with a body alone", () => {
    const body = "Content-Length: 0";
    assert.equal(read(get([body, "Expect: 100-Continue"])).expectContinue, true);
    assert.equal(read(get([body, "Expect: 200-ok"])).expectContinue, false);
    assert.equal(read(get(["Expect: 100-continue"])).expectContinue, false);
    const old = read("GET / HTTP/1.0\r\nContent-Length: 0\r\nExpect: 100-continue\r\n\r\n");
    assert.equal(old.expectContinue, false);
  });
});

describe("the parser between messages", () => {
  test("is idle until the first byte of a message, and in a head until its end", () => {
    const parser = new RequestParser();
    const bytes = wireBytes("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert.equal(parser.next(bytes, 0, 2), NEED_MORE);
    assert(parser.idle && !parser.inHead);
    assert.equal(parser.next(bytes, 2, 3), NEED_MORE);
    assert(!parser.idle && parser.inHead);
    assert.equal(parser.next(bytes, 3, bytes.length), HEAD);
    assert(!parser.idle && !parser.inHead);
    assert.equal(parser.next(bytes, bytes.length, bytes.length), END);
    parser.reset();
    assert(parser.idle);
  });

  test("takes nothing of the next message before it is reset", () => {
    const parser = new RequestParser();
    const bytes = wireBytes(get([]) + get([]));
    assert.equal(parser.next(bytes, 0, bytes.length), HEAD);
    const behind = parser.position;
    assert.equal(parser.next(bytes, behind, bytes.length), END);
    assert.equal(parser.next(bytes, parser.position, bytes.length), NEED_MORE);
    assert.equal(parser.position, behind);
    parser.reset();
    assert.equal(parser.next(bytes, behind, bytes.length), HEAD);
    assert.equal(parser.position, bytes.length);
  });

  test("gives a large head's memory back", () => {
    const parser = new RequestParser();
    const bytes = wireBytes(get([`X: ${"x".repeat(30_000)}`]));
    assert.equal(parser.next(bytes, 0, bytes.length), HEAD);
    assert(parser.head.headers.bytes.length > 30_000);
    parser.next(bytes, parser.position, bytes.length);
    parser.reset();
    assert(parser.head.headers.bytes.length <= 4096);
  });

  test("does not take the body into the head's memory", () => {
    const parser = new RequestParser();
    const bytes = wireBytes(get(["Content-Length: 100000"]) + "x".repeat(100_000));
    assert.equal(parser.next(bytes, 0, bytes.length), HEAD);
    assert(parser.head.headers.bytes.length <= 1024);
  });

  test("reads the authority once for all that need it", () => {
    const parser = new RequestParser();
    const bytes = wireBytes("GET / HTTP/1.1\r\nHost: Example.COM:81\r\n\r\n");
    parser.next(bytes, 0, bytes.length);
    assert.equal(parser.authority?.hostname, "example.com");
    assert.equal(parser.authority.port, 81);
  });
});

describe("limits of a request", () => {
  const line = (length: number): string =>
    `GET /${"x".repeat(length - 14)} HTTP/1.1\r\nHost: a\r\n\r\n`;
  const head = (length: number): string => {
    const rest = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".length;
    return get([`X: ${"x".repeat(length - rest)}`]);
  };
  const fields = (count: number): string => get(Array.from({ length: count - 1 }, () => "x: y"));
  const options = (count: number): string =>
    get([`Connection: ${Array.from({ length: count }, () => "x").join(",")}`]);

  const cases: [name: string, wire: string, fault: FailureCode | null][] = [
    ["a request line of 8 KiB", line(8192), null],
    ["a request line of 8 KiB and a byte", line(8193), "request_line_too_long"],
    ["a method without end", "x".repeat(8193), "request_line_too_long"],
    ["a version without end", `GET / ${"x".repeat(8193)}`, "request_line_too_long"],
    ["a head of 32 KiB", head(32_768), null],
    ["a head of 32 KiB and a byte", head(32_769), "request_head_too_large"],
    [
      "a field name without end",
      "GET / HTTP/1.1\r\n" + "x".repeat(32_769),
      "request_head_too_large",
    ],
    ["100 fields", fields(100), null],
    ["101 fields", fields(101), "request_head_too_large"],
    ["100 Connection options", options(100), null],
    ["101 Connection options", options(101), "request_head_too_large"],
  ];
  for (const [name, wire, fault] of cases) {
    test(`${name}: ${fault ?? "taken"}`, () => {
      assert.equal(readRequests(wire).fault, fault);
      assert.equal(readRequests(wire, [1, 8000, 8190, 8200, 32_760, 32_767]).fault, fault);
    });
  }
});

describe("values are read four bytes at a time, which", () => {
  test("lets through and refuses the same bytes as one at a time, wherever they stand", () => {
    for (let byte = 0; byte < 256; byte++) {
      const isControl = byte < 0x20 || byte === 0x7f;
      for (let before = 0; before < 8; before++) {
        const value = `${"p".repeat(before)}${String.fromCharCode(byte)}${"q".repeat(9)}`;
        const bytes = wireBytes(`GET / HTTP/1.1\r\nHost: a\r\nx-a: ${value}\r\n\r\n`);
        const whole = readRequests(bytes);
        assert.equal(whole.fault === null, !isControl || byte === 0x09, `byte ${byte}`);
        assert.deepEqual(readRequests(bytes, [...bytes.keys()]), whole);
      }
    }
  });
});

describe("any split of the bytes gives the same", () => {
  const wires = [
    "\r\n" + get(["Connection: keep-alive"]) + get(["Content-Length: 3"]) + "abc" + get([]),
    "POST http://a/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
      '5;a="b\\"c";d=e\r\nhello\r\n00\r\nX-Sum: 1\r\nContent-Length: 9\r\n\r\n' +
      get([]),
    get([]) + "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
    get(["Content-Length: 10"]) + "short",
  ];
  for (const [index, wire] of wires.entries()) {
    test(`wire ${index + 1}, byte by byte and at every place`, () => {
      const whole = readRequests(wire);
      assert.deepEqual(readRequests(wire, everyByte(wire)), whole);
      for (let cut = 1; cut < wire.length; cut++) {
        assert.deepEqual(readRequests(wire, [cut]), whole, `cut at ${cut}`);
      }
    });
  }

  test("random messages at random places", () => {
    const field = fc.tuple(
      fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,20}$/),
      fc.stringMatching(/^[\x20-\x7e\x80-\xff]{0,60}$/),
    );
    const message = fc
      .record({
        method: fc.constantFrom("GET", "POST", "DELETE", "X-M"),
        target: fc.stringMatching(/^\/[\x21\x24-\x7e]{0,40}$/),
        fields: fc.array(field, { maxLength: 8 }),
        body: fc.option(fc.stringMatching(/^[\s\S]{0,80}$/), { nil: null }),
        chunked: fc.boolean(),
      })
      .map(({ method, target, fields, body, chunked }) => {
        const lines = [`${method} ${target} HTTP/1.1`, "Host: a"];
        const latin = body === null ? "" : body.replaceAll(/[^\x00-\xff]/g, "?");
        for (const [name, value] of fields) lines.push(`x-${name}: ${value}`);
        if (body === null) return lines.join("\r\n") + "\r\n\r\n";
        if (!chunked) {
          return [...lines, `Content-Length: ${latin.length}`, "", latin].join("\r\n");
        }
        const chunk = latin === "" ? "" : `${latin.length.toString(16)}\r\n${latin}\r\n`;
        return [...lines, "Transfer-Encoding: chunked", "", `${chunk}0`, "", ""].join("\r\n");
      });
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 1, maxLength: 4 }),
        fc.array(fc.nat(600), { maxLength: 12 }),
        fc.option(fc.tuple(fc.nat(600), fc.integer({ min: 0, max: 255 })), { nil: null }),
        (messages, cuts, damage) => {
          const bytes = wireBytes(messages.join(""));
          if (damage !== null && damage[0] < bytes.length) bytes[damage[0]] = damage[1];
          const whole = readRequests(bytes);
          if (damage === null) {
            assert.equal(whole.fault, null, whole.detail);
            assert.equal(whole.requests.length, messages.length);
          }
          assert.deepEqual(readRequests(bytes, cuts), whole);
        },
      ),
      { numRuns: 400 },
    );
  });
});
