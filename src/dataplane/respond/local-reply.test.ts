import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { FAILURES } from "#core/errors.ts";
import { FAILURE_CODES } from "#core/errors.ts";
import { HeaderList } from "#core/http/header-list.ts";
import { failureReply, filterReply, type LocalReply } from "./local-reply.ts";

const WALL = Date.UTC(2024, 0, 2, 3, 4, 5);

function page(accept: string | null, code: keyof typeof FAILURES = "no_route"): LocalReply {
  const headers = new HeaderList();
  if (accept !== null) headers.append("Accept", accept);
  return failureReply({ code, requestId: "id-1", headers, wall: WALL, instance: "sluice-1a2b" });
}

const text = (reply: LocalReply): string => new TextDecoder().decode(reply.body);

describe("the page for a failure", () => {
  it("is in the form that the client prefers among those that it names", () => {
    const typeFor = (accept: string | null): string | undefined =>
      page(accept).head.headers.get("content-type")?.split(";")[0];
    assert.equal(typeFor(null), "text/plain");
    assert.equal(typeFor("*/*"), "text/plain");
    assert.equal(typeFor("application/json, text/plain, */*"), "application/json");
    assert.equal(
      typeFor("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
      "text/html",
    );
    assert.equal(typeFor("text/html, application/json;q=0.9"), "text/html");
    assert.equal(typeFor("text/html;q=0.5, application/json; q=0.9"), "application/json");
    assert.equal(typeFor("Application/JSON"), "application/json");
    assert.equal(typeFor("application/json;q=0"), "text/plain");
    assert.equal(typeFor("application/json;q=nonsense"), "text/plain");
    assert.equal(typeFor("application/jsonp"), "text/plain");
    assert.equal(typeFor(",;q=,=;,"), "text/plain");
  });

  it("of every code has a length, a date, a Proxy-Status that parses, and no markup but its own", () => {
    for (const code of FAILURE_CODES) {
      for (const accept of ["application/json", "text/html", "text/plain"]) {
        const reply = page(accept, code);
        const { headers } = reply.head;
        assert.equal(reply.head.contentLength, reply.body.length);
        assert.equal(headers.get("date"), "Tue, 02 Jan 2024 03:04:05 GMT");
        // RFC 8941: a token, then parameters whose values are a token and a string.
        assert.match(
          headers.get("proxy-status") ?? "",
          /^[A-Za-z*][\w!#$%&'*+.^`|~:/-]*; error=[a-z][a-z0-9_]*; details="[a-z_]+"$/,
        );
        assert.ok(reply.head.status >= 400 && reply.head.status <= 599);
        assert.ok(reply.head.reason !== "", `${reply.head.status} has a reason`);
        assert.ok(text(reply).includes(code) && text(reply).includes("id-1"));
        if (accept === "application/json") JSON.parse(text(reply));
        if (accept === "text/html") {
          assert.ok(
            !/<(?!\/?(?:html|head|meta|title|style|body|h1|p|small|code|!doctype)\b)/.test(
              text(reply).replace("<!doctype", ""),
            ),
          );
        }
      }
    }
  });
});

describe("the answer of a filter", () => {
  it("keeps the filter's fields in order, but for those that frame it", () => {
    const { head, body } = filterReply(
      {
        status: 200,
        headers: {
          "Set-Cookie": ["a=1", "b=2"],
          "Content-Length": "999",
          "Transfer-Encoding": "chunked",
          Date: "Mon, 01 Jan 2024 00:00:00 GMT",
        },
        body: "é",
      },
      WALL,
    );
    assert.deepEqual(
      [...head.headers],
      [
        ["Set-Cookie", "a=1"],
        ["Set-Cookie", "b=2"],
        ["Date", "Mon, 01 Jan 2024 00:00:00 GMT"],
        ["Content-Type", "text/plain; charset=utf-8"],
      ],
    );
    assert.equal(head.contentLength, 2);
    assert.deepEqual([...body], [0xc3, 0xa9]);
  });

  it("is not made of what cannot be sent", () => {
    for (const status of [0, 100, 101, 199, 600, 200.5, NaN, Infinity]) {
      assert.throws(() => filterReply({ status }, WALL), TypeError);
    }
    for (const value of ["a\r\nb: c", "a\nb", "a\0b", " a", "a "]) {
      assert.throws(() => filterReply({ status: 200, headers: { x: value } }, WALL), TypeError);
    }
    for (const name of ["", "a b", "a:", "a\r\n", "é"]) {
      assert.throws(() => filterReply({ status: 200, headers: { [name]: "x" } }, WALL), TypeError);
    }
  });
});
