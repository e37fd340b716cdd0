import assert from "node:assert/strict";
import { isIPv4 } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { Authority, parseAuthority, sameAuthority } from "./authority.ts";

function parsed(text: string): Authority {
  const authority = parseAuthority(text);
  assert.ok(authority !== null, text);
  return authority;
}

test("authority: hosts are lower-cased, ports are numbers, a trailing dot is noted", () => {
  const cases: [string, string, number, boolean][] = [
    ["example.com", "example.com", 0, false],
    ["Example.COM:8080", "example.com", 8080, false],
    ["example.com:", "example.com", 0, false],
    ["example.com.", "example.com", 0, true],
    ["EXAMPLE.com.:443", "example.com", 443, true],
    ["localhost", "localhost", 0, false],
    ["a:1", "a", 1, false],
    ["a:00080", "a", 80, false],
    ["a:65535", "a", 65535, false],
    ["my_service:80", "my_service", 80, false],
    ["x~!$&'()*+;=y", "x~!$&'()*+;=y", 0, false],
    ["127.0.0.1", "127.0.0.1", 0, false],
    ["127.0.0.1:80", "127.0.0.1", 80, false],
    ["1.2.3.4.example", "1.2.3.4.example", 0, false],
    ["1a", "1a", 0, false],
    ["a.0xg", "a.0xg", 0, false],
    ["[::1]", "[::1]", 0, false],
    ["[::1]:8080", "[::1]", 8080, false],
    ["[::1]:", "[::1]", 0, false],
    ["[2001:DB8:0:0:0:0:0:1]", "[2001:db8::1]", 0, false],
    ["[::FFFF:1.2.3.4]", "[::ffff:1.2.3.4]", 0, false],
  ];
  for (const [text, hostname, port, rooted] of cases) {
    assert.deepEqual(parsed(text), new Authority(hostname, port, rooted), text);
  }
});

test("authority: whatever the grammar does not have is refused", () => {
  const cases = [
    ["", ":", ":80", ".", "..", ".a", "a..b", "a..", ".:80"],
    ["user@host", "user:pass@host", "a@b", "a/b", "a?b", "a#b", "a\\b", "http://a"],
    ["a b", " a", "a ", "a\t", "a\0", "a\u007f", "a\u0080", "é", "a\u0130", "a,b", "a%20b", "%61"],
    ["a:0", "a:65536", "a:123456", "a:-1", "a:+1", "a: 1", "a:1 ", "a:x", "a:1:2", "a:80a"],
    [
      "1.2.3",
      "127.1",
      "1",
      "0x7f.1",
      "0x",
      "a.1",
      "256.1.1.1",
      "01.2.3.4",
      "1.2.3.4.",
      "1.2.3.4.5",
    ],
    [
      "::1",
      "[]",
      "[::1",
      "::1]",
      "[::1]x",
      "[::1]80",
      "[::1]:99999",
      "[1.2.3.4]",
      "[fe80::1%25eth0]",
    ],
    ["[fe80::1%eth0]", "[v1.x]", "[:::]", "[12345::]", "[::1]]", "[ ::1]", "[::1]:8 0"],
    ["a".repeat(256), "<a>", '"a"', "{a}", "a^b", "a|b", "a`b"],
  ].flat();
  for (const text of cases) assert.equal(parseAuthority(text), null, JSON.stringify(text));
});

test("authority: the default port and letter case make no difference, a trailing dot does", () => {
  const same = (a: string, b: string, port: number): boolean =>
    sameAuthority(parsed(a), parsed(b), port);
  assert.ok(same("A.example", "a.example:80", 80));
  assert.ok(same("a.example:", "a.example:443", 443));
  assert.ok(same("[::1]:80", "[0:0::1]", 80));
  assert.ok(!same("a.example", "a.example:443", 80));
  assert.ok(!same("a.example", "b.example", 80));
  assert.ok(!same("a.example", "a.example.", 80));
});

test("authority: what is read and written again reads the same, and no URL parser disagrees", () => {
  const piece = fc.constantFrom(
    "a",
    "B",
    "1",
    "0",
    ".",
    "-",
    "_",
    ":",
    "80",
    "[",
    "]",
    "::",
    "x7f",
    "@",
  );
  const text = fc.array(piece, { minLength: 1, maxLength: 8 }).map((pieces) => pieces.join(""));
  let accepted = 0;
  fc.assert(
    fc.property(text, (text) => {
      const authority = parseAuthority(text);
      if (authority === null) return;
      accepted++;
      const { hostname, port, rooted } = authority;
      assert.equal(hostname, hostname.toLowerCase());
      const written = `${hostname}${rooted ? "." : ""}${port === 0 ? "" : `:${port}`}`;
      assert.deepEqual(parseAuthority(written), authority);
      const url = new URL(`http://${text}/`);
      if (!hostname.startsWith("[")) assert.equal(url.hostname, hostname + (rooted ? "." : ""));
      assert.equal(url.port, port === 0 || port === 80 ? "" : String(port));
      if (isIPv4(url.hostname)) assert.equal(hostname, url.hostname);
    }),
    { numRuns: 5000 },
  );
  assert.ok(accepted > 500);
});
