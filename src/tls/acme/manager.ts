/**
 * Certificates that are obtained and renewed by themselves. A configuration is prepared, which reads what there is, and then
 * committed; from then on what is missing is obtained, and what there is renewed in time. Whatever fails, the certificate
 * that is there stays in use, and there is another try.
 */

import { isoDate } from "#core/time/calendar.ts";
import type { Random } from "#core/random.ts";
import type { Scheduler } from "#core/time/scheduler.ts";
import type {
  AcmeChallengeType,
  AcmeData,
  AcmeIssuerData,
  CertificateData,
  CertificateUpdate,
} from "#model/tls.ts";
import type { TlsLog } from "../log.ts";
import { nameList, validitySentence } from "../store/expiry.ts";
import { X509Certificate } from "node:crypto";
import { ChallengeBoard, type PublishChallenges } from "./board.ts";
import type { Challenge, Solver } from "./challenge.ts";
import { AcmeEntry } from "./entry.ts";
import { AcmeFolder } from "./folder.ts";
import { Issuer } from "./issuer.ts";
import { obtain } from "./obtain.ts";
import { AcmeError, type AcmeReason, explain } from "./problem.ts";
import type { AcmeFetch } from "./request.ts";
import { type AcmeStatus, spanOf, statusOfEntry } from "./status.ts";

/** How a manager is made. */
export interface AcmeManagerOptions {
  readonly dataFolder: string;
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** Epoch milliseconds. */
  readonly wall: () => number;
  readonly log: TlsLog;
  /** How an issuer is spoken to. */
  readonly fetch: (issuer: AcmeIssuerData) => AcmeFetch;
  /** Makes what answers dns-01. */
  readonly dns: (data: NonNullable<AcmeData["dns"]>) => Solver;
  readonly publish: PublishChallenges;
  /** There are other certificates than at the last commit or call. */
  readonly onChange: (update: CertificateUpdate) => void;
}

/** A configuration's certificates, which nothing uses yet. */
export interface PreparedAcme {
  readonly data: AcmeData | null;
  readonly entries: readonly AcmeEntry[];
  readonly certificates: CertificateUpdate;
}

/** How often issuers were asked, and what came of it. */
export interface AcmeCounts {
  /** By issuer. */
  readonly attempts: Map<string, number>;
  /** By issuer and reason. */
  readonly failures: Map<string, Map<AcmeReason, number>>;
}

/** Orders that are under way at once. */
const AT_ONCE = 4;
/** Longest time between two looks at clock and folder, milliseconds: a laptop that wakes up is current soon. */
const LOOK = 60_000;
/** How long another process is let alone that is at work on a name, milliseconds. */
const ELSEWHERE = 2000;
/** How long an issuer that refuses for its limits is let alone, if it does not say, milliseconds. */
const PAUSE = 3_600_000;
/** Wait after an issuer did not say when to renew, milliseconds. */
const ASK_AGAIN = 21_600_000;

/** See the head of this file. */
export class AcmeManager {
  readonly board: ChallengeBoard;
  readonly counts: AcmeCounts = { attempts: new Map(), failures: new Map() };
  readonly #options: AcmeManagerOptions;
  readonly #folder: AcmeFolder;
  readonly #abort: AbortController = new AbortController();
  readonly #jobs: Set<Promise<void>> = new Set();
  #data: AcmeData | null = null;
  #entries: readonly AcmeEntry[] = [];
  #issuers: readonly Issuer[] = [];
  #dns: Solver | null = null;
  #cancel: (() => void) | null = null;
  #looked = -Infinity;

  constructor(options: AcmeManagerOptions) {
    this.#options = options;
    this.#folder = new AcmeFolder(options.dataFolder, options);
    this.board = new ChallengeBoard(options.publish, options.wall);
  }

