/**
 * TLS as both planes see it. What listeners ask for is part of the snapshot; certificates come and go beside it, since they
 * are renewed while the configuration stays as it is.
 *
 * Names of hosts are lower case, in ASCII form, without a final dot; addresses in canonical form. Times are epoch
 * milliseconds.
 */

/** Versions that are spoken. */
export type TlsVersionData = "TLSv1.2" | "TLSv1.3";

/** Where certificates come from, as the configuration says. */
export type CertificateSourceData =
  /** Two PEM files, which are watched. */
  | {
      readonly kind: "files";
      /** Identity across reloads. */
      readonly id: string;
      readonly cert: string;
      readonly key: string;
      /** For what a person reads: `listen[0].tls`. */
      readonly place: string;
    }
  /** The local certificate authority, for development. */
  | {
      readonly kind: "local";
      readonly id: string;
      /** Names that routes have; `localhost`, `*.localhost` and private addresses of this machine come by themselves. */
      readonly names: readonly string[];
      readonly place: string;
    };

/** A certificate with its key, as workers get it. */
export interface CertificateData {
  /** Of its source. */
  readonly source: string;
  /** What it is made out to: host names (`*.example.com` covers one label) and addresses. Never empty. */
  readonly names: readonly string[];
  readonly keyType: "ec" | "rsa" | "ed25519";
  /** PEM: the certificate, then those of its issuers. */
  readonly chain: string;
  /** PEM, not encrypted. */
  readonly key: string;
  readonly notBefore: number;
  readonly notAfter: number;
  /** Common name, else organisation, of its issuer. */
  readonly issuer: string;
  /** Browsers trust it without being told to: its chain leads to a root of Mozilla's list. */
  readonly isPublic: boolean;
  /** SHA-256 of the certificate, hexadecimal. */
  readonly fingerprint: string;
  /** The newest OCSP answer of its issuer (DER); null when it has no responder or gave none yet. */
  readonly ocsp: Uint8Array | null;
}

/** How a certificate authority finds out in whose hands a name is (RFC 8555 §8, RFC 8737). */
export type AcmeChallengeType = "http-01" | "tls-alpn-01" | "dns-01";

/** Certificates that are obtained from authorities by ACME. */
export interface AcmeData {
  /** What to have certificates for, each its own; `*.example.com` covers one label and needs dns-01. */
  readonly names: readonly string[];
  /** For what a person reads: `listen[0].tls`. */
  readonly place: string;
  /** Where authorities may write to; null: nowhere. */
  readonly email: string | null;
  /** In the order in which they are asked. Never empty. */
  readonly issuers: readonly AcmeIssuerData[];
  /** In the order in which they are tried. Never empty. */
  readonly challenges: readonly AcmeChallengeType[];
  /** Null: dns-01 is not possible. */
  readonly dns: DnsData | null;
}

/** A certificate authority. */
export interface AcmeIssuerData {
  /** What it is called; also the name of its files. */
  readonly name: string;
  /** URL of its directory. */
  readonly directory: string;
  /** PEM of whom to believe about it; null: the usual roots. */
  readonly ca: string | null;
  /** Binds the account to one that the authority knows otherwise; `secret` is base64url. */
  readonly eab: { readonly kid: string; readonly secret: string } | null;
  readonly profile: string | null;
  /** Common name in a chain that is preferred to others; null: what it gives first. */
  readonly chain: string | null;
}

/** How TXT records are made. */
export interface DnsData {
  readonly provider: DnsProviderData;
  /** Name servers (`1.1.1.1`, `[::1]:53`) that are asked whether a record has arrived; empty: those that are responsible for the zone. */
  readonly resolvers: readonly string[];
  /** Longest wait for a record to arrive, milliseconds; 0: it is not looked for. */
  readonly wait: number;
}

/** See `tls/acme/dns`. */
export type DnsProviderData =
  | { readonly kind: "exec"; readonly command: readonly string[] }
  | { readonly kind: "webhook"; readonly url: string; readonly token: string | null }
  | {
      readonly kind: "rfc2136";
      readonly server: string;
      /** Null: found by asking. */
      readonly zone: string | null;
      /** `secret` is base64; null: updates are not signed. */
      readonly key: {
        readonly name: string;
        readonly algorithm: "hmac-sha256" | "hmac-sha384" | "hmac-sha512";
        readonly secret: string;
      } | null;
    }
  | { readonly kind: "cloudflare"; readonly token: string };

/** The certificate that answers tls-alpn-01 for a name (RFC 8737). */
export interface TlsChallengeData {
  readonly name: string;
  /** PEM. */
  readonly chain: string;
  readonly key: string;
}

/** What workers answer certificate authorities with; each update replaces what was before. */
export interface ChallengeUpdate {
  /** Counts updates, so that it is known who has heard of this one. */
  readonly version: number;
  /** Answers of http-01, by token. */
  readonly http: readonly (readonly [token: string, answer: string])[];
  readonly tls: readonly TlsChallengeData[];
  /** Names whose first certificate is being obtained: their clients wait a moment. */
  readonly wanted: readonly string[];
}

/** All certificates there are now: each update replaces what was before. */
export type CertificateUpdate = readonly CertificateData[];

/** What clients have to show. The contents of files, not their paths: workers read none. */
export interface ClientCertificatesData {
  readonly mode: "request" | "require";
  /** PEM bundle. */
  readonly ca: string;
  /** PEM bundle of revocation lists; null: not looked at. */
  readonly crl: string | null;
}

/** What is asked of the connections for some names. */
export interface TlsPolicyData {
  /** Hash of what follows: equal ids are one policy, whichever listener it is of. */
  readonly id: string;
  readonly preset: "modern" | "intermediate";
  readonly clientCertificates: ClientCertificatesData | null;
}

/** TLS of one listener. */
export interface ListenerTlsData {
  /** Ids of the sources whose certificates it may use. */
  readonly sources: readonly string[];
  /** Name of the certificate for clients that send no server name; null: the first certificate of the first source. */
  readonly fallback: string | null;
  readonly policies: readonly TlsPolicyData[];
  /** Exact and wildcard names with a policy of their own, as an index into `policies`; all others have the first. */
  readonly policyNames: readonly (readonly [name: string, policy: number])[];
  /** Names whose connections go to an upstream as they are, without being opened. */
  readonly passThrough: readonly (readonly [name: string, upstream: string])[];
  /** `Strict-Transport-Security` is sent for names whose certificate is public. */
  readonly hsts: boolean;
}

/** TLS towards the endpoints of an upstream. */
export interface UpstreamTlsData {
  /** False: any certificate will do. */
  readonly verify: boolean;
  /** PEM bundle of issuers; null: the system's and Node's. */
  readonly ca: string | null;
  /** What endpoints have to prove to be, and SNI; null: the host of their address. */
  readonly serverName: string | null;
  readonly minVersion: TlsVersionData;
  /** Shown to endpoints that ask for one. */
  readonly certificate: { readonly chain: string; readonly key: string } | null;
}
