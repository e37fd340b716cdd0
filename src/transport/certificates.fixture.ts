/** Certificates for tests of TLS, made once in a process: nothing in the repository expires. */

import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { bytesOf } from "#tls/local/machine.ts";
import { writePem } from "#tls/store/pem.ts";
import { distinguishedName, extension, keyId, signCertificate } from "#tls/x509/builder.ts";
import { OID } from "#tls/x509/certificate.ts";
import { bits, der, integer, oid, sequence, TAG, TRUE } from "#tls/x509/der.ts";
import { writeTime } from "#tls/x509/time.ts";
import type { CertificatePair } from "./tls.ts";

const DAY = 86_400_000;
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

/** What the tests are served with. */
export interface Certificates {
  /** PEM of the root that backends and listeners are believed by. */
  readonly root: string;
  /** For {@link HOST}, `*.wild.test`, 127.0.0.1 and ::1; issued by an intermediate that its chain has. */
  readonly ecdsa: CertificatePair;
  /** The same names with a key of the other type. */
  readonly rsa: CertificatePair;
  /** For {@link HOST} until yesterday. */
  readonly expired: CertificatePair;
  /** For `other.test`. */
  readonly wrongName: CertificatePair;
  /** For {@link HOST}, issued by nobody. */
  readonly selfSigned: CertificatePair;
  /** PEM of the root of clients. */
  readonly clientRoot: string;
  /** Good. */
  readonly client: CertificatePair;
  /** Issued by a root that has the name of the right one and another key. */
  readonly foreignClient: CertificatePair;
  /** Named by {@link crl}. */
  readonly revokedClient: CertificatePair;
  /** Expired yesterday. */
  readonly expiredClient: CertificatePair;
  /** PEM of the list of the clients' root, valid for a day. */
  readonly crl: string;
}

/** The name that the certificates are made out to. */
export const HOST = "proxy.test";

let made: Certificates | undefined;

/** The certificates of this process. */
export function certificates(): Certificates {
  made ??= makeAll();
  return made;
}

interface Authority {
  readonly subject: Uint8Array;
  readonly pem: string;
  readonly key: KeyObject;
}

interface Order {
  readonly name: string;
  readonly names?: readonly string[];
  readonly type?: "ec" | "rsa";
  readonly purpose?: string;
  readonly until?: number;
}

let serials = 0;

function makeAll(): Certificates {
  const root = authority("Test Root");
  const intermediate = authority("Test Intermediate", root);
  const clients = authority("Test Clients");
  const foreign = authority("Test Clients");
  const names = [HOST, "*.wild.test", "127.0.0.1", "::1"];
  const until = Date.now() - DAY;
  const purpose = CLIENT_AUTH;
  const server = { name: HOST, names };
  const ecdsa = issue(server, intermediate);
  const rsa = issue({ ...server, type: "rsa" }, intermediate);
  const revokedClient = issue({ name: "revoked", purpose }, clients);
  const revoked = serials;
  return {
    root: root.pem,
    ecdsa: { ...ecdsa, chain: ecdsa.chain + intermediate.pem },
    rsa: { ...rsa, chain: rsa.chain + intermediate.pem },
    expired: issue({ ...server, until }, root),
    wrongName: issue({ name: "other.test", names: ["other.test"] }, root),
    selfSigned: issue(server),
    clientRoot: clients.pem,
    client: issue({ name: "client", purpose }, clients),
    foreignClient: issue({ name: "client", purpose }, foreign),
    revokedClient,
    expiredClient: issue({ name: "late", purpose, until }, clients),
    crl: revoke(revoked, clients),
  };
}

function authority(commonName: string, issuer?: Authority): Authority {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const subject = distinguishedName({ organisation: "Tests", commonName });
  const raw = signCertificate(
    {
      serial: nextSerial(),
      issuer: issuer?.subject ?? subject,
      subject,
      notBefore: Date.now() - 30 * DAY,
      notAfter: Date.now() + 30 * DAY,
      publicKey,
      extensions: [
        extension(OID.basicConstraints, sequence(TRUE), true),
        // Signs certificates and revocation lists.
        extension(OID.keyUsage, bits(Uint8Array.of(6), 1), true),
        extension(OID.subjectKeyId, der(TAG.octets, keyId(publicKey))),
      ],
    },
    issuer?.key ?? privateKey,
  );
  return { subject, pem: writePem("CERTIFICATE", raw), key: privateKey };
}

function issue(order: Order, issuer?: Authority): CertificatePair {
  const { publicKey, privateKey } =
    order.type === "rsa"
      ? generateKeyPairSync("rsa", { modulusLength: 2048 })
      : generateKeyPairSync("ec", { namedCurve: "P-256" });
  const subject = distinguishedName({ organisation: "Tests", commonName: order.name });
  const raw = signCertificate(
    {
      serial: nextSerial(),
      issuer: issuer?.subject ?? subject,
      subject,
      notBefore: Date.now() - 20 * DAY,
      notAfter: order.until ?? Date.now() + 20 * DAY,
      publicKey,
      extensions: [
        extension(OID.extKeyUsage, sequence(oid(order.purpose ?? OID.serverAuth))),
        extension(OID.subjectAltName, sequence(...(order.names ?? [order.name]).map(general))),
      ],
    },
    issuer?.key ?? privateKey,
  );
  return {
    chain: writePem("CERTIFICATE", raw),
    key: String(privateKey.export({ type: "pkcs8", format: "pem" })),
  };
}

function general(name: string): Uint8Array {
  const address = bytesOf(name);
  return address === null ? der(0x82, new TextEncoder().encode(name)) : der(0x87, address);
}

/** A list of what `issuer` has revoked (RFC 5280 §5.1). */
function revoke(serial: number, issuer: Authority): string {
  const algorithm = sequence(oid(OID.ecdsaSha256));
  const yesterday = writeTime(Date.now() - DAY);
  const list = sequence(
    integer(Uint8Array.of(1)),
    algorithm,
    issuer.subject,
    yesterday,
    writeTime(Date.now() + DAY),
    sequence(sequence(integer(serialBytes(serial)), yesterday)),
  );
  const signed = sequence(list, algorithm, bits(sign("sha256", list, issuer.key)));
  return writePem("X509 CRL", signed);
}

function nextSerial(): Uint8Array {
  return serialBytes(++serials);
}

function serialBytes(serial: number): Uint8Array {
  return Uint8Array.of(0x10, serial);
}
