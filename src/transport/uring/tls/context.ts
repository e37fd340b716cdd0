import { getCACertificates } from "node:tls";
import { sessionContext, ticketKey } from "../../ticket-keys.ts";
import type {
  BackendName,
  ClientContext,
  ClientTlsOptions,
  ServerContext,
  ServerTlsOptions,
} from "../../tls.ts";
import type { Ssl } from "../native/ssl.ts";
import { SslContext } from "../native/ssl-context.ts";
import { Sessions } from "./sessions.ts";

/** How connections of clients are secured, for OpenSSL. */
export class UringServerContext implements ServerContext {
  readonly ssl: SslContext;
  readonly #policy: string;

  /** @throws Error with one sentence that says which of the options is wrong */
  constructor(options: ServerTlsOptions) {
    this.#policy = options.policy;
    this.ssl = SslContext.server(options.alpn, sessionContext(options.policy));
    releaseIfThrown(this.ssl, () => {
      this.ssl.setProfile(options.profile);
      if (options.certificates.length === 0) throw new Error("there is no certificate");
      for (const [i, pair] of options.certificates.entries()) {
        this.ssl.useCertificate(pair, `certificate pair ${i + 1}`);
      }
      if (options.clientCertificates !== null) this.ssl.askClients(options.clientCertificates);
    });
  }

  setTicketSecrets(secrets: readonly Uint8Array[]): void {
    this.ssl.setTicketKeys(secrets.map((secret) => ticketKey(secret, this.#policy)));
  }

  release(): void {
    this.ssl.release();
  }
}

/** How backends are connected to, for OpenSSL, and the sessions with them. */
export class UringClientContext implements ClientContext {
  readonly ssl: SslContext;
  readonly sessions: Sessions = new Sessions();
  released = false;

  /** @throws Error with one sentence that says which of the options is wrong */
  constructor(options: ClientTlsOptions) {
    this.ssl = SslContext.client(options.alpn);
    releaseIfThrown(this.ssl, () => {
      this.ssl.setProfile(options.profile);
      if (options.certificate !== null) {
        this.ssl.useCertificate(options.certificate, "client certificate pair");
      }
      if (options.verify) this.ssl.verifyServers(options.ca, defaultRoots);
      else this.ssl.verifyNobody();
    });
  }

  /** Remembers the session of a connection. @returns whether it has one that can be taken up again */
  remember(name: BackendName, ssl: Ssl): boolean {
    if (this.released) return true;
    const session = ssl.session();
    if (session !== null) this.sessions.remember(name, session);
    return session !== null;
  }

  release(): void {
    this.released = true;
    this.sessions.clear();
    this.ssl.release();
  }
}

function releaseIfThrown(context: SslContext, run: () => void): void {
  try {
    run();
  } catch (error) {
    context.release();
    throw error;
  }
}

/** Those that Node.js and the system believe. To read them takes a while; the result is kept. */
function defaultRoots(): readonly string[] {
  return [...new Set([...getCACertificates("default"), ...getCACertificates("system")])];
}
