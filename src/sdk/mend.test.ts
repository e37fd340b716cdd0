import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { HeaderList } from "#core/http/header-list.ts";
import type { FilterContext } from "./filter.ts";
import { mendResponse } from "./mend.ts";

/** What becomes of a field of an answer; the prefix `/api` was taken off, and the backend was asked as `app.internal:8080`. */
function mended(name: string, ...values: string[]): string[] {
  const headers = new HeaderList();
  for (const value of values) headers.append(name, value);
  const request = { scheme: "https", authority: "example.com", host: "app.internal:8080" };
  const context = { request, response: { headers } } as unknown as FilterContext;
  mendResponse(context, (path) => (path.startsWith("/api/") ? path : `/api${path}`));
  return headers.getAll(name);
}

describe("an answer behind another path", () => {
  const table: [field: string, before: string, after: string][] = [
    ["Location", "/login?to=/x#/y", "/api/login?to=/x#/y"],
    ["Location", "/", "/api/"],
    ["Location", "/api/login", "/api/login"],
    ["Location", "login", "login"],
    ["Location", "?page=2", "?page=2"],
    ["Location", "", ""],
    ["Location", "http://example.com/a", "http://example.com/api/a"],
    ["Location", "https://EXAMPLE.com", "https://EXAMPLE.com/api/"],
    ["Location", "//example.com/a", "//example.com/api/a"],
    ["Location", "http://app.internal:8080/a?b", "https://example.com/api/a?b"],
    ["Location", "//app.internal:8080/a", "https://example.com/api/a"],
    ["Location", "https://other.test/a", "https://other.test/a"],
    ["Location", "//other.test/a", "//other.test/a"],
    ["Location", "https://example.com.evil.test/a", "https://example.com.evil.test/a"],
    ["Location", "https://example.com@evil.test/a", "https://example.com@evil.test/a"],
    ["Location", "https:///a", "https:///a"],
    ["Location", "mailto:a@example.com", "mailto:a@example.com"],
    ["Content-Location", "/a.html", "/api/a.html"],
    ["Refresh", "5; url=/next", "5; url=/api/next"],
    ["Refresh", "0;URL='/next'", "0;URL='/api/next'"],
    ["Refresh", "5", "5"],
    [
      "Link",
      '</a>; rel=next, <b>; title="</c>", <https://other.test/d>; rel=x',
      '</api/a>; rel=next, <b>; title="</c>", <https://other.test/d>; rel=x',
    ],
    ["Set-Cookie", "a=/b; Path=/; HttpOnly", "a=/b; Path=/api; HttpOnly"],
    ["Set-Cookie", "a=1;path=/x", "a=1; Path=/api/x"],
    ["Set-Cookie", "path=/x; Secure", "path=/x; Secure"],
    ["Set-Cookie", "a=1; Domain=.App.Internal; Secure", "a=1; Secure"],
    ["Set-Cookie", "a=1; Domain=example.com", "a=1; Domain=example.com"],
    ["X-Other", "/a", "/a"],
  ];
  for (const [field, before, after] of table) {
    test(`${field}: ${before} → ${after}`, () => assert.deepEqual(mended(field, before), [after]));
  }

  test("keeps each of several fields of a name", () => {
    assert.deepEqual(mended("Set-Cookie", "a=1; Path=/x", "b=2", "c=3; Path=/"), [
      "a=1; Path=/api/x",
      "b=2",
      "c=3; Path=/api",
    ]);
  });
});