  /** Those in use. */
  get certificates(): CertificateUpdate {
    return certificatesOf(this.#entries);
  }

  /** What there is to say about each name. */
  status(): AcmeStatus[] {
    const wall = this.#options.wall();
    const { scheduler } = this.#options;
    return this.#entries.map((entry) =>
      statusOfEntry(entry, this.#data?.place ?? "", this.#folder, wall, scheduler.now()),
    );
  }

  /** Reads what the folder has. Changes nothing. */
  async prepare(data: AcmeData | null): Promise<PreparedAcme> {
    const before = new Map(this.#entries.map((entry) => [entry.name, entry]));
    const entries: AcmeEntry[] = [];
    for (const name of data?.names ?? []) {
      const entry = before.get(name) ?? new AcmeEntry(name, this.#options.random);
      if (!before.has(name)) await entry.load(this.#folder);
      entries.push(entry);
    }
    return { data, entries, certificates: certificatesOf(entries) };
  }

  /** What was prepared is in use from now on. */
  commit({ data, entries }: PreparedAcme): void {
    const known = new Map(this.#issuers.map((issuer) => [keyOf(issuer.data, this.#data), issuer]));
    this.#issuers = (data?.issuers ?? []).map(
      (issuer) => known.get(keyOf(issuer, data)) ?? this.#issuer(issuer, data?.email ?? null),
    );
    if (JSON.stringify(data?.dns ?? null) !== JSON.stringify(this.#data?.dns ?? null)) {
      this.#dns = data === null || data.dns === null ? null : this.#options.dns(data.dns);
    }
    this.#data = data;
    this.#entries = entries;
    for (const entry of entries) {
      if (entry.damage !== null) this.#sayDamage(entry);
      this.#warnOfExpiry(entry);
    }
    this.#tick();
  }

  /** A new certificate for a name, now. @returns false: there is no such name */
  renew(name: string): boolean {
    const entry = this.#entries.find((one) => one.name === name);
    if (entry === undefined) return false;
    entry.force();
    this.#tick();
    return true;
  }

  /**
   * Takes the certificate of a name back, and gets a new one.
   * @throws AcmeError; Error with a sentence if there is none, or none of these issuers has made it
   */
  async revoke(name: string): Promise<void> {
    const entry = this.#entries.find((one) => one.name === name);
    const certificate = entry?.certificate ?? null;
    if (entry === undefined || certificate === null)
      throw new Error(`there is no certificate for ${name}`);
    const issuer = this.#issuers.find(({ data }) => data.directory === entry.details.directory);
    if (issuer === undefined) {
      throw new Error(
        `the certificate for ${name} is of none of the issuers of this configuration`,
      );
    }
    const { raw } = new X509Certificate(certificate.chain);
    // The key stays on this machine and is replaced with its certificate: no reason is given (RFC 5280 §5.3.1).
    await issuer.client.revoke(await issuer.account(), raw, 0);
    this.#options.log("info", "certificate_revoked", `${name}: the certificate was revoked`, {
      name,
      fingerprint: certificate.fingerprint,
    });
    this.renew(name);
  }

  /** Ends everything; what is under way can be taken up again. */
  async close(): Promise<void> {
    this.#cancel?.();
    this.#abort.abort();
    await Promise.all(this.#jobs);
  }

  #issuer(data: AcmeIssuerData, email: string | null): Issuer {
    const { scheduler, random, wall, fetch } = this.#options;
    return new Issuer({
      data,
      email,
      folder: this.#folder,
      fetch: fetch(data),
      scheduler,
      random,
      wall,
      signal: this.#abort.signal,
    });
  }

  // ── when ────────────────────────────────────────────────────────────────────────────────────────────

  /** Begins what is due, and comes back when there may be more. */
  #tick(): void {
    this.#cancel?.();
    this.#cancel = null;
    if (this.#abort.signal.aborted || this.#data === null) return this.board.setWanted([]);
    const { scheduler, wall } = this.#options;
    const now = scheduler.now();
    if (now - this.#looked >= LOOK) {
      this.#looked = now;
      this.#run(() => this.#look());
    }
    const directories = this.#data.issuers.map(({ directory }) => directory);
    const due = this.#entries.filter((entry) => entry.isDue(now, wall(), directories));
    // Nothing to show is worse than something old.
    due.sort((a, b) => (a.renewAt ?? -Infinity) - (b.renewAt ?? -Infinity));
    for (const entry of due.slice(0, Math.max(0, AT_ONCE - this.#busy))) this.#begin(entry);
    this.board.setWanted(
      this.#entries
        .filter((one) => one.certificate === null && one.failures === 0)
        .map(({ name }) => name),
    );
    const waits = this.#entries.map((entry) => entry.wait(now, wall()));
    const next = this.#busy >= AT_ONCE ? LOOK : Math.min(LOOK, ...waits);
    this.#cancel = scheduler.after(Math.max(next, 1000), () => this.#tick());
  }

  get #busy(): number {
    return this.#entries.filter(({ busy }) => busy).length;
  }

  #begin(entry: AcmeEntry): void {
    entry.busy = true;
    this.#run(async () => {
      try {
        await this.#work(entry);
      } finally {
        entry.busy = false;
        this.#tick();
      }
    });
  }

  #run(job: () => Promise<void>): void {
    const running = job()
      .catch((error: unknown) => {
        if (this.#abort.signal.aborted) return;
        const reason = error instanceof Error ? error.message : String(error);
        this.#options.log("warn", "acme", `certificates are not looked after: ${reason}`, {});
      })
      .finally(() => void this.#jobs.delete(running));
    this.#jobs.add(running);
  }

  /** What other processes have done, what could not be written before, and what issuers want. */
  async #look(): Promise<void> {
    let changed = false;
    const { scheduler } = this.#options;
    for (const entry of this.#entries) {
      if (entry.busy) continue;
      if (entry.unsaved !== null) await this.#save(entry, entry.unsaved);
      else if (await entry.load(this.#folder)) changed = true;
      this.#warnOfExpiry(entry);
    }
    if (changed) this.#changed();
    for (const entry of this.#entries) {
      if (this.#abort.signal.aborted) return;
      if (entry.certificate === null || scheduler.now() < entry.askAt) continue;
      await this.#ask(entry);
    }
  }

  /** Asks the issuer when to renew (RFC 9773). */
  async #ask(entry: AcmeEntry): Promise<void> {
    const { scheduler, random, wall, log } = this.#options;
    entry.askAt = scheduler.now() + ASK_AGAIN;
    const issuer = this.#issuers.find(({ data }) => data.directory === entry.details.directory);
    const id = entry.renewalId;
    if (issuer === undefined || id === null) return;
    const found = await issuer.client.renewal(id).catch(() => null);
    if (found === null) return;
    entry.askAt = scheduler.now() + found.again * (1 + random.next() / 10);
    const { window } = found;
    const before = entry.details.renewal;
    if (window === null || (before?.start === window.start && before.end === window.end)) return;
    const at = window.start + random.next() * (window.end - window.start);
    entry.setRenewal({ start: window.start, end: window.end, at });
    await this.#folder.writeDetails(entry.name, entry.details).catch(() => undefined);
    if (before !== null && at <= wall()) {
      const why = window.explanation === null ? "" : `, because: ${window.explanation}`;
      const message = `${entry.name}: ${issuer.data.name} wants the certificate renewed now${why}`;
      log("info", "certificate_renewal", message, { name: entry.name });
    }
  }

  // ── what ────────────────────────────────────────────────────────────────────────────────────────────

  async #work(entry: AcmeEntry): Promise<void> {
    const { scheduler, wall, random } = this.#options;
    let lock: Awaited<ReturnType<AcmeFolder["lock"]>> = null;
    try {
      await this.#folder.open();
      lock = await this.#folder.lock(`certificate-${entry.name}`);
    } catch (error) {
      if (!(error instanceof AcmeError)) throw error;
      return this.#failed(entry, [explain(error, this.#context(entry))], 0);
    }
    if (lock === null) {
      entry.notBefore = scheduler.now() + ELSEWHERE * (1 + random.next());
      return;
    }
    try {
      // Another process may just have done it.
      if (await entry.load(this.#folder)) {
        entry.succeed();
        this.#changed();
      }
      entry.busy = false;
      const directories = this.#issuers.map(({ data }) => data.directory);
      const due = entry.isDue(scheduler.now(), wall(), directories);
      entry.busy = true;
      if (due) await this.#obtain(entry);
    } finally {
      await lock.release();
    }
  }

  async #obtain(entry: AcmeEntry): Promise<void> {
    const { scheduler } = this.#options;
    const sentences: string[] = [];
    let asked = 0;
    for (const issuer of this.#issuers) {
      const pause = issuer.pausedUntil - scheduler.now();
      if (pause > 0) {
        asked = asked === 0 ? pause : Math.min(asked, pause);
        sentences.push(`${issuer.data.name} is not asked before ${spanOf(pause)} have passed`);
        continue;
      }
      for (const challenge of entry.challenges(this.#data?.challenges ?? [])) {
        const error = await this.#try(entry, issuer, challenge);
        if (error === null || this.#abort.signal.aborted) return;
        sentences.push(explain(error, await issuer.context(entry.name)));
        if (error.type === "rateLimited") {
          const wait = error.retryAfter ?? PAUSE;
          // Of a limit that is of the name alone, the issuer says so in words only; others wait with it, not long.
          issuer.pausedUntil = scheduler.now() + wait;
          asked = asked === 0 ? wait : Math.min(asked, wait);
        }
        if (error.challenge === null && error.reason !== "challenge") break;
      }
    }
    if (sentences.length === 0) {
      sentences.push(
        `a certificate for ${entry.name} needs the challenge dns-01: set acme.dns, or route the names one by one`,
      );
    }
    this.#failed(entry, sentences, asked);
  }

  /** @returns what went wrong, or null */
  async #try(
    entry: AcmeEntry,
    issuer: Issuer,
    challenge: AcmeChallengeType,
  ): Promise<AcmeError | null> {
    const { attempts } = this.counts;
    const { name: issuerName, directory } = issuer.data;
    attempts.set(issuerName, (attempts.get(issuerName) ?? 0) + 1);
    const replaces = entry.details.directory === directory ? entry.renewalId : null;
    const wanted = { name: entry.name, issuer, challenge, replaces };
    try {
      const pem = await obtain({ folder: this.#folder, solver: this.#solver }, wanted);
      const wrong = entry.accept(pem, { directory, issuer: issuerName, renewal: null });
      if (wrong !== null) {
        await this.#folder.removeOrder(entry.name);
        throw new AcmeError({ reason: "issuer", detail: `what it has sent ${wrong}` });
      }
      await this.#obtained(entry, pem, challenge);
      return null;
    } catch (error) {
      const known = await this.#known(error, issuer);
      this.#count(issuerName, known.reason);
      return known;
    }
  }

  async #known(error: unknown, issuer: Issuer): Promise<AcmeError> {
    if (!(error instanceof AcmeError)) {
      const detail = error instanceof Error ? error.message : String(error);
      return new AcmeError({ reason: "request", detail });
    }
    if (error.type === "accountDoesNotExist") await issuer.forgetAccount();
    return error;
  }

  async #obtained(entry: AcmeEntry, pem: string, challenge: AcmeChallengeType): Promise<void> {
    const { log } = this.#options;
    entry.succeed();
    await this.#save(entry, pem);
    const { notAfter, fingerprint } = entry.certificate!;
    const message = `${entry.name}: ${entry.details.issuer} has made a certificate (${challenge}), good until ${isoDate(notAfter)}`;
    log("info", "certificate_obtained", message, { name: entry.name, fingerprint });
    this.#changed();
  }

  /** What cannot be written is served all the same, and written later. */
  async #save(entry: AcmeEntry, pem: string): Promise<void> {
    const isFirst = entry.unsaved === null;
    try {
      await this.#folder.writeCertificate(entry.name, pem, entry.details);
      entry.unsaved = null;
      await this.#folder.removeOrder(entry.name);
    } catch (error) {
      entry.unsaved = pem;
      if (!isFirst) return;
      const reason = error instanceof Error ? error.message : String(error);
      const message = `${entry.name}: the new certificate is in use, and is written once there is room for it: ${reason}`;
      this.#options.log("warn", "certificate_unsaved", message, { name: entry.name });
    }
  }

  #failed(entry: AcmeEntry, sentences: readonly string[], asked: number): void {
    const { scheduler, wall, random, log } = this.#options;
    const sentence = [...new Set(sentences)].join("; ");
    const wait = entry.fail(sentence, scheduler.now(), wall(), asked, random);
    const kept =
      entry.certificate === null
        ? "there is no certificate yet"
        : `the one that is good until ${isoDate(entry.certificate.notAfter)} stays in use`;
    const message = `${entry.name}: ${sentence}; ${kept}, next try in ${spanOf(wait)}`;
    log("warn", "certificate_failed", message, { name: entry.name, failures: entry.failures });
  }

  #sayDamage(entry: AcmeEntry): void {
    const message = `${entry.name}: ${entry.damage}; another certificate is obtained`;
    this.#options.log("warn", "certificate_damaged", message, { name: entry.name });
  }

  #warnOfExpiry(entry: AcmeEntry): void {
    const { log, wall } = this.#options;
    if (entry.certificate === null || entry.saidExpired) return;
    if (wall() < entry.certificate.notAfter) return;
    entry.saidExpired = true;
    const sentence = validitySentence(entry.certificate, wall()) ?? "";
    log("warn", "certificate_expiry", `${sentence}; a new one is being obtained`, {
      name: entry.name,
    });
  }

