import { describe, test } from "node:test";
import fc from "fast-check";
import { wireBytes } from "#protocol/http1/feed.fixture.ts";
import { compareRequests, compareResponses } from "./llhttp-differential.ts";
import { smugglingCorpus } from "./smuggling-corpus.ts";

/** Bytes that parsers differ on. */
const telling = fc.constantFrom(
  ...[
    ["\r", "\n", "\0", " ", "\t", "\x0b", ":", ";", ",", "=", '"', "\\", "0", "5", "x", "\x7f"],
    ["\x80", "\xa0", "\xff", "\r\n", "\r\n\r\n", "\n\n", "chunked", "Content-Length: 3\r\n"],
  ].flat(),
);

/** One place where a wire is cut out of, and what comes in instead. */
const edit = fc.tuple(fc.nat(400), fc.nat(3), telling);

function edited(wire: string, edits: readonly (readonly [number, number, string])[]): Uint8Array {
  let text = wire;
  for (const [at, count, insertion] of edits) {
    const place = at % (text.length + 1);
    text = text.slice(0, place) + insertion + text.slice(place + count);
  }
  return wireBytes(text);
}

const requests = [
  "GET /a?b HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nHost: a\r\n\r\n",
  "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
  'PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b;c="d"\r\nabc\r\n0\r\nX: y\r\n\r\n',
  "POST / HTTP/1.0\r\nContent-Length: 3\r\nConnection: keep-alive\r\n\r\nabcGET / HTTP/1.0\r\n\r\n",
];

const responses: [wire: string, methods: string[]][] = [
  [
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ["GET", "GET"],
  ],
  [
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: y\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ["GET", "GET"],
  ],
  [
    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    ["HEAD", "GET", "GET"],
  ],
  ["HTTP/1.1 200 OK\r\n\r\nuntil the end", ["GET"]],
  ["HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", ["GET"]],
];

describe("never looser than llhttp", () => {
  test("on the smuggling corpus", () => {
    for (const { name, wire } of smugglingCorpus()) {
      try {
        compareRequests(wireBytes(wire));
      } catch (error) {
        throw new Error(name, { cause: error });
      }
    }
  });

  test("on requests that were edited at random", () => {
    fc.assert(
      fc.property(fc.constantFrom(...requests), fc.array(edit, { maxLength: 3 }), (wire, edits) =>
        compareRequests(edited(wire, edits)),
      ),
      { numRuns: 4000 },
    );
  });

  test("on responses that were edited at random", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...responses),
        fc.array(edit, { maxLength: 3 }),
        ([wire, methods], edits) => compareResponses(edited(wire, edits), methods),
      ),
      { numRuns: 4000 },
    );
  });

  test("on every single byte in every place of a chunked request", () => {
    const wire = wireBytes(requests[3] ?? "");
    for (let at = 0; at < wire.length; at++) {
      for (let byte = 0; byte < 256; byte++) {
        const changed = wire.slice();
        changed[at] = byte;
        compareRequests(changed);
      }
    }
  });

  test("on every single byte in every place of a response", () => {
    const [wire, methods] = responses[1] ?? ["", []];
    const bytes = wireBytes(wire);
    for (let at = 0; at < bytes.length; at++) {
      for (let byte = 0; byte < 256; byte++) {
        const changed = bytes.slice();
        changed[at] = byte;
        compareResponses(changed, methods);
      }
    }
  });
});
