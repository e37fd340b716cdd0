/**
 * What is kept of ACME, below `acme` in the data folder. Everything is readable by its owner alone, and there completely or not
 * at all:
 *
 *     accounts/letsencrypt.json        account: its URL and its private key
 *     certificates/example.com.pem     private key, certificate, its issuers
 *     certificates/example.com.json    who has issued it, and when it is to be renewed
 *     orders/example.com.json          a request that is under way, with the private key of the certificate to come
 *     locks/                           who is at work on what
 *
 * `*.example.com` is `wildcard_.example.com`. Of a certificate, the PEM file alone counts; the other says less if it is missing.
 */

import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";

import { replaceFile } from "../atomic-file.ts";
import { openFolder, reasonOf } from "../data-folder.ts";
import { type FolderLock, type LockClock, takeLock } from "./lock.ts";
import { keyPem, readKey } from "./jws.ts";
import { AcmeError } from "./problem.ts";
import { member, numberMember, parseJson, textMember } from "./read.ts";
import type { Account } from "./client.ts";
import type { KeyObject } from "node:crypto";

/** What is known of a certificate beside itself. */
export interface CertificateDetails {
  /** Directory of its issuer; null: not known. */
  readonly directory: string | null;
  /** What the issuer is called in the configuration. */
  readonly issuer: string | null;
  /** When the issuer wants it to be renewed, and the moment that was chosen; null: it has not said. */
  readonly renewal: { readonly start: number; readonly end: number; readonly at: number } | null;
}

/** A request that is under way. */
export interface PendingOrder {
  readonly account: string;
  readonly url: string;
  readonly key: KeyObject;
}

/** An account as it is kept. */
export interface StoredAccount extends Account {
  readonly directory: string;
  readonly contact: readonly string[];
}

/** See the head of this file. What cannot be written is an AcmeError with reason `store`. */
export class AcmeFolder {
  readonly path: string;
  readonly #clock: LockClock;

  constructor(dataFolder: string, clock: LockClock) {
    this.path = join(dataFolder, "acme");
    this.#clock = clock;
  }

  /** Makes it, and tries whether it can be written to. */
  async open(): Promise<void> {
    try {
      await openFolder(join(this.path, ".."));
      for (const name of ["accounts", "certificates", "orders", "locks"]) {
        await mkdir(join(this.path, name), { recursive: true, mode: 0o700 });
      }
      await openFolder(join(this.path, "certificates"));
    } catch (error) {
      throw unwritable(this.path, error);
    }
  }

  /** Null: another process has it. */
  async lock(what: string): Promise<FolderLock | null> {
    const path = join(this.path, "locks", `${fileName(what)}.lock`);
    return takeLock(path, this.#clock).catch((error: unknown) => {
      throw unwritable(path, error);
    });
  }

  /** Path of a certificate with its key. */
  certificateFile(name: string): string {
    return join(this.path, "certificates", `${fileName(name)}.pem`);
  }

  /** Key and chain in one; null if there are none. Rejects with what the system says if they cannot be read. */
  async readCertificate(name: string): Promise<Uint8Array | null> {
    return readIfThere(this.certificateFile(name));
  }

  /** Nothing is known where the file is missing or damaged. */
  async readDetails(name: string): Promise<CertificateDetails> {
    const value = parseJson(await readText(this.#detailsFile(name)));
    const renewal = member(value, "renewal");
    const [start, end, at] = ["start", "end", "at"].map((key) => numberMember(renewal, key));
    return {
      directory: textMember(value, "directory"),
      issuer: textMember(value, "issuer"),
      renewal:
        typeof start === "number" && typeof end === "number" && typeof at === "number"
          ? { start, end, at }
          : null,
    };
  }

  /** The certificate first: without the other file less is known, and nothing is wrong. */
  async writeCertificate(name: string, pem: string, details: CertificateDetails): Promise<void> {
    await write(this.certificateFile(name), pem);
    await this.writeDetails(name, details);
  }

  writeDetails(name: string, details: CertificateDetails): Promise<void> {
    return write(this.#detailsFile(name), json({ name, ...details }));
  }

  /** Out of the way, for whoever wants to look at it. */
  async setAside(name: string): Promise<void> {
    const file = this.certificateFile(name);
    await rename(file, `${file}.bad`).catch(() => undefined);
  }

  /** As if it had never been. */
  async removeCertificate(name: string): Promise<void> {
    await rm(this.certificateFile(name), { force: true });
    await rm(this.#detailsFile(name), { force: true });
  }

  /** Null if there is none that can be used. */
  async readAccount(issuer: string): Promise<StoredAccount | null> {
    const value = parseJson(await readText(this.#accountFile(issuer)));
    const key = readKey(textMember(value, "key") ?? "");
    const url = textMember(value, "url");
    const directory = textMember(value, "directory");
    const contact = member(value, "contact");
    if (key === null || url === null || directory === null) return null;
    const texts = Array.isArray(contact) ? contact.filter((one) => typeof one === "string") : [];
    return { key, url, directory, contact: texts };
  }

  writeAccount(issuer: string, { key, url, directory, contact }: StoredAccount): Promise<void> {
    const text = json({ directory, url, contact, key: keyPem(key) });
    return write(this.#accountFile(issuer), text);
  }

  /** The issuer does not know it any more. */
  removeAccount(issuer: string): Promise<void> {
    return rm(this.#accountFile(issuer), { force: true });
  }

  async readOrder(name: string): Promise<PendingOrder | null> {
    const value = parseJson(await readText(this.#orderFile(name)));
    const key = readKey(textMember(value, "key") ?? "");
    const url = textMember(value, "url");
    const account = textMember(value, "account");
    return key === null || url === null || account === null ? null : { key, url, account };
  }

  writeOrder(name: string, { account, url, key }: PendingOrder): Promise<void> {
    return write(this.#orderFile(name), json({ account, url, key: keyPem(key) }));
  }

  removeOrder(name: string): Promise<void> {
    return rm(this.#orderFile(name), { force: true });
  }

  #detailsFile(name: string): string {
    return join(this.path, "certificates", `${fileName(name)}.json`);
  }

  #accountFile(issuer: string): string {
    return join(this.path, "accounts", `${fileName(issuer)}.json`);
  }

  #orderFile(name: string): string {
    return join(this.path, "orders", `${fileName(name)}.json`);
  }
}

/** Names of hosts and issuers have no other characters; whatever else comes leads to no other folder. */
function fileName(name: string): string {
  return name
    .replace(/^\*/, "wildcard_")
    .replace(/[^a-z0-9._-]/gi, "_")
    .replace(/^\.+/, "_");
}

function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

async function write(path: string, text: string): Promise<void> {
  await replaceFile(path, text, 0o600).catch((error: unknown) => {
    throw unwritable(path, error);
  });
}

async function readIfThere(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ENOTDIR") return null;
    throw error;
  }
}

async function readText(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => "");
}

function unwritable(path: string, error: unknown): AcmeError {
  const detail = `${path} cannot be written to: ${reasonOf(error)}`;
  return new AcmeError({ reason: "store", detail });
}
