import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { SocketAddress } from "../../contract.ts";
import { ADDRESS, encodeAddress, readHost, readPath, readPort } from "./sockaddr.ts";

const noScope = (): number => 0;

function encoded(address: SocketAddress): Uint8Array {
  return encodeAddress(address, noScope) ?? assert.fail("it is an address");
}

test("an IPv4 address is the bytes of struct sockaddr_in", () => {
  const bytes = encoded({ kind: "tcp", host: "192.0.2.7", port: 8080 });
  assert.deepEqual([...bytes], [2, 0, 0x1f, 0x90, 192, 0, 2, 7, 0, 0, 0, 0, 0, 0, 0, 0]);
});

test("an IPv6 address is the bytes of struct sockaddr_in6, with the number of its zone", () => {
  const scopeOf = (zone: string): number => (zone === "eth0" ? 3 : 0);
  const bytes = encodeAddress({ kind: "tcp", host: "fe80::1%eth0", port: 443 }, scopeOf)!;
  assert.equal(bytes.length, 28);
  assert.deepEqual([...bytes.subarray(0, 4)], [10, 0, 1, 187]);
  assert.deepEqual([...bytes.subarray(8, 10)], [0xfe, 0x80]);
  assert.equal(bytes[23], 1);
  assert.deepEqual([...bytes.subarray(24)], [3, 0, 0, 0]);
});

test("every numeric address comes back as it was", () => {
  const octet = fc.integer({ min: 0, max: 255 });
  const ipv4 = fc.tuple(octet, octet, octet, octet).map((octets) => octets.join("."));
  const ipv6 = fc.ipV6().map((text) => new URL(`http://[${text}]`).hostname.slice(1, -1));
  fc.assert(
    fc.property(fc.oneof(ipv4, ipv6), fc.integer({ min: 0, max: 65_535 }), (host, port) => {
      // One that is written as IPv6 and means IPv4 is shown as the IPv4 that it is.
      fc.pre(!host.startsWith("::ffff:"));
      ADDRESS.fill(0xdb);
      ADDRESS.set(encoded({ kind: "tcp", host, port }));
      assert.equal(readHost(), host);
      assert.equal(readPort(), port);
    }),
  );
});

test("an IPv4 peer of a dual-stack socket is written as IPv4", () => {
  ADDRESS.set(encoded({ kind: "tcp", host: "::ffff:192.0.2.9", port: 1 }));
  assert.equal(readHost(), "192.0.2.9");
});

test("names and paths that no socket can have are no addresses", () => {
  for (const host of ["localhost", "", "1.2.3", "1.2.3.256", "::1::", "0x7f.1"]) {
    assert.equal(encodeAddress({ kind: "tcp", host, port: 1 }, noScope), null, host);
  }
  for (const path of ["", "\0abstract", "a\0b", "p".repeat(108), "ü".repeat(54)]) {
    assert.equal(encodeAddress({ kind: "unix", path }, noScope), null, path);
  }
});

test("a path comes back as it was, whatever lies behind it", () => {
  for (const path of ["/run/sluice.sock", "p".repeat(107), "ü"]) {
    const bytes = encoded({ kind: "unix", path });
    ADDRESS.fill(0xdb);
    ADDRESS.set(bytes);
    assert.equal(readPath(bytes.length), path);
    assert.equal(readHost(), "");
    assert.equal(readPort(), 0);
  }
});
