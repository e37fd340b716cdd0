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
