/**
 * From the contents of two files to a certificate that can be served, with everything that is worth saying about it.
 * Reads nothing and knows no clock: whether a certificate has expired changes while it is the same.
 */

import type { KeyObject, X509Certificate } from "node:crypto";

import type { CertificateData } from "#model/tls.ts";
import {
  type CertificateParts,
  OID,
  accessUrls,
  hostName,
  keyPurposes,
  mustStaple,
  namePart,
  readCertificate,
  readNames,
} from "../x509/certificate.ts";
import { type Chain, chainOf } from "./chain.ts";
import { type Result, certificatePem, readCertificates, readKeys, refuse } from "./material.ts";

/** A certificate that works. */
export interface Inspected {
  readonly certificate: Omit<CertificateData, "source" | "ocsp">;
  /** What may trouble clients all the same: clauses to be put behind the file's name. */
  readonly warnings: readonly string[];
  readonly revocation: Revocation;
}

/** What is needed to ask whether a certificate is still good. */
export interface Revocation {
  /** The certificate and its issuer, as DER; the issuer is null when the file lacks it. */
  readonly certificate: Uint8Array;
  readonly issuer: Uint8Array | null;
  /** Whom to ask, by the certificate itself; null: nobody. */
  readonly responder: string | null;
  /** Clients have been promised an answer in each handshake. */
  readonly mustStaple: boolean;
}

/** Makes a certificate of the contents of its two files, which may be the same. */
export function inspectPair(cert: Uint8Array, key: Uint8Array): Result<Inspected> {
  const certificates = readCertificates(cert);
  if (!certificates.ok) return certificates;
  const keys = readKeys(key);
  if (!keys.ok) return keys;
  const all = certificates.value;
  const found = matching(all, keys.value);
  if (found === null) {
    return refuse(
      "pair",
      "belong to different certificates: the public key of the certificate is not that of the private key",
      "name the key that the certificate was requested with",
    );
  }
  const { leaf, privateKey } = found;
  const keyType = kindOf(privateKey);
  if (!keyType.ok) return keyType;
  try {
    return inspect(leaf, chainOf(leaf, all), privateKey, keyType.value);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return refuse("cert", `holds a certificate that cannot be read: ${reason}`);
  }
}

function inspect(
  leaf: X509Certificate,
  chain: Chain,
  privateKey: KeyObject,
  keyType: CertificateData["keyType"],
): Result<Inspected> {
  const parts = readCertificate(leaf.raw);
  const named = namesOf(parts);
  if (!named.ok) return named;
  const { names, warnings } = named.value;
  const certificate = {
    names,
    keyType,
    chain: chain.certificates.map(certificatePem).join(""),
    key: String(privateKey.export({ type: "pkcs8", format: "pem" })),
    notBefore: leaf.validFromDate.getTime(),
    notAfter: leaf.validToDate.getTime(),
    issuer:
      namePart(parts.issuer, OID.commonName) ?? namePart(parts.issuer, OID.organisation) ?? "",
    isPublic: chain.isPublic,
    fingerprint: leaf.fingerprint256.replaceAll(":", "").toLowerCase(),
  };
  return {
    ok: true,
    value: {
      certificate,
      warnings: [...warnings, ...doubts(parts, chain)],
      revocation: {
        certificate: leaf.raw,
        issuer: chain.issuer?.raw ?? null,
        responder: accessUrls(parts, OID.ocsp).find((url) => /^http:/i.test(url)) ?? null,
        mustStaple: mustStaple(parts),
      },
    },
  };
}

/** The certificate that one of the keys belongs to: usually the first and the only one. */
function matching(
  certificates: readonly X509Certificate[],
  keys: readonly KeyObject[],
): { readonly leaf: X509Certificate; readonly privateKey: KeyObject } | null {
  for (const leaf of certificates) {
    const privateKey = keys.find((key) => leaf.checkPrivateKey(key));
    if (privateKey !== undefined) return { leaf, privateKey };
  }
  return null;
}

