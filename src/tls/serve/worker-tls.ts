/** TLS of one worker: what listeners show and what upstreams are connected with, from one snapshot to the next. */

import type { UpstreamContext } from "#dataplane/linked.ts";
import type { SnapshotData } from "#model/snapshot.ts";
import type { CertificateUpdate, ChallengeUpdate, UpstreamTlsData } from "#model/tls.ts";
import type { Tls } from "#transport/contract.ts";
import { Challenges } from "./challenges.ts";
import { ContextCache, identityOf } from "./contexts.ts";
import { type ListenerPolicies, type OnBrokenContext, linkListeners } from "./listeners.ts";

/** TLS of a snapshot's listeners by id, ready but not in use. */
export type PreparedListeners = ReadonlyMap<string, ListenerPolicies>;

/** See the head of this file. */
export class WorkerTls {
  readonly #contexts: ContextCache | null;
  readonly #challenges: Challenges;
  readonly #onBroken: OnBrokenContext;
  #listeners: PreparedListeners = new Map();
  #prepared: PreparedListeners | null = null;
  #snapshot: SnapshotData | null = null;
  #certificates: CertificateUpdate = [];

  /** @param tls null: the transport has none, and a snapshot that needs it is refused */
  constructor(tls: Tls | null, onBroken: OnBrokenContext) {
    this.#contexts = tls === null ? null : new ContextCache(tls);
    this.#challenges = new Challenges(tls);
    this.#onBroken = onBroken;
  }

  /**
   * TLS of the listeners of a snapshot that may come into use.
   *
   * @param certificates those of all its sources
   * @throws Error if there can be no TLS
   */
  prepare(snapshot: SnapshotData, certificates: CertificateUpdate): PreparedListeners {
    if (this.#contexts === null) {
      if (snapshot.listeners.some(({ tls }) => tls !== null)) throw noTls();
      return new Map();
    }
    const prepared = linkListeners(
      snapshot.listeners,
      this.#contexts,
      this.#challenges,
      this.#onBroken,
    );
    for (const listener of prepared.values()) listener.use(certificates);
    this.#prepared = prepared;
    return prepared;
  }

  /** Contexts for connections to an upstream. @throws Error if there can be none */
  upstreamContext(data: UpstreamTlsData): UpstreamContext {
    const contexts = this.#contexts;
    if (contexts === null) throw noTls();
    let context = contexts.client(data);
    return {
      current: () => {
        if (context.released) context = contexts.client(data);
        return context;
      },
    };
  }

  /** What was prepared is in use from now on; what went before is let go. */
  commit(snapshot: SnapshotData, certificates: CertificateUpdate): void {
    this.#listeners = this.#prepared ?? new Map();
    this.#prepared = null;
    this.#snapshot = snapshot;
    this.#certificates = certificates;
    this.#retain();
  }

  /** Certificates have been renewed. */
  use(certificates: CertificateUpdate): void {
    this.#certificates = certificates;
    for (const listener of this.#listeners.values()) listener.use(certificates);
    for (const listener of this.#prepared?.values() ?? []) listener.use(certificates);
    this.#retain();
  }

  /** How certificate authorities are answered from now on. */
  setChallenges(update: Pick<ChallengeUpdate, "tls" | "wanted">): void {
    this.#challenges.use(update);
  }

  setTicketSecrets(secrets: readonly Uint8Array[]): void {
    this.#contexts?.setTicketSecrets(secrets);
  }

  #retain(): void {
    if (this.#snapshot === null) return;
    const { listeners, upstreams } = this.#snapshot;
    this.#contexts?.retain(
      new Set(this.#certificates.map(identityOf)),
      new Set(listeners.flatMap(({ tls }) => tls?.policies.map(({ id }) => id) ?? [])),
      upstreams.flatMap(({ tls }) => (tls === null ? [] : [tls])),
    );
  }
}

function noTls(): Error {
  return new Error("this transport has no TLS");
}
