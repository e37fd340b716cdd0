/** What is spoken, by preset. The suites and groups are those of Mozilla's recommendations, version 5.7, by forward secrecy and AEAD. */

import type { TlsProfile } from "#transport/tls.ts";
import type { TlsPolicyData, UpstreamTlsData } from "#model/tls.ts";

/** The hybrid with ML-KEM first: what is recorded today is to stay secret when there are quantum computers. */
const GROUPS: readonly string[] = ["X25519MLKEM768", "X25519", "P-256", "P-384"];

const SUITES_13 = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

const SUITES_12 = [
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
].join(":");

/** TLS 1.3, and 1.2 with suites that are safe. */
export const INTERMEDIATE: TlsProfile = {
  minVersion: "TLSv1.2",
  ciphers: SUITES_12,
  cipherSuites: SUITES_13,
  groups: GROUPS,
};
const MODERN: TlsProfile = { ...INTERMEDIATE, minVersion: "TLSv1.3" };

/** Towards clients. */
export function serverProfile({ preset }: TlsPolicyData): TlsProfile {
  return preset === "modern" ? MODERN : INTERMEDIATE;
}

/** Towards backends. */
export function clientProfile({ minVersion }: UpstreamTlsData): TlsProfile {
  return minVersion === "TLSv1.3" ? MODERN : INTERMEDIATE;
}
