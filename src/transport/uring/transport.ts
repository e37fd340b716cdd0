import { networkInterfaces } from "node:os";
import { unlinkSync } from "node:fs";
import type { Slice } from "#core/bytes/slice.ts";
import type { TimerWheel } from "#core/time/wheel.ts";
import type {
  Acceptor,
  Connection,
  ConnectionHandler,
  Listener,
  ListenSource,
  SocketAddress,
  Transport,
  TransportFailure,
} from "../contract.ts";
import { failureOf } from "../failure.ts";
import { type Home, UringConnection } from "./connection.ts";
import { Engine } from "./engine.ts";
import { Ledger } from "./ledger.ts";
import { type ListenerHome, UringListener } from "./listener.ts";
import * as at from "./native/layout.ts";
import { errorName } from "./native/libc.ts";
import { openSsl } from "./native/openssl.ts";
import {
  ADDRESS,
  encodeAddress,
  familyOf,
  readHost,
  readPath,
  readPort,
} from "./native/sockaddr.ts";
import { UringTls } from "./tls/engine.ts";

/** Connections that wait in the kernel, which cuts this down to its own limit. */
const BACKLOG = 4096;
/** Most descriptors that are kept free for connections to backends and for the rest of the process. */
const RESERVE = 128;
/** TCP keep-alive: silence before the first probe, between probes (s), and probes before a peer counts as gone. */
const KEEP_ALIVE = { idle: 30, interval: 30, probes: 4 } as const;

const EXHAUSTED: TransportFailure = { code: "exhausted", detail: "EMFILE" };
const SHUTDOWN: TransportFailure = { code: "shutdown", detail: "" };

/** What a transport may be told about the process. */
export interface UringTransportOptions {
  /** Descriptors that the process may have (RLIMIT_NOFILE). Without it only the system's own refusals count. */
  readonly descriptors?: number;
  /** Others accept from the sockets that it gets as descriptors. */
  readonly sharesListeners?: boolean;
  /** Where is written down what this thread has of the system. */
  readonly ledger?: Ledger;
  /** The loop to run on; several transports of one thread share it. By default one of its own. */
  readonly engine?: Engine;
}

/**
 * Moves bytes with io_uring. One per worker.
 *
 * @throws Error that says what is missing: koffi, OpenSSL, the kernel's io_uring, or a part of Node.js
 */
export function createUringTransport(options: UringTransportOptions = {}): Transport {
  // What is missing is found before anything is opened.
  openSsl();
  const engine = options.engine ?? new Engine(options.ledger ?? Ledger.alone());
  return new UringTransport(engine, options);
}

class UringTransport implements Transport, Home, ListenerHome {
  readonly name = "uring";
  readonly engine: Engine;
  readonly timers: TimerWheel;
  readonly tls: UringTls;
  readonly #connections: Set<UringConnection> = new Set();
  readonly #listeners: Set<UringListener> = new Set();
  /**
   * The system hands out the lowest number that is free: one from here on says that all below are taken, in all
   * threads. Accepting stops short of the limit; connections to backends may go further, since a client without
   * one is of no use.
   */
  readonly #acceptBelow: number;
  readonly #connectBelow: number;
  readonly #sharesListeners: boolean;
  #stopping: PromiseWithResolvers<void> | undefined;
  #stopped = false;

  constructor(engine: Engine, options: UringTransportOptions) {
    const descriptors = options.descriptors ?? Infinity;
    this.#sharesListeners = options.sharesListeners ?? false;
    this.engine = engine;
    this.timers = engine.timers;
    this.tls = new UringTls(engine);
    engine.hold();
    const reserve = Math.min(RESERVE, Math.floor(descriptors / 8));
    this.#acceptBelow = descriptors - reserve;
    this.#connectBelow = descriptors - Math.floor(reserve / 2);
  }

