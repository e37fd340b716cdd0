/** Certificates and a TLS that only remembers what was asked of it, for tests. */

import type { Tls } from "#transport/contract.ts";
import type { CertificateData, ListenerTlsData, TlsPolicyData } from "#model/tls.ts";
import type {
  ClientContext,
  ClientTlsOptions,
  ServerContext,
  ServerTlsOptions,
} from "#transport/tls.ts";

/** A certificate made out to these names; nothing of it is real. */
export function certificate(
  id: string,
  names: readonly string[],
  more: Partial<CertificateData> = {},
): CertificateData {
  return {
    source: "files",
    names,
    keyType: "ec",
    chain: `chain of ${id}`,
    key: `key of ${id}`,
    notBefore: 0,
    notAfter: 1,
    issuer: "Test",
    isPublic: false,
    fingerprint: id,
    ocsp: null,
    ...more,
  };
}

/** A policy by its id. */
export function policy(id: string, mode: "none" | "request" | "require" = "none"): TlsPolicyData {
  return {
    id,
    preset: "intermediate",
    clientCertificates: mode === "none" ? null : { mode, ca: "ca", crl: null },
  };
}

/** TLS of a listener with one source and one policy, where nothing else is said. */
export function listenerTls(more: Partial<ListenerTlsData> = {}): ListenerTlsData {
  return {
    sources: ["files"],
    fallback: null,
    policies: [policy("all")],
    policyNames: [],
    passThrough: [],
    hsts: true,
    ...more,
  };
}

/** A context that knows what it was made of. */
export interface RememberedContext {
  readonly options: ServerTlsOptions | ClientTlsOptions;
  secrets: readonly Uint8Array[];
  released: boolean;
}

/** See the head of this file. `fails`: chains that no context can be made with. */
export class RememberingTls implements Tls {
  readonly library = "none";
  readonly made: RememberedContext[] = [];
  readonly fails: Set<string> = new Set();

  server(options: ServerTlsOptions): ServerContext {
    for (const { chain } of options.certificates) {
      if (this.fails.has(chain)) throw new Error(`${chain} is no good`);
    }
    return this.#make(options);
  }
  client(options: ClientTlsOptions): ClientContext {
    return this.#make(options);
  }
  accept(): never {
    throw new Error("nothing is accepted here");
  }
  connect(): never {
    throw new Error("nothing is connected here");
  }

  #make(options: ServerTlsOptions | ClientTlsOptions): ServerContext & ClientContext {
    const context: RememberedContext = { options, secrets: [], released: false };
    this.made.push(context);
    const made = {
      context,
      get released(): boolean {
        return context.released;
      },
      setTicketSecrets: (secrets: readonly Uint8Array[]): void => {
        context.secrets = secrets;
      },
      release: (): void => {
        context.released = true;
      },
    };
    return made;
  }
}
