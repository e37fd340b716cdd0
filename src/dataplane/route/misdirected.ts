import type { ClientTls } from "../client-stream.ts";
import type { LinkedSnapshot } from "../linked.ts";

/** What is known of the connection that a request came on. */
export interface RequestOrigin {
  readonly listener: string;
  readonly tls: Pick<ClientTls, "policy" | "certificate"> | null;
}

/**
 * Does a request ask, on a connection that was opened for one name, for another that is under other rules (RFC 9110
 * §7.4)? A client could otherwise open a connection without a certificate and then ask for what demands one.
 *
 * @param host lower case, without port and final dot
 */
export function isMisdirected(
  { listener, tls }: RequestOrigin,
  { listeners, demandsCertificate }: LinkedSnapshot,
  host: string,
): boolean {
  if (tls !== null) {
    const policies = listeners.get(listener)?.tls ?? null;
    if (policies !== null && policies.policyFor(host) !== tls.policy) return true;
  }
  // On whichever listener, and also without TLS.
  if (demandsCertificate === null || !demandsCertificate(host)) return false;
  return tls === null || tls.certificate === "";
}
