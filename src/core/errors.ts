/**
 * Everything that can go wrong with an exchange, as one closed list of codes, and one table that says what
 * each code means: status, whose fault, log level, `Proxy-Status` type (RFC 9209 §2.3) and a sentence for a
 * person. Code names are stable: logs, metrics, documentation and users' alerts match on them.
 */

/** On which side of the proxy the fault lies. */
export type Side = "downstream" | "upstream" | "internal";

/** What is written to the log for it. */
export type Severity = "debug" | "info" | "warn" | "error";

/** A row of the table. */
export interface FailureMeaning {
  /** Status of the answer that the proxy makes; 0: there is nobody or no way to answer. */
  readonly status: number;
  readonly side: Side;
  readonly level: Severity;
  /** RFC 9209 error type. */
  readonly proxyStatus: string;
  /** One sentence: what happened and what helps. */
  readonly sentence: string;
}

/** The stable name of a fault. */
export type FailureCode =
  | "request_malformed"
  | "request_framing"
  | "request_target_invalid"
  | "request_host_invalid"
  | "path_ambiguous"
  | "request_line_too_long"
  | "request_head_too_large"
  | "request_body_too_large"
  | "request_body_malformed"
  | "request_head_timeout"
  | "request_body_timeout"
  | "method_not_allowed"
  | "version_not_supported"
  | "coding_not_supported"
  | "upgrade_invalid"
  | "misdirected"
  | "access_denied"
  | "unauthorized"
  | "rate_limited"
  | "concurrency_limit"
  | "auth_unavailable"
  | "plain_http"
  | "client_gone"
  | "client_stalled"
  | "connection_limit"
  | "handshake_limit"
  | "no_route"
  | "not_in_cache"
  | "loop_detected"
  | "filter_failed"
  | "internal_error"
  | "shutting_down"
  | "drain_expired"
  | "upstream_unresolved"
  | "no_endpoint"
  | "queue_full"
  | "queue_timeout"
  | "connect_refused"
  | "connect_unreachable"
  | "connect_timeout"
  | "connect_failed"
  | "upstream_tls_failed"
  | "upstream_certificate"
  | "descriptors_exhausted"
  | "upstream_closed_reused"
  | "upstream_closed"
  | "upstream_reset"
  | "response_malformed"
  | "response_framing"
  | "response_head_too_large"
  | "response_coding"
  | "response_interim_flood"
  | "response_truncated"
  | "response_body_malformed"
  | "response_timeout"
  | "response_idle"
  | "request_stalled"
  | "upgrade_refused"
  | "tunnel_idle";

