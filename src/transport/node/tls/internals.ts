/**
 * What Node.js does and has no public name for, all in one place. Each of these is as old as Node's TLS on OpenSSL 1.1 or
 * older, and the tests of TLS fail without it.
 */

import type { Buffer } from "node:buffer";
import type { EventEmitter } from "node:events";
import type { SecureContext, TLSSocket } from "node:tls";

/** Answers for one ticket: `[verdict, HMAC key, AES key, name, iv]`; a verdict of 0 is none, 1 yes, 2 yes but give a new one. */
type TicketAnswer = readonly [number, Uint8Array, Uint8Array, Uint8Array, Uint8Array];

/** Asked for each ticket that is sealed (`sealing`) or brought. */
export type TicketKeyCallback = (name: Buffer, iv: Buffer, sealing: boolean) => TicketAnswer;

interface NativeContext {
  enableTicketKeyCallback?: () => void;
  onticketkeycallback?: TicketKeyCallback;
}

/**
 * Decides which key a ticket is sealed or opened with. Node's public `ticketKeys` knows a single key, so that
 * each rotation would cost every client a full handshake.
 *
 * @returns false where this Node.js has no such thing
 */
export function setTicketKeyCallback(context: SecureContext, callback: TicketKeyCallback): boolean {
  const native = context.context as NativeContext;
  if (native.enableTicketKeyCallback === undefined) return false;
  native.enableTicketKeyCallback();
  native.onticketkeycallback = callback;
  return true;
}

/** Whether the peer's certificate has verified; `socket.authorized` says so on sockets of `tls.Server` alone. */
export function verifyError(socket: TLSSocket): Error | null {
  const native = (socket as unknown as { ssl: { verifyError: () => Error | null | undefined } })
    .ssl;
  return native.verifyError() ?? null;
}

/** Tells of the end of a server's handshake. */
export function onceSecure(socket: TLSSocket, listener: () => void): void {
  socket.once("secure", listener);
}

/** Tells of errors after the handshake of a server; `error` is only emitted for those of sockets of `tls.Server`. */
export function onTlsError(socket: TLSSocket, listener: (error: Error) => void): void {
  socket.on("_tlsError", listener);
}

/** What a socket takes for its server when it looks for who listens to `OCSPRequest`. */
export function asServer(events: EventEmitter, context: SecureContext): EventEmitter {
  return Object.assign(events, { _sharedCreds: context });
}
