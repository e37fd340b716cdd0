import type { Balancer, EndpointLoad, LinkedEndpoint } from "../linked.ts";

/**
 * Fast path for an upstream of one endpoint, under every policy: what all choose by `Eligible`, without its passes. Failures
 * do not take the last endpoint out, so only active checks count.
 */
export class OnlyOne implements Balancer {
  readonly #endpoint: LinkedEndpoint;
  readonly #load: EndpointLoad;

  constructor(endpoint: LinkedEndpoint, load: EndpointLoad) {
    this.#endpoint = endpoint;
    this.#load = load;
  }

  pick(): LinkedEndpoint | null {
    return this.#load.healthy(this.#endpoint.slot) ? this.#endpoint : null;
  }
}
