import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Fields, readOptions, startExchange } from "../../../test/harness/filter.ts";

function fieldsOf(options: unknown, own: Fields = [], scheme = "https"): Record<string, string> {
  const exchange = startExchange([{ securityHeaders: options }], { scheme }).pass();
  const { headers } = exchange.respond(200, own);
  return Object.fromEntries([...headers].map(([name, value]) => [name.toLowerCase(), value]));
}

describe("securityHeaders", () => {
  test("adds what is safe for nearly every site", () => {
    assert.deepEqual(fieldsOf({}), {
      "x-content-type-options": "nosniff",
      "x-frame-options": "SAMEORIGIN",
      "referrer-policy": "strict-origin-when-cross-origin",
      "strict-transport-security": "max-age=31536000",
    });
  });

  test("speaks of https only over TLS", () => {
    assert.equal(fieldsOf({}, [], "http")["strict-transport-security"], undefined);
  });

  test("leaves what the application says, in whatever case, and takes the place of the proxy's own", () => {
    const own: Fields = [
      ["x-frame-options", "DENY"],
      ["STRICT-TRANSPORT-SECURITY", "max-age=0"],
    ];
    const fields = fieldsOf({}, own);
    assert.equal(fields["x-frame-options"], "DENY");
    assert.equal(fields["strict-transport-security"], "max-age=0");
    const ofTheProxy: Fields = [["Strict-Transport-Security", "max-age=15768000"]];
    assert.equal(fieldsOf({}, ofTheProxy)["strict-transport-security"], "max-age=31536000");
    assert.equal(
      fieldsOf({ hsts: "off" }, ofTheProxy)["strict-transport-security"],
      "max-age=15768000",
    );
  });

  test("replaces it when it is told to, however often it is there", () => {
    const own: Fields = [
      ["X-Frame-Options", "DENY"],
      ["x-frame-options", "ALLOWALL"],
      ["Strict-Transport-Security", "max-age=0"],
    ];
    const exchange = startExchange([{ securityHeaders: { override: true } }], { scheme: "https" });
    const { headers } = exchange.pass().respond(200, own);
    assert.deepEqual(headers.getAll("x-frame-options"), ["SAMEORIGIN"]);
    assert.deepEqual(headers.getAll("strict-transport-security"), ["max-age=31536000"]);
  });

  test("writes policies from lists, with the quotes that keywords need", () => {
    const fields = fieldsOf({
      csp: {
        "default-src": "self",
        "img-src": ["self", "data:", "https://img.example.com"],
        "script-src": ["nonce-abc", "strict-dynamic"],
        "upgrade-insecure-requests": [],
      },
      permissions: { camera: [], geolocation: ["self", "https://a.example"], fullscreen: "*" },
    });
    assert.equal(
      fields["content-security-policy"],
      "default-src 'self'; img-src 'self' data: https://img.example.com; script-src 'nonce-abc' 'strict-dynamic'; upgrade-insecure-requests",
    );
    assert.equal(
      fields["permissions-policy"],
      'camera=(), geolocation=(self "https://a.example"), fullscreen=*',
    );
  });

  test("takes a whole policy, and one that is only reported", () => {
    const fields = fieldsOf({ csp: "default-src 'none'", cspReportOnly: true });
    assert.equal(fields["content-security-policy-report-only"], "default-src 'none'");
    assert.equal(fields["content-security-policy"], undefined);
  });

  test("leaves out what is off", () => {
    assert.deepEqual(
      fieldsOf({ hsts: "off", contentType: "off", frame: "off", referrer: "off" }),
      {},
    );
  });

  test("only observes when it is told so", () => {
    const exchange = startExchange([{ securityHeaders: { mode: "observe" } }]).pass();
    assert.equal(exchange.respond(200).headers.size, 0);
    assert.equal(
      exchange.actions[0]?.detail,
      "x-content-type-options, x-frame-options, referrer-policy",
    );
  });

  test("is refused where a value would break out of its field, or promise what does not hold", () => {
    const refused = (options: unknown, words: RegExp): void =>
      assert.throws(() => readOptions("securityHeaders", options), words);
    refused({ csp: { "default-src": "self; script-src *" } }, /end a directive/);
    refused({ csp: "a\r\nX-B: c" }, /line breaks/);
    refused({ permissions: { "Camera;": [] } }, /name of a directive/);
    refused({ hsts: { preload: true } }, /take no such host/);
    refused({ hsts: { preload: true, includeSubdomains: true, maxAge: "30d" } }, /no such host/);
    refused({ frame: "allow" }, /./);
  });
});
