/** Every metric that there is: name, kind, labels, meaning. The exposition and its documentation follow this list. */

/** A family of time series. */
export interface Instrument {
  /** As in Prometheus' text format; counters end in `_total`. */
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly labels: readonly string[];
  /** One sentence. */
  readonly help: string;
}

const ENDPOINT = ["upstream", "endpoint"] as const;

/** What the program calls them. */
export type InstrumentName =
  | "build"
  | "requests"
  | "duration"
  | "bytesIn"
  | "bytesOut"
  | "exchanges"
  | "failures"
  | "filterActions"
  | "upstreamRequests"
  | "attempts"
  | "retries"
  | "firstByte"
  | "connect"
  | "inFlight"
  | "upstreamConnections"
  | "waiting"
  | "up"
  | "ejections"
  | "connections"
  | "accepted"
  | "refused"
  | "handshakes"
  | "handshakesOpen"
  | "abuses"
  | "cacheRequests"
  | "cacheAnswers"
  | "cacheForgotten"
  | "cacheEntries"
  | "cacheBytes"
  | "certificateExpiry"
  | "certificateAttempts"
  | "certificateFailures"
  | "tunnels"
  | "buffers"
  | "workers"
  | "restarts"
  | "generation"
  | "reloads"
  | "reloadOk"
  | "logDropped"
  | "bugs"
  | "memory"
  | "cpu"
  | "openFds"
  | "maxFds"
  | "started";