  async listen(source: ListenSource, acceptor: Acceptor): Promise<Listener> {
    if (this.#stopping !== undefined) throw new Error("the transport has been shut down");
    const fd = source.kind === "descriptor" ? source.fd : this.#bind(source);
    // Ours only when it is known to be a socket: what is written down is closed by its number one day.
    const address = this.#boundTo(fd, source);
    this.engine.ledger.opened(fd);
    // Accepted connections inherit these.
    if (address.kind === "tcp") this.#prepareTcp(fd);
    const own = source.kind === "address" && address.kind === "unix" ? address.path : null;
    const listener = new UringListener({
      home: this,
      fd,
      address,
      acceptor,
      shared: source.kind === "descriptor" && this.#sharesListeners,
      lent: source.kind === "descriptor",
      onClosed: () => {
        if (own !== null) removePath(own);
      },
    });
    this.#listeners.add(listener);
    return listener;
  }

  connect(address: SocketAddress, timeoutMs: number, handler: ConnectionHandler): Connection {
    this.engine.enter();
    const bytes = encodeAddress(address, scopeOf);
    const { fd, failure } = this.#socketFor(bytes);
    const connection = new UringConnection(this, fd, false, 0);
    connection.handler = handler;
    this.#connections.add(connection);
    if (failure !== null) connection.fail(failure);
    else connection.connect(bytes!, timeoutMs);
    return connection;
  }

  allocate(size: number): Slice {
    return this.engine.memory.cut(size);
  }

  defer(task: () => void): void {
    this.engine.defer(task);
  }

  async shutdown(): Promise<void> {
    if (this.#stopping === undefined) {
      this.#stopping = Promise.withResolvers();
      for (const listener of this.#listeners) listener.destroy();
      for (const connection of this.#connections) connection.fail(SHUTDOWN);
      this.engine.enter();
      this.#stopWhenEmpty();
    }
    await this.#stopping.promise;
  }

  accept(fd: number, listener: UringListener, acceptor: Acceptor): void {
    if (fd >= this.#acceptBelow) {
      this.#turnAway(fd);
      acceptor.onAcceptFailure(EXHAUSTED);
      return;
    }
    // A TCP peer that is gone already has no address any more, and what it may have sent could pass for bytes
    // from a unix socket.
    if (!listener.unix && this.engine.libc.getpeername(fd, ADDRESS) < 0) {
      return this.#turnAway(fd);
    }
    const connection = new UringConnection(this, fd, true, listener.port);
    if (!listener.unix) {
      connection.remoteAddress = readHost();
      connection.remotePort = readPort();
    }
    this.#connections.add(connection);
    acceptor.onConnection(connection);
  }

  forget(gone: UringConnection | UringListener): void {
    if (gone instanceof UringListener) this.#listeners.delete(gone);
    else this.#connections.delete(gone);
    this.#stopWhenEmpty();
  }

  #stopWhenEmpty(): void {
    if (this.#stopping === undefined || this.#stopped) return;
    if (this.#connections.size + this.#listeners.size > 0) return;
    this.#stopped = true;
    const { resolve } = this.#stopping;
    // Not under the feet of whoever reports this.
    this.engine.defer(() => {
      resolve();
      this.tls.close();
      this.engine.letGo();
    });
  }

  #turnAway(fd: number): void {
    this.engine.ledger.closing(fd);
    this.engine.libc.close(fd);
  }

  /** A descriptor to connect with, or why there is none. */
  #socketFor(address: Uint8Array | null): {
    readonly fd: number;
    readonly failure: TransportFailure | null;
  } {
    if (this.#stopping !== undefined) return { fd: -1, failure: SHUTDOWN };
    // Names are resolved elsewhere; one that gets here must not wait for the system's resolver.
    if (address === null) return { fd: -1, failure: failureOf("ENOTFOUND", true) };
    const { libc, ledger } = this.engine;
    const family = familyOf(address);
    // To a unix socket it is connected by a call, which must not wait.
    const waits = family === at.AF_UNIX ? at.SOCK_NONBLOCK : 0;
    const fd = libc.socket(family, at.SOCK_STREAM | at.SOCK_CLOEXEC | waits);
    if (fd < 0) return { fd: -1, failure: failureOf(errorName(-fd), true) };
    ledger.opened(fd);
    if (fd >= this.#connectBelow) {
      this.#turnAway(fd);
      return { fd: -1, failure: EXHAUSTED };
    }
    if (family !== at.AF_UNIX) this.#prepareTcp(fd);
    return { fd, failure: null };
  }

  #prepareTcp(fd: number): void {
    const { libc } = this.engine;
    libc.setsockopt(fd, at.IPPROTO_TCP, at.TCP_NODELAY, 1);
    libc.setsockopt(fd, at.SOL_SOCKET, at.SO_KEEPALIVE, 1);
    libc.setsockopt(fd, at.IPPROTO_TCP, at.TCP_KEEPIDLE, KEEP_ALIVE.idle);
    libc.setsockopt(fd, at.IPPROTO_TCP, at.TCP_KEEPINTVL, KEEP_ALIVE.interval);
    libc.setsockopt(fd, at.IPPROTO_TCP, at.TCP_KEEPCNT, KEEP_ALIVE.probes);
  }

  /** A listening descriptor. @throws Error of the system */
  #bind({ address, ipv6Only }: ListenSource & { kind: "address" }): number {
    const { libc } = this.engine;
    const bytes = encodeAddress(address, scopeOf);
    if (bytes === null) throw libc.error("bind", 22);
    const family = familyOf(bytes);
    const fd = libc.socket(family, at.SOCK_STREAM | at.SOCK_CLOEXEC | at.SOCK_NONBLOCK);
    if (fd < 0) throw libc.error("socket", -fd);
    if (family !== at.AF_UNIX) libc.setsockopt(fd, at.SOL_SOCKET, at.SO_REUSEADDR, 1);
    if (family === at.AF_INET6) {
      libc.setsockopt(fd, at.IPPROTO_IPV6, at.IPV6_V6ONLY, ipv6Only === true ? 1 : 0);
    }
    const bound = libc.bind(fd, bytes);
    const result = bound < 0 ? bound : libc.listen(fd, BACKLOG);
    if (result < 0) {
      libc.close(fd);
      throw libc.error(bound < 0 ? "bind" : "listen", -result);
    }
    return fd;
  }

  #boundTo(fd: number, source: ListenSource): SocketAddress {
    const length = this.engine.libc.getsockname(fd, ADDRESS);
    if (length < 0) throw this.engine.libc.error("getsockname", -length);
    if (familyOf(ADDRESS) !== at.AF_UNIX) {
      return { kind: "tcp", host: readHost(), port: readPort() };
    }
    if (source.kind === "address") return source.address;
    return { kind: "unix", path: readPath(length) };
  }
}

function removePath(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // Gone already.
  }
}

/** The zone of a link-local address, which may be the number or the name of an interface. */
function scopeOf(zone: string): number {
  if (/^\d+$/.test(zone)) return Number(zone);
  const found = networkInterfaces()[zone]?.find(({ family }) => family === "IPv6");
  return found?.family === "IPv6" ? (found.scopeid ?? 0) : 0;
}
