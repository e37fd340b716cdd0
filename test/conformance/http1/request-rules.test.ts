/** What is refused of requests, rule by rule, with the code that decides the answer's status. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FAILURES, type FailureCode } from "#core/errors.ts";
import { everyByte, readRequests } from "#protocol/http1/feed.fixture.ts";

interface Rule {
  readonly rule: string;
  readonly code: FailureCode;
  readonly status: number;
  readonly wires: readonly string[];
}

/** HTTP/1.1 with these lines behind Host, and a body. */
function post(...lines: string[]): string {
  return ["POST / HTTP/1.1", "Host: a", ...lines, "", "0\r\n\r\n"].join("\r\n");
}
function chunks(body: string): string {
  return `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`;
}
function line(start: string): string {
  return `${start}\r\nHost: a\r\n\r\n`;
}
function hosts(...lines: string[]): string {
  return ["GET / HTTP/1.1", ...lines, "", ""].join("\r\n");
}

const CHUNKED = "Transfer-Encoding: chunked";

const rules: readonly Rule[] = [
  {
    rule: "both Content-Length and Transfer-Encoding",
    code: "request_framing",
    status: 400,
    wires: [
      post("Content-Length: 5", CHUNKED),
      post(CHUNKED, "Content-Length: 5"),
      post(CHUNKED, "Content-Length: 0"),
      post("Content-Length: 5", "Transfer-Encoding: gzip, chunked"),
    ],
  },
  {
    rule: "a repeated Content-Length",
    code: "request_framing",
    status: 400,
    wires: [
      post("Content-Length: 5", "Content-Length: 5"),
      post("Content-Length: 5", "X: y", "content-length: 6"),
      post("Content-Length: 0", "Content-Length: 5"),
    ],
  },
  {
    rule: "a list-valued, signed, empty or non-digit Content-Length, or one beyond 2⁵³−1",
    code: "request_framing",
    status: 400,
    wires: [
      "5,5",
      "5, 5",
      "5 ,5",
      "+5",
      "-5",
      "-0",
      "",
      "0x5",
      "5a",
      "5.0",
      "9007199254740992",
    ].map((value) => post(`Content-Length: ${value}`)),
  },
  {
    rule: "Transfer-Encoding in HTTP/1.0",
    code: "request_framing",
    status: 400,
    wires: [
      `POST / HTTP/1.0\r\n${CHUNKED}\r\n\r\n0\r\n\r\n`,
      `POST / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n${CHUNKED}\r\n\r\n0\r\n\r\n`,
    ],
  },
  {
    rule: "chunked twice or not last",
    code: "request_framing",
    status: 400,
    wires: [
      post("Transfer-Encoding: chunked, chunked"),
      post(CHUNKED, CHUNKED),
      post("Transfer-Encoding: chunked, gzip"),
      post(CHUNKED, "Transfer-Encoding: gzip"),
      post("Transfer-Encoding: gzip"),
      post("Transfer-Encoding: identity"),
    ],
  },
  {
    rule: "a Transfer-Encoding that is no well-formed list",
    code: "request_framing",
    status: 400,
    wires: ["", "chunked,", ",chunked", "chunked;q=1", "gzip;a, chunked", "a b, chunked"].map(
      (value) => post(`Transfer-Encoding: ${value}`),
    ),
  },
  {
    rule: "a well-formed list that ends in chunked and names another coding",
    code: "coding_not_supported",
    status: 501,
    wires: [
      post("Transfer-Encoding: gzip, chunked"),
      post("Transfer-Encoding: gzip", CHUNKED),
      post('Transfer-Encoding: x;a="b, \\"c" ; d=e ,\tChunked'),
    ],
  },
  {
    rule: "chunk sizes that overflow, have no digits, or carry sign, blank or 0x",
    code: "request_body_malformed",
    status: 400,
    wires: [
      "20000000000000\r\n",
      "fffffffffffffffff\r\n",
      "\r\n",
      ";a\r\n",
      "+1\r\na\r\n",
      "-1\r\na\r\n",
      " 1\r\na\r\n",
      "1 \r\na\r\n",
      "0x1\r\na\r\n",
    ].map(chunks),
  },
  {
    rule: "chunk data not ended by CRLF",
    code: "request_body_malformed",
    status: 400,
    wires: ["1\r\nab\r\n", "1\r\na\n", "1\r\na\r0\r\n"].map(chunks),
  },
  {
    rule: "bare LF or bare CR in the head",
    code: "request_malformed",
    status: 400,
    wires: [
      "GET / HTTP/1.1\nHost: a\n\n",
      "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n\n",
      "GET / HTTP/1.1\rHost: a\r\n\r\n",
      "GET / HTTP/1.1\r\nX: y\rz\r\nHost: a\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n\rX\r\n",
    ],
  },
  {
    rule: "bare LF or bare CR in chunk lines or trailers",
    code: "request_body_malformed",
    status: 400,
    wires: ["1\na\r\n", "1\ra\r\n", "1;a\na\r\n", "0\n\r\n", "0\r\nX: y\n\r\n", "0\r\n\n"].map(
      chunks,
    ),
  },
  {
    rule: "folded lines",
    code: "request_malformed",
    status: 400,
    wires: [post("X: y", " z"), post("X: y", "\tz"), "GET / HTTP/1.1\r\n Host: a\r\n\r\n"],
  },
  {
    rule: "a blank before the colon, an empty or non-token field name",
    code: "request_malformed",
    status: 400,
    wires: ["X : y", "X\t: y", ": y", "X(: y", "X@: y", "X\x80: y", "X y: z", "X", '"X": y'].map(
      (field) => post(field),
    ),
  },
  {
    rule: "NUL or other control characters in values, HTAB excepted",
    code: "request_malformed",
    status: 400,
    wires: Array.from({ length: 33 }, (_, code) => (code === 32 ? 0x7f : code))
      .filter((code) => ![0x09, 0x0a, 0x0d].includes(code))
      .map((code) => post(`X: a${String.fromCharCode(code)}b`)),
  },
  {
    rule: "more than one empty line before the request line",
    code: "request_malformed",
    status: 400,
    wires: ["\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"],
  },
  {
    rule: "anything but single spaces in the request line",
    code: "request_malformed",
    status: 400,
    wires: [
      "GET  / HTTP/1.1",
      "GET /  HTTP/1.1",
      "GET\t/ HTTP/1.1",
      " GET / HTTP/1.1",
      "GET / HTTP/1.1 ",
      "GET /a b HTTP/1.1",
    ].map(line),
  },
  {
    rule: "a target with a fragment, blanks, controls or bytes above 0x7E",
    code: "request_target_invalid",
    status: 400,
    wires: [
      "GET /a#b HTTP/1.1",
      "GET /a\tb HTTP/1.1",
      "GET /a\x01 HTTP/1.1",
      "GET /a\0 HTTP/1.1",
      "GET /a\x7f HTTP/1.1",
      "GET /\xe4 HTTP/1.1",
    ].map(line),
  },
  {
    rule: "asterisk-form other than OPTIONS *, and what is neither a path nor an http URL",
    code: "request_target_invalid",
    status: 400,
    wires: [
      "GET * HTTP/1.1",
      "OPTIONS *x HTTP/1.1",
      "GET a HTTP/1.1",
      "GET a:80 HTTP/1.1",
      "GET ftp://a/ HTTP/1.1",
      "GET http:a HTTP/1.1",
    ].map(line),
  },
  {
    rule: "CONNECT and TRACE",
    code: "method_not_allowed",
    status: 405,
    wires: ["CONNECT a:80 HTTP/1.1", "CONNECT / HTTP/1.0", "TRACE / HTTP/1.1"].map(line),
  },
  {
    rule: "the HTTP/2 preface",
    code: "request_malformed",
    status: 400,
    wires: ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  },
  {
    rule: "HTTP/1.1 without Host, more than one Host, an invalid Host",
    code: "request_host_invalid",
    status: 400,
    wires: [
      hosts(),
      hosts("Host: a", "Host: a"),
      hosts("Host:"),
      hosts("Host: a b"),
      hosts("Host: a,b"),
      hosts("Host: u@a"),
      hosts("Host: a:x"),
      hosts("Host: a/b"),
      hosts("Host: [::1"),
      "GET / HTTP/1.0\r\nHost: a b\r\n\r\n",
      "GET http://a/ HTTP/1.1\r\nX: y\r\n\r\n",
    ],
  },
  {
    rule: "an absolute-form target whose authority is invalid or differs from Host",
    code: "request_host_invalid",
    status: 400,
    wires: [
      "GET http://b/ HTTP/1.1",
      "GET http://a:81/ HTTP/1.1",
      "GET https://a:80/ HTTP/1.1",
      "GET http://u@a/ HTTP/1.1",
      "GET http:///x HTTP/1.1",
    ].map(line),
  },
  {
    rule: "other major versions",
    code: "version_not_supported",
    status: 505,
    wires: ["GET / HTTP/2.0", "GET / HTTP/0.9", "GET / HTTP/9.1"].map(line),
  },
  {
    rule: "versions that are none",
    code: "request_malformed",
    status: 400,
    wires: [
      "GET /",
      "GET / HTTP/1",
      "GET / HTTP/1.10",
      "GET / http/1.1",
      "GET / HXTP/1.1",
      "GET / HTXP/1.1",
      "GET / HTTX/1.1",
      "GET / HTTP:1.1",
      "GET / HTTP/1:1",
      "GET / HTTP/x.1",
      "GET / HTTP/1.x",
      "GET / FTP/1.1",
    ].map(line),
  },
  {
    rule: "a request line beyond 8 KiB",
    code: "request_line_too_long",
    status: 414,
    wires: [line(`GET /${"x".repeat(8192)} HTTP/1.1`), "x".repeat(8193)],
  },
  {
    rule: "a head beyond 32 KiB or 100 fields",
    code: "request_head_too_large",
    status: 431,
    wires: [post(`X: ${"x".repeat(32_768)}`), post(...Array.from({ length: 100 }, () => "X: y"))],
  },
  {
    rule: "chunk extensions beyond 1 KiB per chunk or 64 KiB in all",
    code: "request_body_malformed",
    status: 400,
    wires: [
      chunks(`1;${"x".repeat(1024)}\r\na\r\n`),
      chunks(`1;${"x".repeat(1000)}\r\na\r\n`.repeat(66)),
    ],
  },
  {
    rule: "trailers beyond 8 KiB or 32 fields",
    code: "request_body_malformed",
    status: 400,
    wires: [
      chunks(`0\r\nX: ${"x".repeat(8192)}\r\n\r\n`),
      chunks(`0\r\n${"X: y\r\n".repeat(33)}\r\n`),
    ],
  },
];

