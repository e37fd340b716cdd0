import assert from "node:assert/strict";
import { isIP } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { formatIp, parseCidr, parseIp } from "./ip.ts";

test("ip: a block is a network with its prefix, a lone address a block of one", () => {
  assert.deepEqual(parseCidr("10.0.0.0/8"), {
    ok: true,
    value: { text: "10.0.0.0/8", family: 4, address: [10, 0, 0, 0], bits: 8 },
  });
  assert.equal(text("192.168.1.7"), "192.168.1.7/32");
  assert.equal(text("2001:DB8::/32"), "2001:db8::/32");
  assert.equal(text("::1"), "::1/128");
  assert.equal(text("0.0.0.0/0"), "0.0.0.0/0");
  assert.equal(text("::ffff:10.0.0.1"), "::ffff:a00:1/128");
});

test("ip: bits behind the prefix are refused, with both possible meanings", () => {
  const parsed = parseCidr("10.1.2.3/8");
  assert.ok(!parsed.ok);
  assert.match(parsed.hint ?? "", /`10\.0\.0\.0\/8` or `10\.1\.2\.3\/32`/);
});

test("ip: nonsense is refused", () => {
  for (const written of [
    "",
    "10.0.0",
    "10.0.0.256",
    "010.0.0.1",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/08",
    "::/129",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8",
    "::10.0.0.1:1",
    "fe80::1%eth0",
    "localhost",
  ]) {
    assert.equal(parseCidr(written).ok, false, written);
  }
});

test("ip: accepts of IPv6 exactly what Node does, zones excepted", () => {
  const group = fc.constantFrom("", "0", "1", "ab", "ffff", "12345", "g", "1.2.3.4", "1.2.3");
  fc.assert(
    fc.property(fc.array(group, { minLength: 1, maxLength: 9 }), (groups) => {
      const written = groups.join(":");
      const bytes = parseIp(written);
      assert.equal(bytes === undefined ? 0 : bytes.length === 4 ? 4 : 6, isIP(written), written);
    }),
    { numRuns: 3000 },
  );
});

test("ip: what is formatted reads back as the same address", () => {
  const byte = fc.constantFrom(0, 0, 0, 1, 255);
  fc.assert(
    fc.property(fc.array(byte, { minLength: 16, maxLength: 16 }), (bytes) => {
      assert.deepEqual(parseIp(formatIp(bytes)), bytes);
      assert.equal(formatIp(bytes), new URL(`http://[${formatIp(bytes)}]/`).hostname.slice(1, -1));
    }),
    { numRuns: 500 },
  );
});

function text(written: string): string {
  const parsed = parseCidr(written);
  assert.ok(parsed.ok, written);
  return parsed.value.text;
}
