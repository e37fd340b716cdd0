import type { Random } from "#core/random.ts";
import type { Balancer, EndpointLoad, LinkedEndpoint } from "../linked.ts";
import { Eligible } from "./eligible.ts";

/**
 * The endpoint with the fewest requests under way for its weight. Among equals any, as likely as its weight:
 * always the first of them would get every request of a quiet hour.
 */
export class LeastRequests implements Balancer {
  readonly #endpoints: readonly LinkedEndpoint[];
  readonly #eligible: Eligible;
  readonly #load: EndpointLoad;
  readonly #random: Random;

  constructor(endpoints: readonly LinkedEndpoint[], load: EndpointLoad, random: Random) {
    this.#endpoints = endpoints;
    this.#eligible = new Eligible(endpoints, load);
    this.#load = load;
    this.#random = random;
  }

  pick(tried: readonly LinkedEndpoint[]): LinkedEndpoint | null {
    const count = this.#eligible.select(tried);
    if (count === 0) return null;
    const indexes = this.#eligible.indexes;
    let best = this.#endpoints[indexes[0]!]!;
    let bestLoad = this.#load.inFlight(best.slot);
    /** Weight of the endpoints so far that are as good as the best. */
    let equals = best.weight;
    for (let i = 1; i < count; i++) {
      const endpoint = this.#endpoints[indexes[i]!]!;
      const load = this.#load.inFlight(endpoint.slot);
      const difference = load * best.weight - bestLoad * endpoint.weight;
      if (difference > 0) continue;
      equals = difference < 0 ? endpoint.weight : equals + endpoint.weight;
      if (difference === 0 && this.#random.next() * equals >= endpoint.weight) continue;
      best = endpoint;
      bestLoad = load;
    }
    return best;
  }
}
