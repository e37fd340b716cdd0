/** What Node's X509Certificate does not tell of a certificate, read from its DER (RFC 5280 §4.1). */

import { formatIp } from "#core/collections/ip.ts";
import { DerError, type DerValue, TAG, childrenOf, readAll, readDer, readOid } from "./der.ts";

/** Object identifiers that are looked for here and elsewhere. */
export const OID = {
  commonName: "2.5.4.3",
  organisation: "2.5.4.10",
  subjectKeyId: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  authorityKeyId: "2.5.29.35",
  extKeyUsage: "2.5.29.37",
  authorityInfoAccess: "1.3.6.1.5.5.7.1.1",
  tlsFeature: "1.3.6.1.5.5.7.1.24",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  ocspSigning: "1.3.6.1.5.5.7.3.9",
  ocsp: "1.3.6.1.5.5.7.48.1",
  caIssuers: "1.3.6.1.5.5.7.48.2",
  ocspBasic: "1.3.6.1.5.5.7.48.1.1",
  ocspNoCheck: "1.3.6.1.5.5.7.48.1.5",
  sha1: "1.3.14.3.2.26",
  ecPublicKey: "1.2.840.10045.2.1",
  prime256v1: "1.2.840.10045.3.1.7",
  ecdsaSha256: "1.2.840.10045.4.3.2",
  anyExtKeyUsage: "2.5.29.37.0",
} as const;

/** A certificate in its parts. */
export interface CertificateParts {
  /** Content of the INTEGER. */
  readonly serial: Uint8Array;
  /** DER of the two names. */
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  /** Bits of the public key, without their head. */
  readonly publicKey: Uint8Array;
  /** Object identifier of the algorithm that it is signed with. */
  readonly signedWith: string;
  /** Values of the extensions, by object identifier. */
  readonly extensions: ReadonlyMap<string, Uint8Array>;
}

/** Takes a certificate (DER) apart. @throws DerError */
export function readCertificate(bytes: Uint8Array): CertificateParts {
  const [tbs, algorithm] = childrenOf(readDer(bytes));
  const fields = childrenOf(tbs);
  // The version, which the first ones do not have.
  if (fields[0]?.tag === 0xa0) fields.shift();
  const [serial, , issuer, , subject, key, ...rest] = fields;
  const [, publicKey] = childrenOf(key);
  if (serial === undefined || issuer === undefined || subject === undefined) {
    throw new DerError("ends too early");
  }
  const list = rest.find(({ tag }) => tag === 0xa3);
  return {
    serial: serial.content,
    issuer: issuer.raw,
    subject: subject.raw,
    publicKey: publicKey?.content.subarray(1) ?? new Uint8Array(),
    signedWith: readOid(childrenOf(algorithm)[0]),
    extensions: list === undefined ? new Map() : readExtensions(readDer(list.content)),
  };
}

function readExtensions(list: DerValue): Map<string, Uint8Array> {
  return new Map(
    childrenOf(list).map((extension) => {
      const parts = childrenOf(extension);
      return [readOid(parts[0]), parts.at(-1)?.content ?? new Uint8Array()] as const;
    }),
  );
}

/** What a certificate is made out to, in canonical form; `other`: what is neither host name nor address. */
export interface AlternativeNames {
  readonly names: readonly string[];
  readonly other: readonly string[];
}

/** Host names with at most one wildcard, which is the whole first label. */
const HOST =
  /^(?:\*\.)?(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** A host name in the form in which all are compared; null if it is none. */
export function hostName(text: string): string | null {
  const name = text.toLowerCase().replace(/\.$/, "");
  return name.length <= 253 && HOST.test(name) ? name : null;
}

/** Host names and addresses of the subjectAltName extension; null without one. @throws DerError */
export function readNames({ extensions }: CertificateParts): AlternativeNames | null {
  const value = extensions.get(OID.subjectAltName);
  if (value === undefined) return null;
  const names = new Set<string>();
  const other: string[] = [];
  for (const { tag, content } of childrenOf(readDer(value))) {
    if (tag === 0x82) {
      const text = new TextDecoder("latin1").decode(content);
      const name = hostName(text);
      if (name === null) other.push(text);
      else names.add(name);
    } else if (tag === 0x87 && (content.length === 4 || content.length === 16)) {
      names.add(address(content));
    }
  }
  return { names: [...names], other };
}

function address(bytes: Uint8Array): string {
  const words = new Uint32Array(4);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length === 4) {
    words[3] = view.getUint32(0);
    return formatIp(words, 4);
  }
  for (let i = 0; i < 4; i++) words[i] = view.getUint32(i * 4);
  return formatIp(words, 6);
}

/** A part of a distinguished name (DER), such as its common name; null if it has none. @throws DerError */
export function namePart(name: Uint8Array, wanted: string): string | null {
  for (const set of childrenOf(readDer(name))) {
    for (const pair of childrenOf(set, TAG.set)) {
      const [type, value] = childrenOf(pair);
      if (value === undefined || readOid(type) !== wanted) continue;
      if (value.tag === TAG.utf8) return new TextDecoder().decode(value.content);
      if (value.tag === TAG.bmp) return new TextDecoder("utf-16be").decode(value.content);
      return new TextDecoder("latin1").decode(value.content);
    }
  }
  return null;
}

/** Addresses of the authorityInfoAccess extension. @throws DerError */
export function accessUrls({ extensions }: CertificateParts, method: string): readonly string[] {
  const value = extensions.get(OID.authorityInfoAccess);
  if (value === undefined) return [];
  return childrenOf(readDer(value)).flatMap((description) => {
    const [type, location] = childrenOf(description);
    // [6] of GeneralName: a URI.
    return readOid(type) === method && location?.tag === 0x86
      ? [new TextDecoder("latin1").decode(location.content)]
      : [];
  });
}

/** What the key may be used for; null: for anything. @throws DerError */
export function keyPurposes({ extensions }: CertificateParts): readonly string[] | null {
  const value = extensions.get(OID.extKeyUsage);
  return value === undefined ? null : childrenOf(readDer(value)).map(readOid);
}

/** The certificate demands an OCSP answer in the handshake (RFC 7633: feature 5). @throws DerError */
export function mustStaple({ extensions }: CertificateParts): boolean {
  const value = extensions.get(OID.tlsFeature);
  if (value === undefined) return false;
  return readAll(readDer(value).content).some(({ content }) => content.at(-1) === 5);
}
