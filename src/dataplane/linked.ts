/**
 * A snapshot as the data plane runs it: `link/` makes these from `SnapshotData` in each worker. Read-only
 * but for the endpoint states, which outlive snapshots.
 */

import type { CidrSet } from "#core/collections/cidr.ts";
import type {
  EjectionData,
  HostData,
  PoolData,
  RetryData,
  SnapshotData,
  UpstreamTimeouts,
} from "#model/snapshot.ts";
import type { ClientCertificatesData } from "#model/tls.ts";
import type { SocketAddress } from "#transport/contract.ts";
import type { BackendName, ClientContext, ServerContext } from "#transport/tls.ts";
import type { Filter } from "#sdk/filter.ts";
import type { RequestHead } from "#core/http/message.ts";
import type { RouteCache } from "./route-cache.ts";

/** A snapshot, linked. */
export interface LinkedSnapshot {
  readonly data: SnapshotData;
  readonly routes: readonly LinkedRoute[];
  readonly upstreams: ReadonlyMap<string, LinkedUpstream>;
  readonly trustedProxies: CidrSet;
  readonly router: Router;
  /** By id. */
  readonly listeners: ReadonlyMap<string, LinkedListener>;
  /** TLS of the listeners that demand certificates of clients, for some hosts or for all. */
  readonly demanding: readonly ListenerTls[];
}

/** An address that accepts connections, as the data plane sees it. */
export interface LinkedListener {
  /** Null: plain HTTP. */
  readonly tls: ListenerTls | null;
  /** Requests are redirected to https at this port; null: they are served. */
  readonly redirectPort: number | null;
}

/** TLS of a listener. */
export interface ListenerTls {
  /**
   * What becomes of a connection.
   *
   * @param serverName lower case, without a final dot; null: the client has sent none
   * @param protocols those of ALPN in the client's order
   */
  choose(serverName: string | null, protocols: readonly string[]): TlsChoice;
  /** The policy that requests for a host need here; null: its connections are not opened. */
  policyFor(host: string): string | null;
  /** What nobody gets to this host here without; null: without a certificate one does. */
  demands(host: string): ClientCertificatesData | null;
  /** The host has rules of its own here, or a certificate. */
  knows(host: string): boolean;
}

/** What becomes of a connection whose first bytes are TLS. */
export type TlsChoice =
  | {
      readonly kind: "open";
      readonly context: ServerContext;
      /** Id of the policy. */
      readonly policy: string;
      /** What clients are asked for; null: nothing. */
      readonly clientCertificates: ClientCertificatesData | null;
      /** Answers may carry `Strict-Transport-Security`. */
      readonly hsts: boolean;
    }
  /** A certificate authority looks at a certificate (RFC 8737): nothing is said behind the handshake. */
  | { readonly kind: "challenge"; readonly context: ServerContext }
  /** The certificate is being obtained: look again when there are others. */
  | { readonly kind: "wait" }
  /** It goes to this upstream as it is. */
  | { readonly kind: "pass"; readonly upstream: string }
  /** It ends with this alert. */
  | { readonly kind: "refuse"; readonly alert: number };

/** Finds the route of a request. Pure: the same input gives the same route. */
export interface Router {
  /**
   * @param host lower-case host name without port and trailing dot, "" if the request has none
   * @param path normalised path, without query
   * @param query what follows `?`
   * @param head for predicates on method and headers
   * @param clientIp for predicates on the client's address
   * @param params receives the values of `:name` segments if not null
   */
  match(
    host: string,
    path: string,
    query: string,
    head: RequestHead,
    clientIp: string,
    params: Map<string, string> | null,
  ): LinkedRoute | null;
}

/** A filter of a route with its place in the configuration. */
export interface LinkedFilter {
  readonly name: string;
  /** `routes[3].use[0]` */
  readonly place: string;
  readonly pure: boolean;
  /** It only says what it would do. */
  readonly observe: boolean;
  /** Row of this filter in shared metrics; -1: it has none. */
  readonly slot: number;
  /** What it is set to, for people; "" if it does not say. */
  readonly summary: string;
  readonly filter: Filter<unknown>;
}

/**
 * The filters of a route: `all` in the order written, and for each hook the indexes into `all` of those that
 * have it: requests forwards, responses backwards. An empty list costs one look.
 */
export interface FilterChain {
  readonly all: readonly LinkedFilter[];
  readonly requestHead: readonly number[];
  readonly requestData: readonly number[];
  readonly responseHead: readonly number[];
  readonly end: readonly number[];
}

/** A route, linked. */
export interface LinkedRoute {
  readonly place: string;
  readonly name: string;
  readonly identity: string;
  readonly slot: number;
  readonly upstream: LinkedUpstream | null;
  readonly filters: FilterChain;
  /** Between the filters and the upstream; null: there is none. */
  readonly cache: RouteCache | null;
  readonly strict: boolean;
  readonly host: HostData;
  readonly upgrades: ReadonlySet<string>;
  /** The upstream's, with the route's overrides. */
  readonly timeouts: UpstreamTimeouts;
}

/** An upstream, linked. */
export interface LinkedUpstream {
  readonly name: string;
  readonly endpoints: readonly LinkedEndpoint[];
  readonly pool: PoolData;
  readonly retries: RetryData;
  readonly ejection: EjectionData;
  /** For connections that are passed through unopened, milliseconds. */
  readonly connectTimeout: number;
  readonly tunnelIdle: number;
  /** Of requests that no route's clocks are for. */
  readonly timeouts: UpstreamTimeouts;
  readonly balancer: Balancer;
}

/** An endpoint as an upstream of a snapshot sees it; its state is shared with other snapshots. */
export interface LinkedEndpoint {
  readonly slot: number;
  readonly name: string;
  /** `host:port`, for routes whose host policy is `endpoint`. */
  readonly authority: string;
  readonly weight: number;
  /** Null: plain HTTP. */
  readonly tls: EndpointTls | null;
  readonly state: EndpointState;
}

/** Contexts for connections to the endpoints of an upstream. */
export interface UpstreamContext {
  /**
   * The one for a connection that is made now. Exchanges outlive the snapshot that they began on, and with it its
   * contexts: whoever connects late gets another of the same kind.
   */
  current(): ClientContext;
}

/** How an endpoint is connected to by TLS. */
export interface EndpointTls {
  readonly context: UpstreamContext;
  readonly name: BackendName;
}

/** What a worker keeps of an endpoint across snapshots, by slot. */
export interface EndpointState {
  readonly slot: number;
  /** Numeric addresses in the order to be tried; empty while the name is unresolved. The control plane replaces it. */
  addresses: readonly SocketAddress[];
}

/** Chooses one of an upstream's endpoints. */
export interface Balancer {
  /**
   * @param tried endpoints that this request should avoid if there is another one
   * @returns null when no endpoint may be used
   */
  pick(tried: readonly LinkedEndpoint[]): LinkedEndpoint | null;
}

/** What balancers see of the state that all workers share, by endpoint slot. */
export interface EndpointLoad {
  /** Requests under way, in all workers. */
  inFlight(slot: number): number;
  /** Healthy by active checks (or none are made) and not ejected at `now`. */
  available(slot: number): boolean;
  /** Not found to be down by active checks; it may have been ejected. */
  healthy(slot: number): boolean;
}
