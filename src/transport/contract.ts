/**
 * What the engine asks of whatever moves its bytes. `transport/uring`, `transport/node` and the in-memory
 * transport of the tests implement it, and one suite of tests holds for all (`contract.suite.ts`).
 *
 * Everything happens on one thread, in calls: the transport calls a handler, the handler calls back into
 * the transport, nothing is a promise. **No handler is called from inside a call that its owner made**:
 * `write`, `connect`, `end` … never call back before they return.
 */

import type { Slice } from "#core/bytes/slice.ts";
import type { TimerWheel } from "#core/time/wheel.ts";
import type {
  BackendName,
  ClientContext,
  ClientTlsOptions,
  Security,
  ServerContext,
  ServerTlsOptions,
} from "./tls.ts";

/** Where to connect to or listen at: a numeric address, or a unix socket. Names are resolved before. */
export type SocketAddress =
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  | { readonly kind: "unix"; readonly path: string };

/** Why a connection failed. The list is closed; what the operating system says beside it is in `detail`. */
export type TransportFailureCode =
  /** Nobody listens there (ECONNREFUSED, ENOENT of a unix socket). */
  | "refused"
  /** No route, host down, address not available. */
  | "unreachable"
  /** `connect` took longer than it was given. */
  | "connect-timeout"
  /** The peer reset the connection (ECONNRESET, EPIPE), or it died under us (ETIMEDOUT). */
  | "reset"
  /** The process or the system is out of descriptors or memory (EMFILE, ENFILE, ENOBUFS, ENOMEM). */
  | "exhausted"
  /** The handshake or a record was at fault, ours or the peer's; `detail` is the name of the reason. */
  | "tls"
  /** The transport is being shut down. */
  | "shutdown"
  /** Anything else; a bug until it has a row here. */
  | "other";

/** A failure as a value. */
export interface TransportFailure {
  readonly code: TransportFailureCode;
  /**
   * The system's name for it, such as `ECONNREFUSED`, for logs. Of `tls`: Node's code where it has one
   * (`CERT_HAS_EXPIRED`, `ERR_TLS_CERT_ALTNAME_INVALID` …), else OpenSSL's reason in words (`tlsv1 alert unknown ca`).
   */
  readonly detail: string;
}

/** What a connection tells its user. Set `connection.handler` at once; it may be exchanged at any time. */
export interface ConnectionHandler {
  /** An outgoing connection is up. Not called for accepted ones. */
  onConnect(connection: Connection): void;
  /**
   * Bytes arrived. The slice and its bytes are valid until this returns; `slice.part()` keeps (a part of)
   * them. The slice itself is not released by the handler.
   */
  onData(connection: Connection, slice: Slice): void;
  /** The peer has ended its side; we may still write. Called at most once, never after `onClose`. */
  onEnd(connection: Connection): void;
  /** What was queued fell below the mark after a `write` had answered false. */
  onWritable(connection: Connection): void;
  /**
   * The connection is gone, with what was not sent; exactly once, and nothing is called after it.
   * `null`: both sides ended in an orderly way, or we closed or aborted it ourselves.
   */
  onClose(connection: Connection, failure: TransportFailure | null): void;
}

/** One stream connection (TCP or unix socket). TCP_NODELAY and TCP keep-alive (30 s) are always on. */
export interface Connection {
  /** Who is told what happens. */
  handler: ConnectionHandler;
  /** Numeric address of the peer ("" for a unix socket); an IPv4 peer of a dual-stack listener is written as IPv4. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Numeric address on our side ("" for a unix socket). */
  readonly localAddress: string;
  readonly localPort: number;
  /**
   * What TLS has agreed on, after its handshake; null without TLS. With it: what is read and written is plain, `queued` and
   * `taken` count roughly (records add to them), an end without the peer's close_notify is the failure
   * `reset` with the detail `TLS_TRUNCATED` and never `onEnd`, and so is a fault in a record the failure `tls`.
   */
  readonly security: Security | null;
  /** Bytes queued and not yet taken by the operating system. */
  readonly queued: number;
  /** Bytes that the operating system has taken since the connection began: progress, for timeouts. */
  readonly taken: number;
  /** When it last took some, by the wheel's `now`; when the connection began, as long as it has taken none. */
  readonly takenAt: number;
  /** True once `onClose` was or is about to be called; calls below are then without effect (slices are still released). */
  readonly closed: boolean;

