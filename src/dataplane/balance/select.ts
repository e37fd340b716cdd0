/** Stage 5: which endpoint of the upstream gets this attempt. */

import type { Random } from "#core/random.ts";
import type { BalancePolicy } from "#model/snapshot.ts";
import type { Balancer, EndpointLoad, LinkedEndpoint, LinkedUpstream } from "../linked.ts";
import { LeastRequests } from "./least-requests.ts";
import { OnlyOne } from "./only-one.ts";
import { PowerOfTwo } from "./power-of-two.ts";
import { WeightedRandom } from "./random.ts";
import { RoundRobin } from "./round-robin.ts";

/**
 * The endpoint for the next attempt; null when none may be used (`no_endpoint`).
 *
 * @param tried endpoints that this request has failed at: taken again only where there is no other
 */
export function chooseEndpoint(
  upstream: LinkedUpstream,
  tried: readonly LinkedEndpoint[],
): LinkedEndpoint | null {
  return upstream.balancer.pick(tried);
}

/** Makes the balancer of a policy. */
export function createBalancer(
  policy: BalancePolicy,
  endpoints: readonly LinkedEndpoint[],
  load: EndpointLoad,
  random: Random,
): Balancer {
  const [only] = endpoints;
  if (only !== undefined && endpoints.length === 1) return new OnlyOne(only, load);
  switch (policy) {
    case "round-robin":
      return new RoundRobin(endpoints, load, random);
    case "random":
      return new WeightedRandom(endpoints, load, random);
    case "least-requests":
      return new LeastRequests(endpoints, load, random);
    case "power-of-two":
      return new PowerOfTwo(endpoints, load, random);
  }
}
