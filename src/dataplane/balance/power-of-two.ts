import type { Random } from "#core/random.ts";
import type { Balancer, EndpointLoad, LinkedEndpoint } from "../linked.ts";
import { Eligible } from "./eligible.ts";
import { pickWeighted } from "./weighted.ts";

/**
 * Draws two different endpoints, each as likely as its weight, and takes the one with fewer requests under way
 * for its weight. Nearly as even as `least-requests`, without all workers running to the same endpoint at once.
 */
export class PowerOfTwo implements Balancer {
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
    const endpoints = this.#endpoints;
    const indexes = this.#eligible.indexes;
    const one = pickWeighted(endpoints, indexes, count, -1, this.#random);
    const first = endpoints[one]!;
    if (count === 1) return first;
    const second = endpoints[pickWeighted(endpoints, indexes, count, one, this.#random)]!;
    const firstLoad = this.#load.inFlight(first.slot) * second.weight;
    const secondLoad = this.#load.inFlight(second.slot) * first.weight;
    return secondLoad < firstLoad ? second : first;
  }
}