/** In the order in which they are exposed. */
export const INSTRUMENTS: Readonly<Record<InstrumentName, Instrument>> = {
  build: gauge(
    "sluice_build_info",
    ["version", "node", "transport"],
    "Always 1; the labels say what runs.",
  ),

  requests: counter(
    "sluice_requests_total",
    ["route", "status"],
    "Requests that have ended, by route and class of status; the status is none where no answer was given, the route (none) where there was no route, (other) for routes beyond the first 1024.",
  ),
  duration: histogram(
    "sluice_request_duration_seconds",
    ["route"],
    "From the first byte of a request to the last of its answer; WebSockets and other tunnels are left out.",
  ),
  bytesIn: counter("sluice_request_bytes_total", ["route"], "Bytes of requests' bodies."),
  bytesOut: counter("sluice_response_bytes_total", ["route"], "Bytes of answers' bodies."),
  exchanges: gauge("sluice_requests_in_flight", [], "Requests under way."),
  failures: counter(
    "sluice_failures_total",
    ["code"],
    "Faults by their stable code, as the log and Proxy-Status have it.",
  ),

  filterActions: counter(
    "sluice_filter_actions_total",
    ["route", "filter", "mode", "action"],
    "What filters did to requests other than letting them pass; with mode observe, what they would have done.",
  ),

  upstreamRequests: counter(
    "sluice_upstream_requests_total",
    [...ENDPOINT, "outcome"],
    "Requests by the endpoint that they were last sent to: class of the status that it answered with, failed if that is its fault, aborted if there was another reason to end without its answer.",
  ),
  attempts: counter(
    "sluice_upstream_attempts_total",
    ["upstream"],
    "Tries at endpoints of the upstream, first ones and repeated ones.",
  ),
  retries: counter("sluice_upstream_retries_total", ["upstream"], "Tries that repeated a request."),
  firstByte: histogram(
    "sluice_upstream_time_to_first_byte_seconds",
    ENDPOINT,
    "From the first byte of a request to the first of the endpoint's answer.",
  ),
  connect: histogram(
    "sluice_upstream_connect_seconds",
    ENDPOINT,
    "Making a connection to the endpoint; requests on reused connections are left out.",
  ),
  inFlight: gauge(
    "sluice_upstream_requests_in_flight",
    ENDPOINT,
    "Requests under way at the endpoint.",
  ),
  upstreamConnections: gauge(
    "sluice_upstream_connections",
    [...ENDPOINT, "state"],
    "Connections to the endpoint: active (in use or being made) and idle (kept for later).",
  ),
  waiting: gauge(
    "sluice_upstream_waiting_requests",
    ENDPOINT,
    "Requests that wait for a connection to the endpoint.",
  ),
  up: gauge(
    "sluice_endpoint_up",
    ENDPOINT,
    "1 if the endpoint gets requests, 0 if active checks or failures have taken it out.",
  ),
  ejections: counter(
    "sluice_endpoint_ejections_total",
    ENDPOINT,
    "How often the endpoint was left out for a while after failures.",
  ),

  connections: gauge("sluice_connections", [], "Connections of clients that are open."),
  accepted: counter(
    "sluice_connections_accepted_total",
    [],
    "Connections of clients that were taken.",
  ),
  refused: counter(
    "sluice_connections_refused_total",
    [],
    "Connections of clients that were turned away because of limits.connections.",
  ),
  handshakes: counter(
    "sluice_tls_handshakes_total",
    ["outcome"],
    "TLS handshakes of clients: full, resumed (an earlier session was taken up), or failed.",
  ),
  handshakesOpen: gauge(
    "sluice_tls_handshakes_open",
    [],
    "TLS handshakes of clients that are under way, at most limits.handshakes.",
  ),
  abuses: counter(
    "sluice_http2_abuse_total",
    ["kind"],
    "HTTP/2 connections, or streams of them (window_stall), that were ended because the client did too much of something.",
  ),
  certificateExpiry: gauge(
    "sluice_certificate_expiry_timestamp_seconds",
    ["name", "source"],
    "When the certificate expires, in seconds since 1970; `name` is the first that it is made out to.",
  ),
  certificateAttempts: counter(
    "sluice_certificate_attempts_total",
    ["issuer"],
    "How often a certificate was asked for by ACME, once for each issuer and challenge that was tried.",
  ),
  certificateFailures: counter(
    "sluice_certificate_failures_total",
    ["issuer", "reason"],
    "Those that came to nothing, by reason: connection, dns, unauthorized and caa are about the name; rate_limit, rejected, account and request are what the issuer refuses; issuer, network and timeout are troubles of the issuer or of the way to it; challenge and store are troubles of this machine.",
  ),
  tunnels: gauge("sluice_tunnels", [], "WebSockets and other tunnels under way."),
  buffers: gauge(
    "sluice_buffers_bytes",
    [],
    "Bytes that clients have sent behind a request that is still being answered, held until their turn.",
  ),

  cacheRequests: counter(
    "sluice_cache_requests_total",
    ["result"],
    "Requests on routes with a cache: answered from it (hit, stale), sent on for all who want the same (miss), waiting for such a one (collapsed), or sent past it (bypass).",
  ),
  cacheAnswers: counter(
    "sluice_cache_answers_total",
    ["result"],
    "Answers of backends to requests of the cache: stored, revalidated, unstorable or failed.",
  ),
  cacheForgotten: counter(
    "sluice_cache_forgotten_total",
    ["reason"],
    "Entries that left the cache for want of memory (evicted), or because they were purged or had become invalid (purged).",
  ),
  cacheEntries: gauge("sluice_cache_entries", [], "Entries in the cache."),
  cacheBytes: gauge("sluice_cache_bytes", [], "Bytes of the cache that are in use."),
  workers: gauge(
    "sluice_workers",
    ["state"],
    "Workers by state: running, starting, draining, dead.",
  ),
  restarts: counter(
    "sluice_worker_restarts_total",
    [],
    "Workers that were started in place of one that had ended.",
  ),
  generation: gauge("sluice_config_generation", [], "The configuration that runs, counted from 1."),
  reloads: counter(
    "sluice_config_reloads_total",
    ["outcome"],
    "Configurations that were applied or refused after the first.",
  ),
  reloadOk: gauge(
    "sluice_config_last_reload_successful",
    [],
    "1 if the configuration that was read last is the one that runs, 0 if it was refused.",
  ),
  logDropped: counter(
    "sluice_log_lines_dropped_total",
    [],
    "Lines of the access log that were lost because they could not be written fast enough.",
  ),
  bugs: counter("sluice_bugs_total", [], "Events that should be impossible; please report any."),

  memory: gauge("process_resident_memory_bytes", [], "Memory that the process has in RAM."),
  cpu: counter("process_cpu_seconds_total", [], "Processor time that the process has used."),
  openFds: gauge("process_open_fds", [], "File descriptors that are open (Linux)."),
  maxFds: gauge("process_max_fds", [], "Most file descriptors that may be open (Linux)."),
  started: gauge("process_start_time_seconds", [], "When the process began, since 1970-01-01 UTC."),
};

function counter(name: string, labels: readonly string[], help: string): Instrument {
  return { name, type: "counter", labels, help };
}

function gauge(name: string, labels: readonly string[], help: string): Instrument {
  return { name, type: "gauge", labels, help };
}

function histogram(name: string, labels: readonly string[], help: string): Instrument {
  return { name, type: "histogram", labels, help };
}
