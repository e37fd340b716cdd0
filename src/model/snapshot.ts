/**
 * The configuration that the data plane runs on: plain data, deeply read-only, fit for structured cloning.
 * `control/compile` makes it, `link/` turns it into closures and arrays inside each worker. Nothing in a
 * snapshot ever changes; what changes (health, addresses, counters) lives beside it and outlives it.
 *
 * Times are milliseconds, sizes are bytes.
 */

import type { ParsedMatch } from "./match.ts";
import type { AcmeData, CertificateSourceData, ListenerTlsData, UpstreamTlsData } from "./tls.ts";

/** One generation of the configuration. */
export interface SnapshotData {
  /** Counts applied configurations of this process from 1. */
  readonly generation: number;
  /** Hash of everything below: equal hashes mean nothing to do. */
  readonly hash: string;
  readonly listeners: readonly ListenerData[];
  /** Where the certificates of all listeners come from. */
  readonly certificates: readonly CertificateSourceData[];
  /** Certificates that are obtained; null: none are. */
  readonly acme: AcmeData | null;
  readonly upstreams: readonly UpstreamData[];
  /** In the order written, which decides between routes of one priority that match equally specifically. */
  readonly routes: readonly RouteData[];
  /** Addresses and CIDR blocks whose forwarded fields are believed. */
  readonly trustedProxies: readonly string[];
  readonly timeouts: ConnectionTimeouts;
  readonly limits: LimitsData;
  readonly log: LogData;
  /** Bytes of the cache that all routes share; allocated if one of them has a cache. */
  readonly cacheMemory: number;
  /** What `Via` calls this instance; a loop is recognised by it. */
  readonly instance: string;
  /** RFC 7239 `Forwarded` is sent beside `X-Forwarded-*`. */
  readonly forwarded: boolean;
  /** The TypeScript configuration that functions of routes come from; each worker imports it again. */
  readonly module: ModuleData | null;
}

/** Where inline functions come from. */
export interface ModuleData {
  /** `file:` URL of the configuration. */
  readonly url: string;
  /** Appended to the URLs of the configuration's own files, so that each reload reads them anew. */
  readonly generation: number;
}

/** An address that accepts connections. */
export interface ListenerData {
  /** The address in canonical form; identity across reloads. */
  readonly id: string;
  readonly address: ListenAddress;
  /** Null: plain HTTP. */
  readonly tls: ListenerTlsData | null;
  /** Requests are redirected to https at this port; null: they are served. */
  readonly redirectPort: number | null;
}

/** `host` "" means every address, IPv6 and IPv4. */
export type ListenAddress =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** How endpoints of an upstream are chosen. */
export type BalancePolicy = "round-robin" | "random" | "least-requests" | "power-of-two";

/** A named pool of backends. */
export interface UpstreamData {
  readonly name: string;
  readonly endpoints: readonly EndpointData[];
  readonly balance: BalancePolicy;
  readonly timeouts: UpstreamTimeouts;
  readonly pool: PoolData;
  readonly retries: RetryData;
  readonly ejection: EjectionData;
  readonly health: HealthData | null;
  /** For endpoints that are secure; null if none is. */
  readonly tls: UpstreamTlsData | null;
}

/** One backend address. */
export interface EndpointData {
  /** Row of this endpoint in shared memory: the same for as long as (upstream, endpoint, policy) is configured. */
  readonly slot: number;
  /** As people know it: `http://127.0.0.1:9001`, `unix:/run/app.sock`. */
  readonly name: string;
  readonly address: EndpointAddress;
  readonly weight: number;
  /** The connection is TLS. */
  readonly secure: boolean;
}

/** Where a backend is; `host` may be a name, which the control plane resolves. */
export type EndpointAddress =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** Clocks of the client's connection. */
export interface ConnectionTimeouts {
  /** Of the TLS handshake, from the connection on. */
  readonly handshake: number;
  /** From the first byte of a head to its end. */
  readonly head: number;
  /** Without a byte of a body. */
  readonly bodyIdle: number;
  /** Slowest tolerated rate of a body, bytes per second, after `bodyGrace`. */
  readonly bodyRate: number;
  readonly bodyGrace: number;
  /** Between requests, and before the first byte. */
  readonly keepAlive: number;
  /** In which the client takes no byte of what waits for it. */
  readonly write: number;
}

