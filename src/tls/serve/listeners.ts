/** Who gets which certificate, and under which policy: decided by the name that a client says first. */

import type { ListenerTls, TlsChoice } from "#dataplane/linked.ts";
import type { ListenerData } from "#model/snapshot.ts";
import type {
  CertificateData,
  CertificateUpdate,
  ClientCertificatesData,
  ListenerTlsData,
  TlsPolicyData,
} from "#model/tls.ts";
import { ACME_SOURCE } from "../acme/source.ts";
import { ACME_TLS, type Challenges } from "./challenges.ts";
import type { ContextCache } from "./contexts.ts";
import { NameTable } from "./name-table.ts";

/** unrecognized_name (RFC 6066 §3), internal_error (RFC 8446 §6.2), no_application_protocol (RFC 7301 §3.2). */
const UNRECOGNIZED_NAME = 112;
const INTERNAL_ERROR = 80;
const NO_APPLICATION_PROTOCOL = 120;

/** Called when a context cannot be built, which the control thread should have noticed before. */
export type OnBrokenContext = (name: string, reason: string) => void;

/** TLS of one listener; see the head of this file. */
export class ListenerPolicies implements ListenerTls {
  readonly #data: ListenerTlsData;
  readonly #contexts: ContextCache;
  readonly #challenges: Challenges;
  readonly #onBroken: OnBrokenContext;
  readonly #passThrough: NameTable<string>;
  readonly #policies: NameTable<TlsPolicyData>;
  #certificates: NameTable<readonly CertificateData[]> = new NameTable();
  #fallback: readonly CertificateData[] | undefined;
  /** Certificates that cannot be used, and of which that was said: clients may come by the thousand. */
  readonly #broken: Set<readonly CertificateData[]> = new Set();

  constructor(
    data: ListenerTlsData,
    contexts: ContextCache,
    challenges: Challenges,
    onBroken: OnBrokenContext,
  ) {
    this.#data = data;
    this.#contexts = contexts;
    this.#challenges = challenges;
    this.#onBroken = onBroken;
    this.#passThrough = new NameTable(data.passThrough);
    this.#policies = new NameTable(
      data.policyNames.map(([name, index]) => [name, data.policies[index]!] as const),
    );
  }

  /** From now on these certificates are shown. */
  use(all: CertificateUpdate): void {
    this.#broken.clear();
    const own = this.#data.sources.flatMap((id) => all.filter(({ source }) => source === id));
    const named = new Map<string, CertificateData[]>();
    for (const certificate of own) {
      for (const name of certificate.names) {
        const list = named.get(name);
        if (list === undefined) named.set(name, [certificate]);
        // One for each type of key; of several the one that was written first.
        else if (list.every(({ keyType }) => keyType !== certificate.keyType))
          list.push(certificate);
      }
    }
    this.#certificates = new NameTable(named);
    const { fallback } = this.#data;
    const name = fallback ?? own[0]?.names[0];
    this.#fallback =
      name === undefined ? undefined : (named.get(name) ?? this.#certificates.get(name));
  }

  choose(serverName: string | null, protocols: readonly string[]): TlsChoice {
    const asked = protocols.length === 1 && protocols[0] === ACME_TLS;
    const challenge = asked && serverName !== null ? this.#challenge(serverName) : null;
    if (challenge !== null) return challenge;
    const upstream = serverName === null ? undefined : this.#passThrough.get(serverName);
    if (upstream !== undefined) return { kind: "pass", upstream };
    // Of an authority that nobody has asked for anything, or another process has.
    if (asked) return { kind: "refuse", alert: NO_APPLICATION_PROTOCOL };
    const certificates = serverName === null ? this.#fallback : this.#certificates.get(serverName);
    if (certificates === undefined) {
      const wanted = serverName !== null && this.#obtains && this.#challenges.isWanted(serverName);
      return wanted ? { kind: "wait" } : { kind: "refuse", alert: UNRECOGNIZED_NAME };
    }
    const policy = this.#policyFor(serverName ?? this.#data.fallback);
    try {
      const { hsts } = this.#data;
      return {
        kind: "open",
        context: this.#contexts.server(policy, certificates),
        policy: policy.id,
        clientCertificates: policy.clientCertificates,
        hsts: hsts && certificates.every(({ isPublic }) => isPublic),
      };
    } catch (error) {
      if (!this.#broken.has(certificates)) {
        this.#broken.add(certificates);
        this.#onBroken(serverName ?? "", error instanceof Error ? error.message : String(error));
      }
      return { kind: "refuse", alert: INTERNAL_ERROR };
    }
  }

  get #obtains(): boolean {
    return this.#data.sources.includes(ACME_SOURCE);
  }

  #challenge(serverName: string): TlsChoice | null {
    try {
      const context = this.#challenges.context(serverName);
      return context === null ? null : { kind: "challenge", context };
    } catch (error) {
      this.#onBroken(serverName, error instanceof Error ? error.message : String(error));
      return { kind: "refuse", alert: INTERNAL_ERROR };
    }
  }

  policyFor(host: string): string | null {
    if (this.#passThrough.get(host) !== undefined) return null;
    return this.#policyFor(host).id;
  }

  demands(host: string): ClientCertificatesData | null {
    const { clientCertificates } = this.#policyFor(host);
    return clientCertificates?.mode === "require" ? clientCertificates : null;
  }

  knows(host: string): boolean {
    return this.#policies.get(host) !== undefined || this.#certificates.get(host) !== undefined;
  }

  #policyFor(host: string | null): TlsPolicyData {
    return (host === null ? undefined : this.#policies.get(host)) ?? this.#data.policies[0]!;
  }
}

/** Those of a snapshot, by listener. */
export function linkListeners(
  listeners: readonly ListenerData[],
  contexts: ContextCache,
  challenges: Challenges,
  onBroken: OnBrokenContext,
): Map<string, ListenerPolicies> {
  return new Map(
    listeners.flatMap(({ id, tls }) =>
      tls === null
        ? []
        : [[id, new ListenerPolicies(tls, contexts, challenges, onBroken)] as const],
    ),
  );
}
