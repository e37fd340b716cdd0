/** Certificates of the local authority: short-lived, made in a moment, never written to disk. */

import { X509Certificate, generateKeyPairSync } from "node:crypto";

import { formatIp, parseIp } from "#core/collections/ip.ts";
import type { CertificateData } from "#model/tls.ts";
import { writePem } from "../store/pem.ts";
import { distinguishedName, extension, keyId, signCertificate } from "../x509/builder.ts";
import { OID, hostName, readCertificate } from "../x509/certificate.ts";
import { TAG, bits, der, oid, readDer, sequence } from "../x509/der.ts";
import { bytesOf, isPrivate } from "./machine.ts";
import { type LocalRoot, serialNumber } from "./root.ts";

const LIFETIME = 7 * 86_400_000;
/** Clocks of other machines may be behind. */
const SKEW = 3_600_000;
/** Longest common name (RFC 5280, ub-common-name). */
const LONGEST_NAME = 64;

/** Names sorted into those that can be had and those that cannot, with the reason as a clause. */
export interface SortedNames {
  readonly names: readonly string[];
  readonly refused: readonly string[];
}

/** Brings names into the form in which certificates are compared, each once. */
export function sortNames(wanted: readonly string[]): SortedNames {
  const names = new Set<string>();
  const refused: string[] = [];
  const words = new Uint32Array(4);
  for (const text of wanted) {
    const family = parseIp(text.replace(/^\[(.*)\]$/, "$1"), words);
    if (family !== 0) {
      const address = formatIp(words, family);
      if (isPrivate(address)) names.add(address);
      else
        refused.push(
          `the local certificate authority is limited to private addresses, and ${text} is none`,
        );
      continue;
    }
    const name = hostName(text);
    if (name === null) refused.push(`no certificate can be made out to \`${text}\``);
    else names.add(name);
  }
  return { names: [...names], refused };
}

/** A new certificate for these names, which {@link sortNames} has let through. `wall`: epoch milliseconds. */
export function issueLeaf(
  root: LocalRoot,
  source: string,
  names: readonly string[],
  wall: number,
): CertificateData {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const authority = readCertificate(root.certificate.raw);
  const subjectKeyId = authority.extensions.get(OID.subjectKeyId);
  const issuerKeyId = subjectKeyId === undefined ? undefined : readDer(subjectKeyId).content;
  const bytes = signCertificate(
    {
      serial: serialNumber(),
      issuer: authority.subject,
      subject: distinguishedName({
        organisation: "Sluice local certificate",
        commonName: names.find((name) => name.length <= LONGEST_NAME),
      }),
      notBefore: wall - SKEW,
      notAfter: Math.min(wall + LIFETIME, root.certificate.validToDate.getTime()),
      publicKey,
      extensions: [
        extension(OID.basicConstraints, sequence(), true),
        extension(OID.keyUsage, bits(Uint8Array.of(0b1000_0000), 7), true),
        extension(OID.extKeyUsage, sequence(oid(OID.serverAuth))),
        extension(OID.subjectAltName, sequence(...names.map(generalName))),
        extension(OID.subjectKeyId, der(TAG.octets, keyId(publicKey))),
        ...(issuerKeyId === undefined
          ? []
          : [extension(OID.authorityKeyId, sequence(der(0x80, issuerKeyId)))]),
      ],
    },
    root.key,
  );
  const certificate = new X509Certificate(bytes);
  return {
    source,
    names,
    keyType: "ec",
    chain: writePem("CERTIFICATE", bytes),
    key: String(privateKey.export({ type: "pkcs8", format: "pem" })),
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
    issuer: root.name,
    isPublic: false,
    fingerprint: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
    ocsp: null,
  };
}

/** From when on a certificate is to be replaced: when two thirds of its life are over. */
export function renewalTime({ notBefore, notAfter }: CertificateData): number {
  return notBefore + ((notAfter - notBefore) * 2) / 3;
}

function generalName(name: string): Uint8Array {
  const address = bytesOf(name);
  return address === null ? der(0x82, new TextEncoder().encode(name)) : der(0x87, address);
}
