import assert from "node:assert/strict";
import { isIP } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { formatIp, parseIp, parseIpv6 } from "./ip.ts";

const words = new Uint32Array(4);

test("ip: addresses are read into four words", () => {
  const cases: [string, number, number[]][] = [
    ["0.0.0.0", 4, [0, 0, 0xffff, 0]],
    ["1.2.3.4", 4, [0, 0, 0xffff, 0x01020304]],
    ["255.255.255.255", 4, [0, 0, 0xffff, 0xffffffff]],
    ["::ffff:1.2.3.4", 4, [0, 0, 0xffff, 0x01020304]],
    ["::FFFF:102:304", 4, [0, 0, 0xffff, 0x01020304]],
    ["::", 6, [0, 0, 0, 0]],
    ["::1", 6, [0, 0, 0, 1]],
    ["1::", 6, [0x10000, 0, 0, 0]],
    ["2001:db8::8:800:200c:417a", 6, [0x20010db8, 0, 0x00080800, 0x200c417a]],
    ["1:2:3:4:5:6:7:8", 6, [0x10002, 0x30004, 0x50006, 0x70008]],
    ["1:2:3:4:5:6:1.2.3.4", 6, [0x10002, 0x30004, 0x50006, 0x01020304]],
    ["1:2:3:4:5:6:7::", 6, [0x10002, 0x30004, 0x50006, 0x70000]],
    ["64:ff9b::1.2.3.4", 6, [0x0064ff9b, 0, 0, 0x01020304]],
  ];
  for (const [text, family, expected] of cases) {
    assert.equal(parseIp(text, words), family, text);
    assert.deepEqual([...words], expected, text);
  }
});

test("ip: what is not exactly an address is refused", () => {
  const cases = [
    ["", "1", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "256.0.0.1", "1.2.3.999"],
    [
      "01.2.3.4",
      "1.2.3.00",
      "0x1.2.3.4",
      "1.2.3.4 ",
      " 1.2.3.4",
      "1.2.3.-4",
      "1.2.3.4/8",
      "١.2.3.4",
    ],
    [
      ":",
      ":::",
      "1:",
      ":1",
      "::1:",
      "1::2::3",
      "12345::",
      "g::",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
    ],
    ["1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "[::1]", "::1%eth0", "::1.2.3", "::1.2.3.4:5"],
    [
      "1:2:3:4:5:6:7:1.2.3.4",
      "::01.2.3.4",
      "1:2:3:4:5:6:7:8.",
      "::.",
      "::1.2.3.4.",
      "::abcd.2.3.4",
    ],
  ].flat();
  for (const text of cases) assert.equal(parseIp(text, words), 0, JSON.stringify(text));
});

test("ip: addresses are written as RFC 5952 says", () => {
  const cases: [string, string][] = [
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["2001:DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["0:0:1:2:3:4:0:0", "::1:2:3:4:0:0"],
    ["1:2:3:4:5:6:0:0", "1:2:3:4:5:6::"],
    ["::ffff:1.2.3.4", "::ffff:1.2.3.4"],
    ["::1.2.3.4", "::102:304"],
  ];
  for (const [text, expected] of cases) {
    assert.ok(parseIpv6(text, 0, text.length, words));
    assert.equal(formatIp(words, 6), expected);
  }
  parseIp("::ffff:192.168.0.255", words);
  assert.equal(formatIp(words, 4), "192.168.0.255");
});

test("ip: what is an address is decided as by Node, and written as URLs write it", () => {
  const piece = fc.constantFrom(
    ":",
    "::",
    ".",
    "0",
    "1",
    "12",
    "255",
    "256",
    "ffff",
    "a",
    "G",
    "1.2.3.4",
  );
  const nasty = fc.array(piece, { maxLength: 17 }).map((pieces) => pieces.join(""));
  const text = fc.oneof(nasty, fc.ipV4(), fc.ipV6());
  fc.assert(
    fc.property(text, (text) => {
      const family = parseIp(text, words);
      assert.equal(family === 0, isIP(text) === 0, text);
      if (family === 0) return;
      const written = formatIp(words, family);
      const before = [...words];
      assert.equal(parseIp(written, words), family);
      assert.deepEqual([...words], before);
      // URL writes mapped and compatible addresses in hex; all others as here.
      if (family === 6) assert.equal(new URL(`http://[${text}]`).hostname, `[${written}]`);
    }),
    { numRuns: 5000 },
  );
});
