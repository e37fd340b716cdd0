/**
 * Requests out of published advisories on HTTP/1 parsers, and the examples of RFC 9112. The advisory stands
 * in a comment, the symptom in the name.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readRequests, readResponses } from "#protocol/http1/feed.fixture.ts";

const SMUGGLED = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

describe("advisories: nothing is smuggled by", () => {
  const wires: [symptom: string, wire: string][] = [
    // CVE-2022-32215
    [
      "a Transfer-Encoding whose value begins behind a folded line",
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    ],
    // CVE-2019-15605
    [
      "blanks behind chunked together with Content-Length",
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked \r\n\r\n0\r\n\r\n${SMUGGLED}`,
    ],
    // CVE-2020-8287
    [
      "two Transfer-Encoding fields, the second of which is another",
      `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked-false\r\n\r\n1\r\nA\r\n0\r\n\r\n${SMUGGLED}`,
    ],
    // CVE-2021-22959
    [
      "a blank between a field name and its colon",
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello${SMUGGLED}`,
    ],
    // CVE-2021-22960
    [
      "bare LF in a chunk extension",
      `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2 \n;\r\naa\r\n0\r\n\r\n${SMUGGLED}`,
    ],
    // CVE-2022-32213
    [
      "a list of codings that does not end in chunked",
      `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunkedchunked\r\n\r\n1\r\na\r\n0\r\n\r\n${SMUGGLED}`,
    ],
    // CVE-2022-32214
    [
      "lines ended by LF alone",
      `GET / HTTP/1.1\nHost: a\nDummy: x\nContent-Length: 23\n\n${SMUGGLED}`,
    ],
    // CVE-2022-32214
    [
      "a bare CR before a framing field",
      `GET / HTTP/1.1\r\nHost: a\r\nDummy: x\rContent-Length: 23\r\n\r\n${SMUGGLED}`,
    ],
    // CVE-2022-32215
    [
      "chunked on a folded line behind another coding",
      `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked,\r\n identity\r\n\r\n1\r\na\r\n0\r\n\r\n${SMUGGLED}`,
    ],
    // CVE-2022-35256
    [
      "a field line that ends in CR without LF",
      `GET / HTTP/1.1\r\nHost: a\r\nX: y\r\rContent-Length: 5\r\n\r\nhello${SMUGGLED}`,
    ],
    // CVE-2023-30589
    [
      "bare CR in the place of a line's end",
      `POST / HTTP/1.1\r\nHost: a\r\nX:\rTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n${SMUGGLED}`,
    ],
    // CVE-2024-27982
    [
      "a blank before a Content-Length",
      `POST / HTTP/1.1\r\nHost: a\r\n Content-Length: 5\r\n\r\nhello${SMUGGLED}`,
    ],
    // CVE-2025-32094
    [
      "OPTIONS with a folded Expect and a body",
      `OPTIONS / HTTP/1.1\r\nHost: a\r\nExpect:\r\n 100-continue\r\nContent-Length: 5\r\n\r\nhello${SMUGGLED}`,
    ],
    [
      "chunk lines ended by LF, to one that reads on to CRLF (TERM.EXT)",
      `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;\nxx\r\n22\r\nab\r\n0\r\n\r\n${SMUGGLED}`,
    ],
    [
      "chunk lines read on to CRLF, by one that takes LF for the end (EXT.TERM)",
      `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2;x\n22\r\nab\r\n0\r\n\r\n${SMUGGLED}`,
    ],
    [
      "chunk data whose end is skipped without a look (SPILL)",
      `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nAAAAAXX0\r\n\r\n${SMUGGLED}`,
    ],
    [
      "one byte for the two of a chunk's end (ONE.TWO)",
      `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nAAAAA\n0\r\n\r\n${SMUGGLED}`,
    ],
    [
      "VT before chunked",
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    ],
    [
      "a blank before the colon of Transfer-Encoding",
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    ],
    [
      "a Content-Length in hexadecimal",
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello${SMUGGLED}`,
    ],
    [
      "a Content-Length that wraps around",
      `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n${SMUGGLED}`,
    ],
  ];
  for (const [symptom, wire] of wires) {
    test(symptom, () => {
      const { requests, fault } = readRequests(wire);
      assert.notEqual(fault, null);
      assert(!requests.some(({ complete }) => complete));
    });
  }

  test("a body that is announced and holds a request (CL.0)", () => {
    const wire = `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`;
    const { requests } = readRequests(wire);
    assert.equal(requests.length, 1);
    assert.equal(requests[0]?.body, SMUGGLED);
  });

  test("a GET with a body (0.CL)", () => {
    const wire = `GET / HTTP/1.1\r\nHost: a\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`;
    assert.equal(readRequests(wire).requests.length, 1);
  });
});

describe("advisories: nothing is held or read without end for", () => {
  // CVE-2024-22019
  test("a chunk extension without end", () => {
    const head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert.notEqual(readRequests(`${head}1;${"a".repeat(2000)}`).fault, null);
    assert.notEqual(
      readRequests(`${head}${`1;${"a".repeat(700)}\r\nx\r\n`.repeat(200)}`).fault,
      null,
    );
  });

  // CVE-2018-12121
  test("a head without end", () => {
    const head = "GET / HTTP/1.1\r\nHost: a\r\n";
    assert.equal(readRequests(head + `X: ${"x".repeat(80_000)}`).fault, "request_head_too_large");
    assert.equal(readRequests(head + "X: y\r\n".repeat(20_000)).fault, "request_head_too_large");
  });

  test("a chunk size of zeros without end", () => {
    const head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert.equal(readRequests(head + "0".repeat(17)).fault, "request_body_malformed");
  });

  test("interim responses without end", () => {
    const wire = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
    assert.equal(readResponses(wire).fault, "response_interim_flood");
    assert.equal(readResponses(wire).responses.length, 8);
  });
});

describe("examples of RFC 9112", () => {
  test("2.1: a request and its response", () => {
    const { requests } = readRequests(
      "GET /hello.txt HTTP/1.1\r\nUser-Agent: curl/7.64.1\r\nHost: www.example.com\r\nAccept-Language: en, mi\r\n\r\n",
    );
    assert.equal(requests[0]?.authority, "www.example.com");
    const body = "Hello World! My content includes a trailing CRLF.\r\n";
    const { responses } = readResponses(
      `HTTP/1.1 200 OK\r\nDate: Mon, 27 Jul 2009 12:28:53 GMT\r\nServer: Apache\r\nContent-Length: 51\r\nVary: Accept-Encoding\r\nContent-Type: text/plain\r\n\r\n${body}`,
    );
    assert.equal(responses[0]?.body, body);
  });

  test("3.2.1: origin-form with a query", () => {
    const { requests } = readRequests("GET /where?q=now HTTP/1.1\r\nHost: www.example.org\r\n\r\n");
    assert.equal(requests[0]?.target, "/where?q=now");
  });

  test("3.2.2: absolute-form", () => {
    const { requests } = readRequests(
      "GET http://www.example.org/pub/WWW/TheProject.html HTTP/1.1\r\nHost: www.example.org\r\n\r\n",
    );
    assert.equal(requests[0]?.target, "/pub/WWW/TheProject.html");
    assert.equal(requests[0].authority, "www.example.org");
  });

  test("3.2.4: OPTIONS of a whole server, written as an absolute URL without a path", () => {
    const { requests } = readRequests(
      "OPTIONS http://www.example.org:8001 HTTP/1.1\r\nHost: www.example.org:8001\r\n\r\n",
    );
    assert.equal(requests[0]?.target, "*");
    assert.equal(requests[0].authority, "www.example.org:8001");
  });

  test("7.1.1: chunk extensions that are not known are ignored", () => {
    const { requests } = readRequests(
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4;ieof\r\nWiki\r\n5\r\npedia\r\n0\r\n\r\n",
    );
    assert.equal(requests[0]?.body, "Wikipedia");
  });

  test("11.2: a response cannot be made to hold another by what is put into a field", () => {
    const { fault } = readResponses(
      "HTTP/1.1 200 OK\r\nX: y\n\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    );
    assert.equal(fault, "response_malformed");
  });
});
