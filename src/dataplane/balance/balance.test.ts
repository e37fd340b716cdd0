import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Xorshift } from "#core/random.ts";
import type { BalancePolicy } from "#model/snapshot.ts";
import type { Balancer, EndpointLoad, LinkedEndpoint } from "../linked.ts";
import { createBalancer } from "./select.ts";

const POLICIES: readonly BalancePolicy[] = [
  "round-robin",
  "random",
  "least-requests",
  "power-of-two",
];

/** Endpoints that are all up and idle, until a test says otherwise. */
class Backends implements EndpointLoad {
  readonly endpoints: LinkedEndpoint[];
  readonly requests: number[];
  readonly down = new Set<number>();
  readonly ejected = new Set<number>();

  constructor(weights: readonly number[]) {
    this.requests = weights.map(() => 0);
    this.endpoints = weights.map((weight, slot) => ({
      slot,
      name: `e${slot}`,
      authority: "",
      weight,
      tls: null,
      state: { slot, addresses: [{ kind: "tcp", host: "127.0.0.1", port: 1 }] },
    }));
  }

  inFlight(slot: number): number {
    return this.requests[slot] ?? 0;
  }

  available(slot: number): boolean {
    return !this.down.has(slot) && !this.ejected.has(slot);
  }

  healthy(slot: number): boolean {
    return !this.down.has(slot);
  }

  balancer(policy: BalancePolicy, seed = 1): Balancer {
    return createBalancer(policy, this.endpoints, this, new Xorshift(seed));
  }
}

describe("an upstream of one endpoint", () => {
  it("is chosen from as one that lost all others is, under every policy", () => {
    for (const policy of POLICIES) {
      for (const state of ["up", "down", "ejected", "unresolved"] as const) {
        const alone = new Backends([3]);
        const among = new Backends([3, 1]);
        // Found to be down by active checks: never chosen.
        among.down.add(1);
        for (const backends of [alone, among]) {
          if (state === "down") backends.down.add(0);
          if (state === "ejected") backends.ejected.add(0);
          if (state === "unresolved") backends.endpoints[0]!.state.addresses = [];
        }
        for (const again of [false, true]) {
          const picked = [alone, among].map((backends) =>
            backends.balancer(policy).pick(again ? [backends.endpoints[0]!] : []),
          );
          assert.equal(picked[0]?.slot, picked[1]?.slot, `${policy}, ${state}`);
          assert.equal(picked[0] === null, state === "down");
        }
      }
    }
  });
});

/** How often each endpoint is picked. `busy`: each pick stays a request under way. */
function spread(backends: Backends, balancer: Balancer, picks: number, busy = false): number[] {
  const counts = backends.endpoints.map(() => 0);
  for (let i = 0; i < picks; i++) {
    const { slot } = balancer.pick([])!;
    counts[slot]!++;
    if (busy) backends.requests[slot]!++;
  }
  return counts;
}

/** Within five standard deviations of what chance gives. */
function assertShares(counts: readonly number[], shares: readonly number[]): void {
  const total = counts.reduce((sum, count) => sum + count, 0);
  for (const [index, count] of counts.entries()) {
    const share = shares[index]!;
    const tolerance = 5 * Math.sqrt(total * share * (1 - share));
    assert.ok(
      Math.abs(count - total * share) <= tolerance,
      `${counts.join(" ")}, wanted ${shares.join(" ")}`,
    );
  }
}

