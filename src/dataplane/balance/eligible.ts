/** Which endpoints of an upstream a policy may choose from. */

import type { EndpointLoad, LinkedEndpoint } from "../linked.ts";

/**
 * The endpoints that may be used now. In order of preference: available, with an address, not tried before;
 * the same but tried before; available with no address yet, so that the failure names the unresolved name.
 *
 * Where all have been ejected, ejections do not count: the last endpoint of an upstream is never left out, a guess
 * is better than nothing and the failure then says what is wrong. Those that active checks found to be down are
 * never chosen, not even when all are: an answer at once (503) serves the client better than a timeout.
 */
export class Eligible {
  readonly #endpoints: readonly LinkedEndpoint[];
  readonly #load: EndpointLoad;
  /** Indexes of the endpoints that `select` found. */
  readonly indexes: Int32Array;

  constructor(endpoints: readonly LinkedEndpoint[], load: EndpointLoad) {
    this.#endpoints = endpoints;
    this.#load = load;
    this.indexes = new Int32Array(endpoints.length);
  }

  /** Fills `indexes`; tells how many there are. */
  select(tried: readonly LinkedEndpoint[]): number {
    const count = this.#select(tried, false);
    return count > 0 ? count : this.#select(tried, true);
  }

  #select(tried: readonly LinkedEndpoint[], ejected: boolean): number {
    const fresh = this.#collect(true, tried, ejected);
    if (fresh > 0) return fresh;
    const again = this.#collect(true, NONE, ejected);
    return again > 0 ? again : this.#collect(false, NONE, ejected);
  }

  #collect(resolved: boolean, tried: readonly LinkedEndpoint[], ejected: boolean): number {
    const load = this.#load;
    const endpoints = this.#endpoints;
    let count = 0;
    for (let i = 0; i < endpoints.length; i++) {
      const endpoint = endpoints[i]!;
      if (resolved && endpoint.state.addresses.length === 0) continue;
      if (tried.length > 0 && wasTried(tried, endpoint.slot)) continue;
      const { slot } = endpoint;
      if (ejected ? load.healthy(slot) : load.available(slot)) this.indexes[count++] = i;
    }
    return count;
  }
}

const NONE: readonly LinkedEndpoint[] = [];

/** By slot: after a reload the same endpoint is another object. */
function wasTried(tried: readonly LinkedEndpoint[], slot: number): boolean {
  for (let i = 0; i < tried.length; i++) if (tried[i]!.slot === slot) return true;
  return false;
}
