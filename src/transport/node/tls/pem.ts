import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import type { CertificatePair } from "../../tls.ts";

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g;

/** The blocks of a PEM text that are called `name`, such as `CERTIFICATE`. Whatever stands between them is a comment (RFC 7468 §2). */
export function blocksOf(pem: string, name: string): string[] {
  return [...pem.matchAll(BLOCK)].filter((match) => match[1] === name).map((match) => match[0]);
}

/**
 * The certificates of a PEM text, each of them readable.
 *
 * @param what what the text is, for the message: `the client CA`
 * @throws Error when there is none, or one cannot be read
 */
export function certificatesOf(pem: string, what: string): X509Certificate[] {
  const blocks = blocksOf(pem, "CERTIFICATE");
  if (blocks.length === 0) throw new Error(`${what} has no certificate in PEM`);
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw new Error(`${what}: certificate ${index + 1} cannot be read (${reasonOf(error)})`, {
        cause: error,
      });
    }
  });
}

/**
 * Checks that a key belongs to its certificate.
 *
 * @param what which of several it is, for the message: `certificate pair 2`
 * @returns the type of the key, such as `ec`
 * @throws Error when one cannot be read, or they do not belong together
 */
export function checkPair(pair: CertificatePair, what: string): string {
  const [leaf] = certificatesOf(pair.chain, `the chain of the ${what}`);
  const subject = leaf!.subject.replaceAll("\n", ", ");
  let key: KeyObject;
  try {
    key = createPrivateKey(pair.key);
  } catch (error) {
    throw new Error(`the key of the ${what} (${subject}) cannot be read (${reasonOf(error)})`, {
      cause: error,
    });
  }
  if (!leaf!.checkPrivateKey(key)) {
    throw new Error(`the key of the ${what} does not belong to its certificate (${subject})`);
  }
  return key.asymmetricKeyType ?? "";
}

/** OpenSSL's reason without its numbers, else the message. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { reason } = error as Error & { reason?: string };
  return reason ?? error.message;
}
