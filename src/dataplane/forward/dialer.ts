/**
 * Connects to one endpoint: tries its addresses in order, the next one after a short head start or at once
 * when one fails (Happy Eyeballs, RFC 8305), and keeps the first that answers. Where the endpoint speaks TLS, its
 * handshake follows on that one.
 */

import { failure, type Failure } from "#core/errors.ts";
import { Timer, type TimerOwner } from "#core/time/timers.ts";
import type {
  Connection,
  ConnectionHandler,
  SocketAddress,
  TransportFailure,
} from "#transport/contract.ts";
import type { DataPlaneContext } from "../context.ts";
import type { EndpointTls } from "../linked.ts";

/** Head start of an address before the next one is tried beside it, milliseconds (RFC 8305 §5). */
const HEAD_START = 250;

// Timers.
const NEXT_ADDRESS = 0;
const HANDSHAKE = 1;

/** Who wants a connection. Exactly one of these is called, never before `dial` has returned. */
export interface DialUser {
  /** The connection is up; set its handler before returning. */
  onDialed(connection: Connection): void;
  onDialFailed(fault: Failure): void;
}

/** One attempt to connect. */
export class Dialer implements ConnectionHandler, TimerOwner {
  readonly #context: DataPlaneContext;
  readonly #user: DialUser;
  readonly #addresses: readonly SocketAddress[];
  readonly #tls: EndpointTls | null;
  readonly #timeout: number;
  readonly #startedAt: number;
  readonly #timer: Timer = new Timer(this, NEXT_ADDRESS);
  /** Of the connection that was kept, while its handshake is under way. */
  #handshake: Timer | null = null;
  #next = 0;
  #open: Connection[] = [];
  #over = false;
  /** What will be reported if no address answers. */
  #fault: TransportFailure | null = null;

  /**
   * @param tls null: plain HTTP
   * @param timeout milliseconds for all addresses and the handshake together
   */
  constructor(
    context: DataPlaneContext,
    addresses: readonly SocketAddress[],
    tls: EndpointTls | null,
    timeout: number,
    user: DialUser,
  ) {
    this.#context = context;
    this.#addresses = addresses;
    this.#tls = tls;
    this.#timeout = timeout;
    this.#user = user;
    this.#startedAt = context.transport.timers.now;
    this.#tryNext();
  }

  /** Gives up; nothing is called any more. */
  cancel(): void {
    this.#finish(null);
  }

  #tryNext(): void {
    const address = this.#addresses[this.#next++];
    if (address === undefined) return;
    this.#open.push(this.#context.transport.connect(address, this.#left(), this));
    if (this.#next < this.#addresses.length) {
      this.#context.transport.timers.schedule(this.#timer, HEAD_START);
    }
  }

  /** Milliseconds that are left; at least one. */
  #left(): number {
    const spent = this.#context.transport.timers.now - this.#startedAt;
    return Math.max(1, this.#timeout - spent);
  }

  onTimer(timer: Timer): void {
    if (timer.kind === NEXT_ADDRESS) return this.#tryNext();
    this.#fault = { code: "connect-timeout", detail: "TLS handshake" };
    const fault = this.#fault;
    this.#finish(null);
    this.#user.onDialFailed(connectFailure(fault));
  }

  onConnect(connection: Connection): void {
    if (this.#over || !this.#open.includes(connection)) return connection.abort();
    if (this.#tls !== null && this.#handshake === null) return this.#secure(connection, this.#tls);
    this.#finish(connection);
    this.#user.onDialed(connection);
  }

  /** The connection is up: the others are let go, and TLS begins on it. */
  #secure(raw: Connection, { context, name }: EndpointTls): void {
    const { timers, tls } = this.#context.transport;
    timers.cancel(this.#timer);
    for (const other of this.#open) if (other !== raw) other.abort();
    this.#next = this.#addresses.length;
    this.#handshake = new Timer(this, HANDSHAKE);
    timers.schedule(this.#handshake, this.#left());
    this.#fault = null;
    this.#open = [tls!.connect(raw, context.current(), name, this)];
  }

  onClose(connection: Connection, fault: TransportFailure | null): void {
    if (this.#over || !this.#open.includes(connection)) return;
    this.#open = this.#open.filter((open) => open !== connection);
    // "Nothing listens" says more than "no route", which a family of addresses that is not in use gives.
    if (this.#fault?.code !== "refused") this.#fault = fault;
    const timedOut = fault !== null && fault.code === "connect-timeout";
    if (!timedOut && this.#next < this.#addresses.length) return this.#tryNext();
    if (this.#open.length > 0) return;
    this.#finish(null);
    this.#user.onDialFailed(connectFailure(this.#fault));
  }

  #finish(keep: Connection | null): void {
    this.#over = true;
    this.#context.transport.timers.cancel(this.#timer);
    if (this.#handshake !== null) this.#context.transport.timers.cancel(this.#handshake);
    for (const connection of this.#open) if (connection !== keep) connection.abort();
    this.#open = [];
  }

  onData(): void {}
  onEnd(): void {}
  onWritable(): void {}
}

/** What a failed connection means for the exchange. Nothing was sent, so it may always be tried again. */
function connectFailure(fault: TransportFailure | null): Failure {
  const detail = fault === null ? "closed" : fault.detail;
  switch (fault?.code) {
    case "refused":
      return failure("connect_refused", detail, "yes");
    case "unreachable":
      return failure("connect_unreachable", detail, "yes");
    case "connect-timeout":
      return failure("connect_timeout", detail, "yes");
    case "exhausted":
      return failure("descriptors_exhausted", detail, "no");
    case "shutdown":
      return failure("shutting_down", detail, "no");
    case "tls":
      return failure(
        isOfCertificate(detail) ? "upstream_certificate" : "upstream_tls_failed",
        detail,
        "yes",
      );
    case "reset":
    case "other":
    case undefined:
      return failure("connect_failed", detail, "yes");
  }
}

/** Is it the backend's certificate that was at fault? `detail` is Node's code, such as `CERT_HAS_EXPIRED`. */
function isOfCertificate(detail: string): boolean {
  return /^(?:(?:ERR_TLS_)?CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|INVALID_(?:CA|PURPOSE)|PATH_LENGTH_|HOSTNAME_MISMATCH|CRL_|ERROR_IN_CERT_)/.test(
    detail,
  );
}
