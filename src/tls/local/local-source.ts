/** A certificate of the local authority, made anew before it expires and when the machine is called otherwise. */

import type { CertificateData, CertificateSourceData } from "#model/tls.ts";
import { issueLeaf, renewalTime, sortNames } from "./leaf.ts";
import { type Machine, machineNames } from "./machine.ts";
import type { LocalRoot } from "./root.ts";

/** The part of the configuration that asks for the local authority. */
export type LocalSourceData = Extract<CertificateSourceData, { kind: "local" }>;

/** What a local certificate depends on. */
export interface LocalSourceOptions {
  readonly root: LocalRoot;
  /** Epoch milliseconds. */
  readonly wall: () => number;
  readonly machine: () => Machine;
}

/** Keeps one certificate current. */
export class LocalSource {
  readonly source: LocalSourceData;
  /** Names that cannot be had, each with the reason. */
  readonly refused: readonly string[];
  readonly #options: LocalSourceOptions;
  #certificate: CertificateData;

  /** `before`: what served the same source until now, and goes on if it covers all names. */
  constructor(
    source: LocalSourceData,
    options: LocalSourceOptions,
    before: CertificateData | null,
  ) {
    this.source = source;
    this.#options = options;
    this.refused = sortNames(source.names).refused;
    this.#certificate = before !== null && !this.#isStale(before) ? before : this.#issue();
  }

  get certificate(): CertificateData {
    return this.#certificate;
  }

  /** Makes a new one if the time has come. @returns whether it did */
  check(): boolean {
    if (!this.#isStale(this.#certificate)) return false;
    this.#certificate = this.#issue();
    return true;
  }

  #isStale(certificate: CertificateData): boolean {
    const { root } = this.#options;
    const wall = this.#options.wall();
    // Nothing lasts longer than the root: there is no use in making another one then.
    const lasts = certificate.notAfter >= root.certificate.validToDate.getTime();
    if (wall >= renewalTime(certificate) && !lasts) return true;
    // A clock that was set back makes it one of the future.
    if (wall < certificate.notBefore) return true;
    return !this.#names().every((name) => certificate.names.includes(name));
  }

  #names(): readonly string[] {
    const { source } = this;
    return sortNames([...source.names, ...machineNames(this.#options.machine())]).names;
  }

  #issue(): CertificateData {
    const { root, wall } = this.#options;
    return issueLeaf(root, this.source.id, this.#names(), wall());
  }
}
