import type { Buffer } from "node:buffer";
import * as tls from "node:tls";
import type { Connection, TransportFailure } from "../../contract.ts";
import type { BackendName, ClientContext, ClientTlsOptions, Security } from "../../tls.ts";
import type { Channel } from "./channel.ts";
import type { Side } from "./connection.ts";
import { makeContext } from "./context.ts";
import { certificatesOf, checkPair } from "./pem.ts";
import { securityOf } from "./security.ts";

/** Most backends whose sessions a context remembers: the last of each, and of those the ones that were used last. */
const MOST_SESSIONS = 256;

/** A session, and who it was agreed with: a resumed handshake shows no certificate. */
interface Remembered {
  readonly session: Buffer;
  readonly security: Security;
}

/** How backends are connected to, over `node:tls`. */
export class NodeClientContext implements ClientContext {
  readonly #options: ClientTlsOptions;
  readonly #context: tls.SecureContext;
  readonly #sessions: Map<string, Remembered> = new Map();
  released = false;

  constructor(options: ClientTlsOptions) {
    const { certificate, ca } = options;
    if (certificate !== null) checkPair(certificate, "client certificate pair");
    this.#options = options;
    const believed =
      ca === null
        ? furtherAuthorities()
        : certificatesOf(ca, "the CA of backends").map((each) => each.toString());
    this.#context = makeContext(options.profile, {
      ...(believed === null || !options.verify ? {} : { ca: believed }),
      ...(certificate === null ? {} : { cert: certificate.chain, key: certificate.key }),
    });
  }

  release(): void {
    this.released = true;
    this.#sessions.clear();
  }

  /** One connection's side. @throws Error when the context has been released */
  side(raw: Connection, name: BackendName): Side {
    if (this.released) throw new Error("the context has been released");
    return new ClientSide(this.#options, this.#context, this, raw, name);
  }

  /** The last session with this backend. */
  recall(key: string): Remembered | undefined {
    return this.#sessions.get(key);
  }

  /** Remembers a session, and forgets the one that was not used for longest when there are too many. */
  remember(key: string, remembered: Remembered): void {
    if (this.released) return;
    this.#sessions.delete(key);
    this.#sessions.set(key, remembered);
    if (this.#sessions.size > MOST_SESSIONS) {
      const [oldest = key] = this.#sessions.keys();
      this.#sessions.delete(oldest);
    }
  }

  /** The session was of no use. */
  forget(key: string): void {
    this.#sessions.delete(key);
  }
}

class ClientSide implements Side {
  readonly #options: ClientTlsOptions;
  readonly #context: tls.SecureContext;
  readonly #sessions: NodeClientContext;
  readonly #name: BackendName;
  /** Whom a session belongs to: Node skips the check of the identity when one is resumed, so that is part of it. */
  readonly #key: string;
  #remembered: Remembered | undefined;
  #security: Security | undefined;

  constructor(
    options: ClientTlsOptions,
    context: tls.SecureContext,
    sessions: NodeClientContext,
    raw: Connection,
    name: BackendName,
  ) {
    this.#options = options;
    this.#context = context;
    this.#sessions = sessions;
    this.#name = name;
    this.#key = JSON.stringify([raw.remoteAddress, raw.remotePort, name.sni, name.identity]);
  }

  start(channel: Channel, ready: () => void, failed: (error: Error) => void): tls.TLSSocket {
    const { alpn, verify } = this.#options;
    const { sni, identity } = this.#name;
    this.#remembered = this.#sessions.recall(this.#key);
    const socket = tls.connect({
      socket: channel,
      secureContext: this.#context,
      servername: sni ?? "",
      rejectUnauthorized: verify,
      checkServerIdentity: (_, certificate) =>
        identity === null ? undefined : tls.checkServerIdentity(identity, certificate),
      ...(alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] }),
      ...(this.#remembered === undefined ? {} : { session: this.#remembered.session }),
    });
    socket.once("secureConnect", ready);
    socket.on("session", (session: Buffer) => {
      if (this.#security === undefined) return;
      this.#sessions.remember(this.#key, { session, security: this.#security });
    });
    socket.on("error", (error: Error) => {
      if (this.#security === undefined) this.#sessions.forget(this.#key);
      failed(error);
    });
    return socket;
  }

  inspect(socket: tls.TLSSocket): Security | TransportFailure {
    const fresh = securityOf(socket, socket.getPeerX509Certificate());
    const before = fresh.resumed ? this.#remembered?.security : undefined;
    this.#security =
      before === undefined
        ? fresh
        : { ...fresh, peerCertificate: before.peerCertificate, peerChain: before.peerChain };
    return this.#security;
  }
}

let authorities: string[] | null | undefined;

/**
 * Those that Node.js believes and those that the system does, each once. Null when the system adds none: Node keeps its
 * own read, while each list costs its context 12 ms and a megabyte.
 */
function furtherAuthorities(): string[] | null {
  if (authorities === undefined) {
    const own = tls.getCACertificates("default");
    const all = new Set([...own, ...tls.getCACertificates("system")]);
    authorities = all.size === new Set(own).size ? null : [...all];
  }
  return authorities;
}
