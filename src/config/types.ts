/**
 * The configuration after reading: every default filled in, every text parsed, plain data but for inline filters.
 * `control/compile` turns it into the snapshot. What users may write is in `input.ts`.
 */
import type { Bytes, BytesPerSecond, Milliseconds } from "#core/units.ts";
import type { Cidr, ParsedMatch } from "#model/match.ts";
import type { AcmeChallengeType, AcmeIssuerData, DnsData } from "#model/tls.ts";

/** A whole configuration. */
export interface Config {
  /** At least one, no address twice. */
  readonly listen: readonly ListenConfig[];
  /** In the order written; names are unique. */
  readonly upstreams: readonly UpstreamConfig[];
  /** In the order written. */
  readonly routes: readonly RouteConfig[];
  /** Peers whose forwarded fields are believed; none by default. */
  readonly trustedProxies: readonly Cidr[];
  /** RFC 7239 `Forwarded` is sent beside `X-Forwarded-*`. */
  readonly forwarded: boolean;
  readonly timeouts: TimeoutsConfig;
  readonly limits: LimitsConfig;
  readonly log: LogConfig;
  readonly acme: AcmeConfig;
  readonly cache: CacheConfig;
  readonly admin: AdminConfig;
  /** `auto` lets the process choose. */
  readonly transport: "auto" | "node" | "uring";
  /** Number of worker threads, or one for each processor. */
  readonly workers: "auto" | number;
}

/** What all caches share. */
export interface CacheConfig {
  readonly memory: Bytes;
}

/** An address to listen on. */
export type ListenAddress =
  /** `host` is "" for every address of the machine (IPv6 and IPv4); IPv6 literals are without brackets. */
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** A listener. */
export interface ListenConfig {
  readonly address: ListenAddress;
  /** Canonical form: `:8080`, `127.0.0.1:8080`, `[::1]:8080`, `unix:/run/sluice.sock`. Identity across reloads. */
  readonly text: string;
  /** Null: plain HTTP. */
  readonly tls: ListenTlsConfig | null;
  /** Requests are answered by a redirect to https. */
  readonly redirect: "https" | null;
}

/** Names of files are as written: relative to the folder of the configuration. */
export interface PairConfig {
  readonly cert: string;
  readonly key: string;
}

/** Where the certificates of a listener come from. */
export type CertificatesConfig =
  | { readonly kind: "files"; readonly pairs: readonly PairConfig[] }
  /** The local certificate authority. */
  | { readonly kind: "local" }
  /** They are obtained for the hosts of all routes; local names have those of the local authority. */
  | { readonly kind: "auto" };

/** How certificates are obtained. */
export interface AcmeConfig {
  readonly email: string | null;
  /** In order. Never empty. Their `ca` is the name of a PEM file, as written. */
  readonly issuers: readonly AcmeIssuerData[];
  /** In order; null: those that are possible. */
  readonly challenges: readonly AcmeChallengeType[] | null;
  readonly dns: DnsData | null;
}

/** What clients have to show. */
export interface ClientCertificatesConfig {
  readonly mode: "require" | "request";
  /** Names of PEM files. */
  readonly ca: string;
  readonly crl: string | null;
}

/** What differs for a name; undefined: as for the others. */
export interface TlsNameConfig {
  readonly preset?: "modern" | "intermediate" | undefined;
  readonly clientCertificates?: ClientCertificatesConfig | null | undefined;
}

/** TLS of a listener. Names are lower case; `*.example.com` covers one label. */
export interface ListenTlsConfig {
  readonly certificates: CertificatesConfig;
  readonly preset: "modern" | "intermediate";
  /** Whose certificate clients get that send no name; null: the first. */
  readonly default: string | null;
  readonly clientCertificates: ClientCertificatesConfig | null;
  readonly names: readonly (readonly [name: string, rules: TlsNameConfig])[];
  readonly passThrough: readonly (readonly [name: string, upstream: string])[];
  readonly hsts: "auto" | "off";
}

