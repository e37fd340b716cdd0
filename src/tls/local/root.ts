/**
 * The root of the local certificate authority: made once for a data folder, and then never replaced, since browsers
 * may trust it. Key and certificate are one file, so that there is no moment with one of the two.
 */

import {
  type KeyObject,
  type X509Certificate,
  generateKeyPairSync,
  randomBytes,
} from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import { isoDate } from "#core/time/calendar.ts";
import { type FileWrites, createFile, removeLeftovers, replaceFile } from "../atomic-file.ts";
import { DataError } from "../data-error.ts";
import { openFolder, reasonOf } from "../data-folder.ts";
import { readCertificates, readKeys } from "../store/material.ts";
import { writePem } from "../store/pem.ts";
import { distinguishedName, extension, keyId, signCertificate } from "../x509/builder.ts";
import { OID } from "../x509/certificate.ts";
import { TAG, TRUE, bits, der, integer, oid, sequence, tagged } from "../x509/der.ts";
import { PRIVATE_RANGES } from "./machine.ts";

/** The root, ready to sign. */
export interface LocalRoot {
  /** Common name. */
  readonly name: string;
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
  /** Where it is kept. */
  readonly file: string;
  /** Its certificate alone, for trust stores. */
  readonly certificateFile: string;
  /** Others than the owner may read its key; null: nobody. A clause with what to do. */
  readonly warning: string | null;
}

/** What making a root needs. */
export interface RootOptions {
  /** The data folder. */
  readonly folder: string;
  /** Epoch milliseconds. */
  readonly wall: () => number;
  readonly hostname: string;
  readonly writes?: FileWrites;
}

const LIFETIME = 3650 * 86_400_000;
/** Clocks of other machines may be behind. */
const SKEW = 3_600_000;
/** Longest common name (RFC 5280, ub-common-name). */
const LONGEST_NAME = 64;

/** The root of this data folder, which is made if there is none. @throws DataError */
export async function openRoot(options: RootOptions): Promise<LocalRoot> {
  const root = (await readRoot(options)) ?? (await createRoot(options));
  await keepCopy(root.certificateFile, writePem("CERTIFICATE", root.certificate.raw));
  return root;
}

async function createRoot(options: RootOptions): Promise<LocalRoot> {
  const file = fileOf(options.folder);
  await openFolder(options.folder);
  await openFolder(folderOf(options.folder));
  await removeLeftovers(file, options.wall());
  try {
    await createFile(file, makeRoot(options), 0o600, options.writes);
  } catch (error) {
    throw new DataError(
      `the root of the local certificate authority cannot be written to ${file}: ${reasonOf(error)}`,
      "make room for it, or name another folder with --data",
    );
  }
  // Of several processes one has made it: all take what lies there.
  const made = await readRoot(options);
  if (made !== null) return made;
  throw new DataError(
    `${file} has disappeared right after it was written`,
    "nothing else may clean up this folder; name another with --data",
  );
}

/** The root of this data folder; null if there is none. Writes nothing. @throws DataError if it cannot be used */
export async function readRoot(options: RootOptions): Promise<LocalRoot | null> {
  const file = fileOf(options.folder);
  const folder = folderOf(options.folder);
  let bytes: Uint8Array;
  let modes: readonly [file: number, folder: number];
  try {
    bytes = await readFile(file);
    modes = [(await stat(file)).mode, (await stat(folder)).mode];
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw new DataError(
      `the root of the local certificate authority cannot be read from ${file}: ${reasonOf(error)}`,
      "run Sluice as the user that it belongs to, or name another folder with --data",
    );
  }
  const { certificate, key } = parseRoot(file, bytes);
  if (certificate.validToDate.getTime() <= options.wall()) {
    throw damaged(file, `expired on ${isoDate(certificate.validToDate.getTime())}`);
  }
  return {
    name: rootName(certificate),
    certificate,
    key,
    file,
    certificateFile: join(folder, "root.crt"),
    warning: openToOthers(file, folder, modes),
  };
}

