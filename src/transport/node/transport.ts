import * as net from "node:net";
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
import { type Home, NodeConnection } from "./connection.ts";
import { type ListenerHome, NodeListener } from "./listener.ts";
import { Slab } from "./slab.ts";
import { NodeTls } from "./tls/tls.ts";
import { Turn } from "./turn.ts";

/** Most descriptors that are kept free for connections to backends and for the rest of the process. */
const RESERVE = 128;

/** What a transport may be told about the process. */
export interface NodeTransportOptions {
  /** Descriptors that the process may have (RLIMIT_NOFILE). Without it only the system's own refusals count. */
  readonly descriptors?: number;
}

/** Moves bytes with `node:net`: portable, and without anything native. One per worker. */
export function createNodeTransport(options: NodeTransportOptions = {}): Transport {
  return new NodeTransport(options.descriptors ?? Infinity);
}

class NodeTransport implements Transport, Home, ListenerHome {
  readonly name = "node";
  readonly turn: Turn = new Turn();
  readonly timers: TimerWheel = this.turn.timers;
  readonly slab: Slab = new Slab();
  readonly tls: NodeTls = new NodeTls(this);

  readonly #connections: Set<NodeConnection> = new Set();
  readonly #listeners: Set<NodeListener> = new Set();
  /**
   * The system hands out the lowest number that is free: one from here on says that all below are taken, in all
   * threads. Accepting stops short of the limit, because Node neither reports when it cannot accept nor waits: it
   * asks again and again. Connections to backends may go further, since a client without one is of no use.
   */
  readonly #acceptBelow: number;
  readonly #connectBelow: number;
  #stopping: PromiseWithResolvers<void> | undefined;

  constructor(descriptors: number) {
    const reserve = Math.min(RESERVE, Math.floor(descriptors / 8));
    this.#acceptBelow = descriptors - reserve;
    this.#connectBelow = descriptors - Math.floor(reserve / 2);
  }

  async listen(source: ListenSource, acceptor: Acceptor): Promise<Listener> {
    if (this.#stopping !== undefined) throw new Error("the transport has been shut down");
    const listener = new NodeListener(this, source, acceptor);
    this.#listeners.add(listener);
    try {
      await listener.open();
    } catch (error) {
      this.#listeners.delete(listener);
      throw error;
    }
    return listener;
  }

  connect(address: SocketAddress, timeoutMs: number, handler: ConnectionHandler): Connection {
    this.turn.enter();
    const stopping = this.#stopping !== undefined;
    const socket = stopping ? new net.Socket() : net.connect(optionsOf(address));
    const connection = new NodeConnection(this, socket, false);
    connection.handler = handler;
    this.#connections.add(connection);
    if (stopping) {
      connection.fail({ code: "shutdown", detail: "" });
      return connection;
    }
    connection.connectWithin(timeoutMs);
    // Before the connection's own listener, which would tell its user that it is up.
    socket.prependListener("connect", () => {
      if (descriptorOf(socket) >= this.#connectBelow) connection.fail(EXHAUSTED);
    });
    return connection;
  }

  allocate(size: number): Slice {
    return this.slab.cut(size);
  }

  defer(task: () => void): void {
    this.turn.defer(task);
  }

  async shutdown(): Promise<void> {
    if (this.#stopping === undefined) {
      this.#stopping = Promise.withResolvers();
      for (const listener of this.#listeners) listener.destroy();
      for (const connection of this.#connections) connection.fail({ code: "shutdown", detail: "" });
      if (this.#connections.size === 0) this.#stopping.resolve();
    }
    await this.#stopping.promise;
    this.turn.stop();
  }

  accept(socket: net.Socket, acceptor: Acceptor): void {
    // A TCP peer that is gone already has no address any more, and what it may have sent could pass for
    // bytes from a unix socket.
    if (socket.remoteAddress === undefined && socket.localAddress !== undefined) {
      socket.on("error", () => undefined);
      socket.destroy();
      return;
    }
    if (descriptorOf(socket) >= this.#acceptBelow) {
      socket.on("error", () => undefined);
      socket.destroy();
      acceptor.onAcceptFailure(EXHAUSTED);
      return;
    }
    const connection = new NodeConnection(this, socket, true);
    this.#connections.add(connection);
    acceptor.onConnection(connection);
  }

  forget(gone: NodeConnection | NodeListener): void {
    if (gone instanceof NodeListener) {
      this.#listeners.delete(gone);
      return;
    }
    this.#connections.delete(gone);
    if (this.#connections.size === 0) this.#stopping?.resolve();
  }
}

const EXHAUSTED: TransportFailure = { code: "exhausted", detail: "EMFILE" };

/** The number inside a socket, for which there is no public name; -1 without one, as on Windows. */
function descriptorOf(socket: net.Socket): number {
  return (socket as unknown as { _handle: { fd?: number } | null })._handle?.fd ?? -1;
}

function optionsOf(address: SocketAddress): net.NetConnectOpts {
  if (address.kind === "unix") return { path: address.path, allowHalfOpen: true };
  return {
    host: address.host,
    port: address.port,
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
    autoSelectFamily: false,
    // Names are resolved elsewhere; one that gets here must not wait for the system's resolver.
    lookup: (hostname, _options, callback) => {
      callback(
        Object.assign(new Error(`${hostname} is not an address`), { code: "ENOTFOUND" }),
        [],
      );
    },
  };
}
