/**
 * Keeps an OCSP answer for each certificate that has a responder. Nothing waits for it: a certificate without an
 * answer is served without one.
 */

import type { Random } from "#core/random.ts";
import type { Scheduler } from "#core/time/scheduler.ts";
import type { TlsLog } from "../log.ts";
import { nameList } from "../store/expiry.ts";
import type { Revocation } from "../store/inspect.ts";
import type { FetchOcsp } from "./fetch.ts";
import { type CertificateId, certificateId, ocspRequest } from "./request.ts";
import { type OcspAnswer, type OcspRefusal, readOcspResponse } from "./response.ts";

/** How a stapler is made. */
export interface StaplerOptions {
  readonly scheduler: Scheduler;
  /** Epoch milliseconds. */
  readonly wall: () => number;
  readonly random: Random;
  readonly fetch: FetchOcsp;
  readonly log: TlsLog;
  /** There is another answer, or one is out of date. */
  readonly onChange: () => void;
}

/** A certificate that may have a responder. */
export interface StapledCertificate {
  readonly fingerprint: string;
  readonly names: readonly string[];
  readonly revocation: Revocation;
}

/** First wait after a failure, in milliseconds; doubles up to the other. */
const RETRY = 60_000;
const LONGEST_RETRY = 3_600_000;
/** Share of an answer's remaining time after which it is asked for anew, and how far this is spread. */
const REFRESH = 0.45;
const SPREAD = 0.1;
/** How many responders are asked at once. */
const AT_ONCE = 4;

interface Entry {
  readonly certificate: StapledCertificate;
  readonly url: string;
  readonly issuer: Uint8Array;
  readonly id: CertificateId;
  answer: OcspAnswer | null;
  /** Epoch milliseconds: from then on a newer answer is wanted. */
  refreshAt: number;
  /** Monotonic milliseconds: not before. */
  retryAt: number;
  failures: number;
  asking: boolean;
  /** Why there is no newer answer; null: there is. */
  problem: string | null;
}

/** See the head of this file. */
export class Stapler {
  readonly #options: StaplerOptions;
  /** By fingerprint. */
  #entries: ReadonlyMap<string, Entry> = new Map();
  /** Certificates that promise an answer and have nobody to ask. */
  readonly #warned: Set<string> = new Set();
  #stopped = false;

  constructor(options: StaplerOptions) {
    this.#options = options;
  }

  /** These are the certificates now. Answers of those that stay are kept. */
  update(certificates: readonly StapledCertificate[]): void {
    const entries = new Map<string, Entry>();
    for (const certificate of certificates) {
      const { fingerprint } = certificate;
      const entry = this.#entries.get(fingerprint) ?? this.#enter(certificate);
      if (entry !== null) entries.set(fingerprint, entry);
    }
    this.#entries = entries;
    this.check();
  }

  /** What clients are to be given; null: nothing. */
  answer(fingerprint: string): Uint8Array | null {
    const answer = this.#entries.get(fingerprint)?.answer ?? null;
    return answer !== null && answer.nextUpdate > this.#options.wall() ? answer.der : null;
  }

  /** What is wrong with the answers for a certificate; null: nothing. */
  problem(fingerprint: string): string | null {
    return this.#entries.get(fingerprint)?.problem ?? null;
  }

  /** Asks whoever has to be asked; to be called every minute or so. */
  check(): void {
    if (this.#stopped) return;
    const wall = this.#options.wall();
    const now = this.#options.scheduler.now();
    let asking = 0;
    let dropped = false;
    for (const entry of this.#entries.values()) {
      if (entry.answer !== null && entry.answer.nextUpdate <= wall) {
        entry.answer = null;
        dropped = true;
        this.#warnPromise(entry);
      }
      if (entry.asking) asking++;
    }
    for (const entry of this.#entries.values()) {
      if (asking >= AT_ONCE) break;
      // A clock that was set back makes the answer one of the future.
      const due = wall >= entry.refreshAt || (entry.answer?.thisUpdate ?? 0) > wall + LONGEST_RETRY;
      if (!due || entry.asking || now < entry.retryAt) continue;
      asking++;
      void this.#ask(entry);
    }
    if (dropped) this.#options.onChange();
  }

  /** Asks nobody any more. */
  stop(): void {
    this.#stopped = true;
    this.#entries = new Map();
  }

  #enter(certificate: StapledCertificate): Entry | null {
    const { revocation, names, fingerprint } = certificate;
    const { responder: url, issuer, mustStaple } = revocation;
    if (url === null || issuer === null) {
      if (mustStaple && !this.#warned.has(fingerprint)) {
        this.#warned.add(fingerprint);
        const why =
          url === null ? "names nobody to ask for it" : "its file lacks the issuer's certificate";
        const message = `the certificate for ${nameList(names)} promises an OCSP answer in each handshake, but ${why}: clients will refuse it`;
        this.#options.log("warn", "ocsp", message, { names, fingerprint });
      }
      return null;
    }
    const id = idOf(revocation.certificate, issuer);
    if (id === null) return null;
    return {
      certificate,
      url,
      issuer,
      id,
      answer: null,
      refreshAt: -Infinity,
      retryAt: -Infinity,
      failures: 0,
      asking: false,
      problem: null,
    };
  }