/** TLS to the endpoints of an upstream. */
export interface UpstreamTlsConfig {
  readonly verify: boolean;
  /** Name of a PEM file; null: the issuers of the system. */
  readonly ca: string | null;
  readonly serverName: string | null;
  readonly minVersion: "1.2" | "1.3";
  /** Names of PEM files; both or none. */
  readonly cert: string | null;
  readonly key: string | null;
}

/** An address to connect to. */
export type EndpointAddress =
  /** `host` is a lower-case name or an address literal (IPv6 without brackets). */
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** One backend address of an upstream. */
export interface EndpointConfig {
  readonly address: EndpointAddress;
  /** Canonical form: `http://localhost:3000`, `https://[::1]:3000`, `unix:/run/app.sock`. Identity across reloads. */
  readonly url: string;
  /** What `host: upstream` sends as Host: name and port, the port left out when the scheme means it; `localhost` for unix sockets. */
  readonly authority: string;
  /** Share of the requests, relative to the others: 1…1000. */
  readonly weight: number;
  /** The connection is TLS. */
  readonly secure: boolean;
}

/** How an endpoint is chosen. */
export type Balance = "round-robin" | "random" | "least-requests" | "power-of-two";

/** A named pool of backends with its policy. */
export interface UpstreamConfig {
  readonly name: string;
  /** At least one, no address twice. */
  readonly endpoints: readonly EndpointConfig[];
  readonly balance: Balance;
  /** Active checks; null = none. */
  readonly health: HealthConfig | null;
  /** Passive ejection; null = off. */
  readonly ejection: EjectionConfig | null;
  readonly connections: ConnectionsConfig;
  readonly retries: RetriesConfig;
  readonly tls: UpstreamTlsConfig;
  /** Overrides of the global `timeouts`; only what was written. */
  readonly timeouts: AttemptTimeouts;
}

/** An inclusive range of status codes. */
export interface StatusRange {
  readonly from: number;
  readonly to: number;
}

/** Active health checks: one HTTP request to each endpoint from the control plane. */
export interface HealthConfig {
  /** Path and query of the GET request. */
  readonly path: string;
  /** Mean time between two checks of one endpoint (jittered by ±10 %). */
  readonly interval: Milliseconds;
  /** For connect, head and everything. */
  readonly timeout: Milliseconds;
  /** Statuses that count as healthy. */
  readonly expect: readonly StatusRange[];
  /** Failures in a row that take an endpoint out. */
  readonly unhealthyAfter: number;
  /** Successes in a row that take it back. */
  readonly healthyAfter: number;
  /** The Host to send; null = the endpoint's own authority. */
  readonly host: string | null;
}

/** Ejection of endpoints that refuse connections. */
export interface EjectionConfig {
  /** Connect failures in a row. */
  readonly consecutiveFailures: number;
  /** Length of the first ejection; each further one doubles it. */
  readonly pause: Milliseconds;
  readonly maxPause: Milliseconds;
}

/** The pool of connections to an upstream. */
export interface ConnectionsConfig {
  /** Connections to one endpoint from the whole process; null = no limit. */
  readonly max: number | null;
  /** Requests that may wait for a connection to one endpoint, in the whole process; beyond it 503. */
  readonly maxPending: number;
  /** How long one may wait; then 503. */
  readonly queueTimeout: Milliseconds;
  /** How long an idle connection is kept until the backend says by `Keep-Alive` how long it keeps its own. */
  readonly idle: Milliseconds;
}

/** Retries of an upstream's attempts. */
export interface RetriesConfig {
  /** Further attempts after the first; 0 = none. */
  readonly attempts: number;
  /** Statuses of the backend that are tried again: a subset of 429, 502, 503, 504. */
  readonly on: readonly number[];
  /** POST and PATCH with `Idempotency-Key` count as idempotent. */
  readonly idempotencyKey: boolean;
  /** Retries as a share of the active requests, in per cent (at least 3 at a time are always allowed). */
  readonly budgetPercent: number;
}

/** Some members of `T`, each of which may be left as it is (undefined). */
export type Override<T, Key extends keyof T> = { readonly [K in Key]?: T[K] | undefined };

