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
} from "../contract.ts";
import { type Home, NodeConnection } from "./connection.ts";
import { type ListenerHome, NodeListener } from "./listener.ts";
import { Slab } from "./slab.ts";
import { Turn } from "./turn.ts";

/** Moves bytes with `node:net`: portable, and without anything native. One per worker. */
export function createNodeTransport(): Transport {
  return new NodeTransport();
}

class NodeTransport implements Transport, Home, ListenerHome {
  readonly name = "node";
  readonly turn: Turn = new Turn();
  readonly timers: TimerWheel = this.turn.timers;
  readonly slab: Slab = new Slab();

  readonly #connections: Set<NodeConnection> = new Set();
  readonly #listeners: Set<NodeListener> = new Set();
  #stopping: PromiseWithResolvers<void> | undefined;

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
    if (stopping) connection.fail({ code: "shutdown", detail: "" });
    else connection.connectWithin(timeoutMs);
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