/** Clocks of one attempt; a route may override them. */
export interface UpstreamTimeouts {
  readonly connect: number;
  /** From the end of the request, or the last byte of it that the backend took, to the first byte of the answer. */
  readonly firstByte: number;
  /** Between two bytes of an answer's body; event streams have none. 0: none. */
  readonly responseIdle: number;
  /** Without a byte in either direction on a WebSocket or other tunnel. */
  readonly tunnelIdle: number;
}

/** Connections to each endpoint of an upstream; the numbers hold for the process. */
export interface PoolData {
  /** At most this many connections to one endpoint; 0: no limit. */
  readonly maxConnections: number;
  /** At most this many requests wait for a connection to one endpoint. */
  readonly maxPending: number;
  /** Longest wait for a connection. */
  readonly queueTimeout: number;
  /** How long an unused connection is kept when the backend does not say. */
  readonly idle: number;
  /** The longest that is believed of a backend that does say (`Keep-Alive: timeout`). */
  readonly idleMax: number;
  /** Unused connections kept for each endpoint and worker. */
  readonly maxIdle: number;
}

/** When a request is sent again (at most `attempts` further times). */
export interface RetryData {
  readonly attempts: number;
  /** Answers that are retried too. */
  readonly statuses: readonly number[];
  /** POST and PATCH with `Idempotency-Key` count as repeatable. */
  readonly idempotencyKey: boolean;
  /** Bytes of a body that are kept so that it can be sent again. */
  readonly bufferBytes: number;
  /** Share of requests that may be retries, and how many may be under way whatever the share says. */
  readonly budgetRatio: number;
  readonly budgetMinimum: number;
}

/** Endpoints that refuse connections are left out for a while. */
export interface EjectionData {
  /** Failures in a row; 0: never. */
  readonly consecutiveFailures: number;
  /** First pause; doubles each time up to `maxPause`. */
  readonly pause: number;
  readonly maxPause: number;
}

/** Active checks, made by the control plane. */
export interface HealthData {
  readonly path: string;
  readonly host: string | null;
  readonly interval: number;
  readonly timeout: number;
  readonly unhealthyAfter: number;
  readonly healthyAfter: number;
  /** Inclusive ranges of statuses that count as healthy. */
  readonly expect: readonly (readonly [from: number, to: number])[];
}

/** Bounds of the process. */
export interface LimitsData {
  /** Downstream connections. */
  readonly connections: number;
  /** TLS handshakes under way. */
  readonly handshakes: number;
  /** TLS handshakes begun in a second; 0: any. */
  readonly handshakeRate: number;
}

/** What is logged. */
export interface LogData {
  readonly access: "json" | "combined" | "pretty" | "off";
}

/** A match, a list of filters, a destination. */
export interface RouteData {
  /** Place in the configuration as written: `routes[3]`. */
  readonly place: string;
  /** What people call it: its name, or its match as written. */
  readonly name: string;
  /** Hash of what it does: equal across reloads means unchanged. */
  readonly identity: string;
  /** Row of this route in shared metrics. */
  readonly slot: number;
  /** One of these has to match. */
  readonly matches: readonly ParsedMatch[];
  readonly priority: number;
  readonly filters: readonly FilterData[];
  /** Name of the upstream; `null` where a filter answers. */
  readonly upstream: string | null;
  readonly pathPolicy: "strict" | "lenient";
  /** What is sent as Host: the client's, the endpoint's, or a fixed one. */
  readonly host: HostData;
  /** Upgrade tokens that are let through, lower case. */
  readonly upgrades: readonly string[];
  /** Overrides of the upstream's. */
  readonly timeouts: Partial<UpstreamTimeouts>;
}

/** Host policy of a route. */
export type HostData =
  | { readonly kind: "preserve" }
  | { readonly kind: "endpoint" }
  | { readonly kind: "literal"; readonly value: string };

/** Memory of a filter. Equal keys mean the same memory, from one snapshot to the next. */
export interface FilterMemoryData {
  readonly key: string;
  /** Bytes for all workers together, and behind these for each of them. */
  readonly bytes: number;
  readonly perWorker: number;
}

/** One entry of a route's `use`. */
export type FilterData =
  | {
      readonly kind: "built-in";
      /** Name of the filter, such as `stripPrefix`. */
      readonly name: string;
      readonly config: unknown;
      /** `routes[3].use[0]` */
      readonly place: string;
      /** It only counts and logs what it would have done. */
      readonly observe: boolean;
      /** Row of this filter in shared metrics; -1: it has none. */
      readonly slot: number;
      /** Memory that it shares with its likes in other workers. */
      readonly memory: FilterMemoryData | null;
    }
  | { readonly kind: "inline"; readonly name: string; readonly place: string };