/** What each code means. */
export const FAILURES: Readonly<Record<FailureCode, FailureMeaning>> = {
  // ── the client's request ──────────────────────────────────────────────────────────────────────────
  request_malformed: row(
    400,
    "downstream",
    "info",
    "http_request_error",
    "The request is not well-formed HTTP; it was not forwarded.",
  ),
  request_framing: row(
    400,
    "downstream",
    "warn",
    "http_request_error",
    "The request says in two ways, or in a wrong way, where its body ends; forwarding it would be unsafe.",
  ),
  request_target_invalid: row(
    400,
    "downstream",
    "info",
    "http_request_error",
    "The request target is not a valid path or URL.",
  ),
  request_host_invalid: row(
    400,
    "downstream",
    "info",
    "http_request_error",
    "The request needs exactly one valid Host that agrees with its target.",
  ),
  path_ambiguous: row(
    400,
    "downstream",
    "warn",
    "http_request_error",
    "Servers differ in how they read this path, and routes differ on it; send it without encoded or doubled separators, or set `pathPolicy: lenient` on the routes in question.",
  ),
  request_line_too_long: row(
    414,
    "downstream",
    "info",
    "http_request_error",
    "The request line is longer than the limit of 8 KiB.",
  ),
  request_head_too_large: row(
    431,
    "downstream",
    "info",
    "http_request_error",
    "The request's header is larger than the limit of 32 KiB or 100 fields.",
  ),
  request_body_too_large: row(
    413,
    "downstream",
    "info",
    "http_request_error",
    "The request's body is larger than this route allows (bodyLimit).",
  ),
  request_body_malformed: row(
    400,
    "downstream",
    "info",
    "http_request_error",
    "The request's chunked body or its trailers are not well-formed.",
  ),
  request_head_timeout: row(
    408,
    "downstream",
    "info",
    "http_request_error",
    "The request's head did not arrive within 15 s of its first byte.",
  ),
  request_body_timeout: row(
    408,
    "downstream",
    "info",
    "http_request_error",
    "The request's body arrives too slowly (less than 240 B/s after 10 s, or nothing for 60 s).",
  ),
  method_not_allowed: row(
    405,
    "downstream",
    "info",
    "http_request_denied",
    "This method is not forwarded (CONNECT, TRACE).",
  ),
  version_not_supported: row(
    505,
    "downstream",
    "info",
    "http_request_error",
    "Only HTTP/1.0 and HTTP/1.1 are spoken here.",
  ),
  coding_not_supported: row(
    501,
    "downstream",
    "info",
    "http_request_error",
    "The request uses a transfer coding that is not known here; only chunked is.",
  ),
  upgrade_invalid: row(
    400,
    "downstream",
    "info",
    "http_request_error",
    "A WebSocket upgrade must be a GET without a body.",
  ),
  misdirected: row(
    421,
    "downstream",
    "info",
    "http_request_error",
    "This connection was secured for another name, with other rules: open a new one for this host.",
  ),
  access_denied: row(
    403,
    "downstream",
    "info",
    "http_request_denied",
    "Requests from this address are not let through here (ipAccess).",
  ),
  unauthorized: row(
    401,
    "downstream",
    "info",
    "http_request_denied",
    "This needs a name and a password, and those that were sent, if any, are not right.",
  ),
  rate_limited: row(
    429,
    "downstream",
    "info",
    "http_request_denied",
    "There were too many requests in a short time; `Retry-After` says when the next one may come.",
  ),
  concurrency_limit: row(
    503,
    "downstream",
    "warn",
    "connection_limit_reached",
    "Too many requests are under way at once (concurrencyLimit).",
  ),
  auth_unavailable: row(
    503,
    "internal",
    "error",
    "proxy_internal_response",
    "Whether this request may pass could not be found out, so it may not (basicAuth, forwardAuth).",
  ),
  plain_http: row(
    400,
    "downstream",
    "info",
    "http_request_error",
    "This port speaks TLS: use https://.",
  ),
  client_gone: row(
    499,
    "downstream",
    "debug",
    "connection_terminated",
    "The client left before its answer was complete.",
  ),
  client_stalled: row(
    0,
    "downstream",
    "info",
    "connection_write_timeout",
    "The client took no byte of its answer for 60 s.",
  ),
  connection_limit: row(
    503,
    "downstream",
    "warn",
    "connection_limit_reached",
    "The proxy holds as many connections as it may (limits.connections).",
  ),
  handshake_limit: row(
    0,
    "downstream",
    "warn",
    "connection_limit_reached",
    "As many TLS handshakes are under way as may be (limits.handshakes).",
  ),

  // ── the proxy's own decisions ─────────────────────────────────────────────────────────────────────
  no_route: row(
    404,
    "internal",
    "info",
    "destination_not_found",
    "No route of the configuration matches this host and path; `sluice explain` shows why.",
  ),
  not_in_cache: row(
    504,
    "downstream",
    "debug",
    "http_request_error",
    "The request may be answered from the cache alone (`only-if-cached`), and the cache has nothing for it.",
  ),
  loop_detected: row(
    508,
    "internal",
    "error",
    "proxy_loop_detected",
    "This request has passed through this proxy already: an upstream points back to it.",
  ),
  filter_failed: row(
    500,
    "internal",
    "error",
    "proxy_internal_error",
    "A filter of this route threw an error; the log has it.",
  ),
  internal_error: row(
    500,
    "internal",
    "error",
    "proxy_internal_error",
    "The proxy made an error of its own; please report it with the log line.",
  ),
  shutting_down: row(
    503,
    "internal",
    "info",
    "proxy_internal_response",
    "The proxy is being stopped.",
  ),
  drain_expired: row(
    0,
    "internal",
    "warn",
    "connection_terminated",
    "The proxy was stopped and the exchange had not ended when its time was over (timeouts.drain).",
  ),

  // ── choosing and reaching a backend ───────────────────────────────────────────────────────────────
  upstream_unresolved: row(
    502,
    "upstream",
    "error",
    "dns_error",
    "The name of the backend cannot be resolved.",
  ),
  no_endpoint: row(
    503,
    "upstream",
    "error",
    "destination_unavailable",
    "No endpoint of the upstream is healthy.",
  ),
  queue_full: row(
    503,
    "upstream",
    "warn",
    "connection_limit_reached",
    "All connections to the upstream are busy and its queue is full.",
  ),
  queue_timeout: row(
    503,
    "upstream",
    "warn",
    "connection_limit_reached",
    "No connection to the upstream became free in time (queueTimeout).",
  ),
  connect_refused: row(
    502,
    "upstream",
    "error",
    "connection_refused",
    "Nothing listens at the backend's address: is it running, and is the port right?",
  ),
  connect_unreachable: row(
    502,
    "upstream",
    "error",
    "destination_ip_unroutable",
    "The backend's address cannot be reached from here.",
  ),
  connect_timeout: row(
    504,
    "upstream",
    "error",
    "connection_timeout",
    "The backend did not accept a connection in time (timeouts.connect).",
  ),
  connect_failed: row(
    502,
    "upstream",
    "error",
    "connection_terminated",
    "The connection to the backend failed before it was up.",
  ),
  upstream_tls_failed: row(
    502,
    "upstream",
    "error",
    "tls_protocol_error",
    "The backend and the proxy did not agree on TLS: does its port speak TLS, of version 1.2 or later, and does it want a client certificate?",
  ),
  upstream_certificate: row(
    502,
    "upstream",
    "error",
    "tls_certificate_error",
    "The backend's certificate does not verify: name its issuer with `tls.ca`, its name with `tls.serverName`, or have it renewed.",
  ),
  descriptors_exhausted: row(
    503,
    "internal",
    "error",
    "proxy_internal_error",
    "The process is out of file descriptors: raise its limit (ulimit -n, LimitNOFILE=).",
  ),

  // ── the backend's answer ──────────────────────────────────────────────────────────────────────────
  upstream_closed_reused: row(
    502,
    "upstream",
    "warn",
    "connection_terminated",
    "The backend closed a reused connection before it answered; its keep-alive is shorter than ours.",
  ),
  upstream_closed: row(
    502,
    "upstream",
    "error",
    "connection_terminated",
    "The backend closed the connection before it answered; it may have crashed.",
  ),
  upstream_reset: row(
    502,
    "upstream",
    "error",
    "connection_terminated",
    "The backend reset the connection before it answered.",
  ),
  response_malformed: row(
    502,
    "upstream",
    "error",
    "http_protocol_error",
    "The backend's answer is not well-formed HTTP.",
  ),
  response_framing: row(
    502,
    "upstream",
    "error",
    "http_protocol_error",
    "The backend's answer says in two ways, or in a wrong way, where its body ends.",
  ),
  response_head_too_large: row(
    502,
    "upstream",
    "error",
    "http_response_header_section_size",
    "The header of the backend's answer is larger than the limit of 32 KiB or 100 fields.",
  ),
  response_coding: row(
    502,
    "upstream",
    "error",
    "http_response_transfer_coding",
    "The backend's answer uses a transfer coding that is not known here.",
  ),
  response_interim_flood: row(
    502,
    "upstream",
    "error",
    "http_protocol_error",
    "The backend sent more than 8 interim (1xx) responses.",
  ),
  response_truncated: row(
    0,
    "upstream",
    "error",
    "http_response_incomplete",
    "The backend's answer ended before it was complete; the client's connection was cut so that it notices.",
  ),
  response_body_malformed: row(
    0,
    "upstream",
    "error",
    "http_protocol_error",
    "The chunked body of the backend's answer is not well-formed; the client's connection was cut.",
  ),
  response_timeout: row(
    504,
    "upstream",
    "error",
    "http_response_timeout",
    "The backend did not begin to answer in time (timeouts.firstByte).",
  ),
  response_idle: row(
    0,
    "upstream",
    "error",
    "http_response_timeout",
    "The backend stopped in the middle of its answer (timeouts.responseIdle).",
  ),
  request_stalled: row(
    504,
    "upstream",
    "error",
    "connection_write_timeout",
    "The backend took no byte of the request's body in time (timeouts.firstByte).",
  ),
  upgrade_refused: row(
    502,
    "upstream",
    "error",
    "http_upgrade_failed",
    "The backend switched protocols in a way that the client did not ask for.",
  ),
  tunnel_idle: row(
    0,
    "internal",
    "info",
    "connection_read_timeout",
    "Neither side of the WebSocket or tunnel sent a byte within its idle limit.",
  ),
};

function row(
  status: number,
  side: Side,
  level: Severity,
  proxyStatus: string,
  sentence: string,
): FailureMeaning {
  return { status, side, level, proxyStatus, sentence };
}

/** Every code, in the order of the table: a code's place is its number in shared counters. */
export const FAILURE_CODES: readonly FailureCode[] = Object.keys(FAILURES) as FailureCode[];

/** May the request be sent again? `if-reused`: only when the connection had carried a request before. */
export type Retry = "no" | "yes" | "if-reused";

/** One fault of one exchange. */
export interface Failure {
  readonly code: FailureCode;
  readonly retry: Retry;
  /** What the operating system or the parser said, for the log; never sent to a client. */
  readonly detail: string;
}

/** A fault as a value. */
export function failure(code: FailureCode, detail = "", retry: Retry = "no"): Failure {
  return { code, retry, detail };
}
