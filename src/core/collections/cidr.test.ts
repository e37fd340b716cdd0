import assert from "node:assert/strict";
import { BlockList } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { CidrMap, CidrSet, parseCidr } from "./cidr.ts";
import { formatIp } from "./ip.ts";

test("cidr: blocks are read and written in canonical form", () => {
  const cases: [string, string][] = [
    ["10.0.0.0/8", "10.0.0.0/8"],
    ["192.168.1.7", "192.168.1.7/32"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["::/0", "::/0"],
    ["2001:DB8:0::/32", "2001:db8::/32"],
    ["::1", "::1/128"],
    ["::ffff:10.0.0.0/104", "10.0.0.0/8"],
    ["::ffff:0:0/96", "0.0.0.0/0"],
    ["::ffff:1.2.3.4", "1.2.3.4/32"],
  ];
  for (const [text, expected] of cases) {
    const parsed = parseCidr(text);
    assert.ok(parsed.ok, text);
    assert.equal(parsed.value.text, expected);
  }
});

test("cidr: a text that is no block is refused with the reason and what may be meant", () => {
  const cases: [string, RegExp, RegExp][] = [
    ["", /not an address block/, /10\.0\.0\.0\/8/],
    ["10.0.0/8", /not an address block/, /192\.168\.1\.7/],
    ["fe80::1%eth0/64", /not an address block/, /2001/],
    ["10.0.0.0/", /`\/` is not a prefix length/, /`\/32`/],
    ["10.0.0.0/33", /`\/33` is not a prefix length/, /`\/32`/],
    ["10.0.0.0/08", /`\/08` is not a prefix length/, /`\/32`/],
    ["10.0.0.0/8/8", /`\/8\/8` is not a prefix length/, /`\/32`/],
    ["10.0.0.0/255.0.0.0", /is not a prefix length/, /`\/32`/],
    ["::/129", /`\/129` is not a prefix length/, /`\/128`/],
    ["10.1.2.3/8", /bits set behind/, /`10\.0\.0\.0\/8` or `10\.1\.2\.3`/],
    ["2001:db8::1/32", /bits set behind/, /`2001:db8::\/32` or `2001:db8::1`/],
    ["::ffff:0:0/90", /bits set behind/, /`::ffc0:0:0\/90`/],
  ];
  for (const [text, message, hint] of cases) {
    const parsed = parseCidr(text);
    assert.ok(!parsed.ok, text);
    assert.match(parsed.message, message);
    assert.match(parsed.hint ?? "", hint);
  }
  assert.throws(
    () => new CidrSet(["10.0.0.0/8", "nonsense"]),
    /`nonsense` is not an address block/,
  );
});

test("cidr: a set holds the addresses of its blocks, first and last included", () => {
  const set = new CidrSet([
    "10.0.0.0/8",
    "192.168.1.7",
    "255.255.255.0/24",
    "2001:db8::/32",
    "::1",
  ]);
  const inside = ["10.0.0.0", "10.255.255.255", "192.168.1.7", "255.255.255.0", "255.255.255.255"];
  const outside = [
    "9.255.255.255",
    "11.0.0.0",
    "192.168.1.6",
    "192.168.1.8",
    "255.255.254.255",
    "::2",
  ];
  inside.push("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", "::1", "::ffff:10.1.2.3");
  outside.push(
    "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db9::",
    "::",
    "",
    "x",
    "10.0.0.0/8",
    "%",
  );
  for (const ip of inside) assert.equal(set.has(ip), true, ip);
  for (const ip of outside) assert.equal(set.has(ip), false, ip);
  assert.equal(new CidrSet([]).has("1.2.3.4"), false);
});

test("cidr: a zone does not hide an address", () => {
  const set = new CidrSet(["fe80::/10"]);
  assert.equal(set.has("fe80::1%eth0"), true);
  assert.equal(set.has("fec0::1%eth0"), false);
});

test("cidr: each family has its own everything", () => {
  const all4 = new CidrSet(["0.0.0.0/0"]);
  const all6 = new CidrSet(["::/0"]);
  assert.deepEqual(
    [all4.has("1.2.3.4"), all4.has("::ffff:1.2.3.4"), all4.has("::1")],
    [true, true, false],
  );
  assert.deepEqual(
    [all6.has("1.2.3.4"), all6.has("::ffff:1.2.3.4"), all6.has("::1")],
    [false, false, true],
  );
  const last = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";
  assert.deepEqual([all4.has("0.0.0.0"), all4.has("255.255.255.255")], [true, true]);
  assert.deepEqual([all6.has("::"), all6.has(last)], [true, true]);
});

test("cidr: the longest block decides, of equal ones the last", () => {
  const map = new CidrMap([
    ["10.1.0.0/16", "inner"],
    ["0.0.0.0/0", "all"],
    ["10.0.0.0/8", "replaced"],
    ["10.0.0.0/8", "outer"],
    ["10.1.255.255", "last of inner"],
    ["10.255.255.255", "last of outer"],
  ]);
  assert.equal(map.get("9.9.9.9"), "all");
  assert.equal(map.get("10.0.255.255"), "outer");
  assert.equal(map.get("10.1.0.0"), "inner");
  assert.equal(map.get("10.1.255.255"), "last of inner");
  assert.equal(map.get("10.2.0.0"), "outer");
  assert.equal(map.get("10.255.255.255"), "last of outer");
  assert.equal(map.get("11.0.0.0"), "all");
  assert.equal(map.get("::1"), undefined);
});

/** Addresses of which many share long prefixes, so that blocks nest and touch. */
const address6 = fc
  .array(fc.constantFrom(0, 1, 2, 0xffff), { minLength: 8, maxLength: 8 })
  .map((groups) => [0x2001, ...groups.slice(1)].map((group) => group.toString(16)).join(":"));
const address4 = fc
  .array(fc.constantFrom(0, 1, 127, 128, 255), { minLength: 4, maxLength: 4 })
  .map((bytes) => bytes.join("."));
const block4 = fc.tuple(address4, fc.integer({ min: 0, max: 32 }));
const block6 = fc.tuple(address6, fc.integer({ min: 0, max: 128 }));

/** The block of this length that the address is in. */
function blockOf([address, bits]: [string, number]): string {
  const parsed = parseCidr(address);
  assert.ok(parsed.ok);
  const { family, words } = parsed.value;
  const skipped = family === 4 ? 96 : 0;
  const masked = words.map((word, index) => {
    const covered = Math.min(32, Math.max(0, bits + skipped - index * 32));
    return covered === 0 ? 0 : word & (-1 << (32 - covered));
  });
  return `${formatIp(masked, family)}/${bits}`;
}

test("cidr: a set holds what Node's BlockList holds", () => {
  const blocks = fc.array(fc.oneof(block4, block6), { maxLength: 12 });
  const addresses = fc.array(fc.oneof(address4, address6), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(blocks, addresses, (blocks, addresses) => {
      const list = new BlockList();
      for (const [address, bits] of blocks) {
        list.addSubnet(address, bits, address.includes(":") ? "ipv6" : "ipv4");
      }
      const set = new CidrSet(blocks.map((block) => blockOf(block)));
      for (const ip of [...addresses, ...blocks.map(([address]) => address)]) {
        const v6 = ip.includes(":");
        // Node lets short IPv6 blocks hold IPv4 addresses; here families are apart.
        if (!v6 && blocks.some(([address, bits]) => address.includes(":") && bits < 16)) continue;
        assert.equal(set.has(ip), list.check(ip, v6 ? "ipv6" : "ipv4"), ip);
        if (!v6) assert.equal(set.has(`::ffff:${ip}`), set.has(ip));
      }
    }),
    { numRuns: 1500 },
  );
});

test("cidr: a map answers as trying every block and keeping the longest does", () => {
  const blocks = fc.array(fc.oneof(block4, block6), { maxLength: 12 });
  const addresses = fc.array(fc.oneof(address4, address6), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(blocks, addresses, (blocks, addresses) => {
      const texts = blocks.map((block) => blockOf(block));
      const map = new CidrMap(texts.map((text, index) => [text, index]));
      for (const ip of addresses) {
        let best: number | undefined;
        for (const [index, [, bits]] of blocks.entries()) {
          if (!new CidrSet([texts[index] ?? ""]).has(ip)) continue;
          if (best === undefined || bits >= (blocks[best]?.[1] ?? 0)) best = index;
        }
        assert.equal(map.get(ip), best, ip);
      }
    }),
    { numRuns: 800 },
  );
});

test("cidr: tens of thousands of blocks are told apart", () => {
  const texts = Array.from({ length: 30_000 }, (_, i) => `10.${i >> 8}.${i & 255}.0/25`);
  const map = new CidrMap(texts.map((text, index) => [text, index]));
  for (let i = 0; i < 30_000; i += 7) {
    assert.equal(map.get(`10.${i >> 8}.${i & 255}.127`), i);
    assert.equal(map.get(`10.${i >> 8}.${i & 255}.128`), undefined);
  }
});
