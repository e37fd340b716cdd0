import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import type { EndpointAddress, EndpointData } from "#model/snapshot.ts";
import { ManualScheduler, settle } from "#core/time/scheduler.fixture.ts";
import { type ResolvedAddress, interleave } from "./addresses.ts";
import { Discovery, type EndpointAddresses } from "./discovery.ts";

function endpoint(slot: number, host: string, port = 80): EndpointData {
  return endpointAt(slot, { kind: "tcp", host, port });
}

function endpointAt(slot: number, address: EndpointAddress): EndpointData {
  return { slot, name: `endpoint ${slot}`, address, weight: 1, secure: false };
}

/** A discovery over a name service that the test writes into. */
function bench() {
  const scheduler = new ManualScheduler();
  const names = new Map<string, string[] | Error>();
  const lookups: string[] = [];
  const published: EndpointAddresses[] = [];
  const logged: string[] = [];
  const discovery = new Discovery({
    scheduler,
    random: { next: () => 0.5, int: () => 0 },
    resolve: async (host) => {
      lookups.push(host);
      const answer = names.get(host) ?? new Error(`getaddrinfo ENOTFOUND ${host}`);
      if (answer instanceof Error) throw answer;
      return answer.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
    },
    publish: (changes) => published.push(changes),
    log: (level, message) => logged.push(`${level}: ${message}`),
  });
  const hosts = (slot: number): string[] =>
    (discovery.addresses().get(slot) ?? []).map((address) =>
      address.kind === "tcp" ? address.host : address.path,
    );
  return { discovery, scheduler, names, lookups, published, logged, hosts };
}

test("numeric addresses and unix sockets need no lookup", () => {
  const { discovery, lookups } = bench();
  const unix = { kind: "unix", path: "/run/app.sock" } as const;
  discovery.update([endpoint(0, "127.0.0.1"), endpoint(1, "::1"), endpointAt(2, unix)]);
  assert.deepEqual(lookups, []);
  assert.deepEqual(
    [...discovery.addresses().values()],
    [
      [{ kind: "tcp", host: "127.0.0.1", port: 80 }],
      [{ kind: "tcp", host: "::1", port: 80 }],
      [unix],
    ],
  );
});

test("every address of a name is kept, the families taking turns", async () => {
  const { discovery, names, hosts } = bench();
  names.set("app", ["::1", "::2", "10.0.0.1"]);
  discovery.update([endpoint(0, "app")]);
  await discovery.settled();
  assert.deepEqual(hosts(0), ["::1", "10.0.0.1", "::2"]);
});

test("one lookup serves all endpoints of a name", async () => {
  const { discovery, names, lookups, published } = bench();
  names.set("app", ["10.0.0.1"]);
  discovery.update([endpoint(0, "app", 1), endpoint(1, "app", 2)]);
  await discovery.settled();
  assert.deepEqual(lookups, ["app"]);
  assert.deepEqual(published[0]?.get(1), [{ kind: "tcp", host: "10.0.0.1", port: 2 }]);
});

test("a name is looked up again every ten seconds, and only another set is published", async () => {
  const { discovery, scheduler, names, lookups, published, hosts } = bench();
  names.set("app", ["10.0.0.1", "10.0.0.2"]);
  discovery.update([endpoint(0, "app")]);
  await settle();
  names.set("app", ["10.0.0.2", "10.0.0.1"]);
  await scheduler.pass(10_000);
  assert.equal(lookups.length, 2);
  assert.equal(published.length, 1);
  names.set("app", ["10.0.0.3"]);
  await scheduler.pass(10_000);
  assert.equal(published.length, 2);
  assert.deepEqual(hosts(0), ["10.0.0.3"]);
});

test("a name that stops resolving keeps its last addresses, and both turns are logged once", async () => {
  const { discovery, scheduler, names, logged, hosts } = bench();
  names.set("app", ["10.0.0.1"]);
  discovery.update([endpoint(0, "app")]);
  await settle();
  names.delete("app");
  await scheduler.pass(40_000);
  assert.deepEqual(hosts(0), ["10.0.0.1"]);
  assert.equal(logged.length, 1);
  assert.match(logged[0] ?? "", /^warn: app does not resolve .*last known addresses/);
  names.set("app", ["10.0.0.1"]);
  await scheduler.pass(10_000);
  assert.match(logged[1] ?? "", /^info: app resolves again/);
});

test("a name that has never resolved is retried soon, then less often", async () => {
  const { discovery, scheduler, lookups, hosts } = bench();
  discovery.update([endpoint(0, "app")]);
  await settle();
  assert.deepEqual(scheduler.waits, [500]);
  assert.deepEqual(hosts(0), []);
  await scheduler.pass(500);
  assert.deepEqual(scheduler.waits, [1000]);
  await scheduler.pass(60_000);
  assert.deepEqual(
    scheduler.waits.map((wait) => wait <= 10_000),
    [true],
  );
  assert.ok(lookups.length < 15);
});

test("a failed connect asks at once, but not again within a second", async () => {
  const { discovery, scheduler, names, lookups } = bench();
  names.set("app", ["10.0.0.1"]);
  discovery.update([endpoint(0, "app")]);
  await settle();
  await scheduler.pass(2000);
  for (let i = 0; i < 5; i++) discovery.connectFailed(0);
  await settle();
  assert.equal(lookups.length, 2);
  assert.equal(scheduler.waits.length, 1);
  await scheduler.pass(1000);
  discovery.connectFailed(0);
  await settle();
  assert.equal(lookups.length, 3);
});

test("names that left the configuration are not looked up any more", async () => {
  const { discovery, scheduler, names, lookups } = bench();
  names.set("app", ["10.0.0.1"]).set("web", ["10.0.0.2"]);
  discovery.update([endpoint(0, "app"), endpoint(1, "web")]);
  await settle();
  discovery.update([endpoint(1, "web")]);
  await scheduler.pass(10_000);
  assert.deepEqual(lookups, ["app", "web", "web"]);
  discovery.stop();
  assert.deepEqual(scheduler.waits, []);
});

test("interleaving loses no address, repeats none and keeps each family's order", () => {
  const resolved = fc.array(
    fc.record<ResolvedAddress>({
      address: fc.nat(20).map(String),
      family: fc.constantFrom(4, 6),
    }),
  );
  fc.assert(
    fc.property(resolved, (list) => {
      const unique = list.filter(
        (one, i) => list.findIndex((other) => other.address === one.address) === i,
      );
      const ordered = interleave(unique);
      assert.deepEqual(ordered.toSorted(), unique.map(({ address }) => address).toSorted());
      for (const family of [4, 6]) {
        const mine = unique.filter((one) => one.family === family).map(({ address }) => address);
        assert.deepEqual(
          ordered.filter((address) => mine.includes(address)),
          mine,
        );
      }
    }),
    { numRuns: 200 },
  );
});
