/** A certificate from two files, which may be replaced at any time, one after the other and not always well. */

import type { CertificateData, CertificateSourceData } from "#model/tls.ts";
import type { TlsLog } from "../log.ts";
import { type LoadedPair, type PairFiles, type Remark, loadPair, remarkText } from "./files.ts";
import { nameList } from "./expiry.ts";

/** The part of the configuration that names files. */
export type FilesSourceData = Extract<CertificateSourceData, { kind: "files" }>;

/**
 * How long a pair may be wrong before anybody is told, in milliseconds: certificate and key are written one after
 * the other, by programs and by people.
 */
export const SETTLE = 5000;

/** Keeps the last good pair. */
export class FilesSource {
  #source: FilesSourceData;
  #pair: LoadedPair;
  /** Monotonic time since which the files are wrong; null: they are right. */
  #wrongSince: number | null = null;
  /** What was said of them since then. */
  readonly #said: Set<string> = new Set();
  #problem: Remark | null = null;

  constructor(source: FilesSourceData, pair: LoadedPair) {
    this.#source = source;
    this.#pair = pair;
  }

  get source(): FilesSourceData {
    return this.#source;
  }

  get pair(): LoadedPair {
    return this.#pair;
  }

  get certificate(): CertificateData {
    return this.#pair.certificate;
  }

  /** What is wrong with the files now, though the certificate that was read before stays in use. */
  get problem(): Remark | null {
    return this.#problem;
  }

  /** The files, for whoever watches them. */
  get files(): PairFiles {
    return this.source;
  }

  /** Takes a pair that was read in another way, as with a new configuration. */
  adopt(source: FilesSourceData, pair: LoadedPair): void {
    this.#source = source;
    this.#pair = pair;
    this.#isRight();
  }

  /**
   * Looks at the files again.
   * @returns whether there is another certificate now, and after how many milliseconds to look once more
   */
  async check(
    now: () => number,
    log: TlsLog,
  ): Promise<{ readonly changed: boolean; readonly again: number | null }> {
    const found = await loadPair(this.source, this.source.id, this.#pair);
    if (!found.ok) return { changed: false, again: this.#isWrong(found.problem, now(), log) };
    const recovered = this.#said.size > 0;
    this.#isRight();
    const { chain, key, fingerprint, names } = found.certificate;
    const { certificate: old } = this.#pair;
    const changed = chain !== old.chain || key !== old.key;
    this.#pair = found;
    const fields = { names, fingerprint, cert: this.source.cert };
    const who = `the certificate for ${nameList(names)}`;
    if (changed) {
      log("info", "certificate_renewed", `${who} was replaced: ${this.source.cert}`, fields);
      for (const warning of found.warnings) {
        log("warn", "certificate_files", remarkText(warning), fields);
      }
    } else if (recovered) {
      log("info", "certificate_files", `the files of ${who} are right again`, fields);
    }
    return { changed, again: null };
  }

  #isRight(): void {
    this.#wrongSince = null;
    this.#problem = null;
    this.#said.clear();
  }

  #isWrong(problem: Remark, now: number, log: TlsLog): number | null {
    this.#wrongSince ??= now;
    const left = this.#wrongSince + SETTLE - now;
    if (left > 0) return left;
    this.#problem = problem;
    const { message, hint } = problem;
    if (this.#said.has(message)) return null;
    this.#said.add(message);
    const { names, fingerprint } = this.certificate;
    log(
      "warn",
      "certificate_files",
      `${message}; the certificate for ${nameList(names)} that was read before stays in use${hint === null ? "" : ` (${hint})`}`,
      { names, fingerprint, cert: this.source.cert, key: this.source.key },
    );
    return null;
  }
}
