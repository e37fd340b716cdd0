import { Buffer } from "node:buffer";
import { constants, type X509Certificate } from "node:crypto";
import { EventEmitter } from "node:events";
import * as tls from "node:tls";
import type { TransportFailure } from "../../contract.ts";
import { sessionContext, ticketKey } from "../../ticket-keys.ts";
import type { Security, ServerContext, ServerTlsOptions } from "../../tls.ts";
import type { Channel } from "./channel.ts";
import type { Side } from "./connection.ts";
import { BASE_OPTIONS, makeContext } from "./context.ts";
import {
  asServer,
  onceSecure,
  onTlsError,
  setTicketKeyCallback,
  verifyError,
} from "./internals.ts";
import { blocksOf, certificatesOf, checkPair } from "./pem.ts";
import { securityOf } from "./security.ts";
import { Staples } from "./staple.ts";

const REFUSE = 0;
const TAKE = 1;
const RENEW = 2;
const NOTHING = new Uint8Array(16);
const NO_TICKET = [REFUSE, NOTHING, NOTHING, NOTHING, NOTHING] as const;

/** How connections of clients are secured, over `node:tls`. */
export class NodeServerContext implements ServerContext, Side {
  readonly #options: ServerTlsOptions;
  readonly #context: tls.SecureContext;
  readonly #staples: Staples;
  /** The parts of each key: name, HMAC, AES. The first seals. */
  #keys: readonly (readonly [Uint8Array, Uint8Array, Uint8Array])[] = [];
  #released = false;

  constructor(options: ServerTlsOptions) {
    const { certificates, clientCertificates } = options;
    const which = (index: number): string =>
      certificates.length === 1 ? "certificate pair" : `certificate pair ${index + 1}`;
    const types = certificates.map((pair, index) => checkPair(pair, which(index)));
    const twice = types.find((type, index) => types.indexOf(type) !== index);
    if (twice !== undefined) {
      throw new Error(`two certificate pairs have a key of type ${twice}: clients would see one`);
    }
    if (types.length === 0) throw new Error("there is no certificate");
    this.#options = options;
    this.#staples = new Staples(certificates, types);
    const make = (secureOptions: number): tls.SecureContext =>
      makeContext(options.profile, {
        cert: certificates.map((pair) => pair.chain),
        key: certificates.map((pair) => pair.key),
        honorCipherOrder: true,
        secureOptions,
        sessionIdContext: sessionContext(options.policy),
        ...trustOf(clientCertificates),
      });
    this.#context = make(BASE_OPTIONS);
    if (!setTicketKeyCallback(this.#context, this.#onTicket)) {
      // Without it Node would seal with a key that nobody else has.
      this.#context = make(BASE_OPTIONS | constants.SSL_OP_NO_TICKET);
    }
  }

  setTicketSecrets(secrets: readonly Uint8Array[]): void {
    this.#keys = secrets.map((secret) => {
      const key = ticketKey(secret, this.#options.policy);
      return [key.subarray(0, 16), key.subarray(16, 32), key.subarray(32, 48)] as const;
    });
  }

  release(): void {
    this.#released = true;
  }

  /** The side of every connection. @throws Error when the context has been released */
  side(): Side {
    if (this.#released) throw new Error("the context has been released");
    return this;
  }

  start(channel: Channel, ready: () => void, failed: (error: Error) => void): tls.TLSSocket {
    const { alpn, clientCertificates } = this.#options;
    const events = this.#staples.any ? new EventEmitter() : undefined;
    // Before the socket is made, which looks whether anybody listens.
    events?.on("OCSPRequest", (_certificate, _issuer, done: StapleCallback) => {
      done(null, this.#staples.choose(socket));
    });
    const socket = new tls.TLSSocket(channel, {
      isServer: true,
      secureContext: this.#context,
      requestCert: clientCertificates !== null,
      rejectUnauthorized: clientCertificates?.mode === "require",
      ...(alpn.length === 0 ? {} : { ALPNProtocols: [...alpn] }),
      ...(events === undefined
        ? {}
        : { server: asServer(events, this.#context) as unknown as tls.Server }),
    });
    onceSecure(socket, ready);
    onTlsError(socket, failed);
    socket.on("error", failed);
    return socket;
  }

  inspect(socket: tls.TLSSocket): Security | TransportFailure {
    const { clientCertificates } = this.#options;
    let certificate: X509Certificate | undefined;
    if (clientCertificates !== null) {
      certificate = socket.getPeerX509Certificate();
      const error = certificate === undefined ? null : verifyError(socket);
      // Node lets every certificate pass the handshake and asks for a verdict afterwards.
      if (error !== null) return { code: "tls", detail: codeOf(error) };
      if (certificate === undefined && clientCertificates.mode === "require") {
        return { code: "tls", detail: "peer did not return a certificate" };
      }
    }
    return securityOf(socket, certificate);
  }

  readonly #onTicket = (
    name: Uint8Array,
    iv: Uint8Array,
    sealing: boolean,
  ): readonly [number, Uint8Array, Uint8Array, Uint8Array, Uint8Array] => {
    if (sealing) {
      const key = this.#keys[0];
      return key === undefined ? NO_TICKET : [TAKE, key[1], key[2], key[0], iv];
    }
    const key = this.#keys.find((one) => Buffer.compare(one[0], name) === 0);
    // In TLS 1.3 clients use a ticket once, so that nobody can tell by it that two connections are theirs (RFC 8446 §C.4).
    return key === undefined ? NO_TICKET : [RENEW, key[1], key[2], key[0], iv];
  };
}

type StapleCallback = (error: Error | null, response: Buffer | null) => void;

function trustOf(clients: ServerTlsOptions["clientCertificates"]): tls.SecureContextOptions {
  if (clients === null) return {};
  const ca = certificatesOf(clients.ca, "the CA of clients").map((each) => each.toString());
  if (clients.crl === null) return { ca };
  // Node reads the first list of a text only.
  const crl = blocksOf(clients.crl, "X509 CRL");
  if (crl.length === 0) throw new Error("the revocation list of clients has no list in PEM");
  return { ca, crl };
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.message;
}
