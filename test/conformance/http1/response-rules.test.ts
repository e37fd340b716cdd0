/** What is refused of responses, and what is accepted all the same, rule by rule. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FAILURES, type FailureCode } from "#core/errors.ts";
import {
  everyByte,
  readResponses,
  type Expectation,
  type ResponsesRecord,
} from "#protocol/http1/feed.fixture.ts";

interface Rule {
  readonly rule: string;
  readonly code: FailureCode;
  readonly wires: readonly string[];
}

function ok(...lines: string[]): string {
  return ["HTTP/1.1 200 OK", ...lines, "", "0\r\n\r\n"].join("\r\n");
}
function chunks(body: string): string {
  return `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;
}
function line(start: string): string {
  return `${start}\r\nContent-Length: 0\r\n\r\n`;
}

const CHUNKED = "Transfer-Encoding: chunked";

const rules: readonly Rule[] = [
  {
    rule: "both Content-Length and Transfer-Encoding",
    code: "response_framing",
    wires: [ok("Content-Length: 5", CHUNKED), ok(CHUNKED, "Content-Length: 5")],
  },
  {
    rule: "a repeated, list-valued, signed, empty, non-digit or too large Content-Length",
    code: "response_framing",
    wires: [
      ok("Content-Length: 5", "Content-Length: 5"),
      ...["5,5", "5, 5", "+5", "-5", "", "0x5", "5a", "9007199254740992"].map((value) =>
        ok(`Content-Length: ${value}`),
      ),
    ],
  },
  {
    rule: "Transfer-Encoding in HTTP/1.0",
    code: "response_framing",
    wires: [`HTTP/1.0 200 OK\r\n${CHUNKED}\r\n\r\n0\r\n\r\n`],
  },
  {
    rule: "chunked twice or not last, and lists that are not well formed",
    code: "response_framing",
    wires: [
      ok("Transfer-Encoding: chunked, chunked"),
      ok(CHUNKED, CHUNKED),
      ...["chunked, gzip", "gzip", "identity", "", "chunked,", "chunked;q=1", "\xa0chunked"].map(
        (value) => ok(`Transfer-Encoding: ${value}`),
      ),
    ],
  },
  {
    rule: "a coding other than chunked before it",
    code: "response_coding",
    wires: [ok("Transfer-Encoding: gzip, chunked"), ok("Transfer-Encoding: gzip", CHUNKED)],
  },
  {
    rule: "malformed chunks and trailers",
    code: "response_body_malformed",
    wires: [
      "\r\n",
      "+1\r\na\r\n",
      "0x1\r\na\r\n",
      " 1\r\na\r\n",
      "1 \r\na\r\n",
      "fffffffffffffffff\r\n",
      "1\na\r\n",
      "1\ra\r\n",
      "1\r\nab\r\n",
      "1\r\na\n",
      "0\n\n",
      "0\r\nX : y\r\n\r\n",
      "0\r\nX: y\r\n z\r\n\r\n",
      "0\r\nX: y\n\r\n",
      `1;${"x".repeat(1024)}\r\n`,
      `0\r\n${"X: y\r\n".repeat(33)}\r\n`,
      `0\r\nX: ${"x".repeat(8192)}\r\n\r\n`,
    ].map(chunks),
  },
  {
    rule: "bare LF or bare CR, folded lines, field names that are no tokens, control characters",
    code: "response_malformed",
    wires: [
      "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
      "HTTP/1.1 200 OK\r\nX: y\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX: y\rz\r\n\r\n",
      "HTTP/1.1 200 OK\rX: y\r\n\r\n",
      ok("X: y", " z"),
      ok("X : y"),
      ok(": y"),
      ok("X\x80: y"),
      ok("X y"),
      ok("X: \0"),
      ok("X: \x1b[31m"),
      ok("X: \x7f"),
    ],
  },
  {
    rule: "status lines that are none",
    code: "response_malformed",
    wires: [
      "HTTP/1.1",
      "HTTP/1.1 ",
      "HTTP/1.1 20 OK",
      "HTTP/1.1 2000 OK",
      "HTTP/1.1 099 Low",
      "HTTP/1.1 2x0 OK",
      "HTTP/1.1 200OK",
      "HTTP/1.1  200 OK",
      "HTTP/1.1\t200 OK",
      "HTTP/1.1 200\tOK",
      "HTTP/2.0 200 OK",
      "HTTP/0.9 200 OK",
      "http/1.1 200 OK",
      "ICY 200 OK",
      "HTTP/1.1 200 O\0K",
      "SSH-2.0-OpenSSH_9.9",
      "\r\nHTTP/1.1 200 OK",
    ].map(line),
  },
  {
    rule: "a head beyond 32 KiB or 100 fields",
    code: "response_head_too_large",
    wires: [
      ok(`X: ${"x".repeat(32_768)}`),
      ok(...Array.from({ length: 101 }, () => "X: y")),
      `HTTP/1.1 200 ${"x".repeat(32_768)}`,
    ],
  },
  {
    rule: "more than 8 interim responses",
    code: "response_interim_flood",
    wires: ["HTTP/1.1 103 Early Hints\r\n\r\n".repeat(9)],
  },
  {
    rule: "101 where no upgrade was asked for",
    code: "upgrade_refused",
    wires: ["HTTP/1.1 101 Up\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n"],
  },
];

describe("responses are refused for", () => {
  for (const { rule, code, wires } of rules) {
    test(rule, () => {
      // A body's fault shows when the client may have the head already: nothing to answer with.
      assert.equal(FAILURES[code].status, code === "response_body_malformed" ? 0 : 502);
      for (const wire of wires) {
        const shown = JSON.stringify(wire.slice(0, 120));
        const record = readResponses(wire);
        assert.equal(record.fault, code, `${shown}: ${record.detail}`);
        const final = record.responses.filter(({ status }) => status >= 200);
        assert(!final.some(({ complete }) => complete), shown);
        if (wire.length < 4000) {
          assert.deepEqual(readResponses(wire, undefined, everyByte(wire)), record, shown);
        }
      }
    });
  }
});

describe("responses are accepted", () => {
  /** What a wire comes to; nothing of it may be refused. */
  function accept(wire: string, methods = ["GET"]): ResponsesRecord {
    const expectations: Expectation[] = methods.map((method) => ({ method }));
    const record = readResponses(wire, expectations);
    assert.equal(record.fault, null, record.detail);
    return record;
  }

  test("without reason, with or without the blank before it", () => {
    assert.equal(accept(line("HTTP/1.1 200")).responses[0]?.reason, "");
    assert.equal(accept(line("HTTP/1.1 200 ")).responses[0]?.reason, "");
  });

  test("with any reason, which is kept as it is", () => {
    for (const reason of ["OK", "O", "OKAY", "KO", "OK then"]) {
      assert.equal(accept(line(`HTTP/1.1 200 ${reason}`)).responses[0]?.reason, reason);
    }
  });

  test("with bytes of 0x80 and above in the reason", () => {
    assert.equal(accept(line("HTTP/1.1 200 d\xe9j\xe0")).responses[0]?.reason, "d\xe9j\xe0");
  });

  test("of HTTP/1.2 to 1.9, as 1.1", () => {
    assert.equal(accept(line("HTTP/1.3 200 OK")).responses[0]?.version, 11);
  });

  test("with 8 interim responses before them", () => {
    const { responses } = accept(
      "HTTP/1.1 102 Processing\r\n\r\n".repeat(8) + line("HTTP/1.1 200"),
    );
    assert.equal(responses.length, 9);
  });

  for (const framing of [
    "Content-Length: 5",
    CHUNKED,
    "Content-Length: x",
    "Transfer-Encoding: x",
  ]) {
    test(`with ${framing} on 204, which is dropped, and the connection is not used again`, () => {
      const { responses } = accept(`HTTP/1.1 204 No Content\r\nX: y\r\n${framing}\r\n\r\n`);
      const [response] = responses;
      assert(response?.complete);
      assert.equal(response.framing, "none");
      assert.equal(response.contentLength, -1);
      assert.equal(response.keepAlive, false);
      assert.deepEqual(response.fields, [["X", "y"]]);
    });

    test(`with ${framing} on an interim one, where it is dropped`, () => {
      const { responses } = accept(
        `HTTP/1.1 103 Early Hints\r\n${framing}\r\nLink: x\r\n\r\n${line("HTTP/1.1 200 OK")}`,
      );
      assert.deepEqual(responses[0]?.fields, [["Link", "x"]]);
      assert.equal(responses[1]?.keepAlive, true);
    });
  }

  test("with Content-Length on 304 and for HEAD, where it announces no body", () => {
    const { responses } = accept(
      "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n",
      ["GET", "HEAD"],
    );
    assert.deepEqual(
      responses.map(({ framing, contentLength, keepAlive, body }) => [
        framing,
        contentLength,
        keepAlive,
        body,
      ]),
      [
        ["none", 5, true, ""],
        ["none", 7, true, ""],
      ],
    );
  });

  test("with Transfer-Encoding on 304 and for HEAD, where it announces no body", () => {
    const { responses } = accept(
      `HTTP/1.1 304 Not Modified\r\n${CHUNKED}\r\n\r\nHTTP/1.1 200 OK\r\n${CHUNKED}\r\n\r\n`,
      ["GET", "HEAD"],
    );
    assert(responses.every(({ framing, complete }) => framing === "none" && complete));
  });

  test("with trailers, without those that may not be any", () => {
    const { responses } = accept(chunks("0\r\nX-Sum: 1\r\nSet-Cookie: a=b\r\nVia: x\r\n\r\n"));
    assert.deepEqual(responses[0]?.trailers, [["X-Sum", "1"]]);
  });
});
