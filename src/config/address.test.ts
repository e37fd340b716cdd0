import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEndpoint, parseHost, parseListenAddress } from "./address.ts";

test("address: every form of a listen address", () => {
  const cases: [string, unknown, string][] = [
    [":8080", { kind: "tcp", host: "", port: 8080 }, ":8080"],
    ["8080", { kind: "tcp", host: "", port: 8080 }, ":8080"],
    ["*:8080", { kind: "tcp", host: "", port: 8080 }, ":8080"],
    ["127.0.0.1:0", { kind: "tcp", host: "127.0.0.1", port: 0 }, "127.0.0.1:0"],
    ["[::1]:8080", { kind: "tcp", host: "::1", port: 8080 }, "[::1]:8080"],
    ["[0:0::1]:8080", { kind: "tcp", host: "::1", port: 8080 }, "[::1]:8080"],
    ["LocalHost:80", { kind: "tcp", host: "localhost", port: 80 }, "localhost:80"],
    ["unix:/run/s.sock", { kind: "unix", path: "/run/s.sock" }, "unix:/run/s.sock"],
  ];
  for (const [written, address, text] of cases) {
    assert.deepEqual(parseListenAddress(written), { ok: true, value: { address, text } }, written);
  }
});

test("address: a listen address that is none says how one looks", () => {
  const cases: [string, RegExp][] = [
    ["localhost", /no port.*:8080/s],
    ["http://:8080", /no scheme.*write `:8080`/s],
    ["https://:443", /no scheme.*address: ":443", tls: local/s],
    ["::1", /in brackets/],
    [":99999", /not a port/],
    [":http", /not a port/],
    ["exa mple:80", /neither a host name/],
    ["10.0.0.256:80", /neither a host name/],
    ["unix:", /no socket/],
    ["unix:///run/s", /write `unix:\/run\/s`/],
    [`unix:/${"x".repeat(120)}`, /at most 103 bytes/],
  ];
  for (const [written, words] of cases) assert.match(problem(parseListenAddress(written)), words);
});

test("address: every form of an endpoint", () => {
  const cases: [string, string, string][] = [
    ["http://localhost:3000", "http://localhost:3000", "localhost:3000"],
    ["http://localhost:3000/", "http://localhost:3000", "localhost:3000"],
    ["https://App.Internal", "https://app.internal:443", "app.internal"],
    ["https://[::1]:8443/", "https://[::1]:8443", "[::1]:8443"],
    ["HTTP://App.Internal", "http://app.internal:80", "app.internal"],
    ["localhost:3000", "http://localhost:3000", "localhost:3000"],
    [":3000", "http://localhost:3000", "localhost:3000"],
    ["3000", "http://localhost:3000", "localhost:3000"],
    ["http://[::1]:3000", "http://[::1]:3000", "[::1]:3000"],
    ["my_service:80", "http://my_service:80", "my_service"],
    ["unix:/run/app.sock", "unix:/run/app.sock", "localhost"],
  ];
  for (const [written, url, authority] of cases) {
    const parsed = parseEndpoint(written);
    assert.ok(parsed.ok, written);
    assert.deepEqual([parsed.value.url, parsed.value.authority], [url, authority]);
  }
});

test("address: an endpoint that cannot be used says what to write", () => {
  const cases: [string, RegExp][] = [
    ["wss://localhost:3000", /write `https:\/\/localhost:3000`/],
    ["h2c://localhost:3000", /HTTP\/2 to backends is not part of this version yet/],
    ["ws://localhost:3000", /write `http:\/\/localhost:3000`/],
    ["ftp://x", /not a scheme/],
    ["http://localhost:3000/base/", /write `http:\/\/localhost:3000`, and `addPrefix: \/base`/],
    ["http://localhost:3000?x=1", /address only/],
    ["http://user:pw@localhost", /user name/],
    ["localhost", /no port.*`http:\/\/localhost`/s],
    ["http://:3000", /no host/],
    [":0", /port 0/],
    ["", /no port|not an address|neither/],
  ];
  for (const [written, words] of cases) assert.match(problem(parseEndpoint(written)), words);
});

test("address: hosts are compared in lower-case ASCII without a final dot", () => {
  assert.equal(parseHost("Example.COM."), "example.com");
  assert.equal(parseHost("bücher.example"), "xn--bcher-kva.example");
  assert.equal(parseHost("[2001:DB8::0:1]"), "2001:db8::1");
  for (const wrong of [
    "",
    ".",
    "a..b",
    "-a.b",
    "a b",
    "[::1",
    "[1.2.3.4]",
    "1.2.3",
    "x".repeat(64),
  ]) {
    assert.equal(parseHost(wrong), undefined, wrong);
  }
});

function problem(
  parsed: ReturnType<typeof parseEndpoint> | ReturnType<typeof parseListenAddress>,
): string {
  assert.ok(!parsed.ok);
  return `${parsed.message}\n${parsed.hint ?? ""}`;
}
