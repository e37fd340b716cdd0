/** What two files hold: certificates and private keys, or one sentence why not. */

import { Buffer } from "node:buffer";
import { type KeyObject, X509Certificate, createPrivateKey } from "node:crypto";

import { TAG } from "../x509/der.ts";
import { type PemBlock, isCutOff, readPem, textOf, writePem } from "./pem.ts";

/** Why a file, or a pair of them, cannot be used. */
export interface Fault {
  /** Which of the two; `pair`: each may be right by itself. */
  readonly about: "cert" | "key" | "pair";
  /** One plain clause, to be put behind the file's name. */
  readonly message: string;
  readonly hint: string | null;
}

/** A value, or why there is none. */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly fault: Fault };

/** `ok: false`. */
export function refuse(
  about: Fault["about"],
  message: string,
  hint: string | null = null,
): { readonly ok: false; readonly fault: Fault } {
  return { ok: false, fault: { about, message, hint } };
}

/** What is in a file that is no certificate, and what to do about it. */
const NOT_CERTIFICATES: Readonly<Record<string, readonly [what: string, hint: string]>> = {
  "CERTIFICATE REQUEST": [
    "holds a request for a certificate, not the certificate",
    "use the file that the authority has sent in answer to it",
  ],
  "NEW CERTIFICATE REQUEST": [
    "holds a request for a certificate, not the certificate",
    "use the file that the authority has sent in answer to it",
  ],
  "TRUSTED CERTIFICATE": [
    "holds a certificate in OpenSSL's own form",
    "convert it: openssl x509 -in FILE -out cert.pem",
  ],
  PKCS7: [
    "holds certificates as PKCS#7",
    "convert it: openssl pkcs7 -in FILE -print_certs -out cert.pem",
  ],
};

/** All certificates of a file, in its order. */
export function readCertificates(bytes: Uint8Array): Result<readonly X509Certificate[]> {
  if (bytes.length === 0) return refuse("cert", "is empty");
  if (isDer(bytes)) return readDerCertificate(bytes);
  const text = textOf(bytes);
  const blocks = readPem(text);
  const labels = blocks.map(({ label }) => label);
  const certificates = blocks.filter(({ label }) => /^(?:X509 )?CERTIFICATE$/.test(label));
  if (certificates.length === 0) return refuseCertificates(text, labels);
  if (isCutOff(text)) return refuse("cert", "ends in the middle of a PEM block");
  try {
    return {
      ok: true,
      value: certificates.map(
        (block) => new X509Certificate(block.text.replaceAll("X509 CERT", "CERT")),
      ),
    };
  } catch {
    return refuse("cert", "holds a certificate that cannot be read: the file is damaged");
  }
}

function refuseCertificates(text: string, labels: readonly string[]): ReturnType<typeof refuse> {
  for (const label of labels) {
    const known = NOT_CERTIFICATES[label];
    if (known !== undefined) return refuse("cert", known[0], known[1]);
  }
  if (isCutOff(text)) return refuse("cert", "ends in the middle of a PEM block");
  if (labels.some((label) => label.endsWith("PRIVATE KEY"))) {
    return refuse(
      "cert",
      "holds a private key and no certificate",
      "perhaps `cert` and `key` are the wrong way round",
    );
  }
  return refuse("cert", "holds no certificate", "it has to be PEM: -----BEGIN CERTIFICATE-----");
}

function readDerCertificate(bytes: Uint8Array): Result<readonly X509Certificate[]> {
  if (isPkcs12(bytes)) return refusePkcs12("cert");
  try {
    return { ok: true, value: [new X509Certificate(Buffer.from(bytes))] };
  } catch {
    return refuse(
      "cert",
      "holds neither PEM nor a certificate in DER",
      "it has to be PEM: -----BEGIN CERTIFICATE-----",
    );
  }
}

/** All private keys of a file, in its order. */
export function readKeys(bytes: Uint8Array): Result<readonly KeyObject[]> {
  if (bytes.length === 0) return refuse("key", "is empty");
  if (isDer(bytes)) return readDerKey(bytes);
  const text = textOf(bytes);
  const blocks = readPem(text);
  const keys = blocks.filter(({ label }) => label.endsWith("PRIVATE KEY"));
  if (keys.length === 0) return refuseKeys(text, blocks);
  if (isCutOff(text)) return refuse("key", "ends in the middle of a PEM block");
  if (keys.every(({ encrypted }) => encrypted)) {
    return refuse(
      "key",
      "is encrypted with a passphrase, which nobody can enter when Sluice starts by itself",
      "decrypt it: openssl pkey -in FILE -out key.pem, and let only Sluice read that file",
    );
  }
  try {
    return {
      ok: true,
      value: keys.filter(({ encrypted }) => !encrypted).map((key) => createPrivateKey(key.text)),
    };
  } catch {
    return refuse(
      "key",
      "holds a private key that cannot be read: the file is damaged, or OpenSSL does not know this kind of key",
    );
  }
}

function refuseKeys(text: string, blocks: readonly PemBlock[]): ReturnType<typeof refuse> {
  if (isCutOff(text)) return refuse("key", "ends in the middle of a PEM block");
  const labels = blocks.map(({ label }) => label);
  if (labels.includes("CERTIFICATE")) {
    return refuse(
      "key",
      "holds a certificate and no private key",
      "perhaps `cert` and `key` are the wrong way round",
    );
  }
  if (labels.some((label) => label.endsWith("PUBLIC KEY"))) {
    return refuse("key", "holds a public key, not the private one");
  }
  return refuse("key", "holds no private key", "it has to be PEM: -----BEGIN PRIVATE KEY-----");
}

function readDerKey(bytes: Uint8Array): Result<readonly KeyObject[]> {
  if (isPkcs12(bytes)) return refusePkcs12("key");
  for (const type of ["pkcs8", "pkcs1", "sec1"] as const) {
    try {
      const key = Buffer.from(bytes);
      return { ok: true, value: [createPrivateKey({ key, format: "der", type })] };
    } catch {
      // Another form, perhaps.
    }
  }
  return refuse(
    "key",
    "holds neither PEM nor a private key in DER that is not encrypted",
    "it has to be PEM: -----BEGIN PRIVATE KEY-----",
  );
}

function refusePkcs12(about: "cert" | "key"): ReturnType<typeof refuse> {
  return refuse(
    about,
    "is a PKCS#12 file (.p12, .pfx)",
    "convert it: openssl pkcs12 -in FILE -nodes -out pair.pem, and name pair.pem as `cert` and as `key`",
  );
}

/** A SEQUENCE whose length is written in several bytes, or is that of the file: no text is. */
function isDer(bytes: Uint8Array): boolean {
  const [tag, length = 0] = bytes;
  return tag === TAG.sequence && (length >= 0x80 || length === bytes.length - 2);
}

/** After the length there is version 3, where a certificate has a SEQUENCE (RFC 7292 §4). */
function isPkcs12(bytes: Uint8Array): boolean {
  const at = 2 + ((bytes[1] ?? 0x80) & 0x7f);
  return bytes[at] === 0x02 && bytes[at + 1] === 0x01 && bytes[at + 2] === 0x03;
}

/** A certificate as PEM. */
export function certificatePem(certificate: X509Certificate): string {
  return writePem("CERTIFICATE", certificate.raw);
}