describe("requests are refused for", () => {
  for (const { rule, code, status, wires } of rules) {
    test(rule, () => {
      assert.equal(FAILURES[code].status, status);
      for (const wire of wires) {
        const shown = JSON.stringify(wire.slice(0, 120));
        const record = readRequests(wire);
        assert.equal(record.fault, code, `${shown}: ${record.detail}`);
        assert(!record.requests.some(({ complete }) => complete), shown);
        if (wire.length < 4000) {
          assert.deepEqual(readRequests(wire, everyByte(wire)), record, shown);
        }
      }
    });
  }

  test("the HTTP/2 preface behind a request", () => {
    const { requests, fault } = readRequests(`${line("GET / HTTP/1.1")}PRI * HTTP/2.0\r\n\r\n`);
    assert.equal(requests.length, 1);
    assert.equal(fault, "request_malformed");
  });

  test("a fault, and nothing behind it is read", () => {
    for (const { wires } of rules) {
      for (const wire of wires) {
        const { requests } = readRequests(`${wire}GET /behind HTTP/1.1\r\nHost: a\r\n\r\n`);
        assert(!requests.some(({ target }) => target === "/behind"));
      }
    }
  });
});

describe("requests are taken", () => {
  const taken: [what: string, wire: string][] = [
    ["of HTTP/1.2 to 1.9, as 1.1", line("GET / HTTP/1.9")],
    ["with one empty line before them", `\r\n${line("GET / HTTP/1.1")}`],
    ["of HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n"],
    ["with HTAB and bytes of 0x80 and above in values", hosts("Host: a", "X: a\tb\x80\xff")],
    ["with OPTIONS *", line("OPTIONS * HTTP/1.1")],
    [
      "with an authority that differs from Host in case and default port",
      line("GET http://A:80/ HTTP/1.1"),
    ],
    ["with chunk extensions", chunks('1;a;b=c;d="e"\r\na\r\n0;f\r\n\r\n')],
    [
      "with framing fields in trailers, which are dropped",
      chunks("0\r\nContent-Length: 5\r\n\r\n"),
    ],
  ];
  for (const [what, wire] of taken) {
    test(what, () => {
      const { requests, fault, detail } = readRequests(wire);
      assert.equal(fault, null, detail);
      assert(requests[0]?.complete);
      assert.deepEqual(requests[0].trailers, []);
    });
  }
});