/** What people find it by. */
export function rootName(certificate: X509Certificate): string {
  return /^CN=(.*)$/m.exec(certificate.subject)?.[1] ?? "";
}

function openToOthers(
  file: string,
  folder: string,
  [fileMode, folderMode]: readonly [number, number],
): string | null {
  if (process.platform === "win32") return null;
  if ((fileMode & 0o077) !== 0) {
    return `others may read the key of the local certificate authority: chmod 600 ${file}`;
  }
  return (folderMode & 0o022) === 0
    ? null
    : `others may replace the local certificate authority: chmod 700 ${folder}`;
}

function parseRoot(
  file: string,
  bytes: Uint8Array,
): { readonly certificate: X509Certificate; readonly key: KeyObject } {
  const certificates = readCertificates(bytes);
  const keys = readKeys(bytes);
  const certificate = certificates.ok ? certificates.value[0] : undefined;
  const key = keys.ok ? keys.value[0] : undefined;
  if (certificate === undefined || key === undefined) throw damaged(file, "is damaged");
  if (!certificate.checkPrivateKey(key) || !certificate.ca) {
    throw damaged(file, "holds a key and a certificate that do not make an authority");
  }
  return { certificate, key };
}

/** Never repaired by itself: a new root would not be the one that browsers trust. */
function damaged(file: string, what: string): DataError {
  return new DataError(
    `${file}, the root of the local certificate authority, ${what}`,
    "put it back from a backup; or remove the old one from the trust stores with `sluice trust --uninstall`, delete the file, and run `sluice trust` for a new one",
  );
}

/** A copy without the key, for people and tools; what it says is not read again. */
async function keepCopy(file: string, text: string): Promise<void> {
  const there = await readFile(file, "utf8").catch(() => "");
  if (there !== text) await replaceFile(file, text, 0o644).catch(() => undefined);
}

function makeRoot({ wall, hostname }: RootOptions): string {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const commonName = nameOf(hostname, randomBytes(3).toString("hex"));
  const name = distinguishedName({ organisation: "Sluice local CA", commonName });
  const now = wall();
  const certificate = signCertificate(
    {
      serial: serialNumber(),
      issuer: name,
      subject: name,
      notBefore: now - SKEW,
      notAfter: now + LIFETIME,
      publicKey,
      extensions: [
        // It may sign certificates of servers and no further authorities.
        extension(OID.basicConstraints, sequence(TRUE, integer(Uint8Array.of(0))), true),
        extension(OID.keyUsage, bits(Uint8Array.of(0b0000_0110), 1), true),
        extension(OID.extKeyUsage, sequence(oid(OID.serverAuth))),
        extension(OID.nameConstraints, addressConstraints(), true),
        extension(OID.subjectKeyId, der(TAG.octets, keyId(publicKey))),
      ],
    },
    privateKey,
  );
  const key = String(privateKey.export({ type: "pkcs8", format: "pem" }));
  return `${key}${writePem("CERTIFICATE", certificate)}`;
}

/** `Sluice local CA <host> <id>`: people have to tell the roots of their machines apart in a trust store. */
function nameOf(hostname: string, id: string): string {
  const before = "Sluice local CA ";
  const room = LONGEST_NAME - before.length - id.length - 1;
  return `${before}${hostname.slice(0, room)} ${id}`;
}

/** Addresses of private networks only. Names are not limited: people develop under the names that they will run under. */
function addressConstraints(): Uint8Array {
  const subtrees = PRIVATE_RANGES.map(({ address, mask }) =>
    sequence(der(0x87, Uint8Array.from(address), Uint8Array.from(mask))),
  );
  return sequence(tagged(0, ...subtrees));
}

/** 127 random bits. */
export function serialNumber(): Uint8Array {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes;
}

function folderOf(data: string): string {
  return join(data, "local-ca");
}

function fileOf(data: string): string {
  return join(folderOf(data), "root.pem");
}
