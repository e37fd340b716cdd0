import type { TransportFailure } from "../../contract.ts";
import type { Ssl } from "../native/ssl.ts";

/** `X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY` */
const NO_ISSUER = 20;

/** Results of verifying that have a name (`x509_vfy.h`), by number, as Node.js calls them. */
const NAMES: Readonly<Record<number, string>> = {
  2: "UNABLE_TO_GET_ISSUER_CERT",
  3: "UNABLE_TO_GET_CRL",
  4: "UNABLE_TO_DECRYPT_CERT_SIGNATURE",
  5: "UNABLE_TO_DECRYPT_CRL_SIGNATURE",
  6: "UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY",
  7: "CERT_SIGNATURE_FAILURE",
  8: "CRL_SIGNATURE_FAILURE",
  9: "CERT_NOT_YET_VALID",
  10: "CERT_HAS_EXPIRED",
  11: "CRL_NOT_YET_VALID",
  12: "CRL_HAS_EXPIRED",
  13: "ERROR_IN_CERT_NOT_BEFORE_FIELD",
  14: "ERROR_IN_CERT_NOT_AFTER_FIELD",
  15: "ERROR_IN_CRL_LAST_UPDATE_FIELD",
  16: "ERROR_IN_CRL_NEXT_UPDATE_FIELD",
  17: "OUT_OF_MEM",
  18: "DEPTH_ZERO_SELF_SIGNED_CERT",
  19: "SELF_SIGNED_CERT_IN_CHAIN",
  20: "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  21: "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  22: "CERT_CHAIN_TOO_LONG",
  23: "CERT_REVOKED",
  24: "INVALID_CA",
  25: "PATH_LENGTH_EXCEEDED",
  26: "INVALID_PURPOSE",
  27: "CERT_UNTRUSTED",
  28: "CERT_REJECTED",
  // The name or the address is another.
  62: "ERR_TLS_CERT_ALTNAME_INVALID",
  64: "ERR_TLS_CERT_ALTNAME_INVALID",
};

/** The peer has ended without saying so in TLS: what was sent may be cut off (RFC 8446 §6.1). */
export const TRUNCATED: TransportFailure = { code: "reset", detail: "TLS_TRUNCATED" };

/** What OpenSSL found wrong, right after it did. */
export function faultOf(ssl: Ssl): TransportFailure {
  const { verify, reason } = ssl.takeFault();
  if (verify === 0) return { code: "tls", detail: reason };
  // Node.js goes on after the first error, and names the next one if a server has sent nothing but its own certificate.
  const alone = verify === NO_ISSUER && ssl.chainLength === 1;
  return {
    code: "tls",
    detail: alone ? "UNABLE_TO_VERIFY_LEAF_SIGNATURE" : (NAMES[verify] ?? ssl.describe(verify)),
  };
}
