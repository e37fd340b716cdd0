import type { ClientCertificatesData } from "#model/tls.ts";
import type { ClientTls } from "../client-stream.ts";
import type { LinkedSnapshot, ListenerTls } from "../linked.ts";

/** What is known of the connection that a request came on. */
export interface RequestOrigin {
  readonly listener: string;
  readonly tls: Pick<ClientTls, "policy" | "clientCertificates" | "certificate"> | null;
}

/**
 * Does a request ask, on a connection that was opened for one name, for another that is under other rules (RFC 9110
 * §7.4)? A client could otherwise open a connection without a certificate and then ask for what demands one.
 *
 * @param host lower case, without port and final dot
 */
export function isMisdirected(
  { listener, tls }: RequestOrigin,
  { listeners, demanding }: LinkedSnapshot,
  host: string,
): boolean {
  const own = tls === null ? null : (listeners.get(listener)?.tls ?? null);
  if (own !== null && own.policyFor(host) !== tls!.policy) return true;
  // On whichever listener, and also without TLS: routes belong to no listener.
  for (const other of demanding) {
    const demanded = other === own ? null : other.demands(host);
    if (demanded === null || isElsewhere(host, other, own)) continue;
    if (tls === null || !hasShown(tls, demanded)) return true;
  }
  return false;
}

/** A host that is nothing to a listener but for its demanding a certificate of everybody, and has its place here. */
function isElsewhere(host: string, other: ListenerTls, own: ListenerTls | null): boolean {
  return own !== null && own.knows(host) && !other.knows(host);
}

/** A certificate of other issuers is none. */
function hasShown(
  { certificate, clientCertificates }: NonNullable<RequestOrigin["tls"]>,
  { ca, crl }: ClientCertificatesData,
): boolean {
  return certificate !== "" && clientCertificates?.ca === ca && clientCertificates.crl === crl;
}
