import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import { ADDRESS, readHostName } from "./host-name.ts";

function read(name: string): string | null {
  const bytes = Buffer.from(`..${name}..`, "latin1");
  return readHostName(bytes, 2, bytes.length - 2);
}

const label63 = "a".repeat(63);
const name253 = `${label63}.${label63}.${label63}.${"a".repeat(61)}`;

describe("a host name", () => {
  for (const name of [
    "example.com",
    "localhost",
    "a",
    "xn--mnchen-3ya.example",
    "_acme.under_score.example",
    "r3---sn-4g5e6nsz.example",
    "-edge-.example",
    "1.2.3.4.example",
    "1and1.example",
    "example.0xfoo",
    "a.1b",
    label63,
    name253,
  ]) {
    test(`may be ${name.slice(0, 40)} (${name.length} characters)`, () => {
      assert.equal(read(name), name);
    });
  }

  test("is read in lower case", () => {
    assert.equal(read("WWW.Example.COM"), "www.example.com");
    assert.equal(read("[A].example"), null);
  });

  for (const [name, why] of [
    ["", "empty"],
    [".", "an empty label"],
    ["example.com.", "a final dot"],
    [".example.com", "an empty label"],
    ["a..b", "an empty label"],
    [`${label63}a.example`, "a label of 64 characters"],
    [`example.${label63}a`, "a last label of 64 characters"],
    [`${name253}a`, "254 characters"],
    ["example.com\0", "NUL"],
    ["example.com\0.evil.example", "NUL"],
    ["ex ample.com", "a blank"],
    ["example.com:443", "a port"],
    ["*.example.com", "an asterisk"],
    ["a/b", "a slash"],
    ["a@b", "an at sign"],
    ["m\xfcnchen.example", "a byte beyond ASCII"],
    ["m\xc3\xbcnchen.example", "UTF-8"],
    ["a\r\nb", "line ends"],
    ["127.1", "a short form of an address"],
    ["0x7f.1", "a hexadecimal address"],
    ["example.0X1F", "a number at its end"],
    ["2130706433", "an address in one number"],
    ["1.2.3.256", "a number out of range"],
    ["1.2.3.4.5", "a number at its end"],
    ["01.2.3.4", "a leading zero"],
    ["[::1", "half a bracket"],
    ["fe80::1%eth0", "a zone"],
  ] as const) {
    test(`with ${why} is refused: ${JSON.stringify(name.slice(0, 30))}`, () => {
      assert.equal(read(name), null);
    });
  }

  for (const address of ["192.0.2.1", "0.0.0.0", "::1", "2001:DB8::1", "[2001:db8::1]"]) {
    test(`that is the address ${address} counts as none`, () => {
      assert.equal(read(address), ADDRESS);
    });
  }
});
