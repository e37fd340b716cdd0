/** One name for which certificates are obtained: what it has, and when something is to be done about it. */

import { X509Certificate } from "node:crypto";

import type { Random } from "#core/random.ts";
import type { AcmeChallengeType, CertificateData } from "#model/tls.ts";
import { inspectPair } from "../store/inspect.ts";
import { renewalId } from "./ari.ts";
import type { AcmeFolder, CertificateDetails } from "./folder.ts";
import { ACME_SOURCE } from "./source.ts";

/** Waits after failures in a row, milliseconds; the last one counts for all that follow. */
const WAITS: readonly number[] = [2, 10, 30, 60, 180, 360].map((minutes) => minutes * 60_000);
/** Without a word of the issuer a certificate is renewed when this share of its life is over … */
const SHARE = 2 / 3;
/** … or up to this share later, so that those of one day do not all come at once. */
const SPREAD = 1 / 50;

/** A window that its issuer names is not heeded so soon after a certificate was made: what is wrong there would be so again. */
const YOUNG = 86_400_000;

/** How the last try went. */
export interface LastError {
  /** One clause. */
  readonly sentence: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

const NOTHING_KNOWN: CertificateDetails = { directory: null, issuer: null, renewal: null };

/** See the head of this file. */
export class AcmeEntry {
  readonly name: string;
  certificate: CertificateData | null = null;
  details: CertificateDetails = NOTHING_KNOWN;
  /** What the folder could not take, and is still to be written. */
  unsaved: string | null = null;
  /** What was wrong with the file; null: nothing. */
  damage: string | null = null;
  /** That the certificate has expired was said. */
  saidExpired = false;
  /** Failures in a row. */
  failures = 0;
  lastError: LastError | null = null;
  /** Somebody is at work on it. */
  busy = false;
  /** A person has asked for a new one. */
  forced = false;
  /** Monotonic time before which nothing is tried. */
  notBefore: number = -Infinity;
  /** Monotonic time at which the issuer is asked when to renew. */
  askAt: number = -Infinity;
  /** Epoch milliseconds at which to renew. */
  #renewAt = Infinity;
  /** Where within `SPREAD` it is renewed: 0 to 1. */
  readonly #spread: number;

  constructor(name: string, random: Random) {
    this.name = name;
    this.#spread = random.next();
  }

  /** Epoch milliseconds at which it is to be renewed; null while there is nothing to renew. */
  get renewAt(): number | null {
    return this.certificate === null ? null : this.#renewAt;
  }

  /** Takes what lies in the folder. @returns whether it is another certificate than before */
  async load(folder: AcmeFolder): Promise<boolean> {
    let bytes: Uint8Array | null;
    try {
      bytes = await folder.readCertificate(this.name);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.damage = `${folder.certificateFile(this.name)} cannot be read: ${reason}`;
      return false;
    }
    this.damage = null;
    if (bytes === null) return false;
    const found = inspect(this.name, bytes);
    if (typeof found === "string") {
      this.damage = `${folder.certificateFile(this.name)} ${found}`;
      return false;
    }
    const details = await folder.readDetails(this.name);
    return this.#take(found, details);
  }

  /** Takes what an issuer has sent. @returns what is wrong with it, or null */
  accept(pem: string, details: CertificateDetails): string | null {
    const found = inspect(this.name, new TextEncoder().encode(pem));
    if (typeof found === "string") return found;
    this.#take(found, details);
    return null;
  }

  /** When to renew, by the issuer's word. */
  setRenewal(renewal: CertificateDetails["renewal"]): void {
    this.details = { ...this.details, renewal };
    this.#schedule();
  }

  /** Is there something to do? `directories`: of the issuers that are configured. */
  isDue(now: number, wall: number, directories: readonly string[]): boolean {
    if (this.busy || now < this.notBefore) return false;
    if (this.certificate === null || this.forced) return true;
    const { directory } = this.details;
    if (directory !== null && !directories.includes(directory)) return true;
    return wall >= this.#renewAt;
  }

  /** Milliseconds until there may be something to do. */
  wait(now: number, wall: number): number {
    if (this.busy) return Infinity;
    const due = this.certificate === null || this.forced ? 0 : this.#renewAt - wall;
    return Math.max(due, this.notBefore - now);
  }

  /** A try has failed: when is the next? `asked`: what the issuer has said, milliseconds. @returns milliseconds until then */
  fail(sentence: string, now: number, wall: number, asked: number, random: Random): number {
    const usual = WAITS[Math.min(this.failures, WAITS.length - 1)] ?? 0;
    this.failures++;
    this.lastError = { sentence, at: wall };
    const wait = Math.max(usual, asked) * (1 + random.next() / 4);
    this.notBefore = now + wait;
    return wait;
  }

  /** A person wants a new one, now. */
  force(): void {
    this.forced = true;
    this.notBefore = -Infinity;
    this.failures = 0;
    this.lastError = null;
  }

  succeed(): void {
    this.failures = 0;
    this.lastError = null;
    this.forced = false;
    this.notBefore = -Infinity;
    this.askAt = -Infinity;
  }

  /** In which order challenges are tried now: all at first, then one at a time, since issuers count failures. */
  challenges(all: readonly AcmeChallengeType[]): readonly AcmeChallengeType[] {
    const possible = this.name.startsWith("*.") ? all.filter((one) => one === "dns-01") : all;
    if (this.failures === 0) return possible;
    return possible.length === 0 ? [] : [possible[this.failures % possible.length]!];
  }

  /** What the issuer knows the certificate by (RFC 9773); null if there is none. */
  get renewalId(): string | null {
    if (this.certificate === null) return null;
    return renewalId(new X509Certificate(this.certificate.chain).raw);
  }

  #take(certificate: CertificateData, details: CertificateDetails): boolean {
    const changed = certificate.fingerprint !== this.certificate?.fingerprint;
    this.certificate = certificate;
    this.details = details;
    if (changed) {
      this.askAt = -Infinity;
      this.saidExpired = false;
    }
    this.#schedule();
    return changed;
  }

  #schedule(): void {
    if (this.certificate === null) return;
    const { notBefore, notAfter } = this.certificate;
    const life = notAfter - notBefore;
    const usual = notBefore + life * (SHARE + SPREAD * this.#spread);
    const { renewal } = this.details;
    const earliest = notBefore + Math.min(YOUNG, life / 10);
    // A window that ends after the certificate is of no use.
    const latest = notAfter - life / 10;
    this.#renewAt = renewal === null ? usual : Math.max(earliest, Math.min(renewal.at, latest));
  }
}

/** The certificate with its key, or what is wrong with it as a clause. */
function inspect(name: string, bytes: Uint8Array): CertificateData | string {
  const found = inspectPair(bytes, bytes);
  if (!found.ok) return found.fault.message;
  const { certificate } = found.value;
  if (!certificate.names.includes(name)) return `is not made out to ${name}`;
  return { source: ACME_SOURCE, ...certificate, ocsp: null };
}
