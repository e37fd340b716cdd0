import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { everyByte, readRequests } from "#protocol/http1/feed.fixture.ts";
import { forwardedRequest } from "./forwarded.ts";
import { llhttpMethods, llhttpRequests } from "./llhttp.ts";
import { smugglingCorpus, type SmugglingCase } from "./smuggling-corpus.ts";

const corpus = smugglingCorpus();

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
      const { messages } = llhttpRequests(forwardedRequest(wire));
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
      const { messages, error } = llhttpRequests(forwardedRequest(wire));
      assert.equal(error, null);
      assert.equal(messages.length, 1);
      assert(messages[0]?.complete);
      assert.equal(messages[0].body, ours.body);
      assert.equal(messages[0].url, ours.target);
    });
  });
});
