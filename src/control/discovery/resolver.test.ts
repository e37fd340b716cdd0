import assert from "node:assert/strict";
import { networkInterfaces } from "node:os";
import { test } from "node:test";

import { resolveHost } from "./resolver.ts";

const loopback = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .filter(({ internal, address }) => internal && ["127.0.0.1", "::1"].includes(address))
  .map(({ address }) => address)
  .toSorted();

for (const host of ["localhost", "LOCALHOST", "app.localhost"]) {
  test(`${host} is every loopback address of this machine, whatever the hosts file says`, async () => {
    const addresses = (await resolveHost(host)).map(({ address }) => address);
    for (const address of loopback) assert.ok(addresses.includes(address), address);
    assert.equal(new Set(addresses).size, addresses.length);
  });
}

test("an address of the other family is told as such", async () => {
  for (const { address, family } of await resolveHost("localhost")) {
    assert.equal(family, address.includes(":") ? 6 : 4);
  }
});
