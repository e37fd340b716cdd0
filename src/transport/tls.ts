/**
 * TLS as the engine asks it of a transport. Who speaks first is read before (`protocol/tls-hello`): by then it is decided
 * which context serves the connection, and the bytes that were read are handed on.
 *
 * What does it is `Tls` in `contract.ts`. A context is made once for a snapshot and outlived by the connections that were made with it.
 */

/** Versions that are spoken; older ones never are (RFC 8996). */
export type TlsVersion = "TLSv1.2" | "TLSv1.3";

/** A certificate and what belongs to it. */
export interface CertificatePair {
  /** PEM: the certificate, then those of its issuers up to, but without, the root. */
  readonly chain: string;
  /** PEM, not encrypted. */
  readonly key: string;
  /** An answer of its issuer that it is still good (DER, RFC 6960), for clients that ask for it. */
  readonly ocsp?: Uint8Array | undefined;
}

/** What is spoken at all. */
export interface TlsProfile {
  readonly minVersion: TlsVersion;
  /** OpenSSL's list of suites for TLS 1.2, in order of preference. */
  readonly ciphers: string;
  /** OpenSSL's list of suites for TLS 1.3. */
  readonly cipherSuites: string;
  /** Key exchange groups in order of preference; those that this OpenSSL does not have are left out. */
  readonly groups: readonly string[];
}

/** What is asked of clients. */
export interface ClientCertificates {
  /** `require`: no connection without one that verifies. `request`: without one, or with a good one. */
  readonly mode: "request" | "require";
  /** PEM bundle of the issuers that are believed; they are named to the client. */
  readonly ca: string;
  /** PEM bundle of revocation lists; null: revocation is not looked at. Then every issuer in a chain needs a valid list. */
  readonly crl: string | null;
}

/** How connections of clients are secured. */
export interface ServerTlsOptions {
  readonly profile: TlsProfile;
  /** One, or several with keys of different types (ECDSA, RSA), of which the client gets what it can verify. Never empty. */
  readonly certificates: readonly CertificatePair[];
  /** Protocols in order of preference. A client that offers others only gets the alert no_application_protocol (RFC 7301 §3.2). */
  readonly alpn: readonly string[];
  readonly clientCertificates: ClientCertificates | null;
  /**
   * Names the policy that these options are. A session is resumed only under the policy that it was made under, so
   * that resumption never skips what the policy asks for (CVE-2025-23419): ids and tickets are bound to it.
   */
  readonly policy: string;
}

/** How backends are connected to. */
export interface ClientTlsOptions {
  readonly profile: TlsProfile;
  /** PEM of the issuers that are believed; null: those that Node.js and the system believe (`tls.getCACertificates()`). */
  readonly ca: string | null;
  /** What is shown to a backend that asks. */
  readonly certificate: CertificatePair | null;
  /** False: any certificate will do. */
  readonly verify: boolean;
  readonly alpn: readonly string[];
}

/** Built from {@link ServerTlsOptions}; belongs to the transport that has made it. */
export interface ServerContext {
  /**
   * What tickets are sealed with: secrets of 32 bytes each, the first for new tickets, all for those that clients
   * bring. Keys are derived from secret and policy, so workers with the same secrets take each other's tickets.
   * Before the first call no tickets are given.
   */
  setTicketSecrets(secrets: readonly Uint8Array[]): void;
  /** No connection will be made with it any more. Those that were go on. */
  release(): void;
}

/** Built from {@link ClientTlsOptions}. Remembers a bounded number of sessions, so that backends need not start anew. */
export interface ClientContext {
  /** `release` was called: no connection can be made with it. */
  readonly released: boolean;
  release(): void;
}

/** Whom a backend has to prove to be. */
export interface BackendName {
  /** Sent as SNI; null: none is sent, as for addresses (RFC 6066 §3). */
  readonly sni: string | null;
  /** A DNS name or an IP address that the certificate must be made out to; null: any that verifies (unix sockets without a name). */
  readonly identity: string | null;
}

/** What was agreed on. Known once the handshake is over. */
export interface Security {
  readonly version: TlsVersion;
  /** OpenSSL's name of the suite, such as `TLS_AES_128_GCM_SHA256`. */
  readonly cipher: string;
  /** The protocol of ALPN; "" when none was agreed on. */
  readonly protocol: string;
  /** Of a client's connection: the server name that it has sent, as the library has it; null: none that it knows of. */
  readonly serverName: string | null;
  /** An earlier session was taken up. */
  readonly resumed: boolean;
  /** The peer's certificate (DER); null when it has shown none. A server's peer has one only if it verified. */
  readonly peerCertificate: Uint8Array | null;
  /** The certificates that the peer sent with it, nearest issuer first (DER). */
  readonly peerChain: readonly Uint8Array[];
}
