/** The pools of a worker by endpoint, and the retry budgets by upstream; both outlive snapshots. */

import type { DataPlaneContext } from "../context.ts";
import type { EndpointState, LinkedEndpoint, LinkedSnapshot } from "../linked.ts";
import { EndpointPool } from "./pool.ts";
import { RetryBudget } from "./retry.ts";

/** See the head of this file. */
export class Pools {
  readonly #pools: Map<EndpointState, EndpointPool> = new Map();
  readonly #budgets: Map<string, RetryBudget> = new Map();

  of(context: DataPlaneContext, endpoint: LinkedEndpoint): EndpointPool {
    let pool = this.#pools.get(endpoint.state);
    if (pool === undefined) {
      pool = new EndpointPool(context, endpoint.state);
      this.#pools.set(endpoint.state, pool);
    }
    return pool;
  }

  budget(upstream: string): RetryBudget {
    let budget = this.#budgets.get(upstream);
    if (budget === undefined) {
      budget = new RetryBudget();
      this.#budgets.set(upstream, budget);
    }
    return budget;
  }

  /** Forgets endpoints that the snapshot does not have: a slot that comes back is somebody else's. */
  prune(snapshot: LinkedSnapshot): void {
    const used = new Set<EndpointState>();
    for (const upstream of snapshot.upstreams.values()) {
      for (const endpoint of upstream.endpoints) used.add(endpoint.state);
    }
    for (const [state, pool] of this.#pools) {
      if (used.has(state)) continue;
      pool.retire();
      this.#pools.delete(state);
    }
    for (const name of this.#budgets.keys()) {
      if (!snapshot.upstreams.has(name)) this.#budgets.delete(name);
    }
  }

  onDoorbell(): void {
    for (const pool of this.#pools.values()) pool.onDoorbell();
  }

  closeIdle(): void {
    for (const pool of this.#pools.values()) pool.closeIdle();
  }
}