  /**
   * Queues slices behind what is queued. **Ownership passes**: the transport may change a slice's bounds as its
   * bytes are taken, and releases each exactly once, when all were or the connection is gone. The array is
   * read before `write` returns and may be reused; a slice may not be written twice. What is written in one turn leaves together.
   *
   * @returns false when more than the high mark is queued: the caller should stop until `onWritable`.
   */
  write(slices: readonly Slice[]): boolean;
  /** Stops reading. At most what the transport has under way still arrives (bounded). */
  pause(): void;
  /** Reads again. */
  resume(): void;
  /** Ends our side once the queue is sent (FIN). Reading goes on. */
  end(): void;
  /**
   * Sends what is queued, then closes both sides; with nothing queued at once. For connections whose peer has nothing
   * more to say.
   */
  close(): void;
  /**
   * As `end`, then reads and discards until the peer ends, 5 s pass without a byte, or 30 s in all; only then
   * closes, so that no reset destroys an answer that the peer has not read yet (RFC 9112 §9.6). `onData` and
   * `onEnd` are not called any more, `onClose` is.
   */
  lingerClose(): void;
  /** Resets the connection at once (RST where the system can), dropping what is queued. */
  abort(): void;
}

/** Makes the handler for each accepted connection. */
export interface Acceptor {
  /** The connection has no handler yet: set one before this returns. */
  onConnection(connection: Connection): void;
  /** Accepting failed for want of descriptors or memory. The transport goes on by itself after a pause. */
  onAcceptFailure(failure: TransportFailure): void;
}

/** A listening socket that this worker accepts from. */
export interface Listener {
  /** The address really bound, for port 0. */
  readonly address: SocketAddress;
  /** Stops accepting from here; connections stay. Resolves when no accepted connection can come any more. */
  close(): Promise<void>;
  /** Leaves new connections in the kernel's queue. */
  pause(): void;
  /** Accepts again. */
  resume(): void;
}

/** What to listen on: an address (bound by this transport, tests and single use) or a descriptor that is bound and listening. */
export type ListenSource =
  | { readonly kind: "address"; readonly address: SocketAddress; readonly ipv6Only?: boolean }
  | {
      readonly kind: "descriptor";
      readonly fd: number;
      /**
       * Another descriptor of the same socket. The node transport closes its own while it is paused and asks for
       * a new one to go on; without this it holds what it accepts meanwhile.
       */
      readonly renew?: () => Promise<number>;
    };

/** Moves bytes for one worker. */
export interface Transport {
  readonly name: "node" | "uring" | "memory";
  /** Its TLS; null where it has none. */
  readonly tls: Tls | null;
  /** The one timing wheel of the worker. Its `now` (monotonic ms) is read once per turn. */
  readonly timers: TimerWheel;
  /** Starts accepting. @throws Error with `code` EADDRINUSE, EACCES … when an address cannot be bound. */
  listen(source: ListenSource, acceptor: Acceptor): Promise<Listener>;
  /** Starts connecting; `onConnect` or `onClose` follows, within `timeoutMs`. */
  connect(address: SocketAddress, timeoutMs: number, handler: ConnectionHandler): Connection;
  /**
   * Memory of at least `size` bytes to write into and then hand to `write`, without another copy. `length` is
   * `size`; lower it to what was filled. Must be written or released.
   */
  allocate(size: number): Slice;
  /** Runs `task` in this turn after the current handler has returned, before the transport waits again. */
  defer(task: () => void): void;
  /** Aborts every connection, closes every listener. Resolves when nothing is open. */
  shutdown(): Promise<void>;
}

/** The TLS of a transport. */
export interface Tls {
  /** What does the work, for logs: `OpenSSL 3.5.4`. */
  readonly library: string;
  /**
   * @throws Error with one sentence that says what is wrong with which of the files: a key that does not belong to the certificate, an
   * unreadable PEM, a list of suites without one that is known …
   */
  server(options: ServerTlsOptions): ServerContext;
  /** @throws Error as `server` does */
  client(options: ClientTlsOptions): ClientContext;
  /**
   * Terminates TLS on a connection that this transport has accepted, of which `received` has been read already (ownership
   * of the slices passes). The raw connection belongs to the returned one from now on; its handler is not called any more.
   *
   * `onConnect` is called when the handshake is over, and `onClose` with the code `tls` or the raw
   * connection's failure when it goes wrong; nothing else is called before. Nobody keeps the time: whoever waits aborts.
   */
  accept(
    raw: Connection,
    context: ServerContext,
    received: readonly Slice[],
    handler: ConnectionHandler,
  ): Connection;
  /** The same on a connection that has just been made, as its client. */
  connect(
    raw: Connection,
    context: ClientContext,
    name: BackendName,
    handler: ConnectionHandler,
  ): Connection;
}

/** Queue sizes around which `write` and `onWritable` work, in bytes. */
export const HIGH_MARK: number = 128 * 1024;
export const LOW_MARK: number = 32 * 1024;
