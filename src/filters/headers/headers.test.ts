import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Fields, readOptions, startExchange } from "../../../test/harness/filter.ts";

/** The fields that the backend gets. */
function requestFields(edits: unknown, headers: Fields, over: object = {}): [string, string][] {
  const exchange = startExchange([{ requestHeaders: edits }], { headers, ...over }).pass();
  return [...exchange.request.headers];
}

function refused(name: "requestHeaders" | "responseHeaders", edits: unknown, words: RegExp): void {
  assert.throws(() => readOptions(name, edits), words);
}

describe("requestHeaders", () => {
  test("sets, adds and removes, and leaves the others as they are", () => {
    const edits = {
      set: { "X-Team": "blue" },
      add: { "X-Tag": ["a", "b"] },
      remove: ["Cookie", "X-Debug"],
    };
    const fields = requestFields(edits, [
      ["Accept", "*/*"],
      ["Cookie", "a=b"],
      ["x-team", "red"],
      ["x-tag", "z"],
      ["X-Team", "green"],
    ]);
    assert.deepEqual(fields, [
      ["Accept", "*/*"],
      ["x-tag", "z"],
      ["X-Team", "blue"],
      ["X-Tag", "a"],
      ["X-Tag", "b"],
    ]);
  });

  test("replaces what a CGI or WSGI backend would take for the field", () => {
    const client: Fields = [
      ["X_User_Id", "mallory"],
      ["x-user_id", "mallory"],
      ["X-USER-ID", "mallory"],
    ];
    assert.deepEqual(requestFields({ set: { "X-User-Id": "anna" } }, client), [
      ["X-User-Id", "anna"],
    ]);
    assert.deepEqual(requestFields({ remove: "X-User-Id" }, client), []);
    assert.deepEqual(requestFields({ remove: "x_user_id" }, client), []);
    assert.deepEqual(requestFields({ set: { X_User_Id: "anna" } }, client), [
      ["X_User_Id", "anna"],
    ]);
  });

  test("fills placeholders in", () => {
    const edits = {
      set: {
        "X-Who": "{client_ip} asked {host} for {method} {path} ({params.id}, {scheme}, {route})",
      },
    };
    const request = { target: "/users/7?q=1", params: { id: "7" }, host: "shop.test:8080" };
    assert.deepEqual(requestFields(edits, [], request), [
      ["X-Who", "192.0.2.7 asked shop.test for GET /users/7 (7, http, shop)"],
    ]);
  });

  test("sends no field whose value comes out empty, but still deletes the client's", () => {
    const edits = { set: { "X-Id": "{params.id}" }, add: { "X-Query": "{query}" } };
    assert.deepEqual(requestFields(edits, [["X-Id", "7"]]), []);
  });

  test("cannot be made to end a line by what the client sends", () => {
    const edits = { set: { "X-Path": "{path}", "X-Query": "{query}", "X-Id": "{params.id}" } };
    const target = "/a%0d%0aX-Admin:%201?b=%0d%0aX-Admin:%201";
    const fields = requestFields(edits, [], { target, params: { id: "%0D%0AX-Admin:1" } });
    assert.deepEqual(fields, [
      ["X-Path", "/a%0D%0AX-Admin:%201"],
      ["X-Query", "b=%0d%0aX-Admin:%201"],
      ["X-Id", "%0D%0AX-Admin:1"],
    ]);
  });

  test("would rather fail the exchange than send a line break", () => {
    const exchange = startExchange([{ requestHeaders: { set: { "X-Id": "a{params.id}b" } } }], {
      params: { id: "\r\nX-Admin: 1" },
    });
    assert.equal(exchange.requestHead().kind, "failed");
    assert.equal(exchange.request.headers.has("x-admin"), false);
  });

  test("refuses fields that are the proxy's, under every spelling", () => {
    const names = [
      "Connection",
      "keep-alive",
      "Content-Length",
      "content_length",
      "Transfer-Encoding",
      "TE",
      "Upgrade",
      "Proxy-Authorization",
      "Trailer",
      "Expect",
      "Via",
      "X-Request-Id",
      "X-Forwarded-For",
      "x_forwarded_for",
      "Forwarded",
    ];
    for (const name of names) {
      refused("requestHeaders", { set: { [name]: "1" } }, new RegExp(`\`${name}\``));
      refused("requestHeaders", { add: { [name]: "1" } }, new RegExp(`\`${name}\``));
      refused("requestHeaders", { remove: name }, new RegExp(`\`${name}\``));
    }
    refused("requestHeaders", { set: { Host: "a" } }, /use `host:` of the route/);
    refused("requestHeaders", { set: { "X-Forwarded-For": "a" } }, /`trustedProxies:`/);
  });

  test("refuses names and values that are none", () => {
    refused("requestHeaders", { set: { "X Team": "1" } }, /is not a header name/);
    refused("requestHeaders", { set: { "X-Team:": "1" } }, /without a colon/);
    refused("requestHeaders", { set: { "": "1" } }, /is not a header name/);
    refused("requestHeaders", { set: { "X-Team": "a\r\nX-Admin: 1" } }, /line breaks/);
    refused("requestHeaders", { set: { "X-Team": "a\u0000" } }, /control characters/);
    refused("requestHeaders", { set: { "X-Team": 1 } }, /header value in quotes/);
    refused("requestHeaders", { set: { "X-Team": "{clientIp}" } }, /did you mean `\{client_ip\}`/);
  });

  test("refuses a step that changes nothing, and one that contradicts itself", () => {
    refused("requestHeaders", {}, /changes nothing/);
    refused("requestHeaders", { set: {} }, /changes nothing/);
    refused("requestHeaders", { set: { "X-A": "1", "x-a": "2" } }, /stands in `set` as well/);
    refused("requestHeaders", { set: { "X-A": "1" }, remove: "x_a" }, /stands in `remove` as well/);
  });
});

describe("responseHeaders", () => {
  test("sets, adds and removes on what the client gets", () => {
    const edits = {
      set: { "X-Request": "{request_id}", "Cache-Control": "no-store" },
      add: { "Set-Cookie": "b=2" },
      remove: ["Server", "X-Powered-By"],
    };
    const head = startExchange([{ responseHeaders: edits }])
      .pass()
      .respond(200, [
        ["server", "php"],
        ["x-powered-by", "php"],
        ["Set-Cookie", "a=1"],
        ["cache-control", "public"],
      ]);
    assert.deepEqual(
      [...head.headers],
      [
        ["Set-Cookie", "a=1"],
        ["X-Request", "id-1"],
        ["Cache-Control", "no-store"],
        ["Set-Cookie", "b=2"],
      ],
    );
  });

  test("may name fields that only the request side keeps to itself", () => {
    readOptions("responseHeaders", {
      remove: ["Via"],
      set: { Location: "/", "X-Request-Id": "1" },
    });
  });

  test("refuses fields of the connection and of the framing", () => {
    for (const name of [
      "Connection",
      "Content-Length",
      "transfer_encoding",
      "Upgrade",
      "Keep-Alive",
    ]) {
      refused("responseHeaders", { set: { [name]: "1" } }, new RegExp(`\`${name}\``));
      refused("responseHeaders", { remove: name }, new RegExp(`\`${name}\``));
    }
  });

  test("of several filters the first has the last word, as it stands nearest to the client", () => {
    const head = startExchange([
      { responseHeaders: { set: { "X-Order": "outer" } } },
      { responseHeaders: { set: { "X-Order": "inner" } } },
    ])
      .pass()
      .respond(200, []);
    assert.deepEqual(head.headers.getAll("x-order"), ["outer"]);
  });
});
