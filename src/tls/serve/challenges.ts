/** How a worker answers certificate authorities that ask by TLS (tls-alpn-01, RFC 8737), and whose clients it lets wait. */

import type { ChallengeUpdate, TlsChallengeData } from "#model/tls.ts";
import type { Tls } from "#transport/contract.ts";
import type { ServerContext } from "#transport/tls.ts";
import { INTERMEDIATE } from "./profiles.ts";

/** The protocol of the challenge. */
export const ACME_TLS = "acme-tls/1";

/** See the head of this file. */
export class Challenges {
  readonly #tls: Tls | null;
  #data: ReadonlyMap<string, TlsChallengeData> = new Map();
  readonly #contexts: Map<string, ServerContext> = new Map();
  #wanted: ReadonlySet<string> = new Set();

  constructor(tls: Tls | null) {
    this.#tls = tls;
  }

  /** From now on these are answered. */
  use({ tls, wanted }: Pick<ChallengeUpdate, "tls" | "wanted">): void {
    const before = this.#data;
    this.#data = new Map(tls.map((one) => [one.name, one]));
    this.#wanted = new Set(wanted);
    // Challenges of other names come and go while an authority looks at one.
    for (const [name, context] of this.#contexts) {
      if (this.#data.get(name)?.chain === before.get(name)?.chain) continue;
      context.release();
      this.#contexts.delete(name);
    }
  }

  /** A first certificate for the name, or one that covers it, is being obtained. */
  isWanted(name: string): boolean {
    if (this.#wanted.size === 0) return false;
    return this.#wanted.has(name) || this.#wanted.has(name.replace(/^[^.]+/, "*"));
  }

  /** What a client gets that speaks the challenge's protocol; null: nothing is asked about this name. */
  context(name: string): ServerContext | null {
    const data = this.#data.get(name);
    if (data === undefined || this.#tls === null) return null;
    let context = this.#contexts.get(name);
    if (context === undefined) {
      context = this.#tls.server({
        profile: INTERMEDIATE,
        certificates: [{ chain: data.chain, key: data.key }],
        alpn: [ACME_TLS],
        clientCertificates: null,
        policy: ACME_TLS,
      });
      this.#contexts.set(name, context);
    }
    return context;
  }
}
