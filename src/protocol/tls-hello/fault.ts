/** What may be wrong with the first bytes of a connection that should speak TLS. */

import type { AlertDescription } from "./alert.ts";

/** Kinds of faults, for logs and metrics. */
export type HelloFaultKind =
  /** A request of HTTP without TLS, the preface of HTTP/2 included. */
  | "plain_http"
  /** Neither TLS nor HTTP. */
  | "not_tls"
  /** SSL, or a client that offers neither TLS 1.2 nor 1.3 (RFC 8996). */
  | "version"
  /** Longer, or in more pieces, than is taken (`limits.ts`). */
  | "too_large"
  /** Breaks the rules of TLS, or could be read in two ways. */
  | "malformed"
  /** The server name is none that a host can have. */
  | "server_name";

/** One fault. */
export interface HelloFault {
  readonly kind: HelloFaultKind;
  /** The fatal alert that answers it; null for `plain_http`, whose client reads no TLS: it gets a 400 in the clear. */
  readonly alert: AlertDescription | null;
  /** What exactly, for the log. */
  readonly detail: string;
}
