import type { Random } from "#core/random.ts";
import type { Balancer, EndpointLoad, LinkedEndpoint } from "../linked.ts";
import { Eligible } from "./eligible.ts";
import { pickWeighted } from "./weighted.ts";

/** Any endpoint, as likely as its weight. */
export class WeightedRandom implements Balancer {
  readonly #endpoints: readonly LinkedEndpoint[];
  readonly #eligible: Eligible;
  readonly #random: Random;

  constructor(endpoints: readonly LinkedEndpoint[], load: EndpointLoad, random: Random) {
    this.#endpoints = endpoints;
    this.#eligible = new Eligible(endpoints, load);
    this.#random = random;
  }

  pick(tried: readonly LinkedEndpoint[]): LinkedEndpoint | null {
    const count = this.#eligible.select(tried);
    if (count === 0) return null;
    const indexes = this.#eligible.indexes;
    return this.#endpoints[pickWeighted(this.#endpoints, indexes, count, -1, this.#random)]!;
  }
}
