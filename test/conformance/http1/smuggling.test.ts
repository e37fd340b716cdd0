import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ByteWriter } from "#core/bytes/writer.ts";
import { latin1 } from "#core/http/header-list.ts";
import { DATA, END, FAULT, HEAD, NEED_MORE } from "#protocol/http1/events.ts";
import { everyByte, readRequests, wireBytes } from "#protocol/http1/feed.fixture.ts";
import { RequestParser } from "#protocol/http1/request-parser.ts";
import { chunkHead, writeLastChunk, writeRequestHead } from "#protocol/http1/serializer.ts";
import { llhttpMethods, llhttpRequests } from "./llhttp.ts";
import { smugglingCorpus, type SmugglingCase } from "./smuggling-corpus.ts";

const corpus = smugglingCorpus();

/** What a backend would get of the first request: written anew, never passed raw. */
function forwarded(wire: string): string {
  const parser = new RequestParser();
  const writer = new ByteWriter();
  const bytes = wireBytes(wire);
  let position = 0;
  let chunked = false;
  for (;;) {
    const event = parser.next(bytes, position, bytes.length);
    position = parser.position;
    if (event === HEAD) {
      const { head } = parser;
      const framing = head.framing === "close" ? "none" : head.framing;
      chunked = framing === "chunked";
      const host = head.authority === "" ? "a" : head.authority;
      const { target, contentLength } = head;
      writeRequestHead(writer, head, target, host, framing, contentLength, "keep-alive", false);
    } else if (event === DATA) {
      if (chunked) chunkHead(writer, parser.dataEnd - parser.dataStart);
      writer.copy(bytes, parser.dataStart, parser.dataEnd);
      if (chunked) writer.crlf();
    } else {
      if (event === END && chunked) writeLastChunk(writer, parser.trailers);
      assert(event === END || event === FAULT || event === NEED_MORE);
      return latin1(writer.bytes, 0, writer.length);
    }
  }
}

test("the corpus is large, and its names are unique", () => {
  assert(corpus.length >= 800, `${corpus.length} cases`);
  assert.equal(new Set(corpus.map(({ name }) => name)).size, corpus.length);
  assert(corpus.filter(({ verdict }) => verdict === "refuse").length >= 700);
  assert(corpus.filter(({ verdict }) => verdict === "forward").length >= 50);
});

/** One test a group: a thousand test names would bury what failed. */
function each(verdict: SmugglingCase["verdict"], check: (wire: string) => void): void {
  const failed: string[] = [];
  for (const { name, wire } of corpus.filter((one) => one.verdict === verdict)) {
    try {
      check(wire);
    } catch (error) {
      failed.push(`${name}\n    ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  assert.equal(failed.length, 0, `${failed.length} cases:\n${failed.slice(0, 20).join("\n")}`);
}

describe("requests that servers could read in two ways", () => {
  test("never become a complete request where they must be refused", () => {
    each("refuse", (wire) => {
      const { requests, fault } = readRequests(wire);
      assert.notEqual(fault, null, "no fault");
      assert(!requests.some(({ complete }) => complete), "a complete request");
    });
  });

  test("never let the request behind them through either", () => {
    each("refuse", (wire) => {
      const { requests } = readRequests(wire);
      assert(!requests.some(({ target }) => target === "/smuggled"));
    });
  });

  test("leave nothing that a backend would take for a complete request", () => {
    each("refuse", (wire) => {
      const { messages } = llhttpRequests(forwarded(wire));
      assert(!messages.some(({ complete }) => complete));
    });
  });

  test("are the same however they are split", () => {
    for (const { name, wire } of corpus) {
      assert.deepEqual(readRequests(wire, everyByte(wire)), readRequests(wire), name);
    }
  });
});

describe("requests that are only odd", () => {
  test("are taken", () => {
    each("forward", (wire) => {
      const { requests, detail } = readRequests(wire);
      assert(requests[0]?.complete, detail);
    });
  });

  test("are one request, with the same body, to a backend", () => {
    each("forward", (wire) => {
      const [ours] = readRequests(wire).requests;
      assert(ours !== undefined && llhttpMethods.has(ours.method));
      const { messages, error } = llhttpRequests(forwarded(wire));
      assert.equal(error, null);
      assert.equal(messages.length, 1);
      assert(messages[0]?.complete);
      assert.equal(messages[0].body, ours.body);
      assert.equal(messages[0].url, ours.target);
    });
  });
});