  async #ask(entry: Entry): Promise<void> {
    entry.asking = true;
    const { fetch, wall } = this.#options;
    let found: OcspAnswer | OcspRefusal;
    try {
      const bytes = await fetch(entry.url, ocspRequest(entry.id));
      found = readOcspResponse(bytes, entry.id, entry.issuer, wall());
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      found = { ok: false, reason, revoked: false };
    }
    entry.asking = false;
    if (this.#entries.get(entry.certificate.fingerprint) !== entry) return;
    if (found.ok) this.#take(entry, found);
    else this.#fail(entry, found);
    // Others may wait for their turn.
    this.check();
  }

  #take(entry: Entry, answer: OcspAnswer): void {
    const { random, wall } = this.#options;
    const share = REFRESH + SPREAD * random.next();
    const start = Math.max(answer.thisUpdate, wall());
    entry.refreshAt = start + (answer.nextUpdate - start) * share;
    // Caches give the same answer again: there is no hurry then.
    entry.retryAt = this.#options.scheduler.now() + RETRY;
    entry.failures = 0;
    const { names, fingerprint } = entry.certificate;
    if (entry.problem !== null) {
      const message = `there are OCSP answers for ${nameList(names)} again`;
      this.#options.log("info", "ocsp", message, { names, fingerprint });
    }
    entry.problem = null;
    entry.answer = answer;
    this.#options.onChange();
  }

  #fail(entry: Entry, { reason, revoked }: OcspRefusal): void {
    entry.failures++;
    const wait = Math.min(RETRY * 2 ** (entry.failures - 1), LONGEST_RETRY);
    entry.retryAt = this.#options.scheduler.now() + wait;
    const { names, fingerprint } = entry.certificate;
    const first = entry.problem === null;
    const who = `the certificate for ${nameList(names)}`;
    if (revoked) {
      const message = `${who} was revoked by its issuer: get another one, clients may refuse this one`;
      if (entry.problem !== message) {
        this.#options.log("warn", "ocsp", message, { names, fingerprint });
      }
      entry.problem = message;
      const had = entry.answer !== null;
      entry.answer = null;
      if (had) this.#options.onChange();
      return;
    }
    entry.problem = `the OCSP responder ${entry.url} gives no answer for ${nameList(names)}: ${reason}`;
    if (entry.answer === null && entry.failures === 1) this.#warnPromise(entry);
    else if (first) {
      this.#options.log("info", "ocsp", `${entry.problem}; it is asked again`, {
        names,
        fingerprint,
      });
    }
  }

  #warnPromise({ certificate, problem }: Entry): void {
    const { names, fingerprint, revocation } = certificate;
    const why = problem ?? `the last answer for ${nameList(names)} is out of date`;
    if (revocation.mustStaple) {
      const message = `${why}; the certificate promises one in each handshake, so clients will refuse it until there is one`;
      this.#options.log("warn", "ocsp", message, { names, fingerprint });
    } else {
      this.#options.log("info", "ocsp", `${why}; it is asked again`, { names, fingerprint });
    }
  }
}

/** Null for an issuer that OpenSSL can read and this cannot: then nobody is asked. */
function idOf(certificate: Uint8Array, issuer: Uint8Array): CertificateId | null {
  try {
    return certificateId(certificate, issuer);
  } catch {
    return null;
  }
}
