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
import { addressKey, type Behaviour } from "./address.ts";
import { Block } from "./block.ts";
import { type ConnectionHome, MemoryConnection } from "./connection.ts";

/** Connections that wait to be accepted; the next is not answered. */
const BACKLOG = 16;

/** What a transport needs of its network. */
export interface TransportHome extends ConnectionHome {
  readonly timers: TimerWheel;
  readonly connections: Set<MemoryConnection>;
  readonly listeners: Map<string, MemoryListener>;
  behaviourOf(address: SocketAddress): Behaviour;
  freePort(): number;
  defer(task: () => void): void;
}

/** A listening socket of the network. */
export class MemoryListener implements Listener {
  readonly address: SocketAddress;
  readonly #network: TransportHome;
  readonly #acceptor: Acceptor;
  /** For its connections: whom to tell when they are gone. */
  readonly forget: (connection: MemoryConnection) => void;
  readonly #accepted: (connection: MemoryConnection) => void;
  #waiting: MemoryConnection[] = [];
  #paused = false;

  constructor(
    network: TransportHome,
    address: SocketAddress,
    acceptor: Acceptor,
    accepted: (connection: MemoryConnection) => void,
    forget: (connection: MemoryConnection) => void,
  ) {
    this.#network = network;
    this.address = address;
    this.#acceptor = acceptor;
    this.#accepted = accepted;
    this.forget = forget;
  }

  /** Whether a connection can be accepted now. */
  get ready(): boolean {
    return !this.#paused && this.#waiting.length > 0;
  }

  /** Queues a connection. False: the queue is full. */
  enqueue(connection: MemoryConnection): boolean {
    if (this.#waiting.length === BACKLOG) return false;
    this.#waiting.push(connection);
    return true;
  }

  /** Accepts one. */
  accept(): void {
    const connection = this.#waiting.shift()!;
    this.#accepted(connection);
    this.#acceptor.onConnection(connection);
  }

  async close(): Promise<void> {
    if (!this.#network.listeners.delete(addressKey(this.address))) return;
    // As a kernel does it: whoever waits is reset.
    for (const connection of this.#waiting) connection.peer?.reset();
    this.#waiting = [];
    this.#network.wake();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#network.wake();
  }
}

/** One host of a network in memory. */
export class MemoryTransport implements Transport {
  readonly name = "memory";
  readonly timers: TimerWheel;
  readonly tls = null;
  readonly #network: TransportHome;
  readonly #address: string;
  readonly #connections: Set<MemoryConnection> = new Set();
  readonly #listeners: Set<MemoryListener> = new Set();
  #stopping: PromiseWithResolvers<void> | undefined;

  constructor(network: TransportHome, address: string) {
    this.#network = network;
    this.#address = address;
    this.timers = network.timers;
  }

  async listen(source: ListenSource, acceptor: Acceptor): Promise<Listener> {
    if (source.kind === "descriptor") throw new Error("a network in memory has no descriptors");
    let { address } = source;
    if (address.kind === "tcp" && address.port === 0) {
      address = { ...address, port: this.#network.freePort() };
    }
    const key = addressKey(address);
    if (this.#network.listeners.has(key)) {
      throw Object.assign(new Error(`${key} is in use`), { code: "EADDRINUSE" });
    }
    const adopt = (connection: MemoryConnection): void => this.#adopt(connection);
    const listener = new MemoryListener(this.#network, address, acceptor, adopt, this.#forget);
    this.#network.listeners.set(key, listener);
    this.#listeners.add(listener);
    return listener;
  }

  connect(address: SocketAddress, timeoutMs: number, handler: ConnectionHandler): Connection {
    const network = this.#network;
    const local: SocketAddress =
      address.kind === "tcp"
        ? { kind: "tcp", host: this.#address, port: network.freePort() }
        : address;
    const connection = new MemoryConnection(network, local, address, false, this.#forget);
    connection.handler = handler;
    this.#adopt(connection);
    const behaviour = network.behaviourOf(address);
    const listener = listenerFor(network, address);
    if (this.#stopping !== undefined) {
      connection.fail({ code: "shutdown", detail: "" });
    } else if (behaviour.refuse !== undefined) {
      connection.fail(behaviour.refuse);
    } else if (behaviour.silent === true) {
      connection.connectWithin(timeoutMs);
    } else if (listener === undefined) {
      connection.fail({
        code: "refused",
        detail: address.kind === "tcp" ? "ECONNREFUSED" : "ENOENT",
      });
    } else {
      connection.connectWithin(timeoutMs);
      this.#join(connection, local, address, listener, behaviour);
    }
    network.wake();
    return connection;
  }

  allocate(size: number): Slice {
    return new Block(this.#network, size, "allocated bytes").slice();
  }

  defer(task: () => void): void {
    this.#network.defer(task);
  }

  async shutdown(): Promise<void> {
    if (this.#stopping === undefined) {
      this.#stopping = Promise.withResolvers();
      for (const listener of this.#listeners) void listener.close();
      for (const connection of this.#connections) connection.fail({ code: "shutdown", detail: "" });
      if (this.#connections.size === 0) this.#stopping.resolve();
      this.#network.wake();
    }
    await this.#stopping.promise;
  }

  #join(
    near: MemoryConnection,
    local: SocketAddress,
    remote: SocketAddress,
    listener: MemoryListener,
    behaviour: Behaviour,
  ): void {
    const far = new MemoryConnection(this.#network, remote, local, true, listener.forget);
    if (!listener.enqueue(far)) return;
    far.peer = near;
    near.established(far);
    near.incoming.window = behaviour.window ?? this.#network.window;
    far.incoming.window = behaviour.window ?? this.#network.window;
    near.incoming.resetAfter = behaviour.resetAfterReceived ?? Infinity;
    far.incoming.resetAfter = behaviour.resetAfterSent ?? Infinity;
    far.incoming.stalled = behaviour.stalled ?? false;
  }

  #adopt(connection: MemoryConnection): void {
    this.#connections.add(connection);
    this.#network.connections.add(connection);
  }

  readonly #forget = (connection: MemoryConnection): void => {
    this.#connections.delete(connection);
    this.#network.connections.delete(connection);
    if (this.#connections.size === 0) this.#stopping?.resolve();
  };
}

function listenerFor(network: TransportHome, address: SocketAddress): MemoryListener | undefined {
  const exact = network.listeners.get(addressKey(address));
  if (exact !== undefined || address.kind === "unix") return exact;
  for (const host of ["0.0.0.0", "::"]) {
    const wildcard = network.listeners.get(addressKey({ ...address, host }));
    if (wildcard !== undefined) return wildcard;
  }
  return undefined;
}
