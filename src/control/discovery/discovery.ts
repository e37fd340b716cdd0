import { isIP } from "node:net";

import type { Random } from "#core/random.ts";
import type { EndpointAddress, EndpointData } from "#model/snapshot.ts";
import type { Scheduler } from "#core/time/scheduler.ts";
import { type ResolvedAddress, interleave } from "./addresses.ts";

/** Looks a name up. @throws when it cannot; the message is for people */
export type Resolve = (host: string) => Promise<readonly ResolvedAddress[]>;

/** Addresses of endpoints, by their slot. */
export type EndpointAddresses = ReadonlyMap<number, readonly EndpointAddress[]>;

/** How a discovery is made. */
export interface DiscoveryOptions {
  readonly resolve: Resolve;
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** Endpoints whose addresses have changed. */
  readonly publish: (changes: EndpointAddresses) => void;
  readonly log: (level: "info" | "warn", message: string, fields: Record<string, unknown>) => void;
}

/** Mean time between two lookups of a name, in milliseconds, and its jitter as a share of it. */
const INTERVAL = 10_000;
const JITTER = 0.1;
/** First wait after a name that has never resolved; doubles up to the interval. */
const RETRY = 500;
/** A failed connect asks for a lookup at once, but not more often than this. */
const ASKED_INTERVAL = 1000;

const SETTLED: Promise<void> = Promise.resolve();

/** A host name and all that is known of it. */
interface Name {
  readonly host: string;
  /** The last good set, in the order to be tried; empty until there was one. */
  addresses: readonly string[];
  /** Fails at the moment. */
  failing: boolean;
  /** Failures since the start, while there is no good set. */
  misses: number;
  lookedUpAt: number;
  lookup: Promise<void> | null;
  cancel: (() => void) | null;
}

/**
 * Keeps the addresses of all endpoints. Names are looked up regularly and when a connect fails; a lookup that
 * fails leaves the last good set in use.
 */
export class Discovery {
  readonly #options: DiscoveryOptions;
  readonly #names: Map<string, Name> = new Map();
  #endpoints: ReadonlyMap<number, EndpointData> = new Map();

  constructor(options: DiscoveryOptions) {
    this.#options = options;
  }

  /** These are the endpoints now. Names that are new are looked up at once, those that are gone are forgotten. */
  update(endpoints: Iterable<EndpointData>): void {
    this.#endpoints = new Map(Array.from(endpoints, (endpoint) => [endpoint.slot, endpoint]));
    const wanted = new Set<string>();
    for (const { address } of this.#endpoints.values()) {
      if (address.kind === "tcp" && isIP(address.host) === 0) wanted.add(address.host);
    }
    for (const [host, name] of this.#names) {
      if (wanted.has(host)) continue;
      name.cancel?.();
      this.#names.delete(host);
    }
    for (const host of wanted) {
      if (this.#names.has(host)) continue;
      const name: Name = {
        host,
        addresses: [],
        failing: false,
        misses: 0,
        lookedUpAt: -Infinity,
        lookup: null,
        cancel: null,
      };
      this.#names.set(host, name);
      void this.#lookUp(name);
    }
  }

  /** Resolves when every name that is being looked up has an answer, a bad one included. */
  async settled(): Promise<void> {
    await Promise.all(Array.from(this.#names.values(), (name) => name.lookup ?? SETTLED));
  }

  /** What is known now of all endpoints; an empty list where a name is not resolved. */
  addresses(): EndpointAddresses {
    return new Map(
      Array.from(this.#endpoints.values(), (endpoint) => [endpoint.slot, this.#of(endpoint)]),
    );
  }

  /** A connect to this endpoint has failed: its name may point elsewhere by now. */
  connectFailed(slot: number): void {
    const address = this.#endpoints.get(slot)?.address;
    const name = address?.kind === "tcp" ? this.#names.get(address.host) : undefined;
    if (name === undefined || name.lookup !== null) return;
    if (this.#options.scheduler.now() - name.lookedUpAt < ASKED_INTERVAL) return;
    name.cancel?.();
    void this.#lookUp(name);
  }

  /** Looks nothing up any more. */
  stop(): void {
    for (const name of this.#names.values()) name.cancel?.();
    this.#names.clear();
    this.#endpoints = new Map();
  }

  #of({ address }: EndpointData): readonly EndpointAddress[] {
    if (address.kind === "unix" || isIP(address.host) !== 0) return [address];
    const known = this.#names.get(address.host)?.addresses ?? [];
    return known.map((host) => ({ kind: "tcp", host, port: address.port }));
  }

  #lookUp(name: Name): Promise<void> {
    name.cancel = null;
    name.lookedUpAt = this.#options.scheduler.now();
    name.lookup = this.#options
      .resolve(name.host)
      .then(
        (resolved) => this.#found(name, interleave(resolved)),
        (error: unknown) =>
          this.#failed(name, error instanceof Error ? error.message : String(error)),
      )
      .then(() => {
        name.lookup = null;
        if (this.#names.get(name.host) !== name) return;
        name.cancel = this.#options.scheduler.after(
          this.#pause(name),
          () => void this.#lookUp(name),
        );
      });
    return name.lookup;
  }

  #found(name: Name, addresses: readonly string[]): void {
    if (addresses.length === 0) {
      this.#failed(name, "the answer holds no address");
      return;
    }
    if (name.failing) {
      this.#options.log("info", `${name.host} resolves again`, { host: name.host, addresses });
    }
    name.failing = false;
    name.misses = 0;
    // Resolvers rotate their answers; only a different set is a change.
    if (sameSet(addresses, name.addresses)) return;
    name.addresses = addresses;
    if (this.#names.get(name.host) !== name) return;
    const changes = new Map<number, readonly EndpointAddress[]>();
    for (const endpoint of this.#endpoints.values()) {
      const { address } = endpoint;
      if (address.kind === "tcp" && address.host === name.host) {
        changes.set(endpoint.slot, this.#of(endpoint));
      }
    }
    this.#options.publish(changes);
  }

  #failed(name: Name, reason: string): void {
    if (name.addresses.length === 0) name.misses++;
    if (name.failing) return;
    name.failing = true;
    const consequence =
      name.addresses.length === 0
        ? "requests for it are answered with 502 until it does"
        : "its last known addresses stay in use";
    this.#options.log("warn", `${name.host} does not resolve (${reason}); ${consequence}`, {
      host: name.host,
    });
  }

  #pause(name: Name): number {
    const mean =
      name.addresses.length > 0 ? INTERVAL : Math.min(RETRY * 2 ** (name.misses - 1), INTERVAL);
    return mean * (1 - JITTER + 2 * JITTER * this.#options.random.next());
  }
}

function sameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((address) => b.includes(address));
}
