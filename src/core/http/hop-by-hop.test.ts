import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HeaderList } from "./header-list.ts";
import { HEADER, headerIdOf } from "./header-names.ts";
import { dropNominated, HOP_BY_HOP, isTrailerAllowed } from "./hop-by-hop.ts";

function list(...fields: [name: string, value: string][]): HeaderList {
  const headers = new HeaderList();
  for (const [name, value] of fields) headers.append(name, value);
  return headers;
}

function names(headers: HeaderList): string[] {
  return [...headers].map(([name]) => name);
}

describe("fields of one connection", () => {
  test("are known by id", () => {
    const expected = [
      "connection",
      "http2-settings",
      "keep-alive",
      "proxy-authenticate",
      "proxy-authorization",
      "proxy-connection",
      "te",
      "transfer-encoding",
      "upgrade",
    ];
    const ids = expected.map(headerIdOf);
    assert.deepEqual(
      [...HOP_BY_HOP.keys()].filter((id) => HOP_BY_HOP[id] === 1),
      ids.toSorted((a, b) => a - b),
    );
    assert.equal(HOP_BY_HOP[HEADER.trailer], 0);
    assert.equal(HOP_BY_HOP[0], 0);
  });
});

describe("a name in Connection", () => {
  test("takes every field of that name away, known or not, in any case", () => {
    const headers = list(
      ["Connection", "X-Secret, close , x-request-ID"],
      ["x-secret", "1"],
      ["X-SECRET", "2"],
      ["X-Request-Id", "3"],
      ["X-Secrets", "4"],
      ["connection", "x-a,\tx-more"],
      ["X-More", "5"],
    );
    dropNominated(headers);
    assert.deepEqual(names(headers), ["Connection", "X-Secrets", "connection"]);
  });

  test("never takes Host, Content-Length, Cookie or Authorization away", () => {
    const headers = list(
      ["Connection", "Host, content-length, COOKIE, Authorization"],
      ["Host", "a"],
      ["Content-Length", "1"],
      ["Cookie", "a=b"],
      ["Authorization", "x"],
    );
    dropNominated(headers);
    assert.equal(headers.size, 5);
  });

  test("counts for trailers too", () => {
    const trailers = list(["X-A", "1"], ["X-B", "2"]);
    dropNominated(trailers, list(["Connection", "x-a"], ["X-B", "3"]));
    assert.deepEqual(names(trailers), ["X-B"]);
  });

  test("may be nonsense", () => {
    const headers = list(["Connection", ', ,, @ , "a" ,'], ["a", "1"]);
    dropNominated(headers);
    assert.deepEqual(names(headers), ["Connection", "a"]);
  });
});

describe("TE: trailers", () => {
  const cases: [values: string[], takes: boolean][] = [
    [["trailers"], true],
    [["gzip, Trailers"], true],
    [["gzip", "trailers"], true],
    [["gzip;q=0.5"], false],
    [["trailers;q=1"], false],
    [[], false],
  ];
  for (const [values, takes] of cases) {
    test(`${JSON.stringify(values)}: ${takes ? "taken" : "not taken"}`, () => {
      const headers = list(...values.map((value): [string, string] => ["TE", value]));
      headers.append("Connection", "TE");
      assert.equal(dropNominated(headers), takes);
    });
  }
});

describe("a trailer", () => {
  for (const name of ["X-Checksum", "grpc-status", "Server-Timing", "ETag", "Content-MD5"]) {
    test(`may be ${name}`, () => assert(isTrailerAllowed(name)));
  }
  for (const name of [
    "Content-Length",
    "transfer-encoding",
    "TRAILER",
    "Host",
    "Connection",
    "Authorization",
    "Proxy-Authorization",
    "Set-Cookie",
    "Content_Length",
    "X_Forwarded-For",
    "X-Forwarded-Anything",
    "X-Original-URL",
    "X-Rewrite-Url",
    "Client-Cert",
    "client_cert_chain",
    "X-Real-IP",
    "X-Request-Id",
    "x_request_id",
    "Forwarded",
    "Cache-Control",
  ]) {
    test(`may not be ${name}`, () => assert(!isTrailerAllowed(name)));
  }
});