for (const policy of POLICIES) {
  describe(`balance/${policy}`, () => {
    it("leaves ejected endpoints out, but not when that would leave none", () => {
      const backends = new Backends([1, 1, 1]);
      backends.ejected.add(0).add(1);
      const balancer = backends.balancer(policy);
      assert.equal(balancer.pick([])?.slot, 2);
      backends.down.add(2);
      const picked = balancer.pick([])?.slot;
      assert.ok(picked === 0 || picked === 1, "an ejected one rather than one that is down");
    });

    it("never picks an endpoint that is down, and none when all are", () => {
      const backends = new Backends([1, 1, 1]);
      backends.down.add(1);
      const balancer = backends.balancer(policy);
      assert.equal(spread(backends, balancer, 300)[1], 0);
      backends.down.add(0).add(2);
      assert.equal(balancer.pick([]), null);
      assert.equal(new Backends([]).balancer(policy).pick([]), null);
    });

    it("avoids what was tried as long as there is another, and goes back to it when there is none", () => {
      const backends = new Backends([1, 1, 1]);
      const [a, b, c] = backends.endpoints as [LinkedEndpoint, LinkedEndpoint, LinkedEndpoint];
      const balancer = backends.balancer(policy);
      for (let i = 0; i < 100; i++) {
        assert.equal(balancer.pick([a, b]), c);
        assert.notEqual(balancer.pick([a]), a);
      }
      backends.down.add(2);
      assert.ok([a, b].includes(balancer.pick([a, b])!));
    });

    it("knows an endpoint that was tried under an earlier configuration", () => {
      const backends = new Backends([1, 1]);
      const earlier = { ...backends.endpoints[0]! };
      for (let i = 0; i < 50; i++)
        assert.equal(backends.balancer(policy, i).pick([earlier])?.slot, 1);
    });

    it("leaves out endpoints without an address, unless all are", () => {
      const backends = new Backends([1, 1]);
      backends.endpoints[0]!.state.addresses = [];
      const balancer = backends.balancer(policy);
      assert.deepEqual(spread(backends, balancer, 50), [0, 50]);
      backends.endpoints[1]!.state.addresses = [];
      assert.notEqual(balancer.pick([]), null);
    });

    it("spreads requests over idle endpoints by weight", () => {
      const backends = new Backends([1, 2, 3, 4]);
      const counts = spread(backends, backends.balancer(policy), 10_000);
      assertShares(counts, [0.1, 0.2, 0.3, 0.4]);
    });

    it("is the same for the same random numbers, and not for others", () => {
      const picks = (seed: number): string => {
        const backends = new Backends([1, 1, 1, 1, 1, 1, 1, 1]);
        const balancer = backends.balancer(policy, seed);
        return Array.from({ length: 16 }, () => balancer.pick([])!.slot).join();
      };
      assert.equal(picks(7), picks(7));
      assert.ok(new Set([1, 2, 3, 4, 5].map(picks)).size > 1);
    });
  });
}

describe("balance/round-robin", () => {
  it("gives every endpoint exactly its share in each round, evenly spread", () => {
    const backends = new Backends([5, 1, 1]);
    const balancer = backends.balancer("round-robin");
    const round = Array.from({ length: 70 }, () => balancer.pick([])!.slot);
    for (let i = 0; i < 70; i += 7) {
      assert.equal(round.slice(i, i + 7).filter((slot) => slot === 0).length, 5);
    }
    // Five in a row would be a burst.
    assert.doesNotMatch(round.join(""), /0{5}/);
  });

  it("does not flood an endpoint that comes back", () => {
    const backends = new Backends([1, 1, 1]);
    const balancer = backends.balancer("round-robin");
    backends.down.add(0);
    spread(backends, balancer, 300);
    backends.down.delete(0);
    const counts = spread(backends, balancer, 30);
    assert.ok(Math.abs(counts[0]! - 10) <= 1, counts.join(" "));
  });
});

describe("balance/least-requests", () => {
  it("picks the endpoint with the fewest requests for its weight", () => {
    const backends = new Backends([1, 4]);
    backends.requests.splice(0, 2, 1, 3);
    const balancer = backends.balancer("least-requests");
    for (let i = 0; i < 20; i++) assert.equal(balancer.pick([])?.slot, 1);
    backends.requests[1] = 5;
    for (let i = 0; i < 20; i++) assert.equal(balancer.pick([])?.slot, 0);
  });

  it("keeps the requests under way in proportion to the weights", () => {
    const backends = new Backends([1, 2, 5]);
    const counts = spread(backends, backends.balancer("least-requests"), 800, true);
    assert.deepEqual(counts, [100, 200, 500]);
  });
});

describe("balance/power-of-two", () => {
  it("picks the less busy of two", () => {
    const backends = new Backends([1, 1]);
    backends.requests[0] = 1;
    const balancer = backends.balancer("power-of-two");
    for (let i = 0; i < 50; i++) assert.equal(balancer.pick([])?.slot, 1);
  });

  it("compares the requests under way with the weights", () => {
    const backends = new Backends([1, 4]);
    backends.requests.splice(0, 2, 1, 3);
    const balancer = backends.balancer("power-of-two");
    for (let i = 0; i < 50; i++) assert.equal(balancer.pick([])?.slot, 1);
    backends.requests[1] = 5;
    for (let i = 0; i < 50; i++) assert.equal(balancer.pick([])?.slot, 0);
  });

  it("spreads much more evenly than chance", () => {
    const backends = new Backends(Array.from({ length: 50 }, () => 1));
    const two = spread(backends, backends.balancer("power-of-two"), 5000, true);
    const chance = spread(
      new Backends(backends.endpoints.map(() => 1)),
      backends.balancer("random"),
      5000,
    );
    const range = (counts: readonly number[]): number => Math.max(...counts) - Math.min(...counts);
    assert.ok(range(two) * 3 < range(chance), `${range(two)} against ${range(chance)}`);
  });
});