/** All durations in milliseconds. */
export interface TimeoutsConfig {
  /** TLS handshake of a client, from its connection on. */
  readonly handshake: Milliseconds;
  /** Request head, from its first byte: 408. */
  readonly head: Milliseconds;
  /** Request body: longest gap between two bytes. */
  readonly bodyIdle: Milliseconds;
  /** Request body: time before `limits.bodyRate` is demanded. */
  readonly bodyGrace: Milliseconds;
  /** Response: longest time in which the client takes no byte of what waits for it. */
  readonly write: Milliseconds;
  /** Client connection without a request. */
  readonly keepAlive: Milliseconds;
  /** Connection to a backend, name lookup excluded. */
  readonly connect: Milliseconds;
  /** First byte of the response, from the end of the request. */
  readonly firstByte: Milliseconds;
  /** Response body: longest gap between two bytes; event streams, gRPC and tunnels have none. null = no limit. */
  readonly responseIdle: Milliseconds | null;
  /** WebSocket or other upgrade: longest time without a byte in either direction. */
  readonly tunnelIdle: Milliseconds;
  /** On stop: time between "not ready" and closing the listeners. */
  readonly stopDelay: Milliseconds;
  /** On stop: time for running exchanges to end. */
  readonly drain: Milliseconds;
}

/** Timeouts that an upstream may say otherwise than the global ones, and a route otherwise than its upstream. */
export type AttemptTimeouts = Override<
  TimeoutsConfig,
  "connect" | "firstByte" | "responseIdle" | "tunnelIdle"
>;

/** Bounds on what clients may send and hold. */
export interface LimitsConfig {
  /** Client connections of the whole process. */
  readonly connections: number;
  /** TLS handshakes under way, in the whole process. */
  readonly handshakes: number;
  /** TLS handshakes begun in a second, in the whole process; null: any. */
  readonly handshakeRate: number | null;
  /** Slowest request body after `timeouts.bodyGrace`. */
  readonly bodyRate: BytesPerSecond;
}

/** What is logged. */
export interface LogConfig {
  /** `auto` = `pretty` on a terminal, else `json`. */
  readonly access: "auto" | "json" | "combined" | "pretty" | "off";
  /** Of the process's own messages. */
  readonly level: "debug" | "info" | "warn" | "error";
}

/** The admin listener; null = off. */
export type AdminConfig = {
  readonly address: ListenAddress;
  /** Canonical form of the address. */
  readonly text: string;
  /** True when the configuration names the address: then it being taken is an error, otherwise a warning. */
  readonly written: boolean;
} | null;

/** A route: a match, filters, a destination. */
export interface RouteConfig {
  /** As written (then unique), or the match in its canonical form. Used in logs and metrics. */
  readonly name: string;
  /** Alternatives: one is enough. Never empty. */
  readonly match: readonly ParsedMatch[];
  /** Routes with a higher one are tried first. */
  readonly priority: number;
  /** Filters in order. */
  readonly use: readonly FilterUse[];
  /** Name of the upstream; null when a filter answers. */
  readonly to: string | null;
  readonly pathPolicy: "strict" | "lenient";
  /** Overrides of the upstream's; only what was written. */
  readonly timeouts: AttemptTimeouts;
  /** Upgrade tokens that may pass, lower case. */
  readonly upgrade: readonly string[];
  readonly host: HostPolicy;
}

/** What the backend gets as Host. */
export type HostPolicy =
  /** The client's own. */
  | { readonly kind: "preserve" }
  /** The chosen endpoint's authority. */
  | { readonly kind: "endpoint" }
  | { readonly kind: "literal"; readonly value: string };

/** One step of a route's `use`. */
export type FilterUse =
  /** A filter by name, with the options that its schema made. */
  | { readonly kind: "named"; readonly name: string; readonly options: unknown }
  /** A filter written in a TypeScript configuration; workers find it by its place (`routes[3].use[0]`). */
  | { readonly kind: "inline"; readonly filter: unknown };
