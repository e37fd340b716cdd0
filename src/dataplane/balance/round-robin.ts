import type { Random } from "#core/random.ts";
import type { Balancer, EndpointLoad, LinkedEndpoint } from "../linked.ts";
import { Eligible } from "./eligible.ts";

/**
 * Each endpoint in turn, in proportion to the weights and evenly spread: weights 5, 1, 1 give a a b a c a a
 * and not a a a a a b c. Each turn every endpoint gains its weight; the one with the most is chosen and pays the
 * sum of all.
 */
export class RoundRobin implements Balancer {
  readonly #endpoints: readonly LinkedEndpoint[];
  readonly #eligible: Eligible;
  readonly #credit: Float64Array;

  constructor(endpoints: readonly LinkedEndpoint[], load: EndpointLoad, random: Random) {
    this.#endpoints = endpoints;
    this.#eligible = new Eligible(endpoints, load);
    // Workers take turns on their own: they must not all start with the same endpoint.
    this.#credit = Float64Array.from(endpoints, (endpoint) => random.next() * endpoint.weight);
  }

  pick(tried: readonly LinkedEndpoint[]): LinkedEndpoint | null {
    const count = this.#eligible.select(tried);
    if (count === 0) return null;
    const indexes = this.#eligible.indexes;
    const credit = this.#credit;
    let best = indexes[0]!;
    let total = 0;
    for (let i = 0; i < count; i++) {
      const index = indexes[i]!;
      const weight = this.#endpoints[index]!.weight;
      total += weight;
      credit[index]! += weight;
      if (credit[index]! > credit[best]!) best = index;
    }
    credit[best]! -= total;
    return this.#endpoints[best]!;
  }
}
