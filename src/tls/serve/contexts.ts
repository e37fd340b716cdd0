/**
 * The contexts of a worker: built when the first connection needs them, kept for as long as their certificates and their
 * policy are in use. A thousand certificates cost nothing until somebody asks for them.
 */

import { Buffer } from "node:buffer";
import type { CertificateData, TlsPolicyData, UpstreamTlsData } from "#model/tls.ts";
import type { Tls } from "#transport/contract.ts";
import type { ClientContext, ServerContext } from "#transport/tls.ts";
import { clientProfile, serverProfile } from "./profiles.ts";

/** Protocols that are spoken inside TLS, with clients and with backends, the best first. */
const CLIENT_ALPN: readonly string[] = ["h2", "http/1.1"];
const BACKEND_ALPN: readonly string[] = ["http/1.1"];

/** Contexts by what they are made of. */
export class ContextCache {
  readonly #tls: Tls;
  readonly #servers: Map<string, ServerContext> = new Map();
  readonly #clients: Map<string, ClientContext> = new Map();
  #secrets: readonly Uint8Array[] = [];

  constructor(tls: Tls) {
    this.#tls = tls;
  }

  /** Secrets of 32 bytes that tickets are sealed with; the first seals new ones. */
  setTicketSecrets(secrets: readonly Uint8Array[]): void {
    this.#secrets = secrets;
    for (const context of this.#servers.values()) context.setTicketSecrets(secrets);
  }

  /** @throws Error with a sentence if the certificates cannot be used */
  server(policy: TlsPolicyData, certificates: readonly CertificateData[]): ServerContext {
    const key = serverKey(policy, certificates);
    let context = this.#servers.get(key);
    if (context === undefined) {
      context = this.#tls.server({
        profile: serverProfile(policy),
        certificates: certificates.map(({ chain, key: secret, ocsp }) => ({
          chain,
          key: secret,
          ...(ocsp === null ? {} : { ocsp }),
        })),
        alpn: CLIENT_ALPN,
        clientCertificates: policy.clientCertificates,
        policy: policy.id,
      });
      if (this.#secrets.length > 0) context.setTicketSecrets(this.#secrets);
      this.#servers.set(key, context);
    }
    return context;
  }

  /** @throws Error with a sentence if a file cannot be used */
  client(data: UpstreamTlsData): ClientContext {
    const key = clientKey(data);
    let context = this.#clients.get(key);
    if (context === undefined) {
      const { certificate } = data;
      context = this.#tls.client({
        profile: clientProfile(data),
        ca: data.ca,
        certificate,
        verify: data.verify,
        alpn: BACKEND_ALPN,
      });
      this.#clients.set(key, context);
    }
    return context;
  }

  /** Lets go of contexts that nothing can ask for any more. Connections that were made with them go on. */
  retain(
    fingerprints: ReadonlySet<string>,
    policies: ReadonlySet<string>,
    upstreams: readonly UpstreamTlsData[],
  ): void {
    for (const [key, context] of this.#servers) {
      const [policy, ...used] = key.split(" ");
      if (policies.has(policy!) && used.every((one) => fingerprints.has(one))) continue;
      context.release();
      this.#servers.delete(key);
    }
    const kept = new Set(upstreams.map(clientKey));
    for (const [key, context] of this.#clients) {
      if (kept.has(key)) continue;
      context.release();
      this.#clients.delete(key);
    }
  }
}

/** What names a certificate with the answer that is stapled to it. */
export function identityOf({ fingerprint, ocsp }: CertificateData): string {
  // An answer is replaced by a newer one, which begins at another time: its signature differs.
  return ocsp === null
    ? fingerprint
    : `${fingerprint}/${Buffer.from(ocsp.slice(-24)).toString("hex")}`;
}

function serverKey(policy: TlsPolicyData, certificates: readonly CertificateData[]): string {
  return [policy.id, ...certificates.map(identityOf)].join(" ");
}

function clientKey(data: UpstreamTlsData): string {
  const { verify, ca, minVersion, certificate } = data;
  return JSON.stringify([verify, ca, minVersion, certificate]);
}
