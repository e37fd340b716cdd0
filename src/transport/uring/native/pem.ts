import { Buffer } from "node:buffer";
import type { OpenSsl, Pointer } from "./openssl.ts";

/** `PEM_R_NO_START_LINE` of `ERR_LIB_PEM`: there is nothing more. */
const PEM_LIBRARY = 9;
const NO_START_LINE = 108;

/**
 * What is in a PEM bundle, one behind the other; other kinds of entries are passed over. Each has to be freed.
 *
 * @param read a function of the form of `PEM_read_bio_X509`
 * @param free frees one that was read when another cannot be
 * @throws Error whose message says what is wrong with the bundle, to be put behind its name
 */
export function readAll(
  openssl: OpenSsl,
  pem: string,
  read: (bio: Pointer) => Pointer,
  free: (entry: Pointer) => void,
): Pointer[] {
  // Files that were joined and did not end with a line.
  const bio = openssl.bioOf(Buffer.from(pem.replaceAll("----------BEGIN", "-----\n-----BEGIN")));
  const found: Pointer[] = [];
  try {
    openssl.clearErrors();
    for (let entry = read(bio); entry !== 0; entry = read(bio)) found.push(entry);
    const code = openssl.call.ERR_peek_last_error();
    const reason = openssl.takeReason();
    if (code >>> 23 !== PEM_LIBRARY || (code & 0x7fffff) !== NO_START_LINE) {
      for (const entry of found) free(entry);
      throw new Error(`cannot be read (entry ${found.length + 1}: ${reason})`);
    }
    return found;
  } finally {
    openssl.call.BIO_free(bio);
  }
}

/** Certificates of a bundle. @throws as {@link readAll} does, and when there is none */
export function readCertificates(openssl: OpenSsl, pem: string): Pointer[] {
  const { call } = openssl;
  const found = readAll(
    openssl,
    pem,
    (bio) => call.PEM_read_bio_X509(bio, 0, 0, 0),
    (each) => call.X509_free(each),
  );
  if (found.length === 0) throw new Error("has no certificate in it");
  return found;
}

/** Revocation lists of a bundle. @throws as {@link readAll} does, and when there is none */
export function readRevocationLists(openssl: OpenSsl, pem: string): Pointer[] {
  const { call } = openssl;
  const found = readAll(
    openssl,
    pem,
    (bio) => call.PEM_read_bio_X509_CRL(bio, 0, 0, 0),
    (each) => call.X509_CRL_free(each),
  );
  if (found.length === 0) throw new Error("has no revocation list in it");
  return found;
}

/** A private key. @throws Error whose message says what is wrong with it */
export function readKey(openssl: OpenSsl, pem: string): Pointer {
  const bio = openssl.bioOf(Buffer.from(pem));
  try {
    openssl.clearErrors();
    // An empty passphrase: without any, OpenSSL would ask at the terminal.
    const key = openssl.call.PEM_read_bio_PrivateKey(bio, 0, 0, "");
    const reason = openssl.takeReason();
    if (key !== 0) return key;
    if (/ENCRYPTED/.test(pem)) throw new Error("is encrypted");
    throw new Error(`cannot be read (${reason})`);
  } finally {
    openssl.call.BIO_free(bio);
  }
}
