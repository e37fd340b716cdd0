/** Takes over what other programs have obtained: the stores of certbot, Caddy and Traefik. Nothing in them is changed. */

import { Buffer } from "node:buffer";
import { glob, readFile, stat } from "node:fs/promises";
import { join } from "node:path";

import { isoDate } from "#core/time/calendar.ts";
import { DataError } from "../data-error.ts";
import { reasonOf } from "../data-folder.ts";
import { inspectPair } from "../store/inspect.ts";
import { AcmeFolder } from "./folder.ts";
import type { LockClock } from "./lock.ts";
import { listMember, parseJson, textMember } from "./read.ts";

/** What importing takes. */
export interface ImportOptions extends LockClock {
  readonly dataFolder: string;
  /** Folder of certbot (`/etc/letsencrypt`) or Caddy (`…/caddy`), or `acme.json` of Traefik. */
  readonly from: string;
}

/** What became of one certificate. */
export interface Imported {
  readonly ok: boolean;
  /** One sentence without a full stop. */
  readonly sentence: string;
}

/** A certificate with its key, as found. */
interface Found {
  readonly where: string;
  readonly chain: Uint8Array;
  readonly key: Uint8Array;
}

/** @throws DataError if there is no such store, or the folder cannot be written to */
export async function importStore(options: ImportOptions): Promise<Imported[]> {
  const { from, wall } = options;
  const found = await findIn(from).catch((error: unknown) => {
    throw new DataError(
      `${from} cannot be read: ${reasonOf(error)}`,
      "run this as a user who may read private keys there",
    );
  });
  if (found.length === 0) {
    throw new DataError(
      `${from} holds no certificates of certbot, Caddy or Traefik`,
      "name /etc/letsencrypt, Caddy's data folder, or Traefik's acme.json",
    );
  }
  const folder = new AcmeFolder(options.dataFolder, options);
  await folder.open();
  const results: Imported[] = [];
  for (const one of found) results.push(...(await importOne(folder, one, wall())));
  return results;
}

async function importOne(folder: AcmeFolder, found: Found, wall: number): Promise<Imported[]> {
  const read = inspectPair(found.chain, found.key);
  if (!read.ok) return [{ ok: false, sentence: `${found.where} ${read.fault.message}` }];
  const { names, notAfter, chain, key } = read.value.certificate;
  if (notAfter <= wall) {
    return [{ ok: false, sentence: `${found.where} expired on ${isoDate(notAfter)}` }];
  }
  const results: Imported[] = [];
  for (const name of names) {
    const known = await folder.readCertificate(name);
    const before = known === null ? null : inspectPair(known, known);
    if (before?.ok === true && before.value.certificate.notAfter >= notAfter) {
      results.push({ ok: true, sentence: `${name}: the one that is there lives as long` });
      continue;
    }
    // Who has made it is not known for sure: it is not asked when to renew, and not replaced for being another one's.
    const details = { directory: null, issuer: null, renewal: null };
    await folder.writeCertificate(name, `${key}${chain}`, details);
    const sentence = `${name}: taken from ${found.where}, good until ${isoDate(notAfter)}`;
    results.push({ ok: true, sentence });
  }
  return results;
}

async function findIn(from: string): Promise<Found[]> {
  const found: Found[] = [];
  if ((await stat(from)).isFile()) return fromTraefik(from);
  for await (const file of glob("live/*/fullchain.pem", { cwd: from })) {
    const chain = join(from, file);
    const key = chain.replace(/fullchain\.pem$/, "privkey.pem");
    found.push({ where: chain, chain: await readFile(chain), key: await readFile(key) });
  }
  for await (const file of glob("certificates/*/*/*.crt", { cwd: from })) {
    const chain = join(from, file);
    const key = chain.replace(/\.crt$/, ".key");
    found.push({ where: chain, chain: await readFile(chain), key: await readFile(key) });
  }
  return found;
}

/** `{"resolver": {"Certificates": [{"certificate": base64, "key": base64}]}}`. */
async function fromTraefik(file: string): Promise<Found[]> {
  const value = parseJson(await readFile(file, "utf8"));
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap((resolver: unknown) =>
    listMember(resolver, "Certificates").flatMap((one): Found[] => {
      const chain = textMember(one, "certificate");
      const key = textMember(one, "key");
      if (chain === null || key === null) return [];
      const decode = (text: string): Uint8Array => Buffer.from(text, "base64");
      return [{ where: file, chain: decode(chain), key: decode(key) }];
    }),
  );
}
