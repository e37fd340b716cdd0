import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { FilterContext } from "./filter.ts";
import { linkTemplate, parseTemplate, staticText } from "./template.ts";

const context = {
  clientIp: "192.0.2.7",
  requestId: "id-1",
  route: "shop",
  request: {
    method: "GET",
    scheme: "https",
    authority: "example.com:8443",
    path: "/a%2Fb",
    query: "x=1",
    params: { id: "42" },
  },
} as unknown as FilterContext;

function render(written: string, over: Partial<FilterContext["request"]> = {}): string {
  const parsed = parseTemplate(written);
  assert.ok(parsed.ok, parsed.ok ? "" : parsed.message);
  const request = { ...context.request, ...over };
  return linkTemplate(parsed.value)({ ...context, request });
}

function refusal(written: string): string {
  const parsed = parseTemplate(written);
  assert.ok(!parsed.ok, `${written} was taken`);
  return `${parsed.message}; ${parsed.hint}`;
}

describe("a template", () => {
  test("is filled with what the exchange is", () => {
    assert.equal(
      render("{client_ip} {method} {scheme} {path} {query} {request_id} {route} {params.id}"),
      "192.0.2.7 GET https /a%2Fb x=1 id-1 shop 42",
    );
  });

  test("has the host without its port", () => {
    assert.equal(render("{host}"), "example.com");
    assert.equal(render("{host}", { authority: "example.com" }), "example.com");
    assert.equal(render("{host}", { authority: "[::1]:8080" }), "[::1]");
    assert.equal(render("{host}", { authority: "[::1]" }), "[::1]");
    assert.equal(render("{host}", { authority: "" }), "");
  });

  test("has a path that begins with a slash, whatever was asked for", () => {
    assert.equal(render("{path}", { path: "*" }), "/");
  });

  test("is filled once: what a placeholder brings is not read again", () => {
    assert.equal(render("{query}", { query: "{client_ip}{{" }), "{client_ip}{{");
  });

  test("gives nothing for a parameter that the match has not", () => {
    assert.equal(render("<{params.other}>"), "<>");
  });

  test("does not reach what every object has", () => {
    assert.equal(render("<{params.constructor}{params.toString}{params.__proto__}>"), "<>");
  });

  test("writes a brace for two, and leaves closing ones alone", () => {
    assert.equal(render('{{"a":{{"b":1}}'), '{"a":{"b":1}}');
    assert.equal(render("a}b"), "a}b");
  });

  test("without placeholders is known to be constant", () => {
    const parsed = parseTemplate("a{{b");
    assert.ok(parsed.ok);
    assert.equal(staticText(parsed.value), "a{b");
    const other = parseTemplate("{path}");
    assert.equal(other.ok && staticText(other.value), undefined);
  });

  test("is refused with a suggestion when a placeholder is misspelt", () => {
    assert.match(
      refusal("{clientIp}"),
      /no placeholder `\{clientIp\}`; did you mean `\{client_ip\}`/,
    );
    assert.match(refusal("{request-id}"), /did you mean `\{request_id\}`/);
    assert.match(refusal("{id}"), /`\{params\.id\}`/);
  });

  test("is refused when a brace opens nothing", () => {
    assert.match(refusal('{"a":1}'), /write `\{\{` for a brace/);
    assert.match(refusal("a{"), /does not close it/);
    assert.match(refusal("{}"), /no placeholder/);
    assert.match(refusal("{params.}"), /no placeholder/);
  });

  test("of any text whose braces are doubled is that text", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        assert.equal(render(text.replaceAll("{", "{{")), text);
      }),
      { numRuns: 200 },
    );
  });

  test("never fails other than by saying so", () => {
    const pieces = fc.constantFrom("{", "}", "{{", "path", "params.id", "{path}", "x", ".");
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 8 }), (list) => {
        const parsed = parseTemplate(list.join(""));
        if (parsed.ok) assert.equal(typeof linkTemplate(parsed.value)(context), "string");
      }),
      { numRuns: 300 },
    );
  });
});
