import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type FakeRequest, readOptions, startExchange } from "../../../test/harness/filter.ts";

function redirect(options: unknown, request: FakeRequest = {}): { status: number; to: string } {
  const { status, headers } = startExchange([{ redirect: options }], request).answer();
  assert.deepEqual(Object.keys(headers ?? {}), ["Location"]);
  return { status, to: String(headers?.["Location"]) };
}

function refused(options: unknown, words: RegExp): void {
  assert.throws(() => readOptions("redirect", options), words);
}

describe("redirect", () => {
  test("sends the client elsewhere, for now unless told otherwise", () => {
    assert.deepEqual(redirect("https://example.com/new"), {
      status: 302,
      to: "https://example.com/new",
    });
    for (const status of [301, 302, 303, 307, 308]) {
      assert.deepEqual(redirect({ to: "/new", status }), { status, to: "/new" });
    }
  });

  test("keeps the query unless told otherwise", () => {
    const request = { target: "/old?x=1&y=%2F" };
    assert.equal(redirect("/new", request).to, "/new?x=1&y=%2F");
    assert.equal(redirect("/new?z=0", request).to, "/new?z=0&x=1&y=%2F");
    assert.equal(redirect("/new#part", request).to, "/new?x=1&y=%2F#part");
    assert.equal(redirect({ to: "/new", keepQuery: false }, request).to, "/new");
    assert.equal(redirect("/new?from={path}&{query}", request).to, "/new?from=/old&x=1&y=%2F");
    assert.equal(redirect("/new", { target: "/old?" }).to, "/new");
  });

  test("leads to HTTPS on the same host", () => {
    const request = { target: "/a%2Fb?x", host: "shop.test:8080" };
    assert.equal(redirect("https://{host}{path}", request).to, "https://shop.test/a%2Fb?x");
    assert.equal(
      redirect("https://{host}:8443{path}", request).to,
      "https://shop.test:8443/a%2Fb?x",
    );
    assert.equal(redirect("https://www.{host}/", request).to, "https://www.shop.test/?x");
    assert.equal(redirect("{scheme}://{host}/", { host: "[::1]:80" }).to, "http://[::1]/");
  });

  test("takes parameters of the route", () => {
    const request = { target: "/users/7", params: { id: "7" } };
    assert.equal(
      redirect("https://example.com/people/{params.id}", request).to,
      "https://example.com/people/7",
    );
    assert.equal(redirect("{path}/", request).to, "/users/7/");
  });

  test("stays on its host, whatever the path begins with", () => {
    for (const target of ["//evil.test/x", "///evil.test/x", "/\\evil.test/x", "/\\/evil.test/x"]) {
      assert.equal(redirect("{path}", { target }).to, "/evil.test/x");
      const params = { rest: target.slice(1) };
      assert.equal(redirect("/{params.rest}", { target, params }).to, "/evil.test/x");
    }
  });

  test("to another host leads to that host for every request", () => {
    const hostile = fc.constantFrom(
      "/",
      "\\",
      "@",
      ":",
      ".",
      "evil.test",
      "%2f",
      "%0d%0a",
      "?",
      "a",
      "//",
    );
    const target = fc.array(hostile, { maxLength: 8 }).map((pieces) => `/${pieces.join("")}`);
    fc.assert(
      fc.property(target, (target) => {
        for (const to of ["https://example.com{path}", "https://example.com/{params.id}"]) {
          const location = redirect(to, { target, params: { id: target.slice(1) } }).to;
          assert.equal(new URL(location).host, "example.com", location);
          assert.match(location, /^[!-~]+$/);
        }
        for (const to of ["{path}", "/{params.id}", "/x{path}"]) {
          const location = redirect(to, { target, params: { id: target.slice(1) } }).to;
          assert.equal(new URL(location, "http://here.test").host, "here.test", location);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("cannot be made to end a line, and writes URLs in ASCII", () => {
    assert.equal(
      redirect("/{params.id}", { params: { id: "a\r\nb ü\ud800" } }).to,
      "/a%0D%0Ab%20%C3%BC%EF%BF%BD",
    );
    assert.equal(redirect("/new", { target: '/?<a>"{b}|' }).to, "/new?%3Ca%3E%22%7Bb%7D%7C");
  });

  test("is refused where the request would decide to which host it leads", () => {
    for (const to of [
      "https://{params.host}/",
      "https://{query}",
      "https://example.com{params.x}",
      "https://example.com{query}/",
      "https://{client_ip}/",
      "https://{host}{params.x}",
      "https://example{params.x}.com/",
    ]) {
      refused(to, /decide to which host/);
    }
    refused("{params.to}", /neither a path nor/);
    refused("{query}", /neither a path nor/);
    refused("{host}/x", /neither a path nor/);
  });

  test("is refused when it is no path and no URL", () => {
    refused("//example.com/", /write `https:\/\/example\.com\/`/);
    refused("//{params.x}/", /without a scheme/);
    refused("example.com", /neither a path nor an http\(s\) URL/);
    refused("javascript:alert(1)", /neither a path nor/);
    refused("ftp://example.com/", /neither a path nor/);
    refused("https:///x", /is not a host/);
    refused("https://", /is not a host/);
    refused("https://user:pw@example.com/", /is not a host/);
    refused("https://user@{host}/", /is not a host/);
    refused("/\\example.com", /cannot stand in a URL/);
    refused("/a b", /percent-encode/);
    refused("/a\r\nSet-Cookie: x=y", /cannot stand in a URL/);
    refused("/ü", /percent-encode/);
    refused("", /neither a path nor/);
    refused("/x#{path}", /has to be fixed/);
    refused("/{pth}", /did you mean `\{path\}`/);
  });

  test("is refused with options that are none", () => {
    refused({ to: "/x", status: 304 }, /./);
    refused({ to: "/x", status: 200 }, /./);
    refused({ to: "/x", permanent: true }, /./);
    refused({ to: "/x?{query}", keepQuery: true }, /sent twice/);
    refused({}, /./);
    refused(5, /expected a path or a URL/);
  });
});