/** Curves that TLS has groups for (RFC 8446 §4.2.3). */
const CURVES: ReadonlySet<string> = new Set(["prime256v1", "secp384r1", "secp521r1"]);
/** Shortest RSA key that clients accept, in bits. */
const RSA_BITS = 2048;

function kindOf(key: KeyObject): Result<CertificateData["keyType"]> {
  const { modulusLength = 0, namedCurve = "" } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case "rsa":
      return modulusLength >= RSA_BITS
        ? { ok: true, value: "rsa" }
        : refuse(
            "key",
            `is an RSA key of ${modulusLength} bits, and clients accept no shorter one than ${RSA_BITS}`,
            "have a certificate issued for a longer key",
          );
    case "ec":
      return CURVES.has(namedCurve)
        ? { ok: true, value: "ec" }
        : refuse(
            "key",
            `is a key on the curve ${namedCurve}, which TLS does not have`,
            "have a certificate issued for a key on P-256 (prime256v1)",
          );
    case "ed25519":
      return { ok: true, value: "ed25519" };
    case undefined:
    default:
      return refuse(
        "key",
        `is of the kind ${key.asymmetricKeyType ?? "unknown"}, which is not supported`,
        "have a certificate issued for an ECDSA or RSA key",
      );
  }
}

/** Signatures with MD5 and SHA-1: of RSA, of ECDSA. */
const WEAK: ReadonlySet<string> = new Set([
  "1.2.840.113549.1.1.4",
  "1.2.840.113549.1.1.5",
  "1.2.840.10045.4.1",
]);

interface Named {
  readonly names: readonly string[];
  readonly warnings: readonly string[];
}

function namesOf(parts: CertificateParts): Result<Named> {
  const alternative = readNames(parts);
  const odd = alternative?.other ?? [];
  if (alternative !== null && alternative.names.length > 0) {
    const warnings = odd.map((name) => `is made out to \`${name}\` too, which is no host name`);
    return { ok: true, value: { names: alternative.names, warnings } };
  }
  const common = namePart(parts.subject, OID.commonName);
  const name = common === null ? null : hostName(common);
  if (alternative !== null || name === null) {
    return refuse(
      "cert",
      "is made out to no host name or address",
      "have it issued with subject alternative names",
    );
  }
  const warning = `names \`${name}\` as its common name only, which browsers ignore: have it issued with subject alternative names`;
  return { ok: true, value: { names: [name], warnings: [warning] } };
}

/** What speaks against the certificate without being a reason not to serve it. */
function doubts(parts: CertificateParts, chain: Chain): string[] {
  const found: string[] = [];
  if (chain.reordered) {
    found.push(
      "has its certificates in another order than that of the chain; they are served in the right one",
    );
  }
  if (chain.strangers > 0) {
    const one = chain.strangers === 1;
    found.push(
      `holds ${chain.strangers} certificate${one ? "" : "s"} that ${one ? "is" : "are"} no part of the chain; ${one ? "it is" : "they are"} left out`,
    );
  }
  // Where an issuer's certificate can be fetched from is written by authorities that have intermediate ones.
  const last = chain.certificates.at(-1);
  if (last !== undefined && chain.issuer === null && !chain.isPublic) {
    const [url] = accessUrls(parts, OID.caIssuers);
    if (url !== undefined) {
      found.push(
        `lacks the certificate of its issuer, without which many clients do not trust it: append the one from ${url}`,
      );
    }
  }
  if (WEAK.has(parts.signedWith)) {
    found.push("is signed with SHA-1 or MD5, so clients will refuse it: have it issued anew");
  }
  const purposes = keyPurposes(parts);
  if (
    purposes !== null &&
    !purposes.includes(OID.serverAuth) &&
    !purposes.includes(OID.anyExtKeyUsage)
  ) {
    found.push("is not meant for servers (extended key usage), so clients will refuse it");
  }
  return found;
}
