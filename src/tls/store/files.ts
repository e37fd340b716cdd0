/** Reads the two files of a certificate. */

import { createHash } from "node:crypto";
import type { Stats } from "node:fs";
import { open, stat } from "node:fs/promises";

import type { CertificateData } from "#model/tls.ts";
import { type Revocation, inspectPair } from "./inspect.ts";
import type { Fault } from "./material.ts";

/** Most that is read of a file, in bytes: far more than the longest chain. */
const LARGEST = 1024 * 1024;

/** The files of a certificate, absolute. */
export interface PairFiles {
  readonly cert: string;
  readonly key: string;
}

/** Something that a person should know, in one clause that begins with a file's name. */
export interface Remark {
  /** Which of the two options it is about; `pair`: both. */
  readonly about: Fault["about"];
  readonly message: string;
  readonly hint: string | null;
}

/** As one clause. */
export function remarkText({ message, hint }: Pick<Remark, "message" | "hint">): string {
  return hint === null ? message : `${message}; ${hint}`;
}

/** A pair that works. */
export interface LoadedPair {
  readonly ok: true;
  readonly certificate: CertificateData;
  readonly warnings: readonly Remark[];
  readonly revocation: Revocation;
  /** Hash of what the files held. */
  readonly contents: string;
}

/** One that does not. */
export interface BrokenPair {
  readonly ok: false;
  readonly problem: Remark;
}

/**
 * Reads and checks a pair. Never rejects.
 * @param source whose certificate it is
 * @param before what the files held earlier: returned again if they hold the same
 */
export async function loadPair(
  files: PairFiles,
  source: string,
  before: LoadedPair | null = null,
): Promise<LoadedPair | BrokenPair> {
  const cert = await readSmall(files.cert);
  if (typeof cert === "string") return broken(files, { about: "cert", message: cert, hint: null });
  const key = files.key === files.cert ? cert : await readSmall(files.key);
  if (typeof key === "string") return broken(files, { about: "key", message: key, hint: null });
  const contents = hashOf(cert.bytes, key.bytes);
  if (before !== null && before.contents === contents && before.certificate.source === source) {
    return before;
  }
  const found = inspectPair(cert.bytes, key.bytes);
  if (!found.ok) return broken(files, found.fault);
  const { certificate, revocation, warnings } = found.value;
  return {
    ok: true,
    certificate: { source, ...certificate, ocsp: null },
    revocation,
    contents,
    warnings: [
      ...warnings.map((message) => remark(files, { about: "cert", message, hint: null })),
      ...openToAll(files.key, key.stats),
    ],
  };
}

function hashOf(...parts: readonly Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest("hex");
}

/** The owner's group may read keys on many systems (`ssl-cert` of Debian); nobody else should. */
function openToAll(file: string, { mode }: Stats): Remark[] {
  if (process.platform === "win32" || (mode & 0o007) === 0) return [];
  const octal = (mode & 0o777).toString(8).padStart(4, "0");
  return [
    {
      about: "key",
      message: `${file} is a private key that everybody on this machine may read (mode ${octal})`,
      hint: `chmod o= ${file}`,
    },
  ];
}

function broken(files: PairFiles, fault: Fault): BrokenPair {
  return { ok: false, problem: remark(files, fault) };
}

function remark(files: PairFiles, { about, message, hint }: Fault): Remark {
  const file = about === "pair" ? `${files.cert} and ${files.key}` : files[about];
  return { about, message: `${file} ${message}`, hint: hint?.replaceAll("FILE", file) ?? null };
}

/** A file, or why it cannot be read. */
async function readSmall(
  file: string,
): Promise<{ readonly bytes: Uint8Array; readonly stats: Stats } | string> {
  try {
    // Looked at first: to open a pipe waits until somebody writes to it.
    const found = await stat(file);
    if (found.isDirectory()) return "is a folder, not a file";
    if (!found.isFile()) return "is no ordinary file";
    await using handle = await open(file, "r");
    const stats = await handle.stat();
    if (stats.size > LARGEST) return "is larger than 1 MiB: that is no certificate or key";
    return { bytes: await handle.readFile(), stats };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return "does not exist";
    if (code === "EACCES" || code === "EPERM")
      return "may not be read by the user that Sluice runs as";
    if (code === "ELOOP") return "is a symbolic link that leads to itself";
    return `cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}