  #count(issuer: string, reason: AcmeReason): void {
    const { failures } = this.counts;
    const known = failures.get(issuer) ?? new Map<AcmeReason, number>();
    known.set(reason, (known.get(reason) ?? 0) + 1);
    failures.set(issuer, known);
  }

  #changed(): void {
    if (!this.#abort.signal.aborted) this.#options.onChange(this.certificates);
  }

  get #solver(): Solver {
    return {
      present: (challenge: Challenge) => {
        if (challenge.type !== "dns-01") return this.board.present(challenge);
        if (this.#dns !== null) return this.#dns.present(challenge);
        const detail = "acme.dns does not say how TXT records are made";
        return Promise.reject(new AcmeError({ reason: "challenge", detail }));
      },
    };
  }

  #context(entry: AcmeEntry): { name: string; issuer: string; caa: null } {
    const issuer = nameList(this.#issuers.map(({ data }) => data.name));
    return { name: entry.name, issuer, caa: null };
  }
}

function certificatesOf(entries: readonly AcmeEntry[]): CertificateData[] {
  return entries.flatMap(({ certificate }) => (certificate === null ? [] : [certificate]));
}

/** Issuers with the same account stay one, with what is known of them. */
function keyOf(issuer: AcmeIssuerData, data: AcmeData | null): string {
  return JSON.stringify([issuer, data?.email ?? null]);
}
