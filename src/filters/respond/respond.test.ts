import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readOptions, startExchange } from "../../../test/harness/filter.ts";

interface Answer {
  readonly status: number;
  readonly headers: unknown;
  readonly body: string;
}

function respond(options: unknown): Answer {
  const { status, headers, body } = startExchange([{ respond: options }]).answer();
  assert.ok(body instanceof Uint8Array);
  return { status, headers, body: new TextDecoder().decode(body) };
}

function refused(options: unknown, words: RegExp): void {
  assert.throws(() => readOptions("respond", options), words);
}

describe("respond", () => {
  test("answers with text as UTF-8", () => {
    assert.deepEqual(respond({ body: "grüß dich" }), {
      status: 200,
      headers: { "Content-Type": ["text/plain; charset=utf-8"] },
      body: "grüß dich",
    });
  });

  test("answers with JSON", () => {
    assert.deepEqual(respond({ status: 503, json: { error: "closed", until: null } }), {
      status: 503,
      headers: { "Content-Type": ["application/json"] },
      body: '{"error":"closed","until":null}\n',
    });
    assert.equal(respond({ json: null }).body, "null\n");
    assert.equal(respond({ json: false }).body, "false\n");
  });

  test("answers with a status alone", () => {
    assert.deepEqual(respond(404), { status: 404, headers: {}, body: "" });
    assert.deepEqual(respond({ status: 204 }), { status: 204, headers: {}, body: "" });
    assert.deepEqual(respond({}), { status: 200, headers: {}, body: "" });
  });

  test("sends the fields it is given, as often as they are given", () => {
    const headers = { "Retry-After": "60", "Set-Cookie": ["a=1", "b=2"] };
    assert.deepEqual(respond({ status: 503, headers }).headers, {
      "Retry-After": ["60"],
      "Set-Cookie": ["a=1", "b=2"],
    });
  });

  test("takes the type of the body from either place", () => {
    const type = (options: object): unknown => respond({ body: "<p>", ...options }).headers;
    assert.deepEqual(type({ contentType: "text/html" }), { "Content-Type": ["text/html"] });
    assert.deepEqual(type({ headers: { "content-type": "text/html" } }), {
      "content-type": ["text/html"],
    });
    assert.deepEqual(respond({ json: 1, contentType: "application/problem+json" }).headers, {
      "Content-Type": ["application/problem+json"],
    });
    assert.deepEqual(respond({ contentType: "text/html" }).headers, {
      "Content-Type": ["text/html"],
    });
  });

  test("is not a template: braces are text", () => {
    assert.equal(respond({ body: "{host} {{x}}" }).body, "{host} {{x}}");
  });

  test("is refused when it contradicts itself", () => {
    refused({ body: "a", json: 1 }, /both `body` and `json`/);
    refused({ status: 204, body: "a" }, /status 204 has no body/);
    refused({ status: 304, json: 1 }, /status 304 has no body/);
    refused({ status: 205, body: "a" }, /status 205 has no body/);
    refused(
      { body: "a", contentType: "a/b", headers: { "Content-Type": "a/c" } },
      /`Content-Type` as well/,
    );
  });

  test("is refused with a status that no final answer has", () => {
    for (const status of [100, 101, 199, 600, 0, 200.5]) {
      refused({ status }, /./);
      refused(status, /./);
    }
  });

  test("cannot be made to send a field of the framing, or a line break", () => {
    refused({ headers: { "Content-Length": "5" } }, /`Content-Length`/);
    refused({ headers: { "transfer-encoding": "chunked" } }, /`transfer-encoding`/);
    refused({ headers: { Connection: "close" } }, /`Connection`/);
    refused({ headers: { "X-A": "a\r\nX-B: b" } }, /line breaks/);
    refused({ contentType: "a/b\r\nX-B: b" }, /line breaks/);
    refused({ headers: { "X A": "a" } }, /is not a header name/);
  });
});
