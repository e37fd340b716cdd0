import * as net from "node:net";
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises";
import { Timer, type TimerOwner } from "#core/time/timers.ts";
import type { Acceptor, Listener, ListenSource, SocketAddress } from "../contract.ts";
import { failureOf, nameOf } from "../failure.ts";
import { plainAddress } from "./address.ts";
import type { Turn } from "./turn.ts";

/** Connections that wait in the kernel; it cuts this down to its own limit (Linux: `net.core.somaxconn`). */
const BACKLOG = 4096;
/** Connections that wait here while paused, where they cannot be left in the kernel. */
const MOST_HELD = 512;
/** How long accepting rests when descriptors or memory have run out, in ms. */
const REST = 500;

/** How long a closing listener goes on accepting from a socket that others hold too, in ms. */
const PARTING = 100;
/** Turns of the loop in which a closing listener still accepts, at most. */
const MOST_TURNS = 1000;

const SOCKET_OPTIONS: net.ServerOpts = {
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 30_000,
};

/** What a listener needs of its transport. */
export interface ListenerHome {
  readonly turn: Turn;
  /** Makes a connection of an accepted socket and shows it to `acceptor`. */
  accept(socket: net.Socket, acceptor: Acceptor): void;
  forget(listener: NodeListener): void;
}

/**
 * A listening socket of `node:net`.
 *
 * Node can neither stop accepting on a socket nor duplicate it. A listener whose source can `renew` its
 * descriptor pauses by closing its own: the queue belongs to the socket, which others hold open. One
 * that cannot goes on accepting and holds what it accepts, unread and untold, which to a client looks the same.
 */
export class NodeListener implements Listener, TimerOwner {
  address: SocketAddress = { kind: "unix", path: "" };

  readonly #home: ListenerHome;
  readonly #source: ListenSource;
  readonly #acceptor: Acceptor;
  readonly #held: Set<net.Socket> = new Set();
  readonly #restTimer: Timer = new Timer(this, 0);
  #server: net.Server | undefined;
  #paused = false;
  #closed = false;
  #renewing = false;
  #closing: Promise<void> | undefined;
  /** Connections so far. */
  #accepted = 0;

  constructor(home: ListenerHome, source: ListenSource, acceptor: Acceptor) {
    this.#home = home;
    this.#source = source;
    this.#acceptor = acceptor;
  }

  /** Begins. @throws Error of the system if the address cannot be bound. */
  async open(): Promise<void> {
    const server = await this.#listen(this.#source);
    this.#server = server;
    this.address = addressOf(server, this.#source);
  }

  close(): Promise<void> {
    this.#closing ??= this.#leave();
    return this.#closing;
  }

  /** Closes without a look at who waits. */
  destroy(): void {
    this.#closed = true;
    this.#home.turn.timers.cancel(this.#restTimer);
    // Closes the descriptor at once. That the server's own `close` event waits for its connections is of no
    // concern: they are not its any more.
    this.#closeServer();
    for (const socket of this.#held) socket.destroy();
    this.#held.clear();
    this.#home.forget(this);
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    if (this.#canRenew()) this.#closeServer();
  }

  resume(): void {
    if (!this.#paused || this.#closed) return;
    this.#paused = false;
    if (this.#canRenew()) {
      void this.#renew();
      return;
    }
    const held = [...this.#held];
    this.#held.clear();
    // Not from inside this call.
    this.#home.turn.defer(() => {
      for (const socket of held) {
        socket.resume();
        this.#accept(socket);
      }
    });
  }

  onTimer(): void {
    void this.#renew();
  }

  /**
   * Accepts who waits in the queue, then closes in the same turn in which there was nobody. Others who hold a shared
   * socket get a moment to let go of it first, so that the last to close it is one that accepts.
   */
  async #leave(): Promise<void> {
    if (this.#closed) return;
    if (!this.#canRenew()) this.resume();
    if (this.#source.kind === "descriptor" && this.#server !== undefined) await sleep(PARTING);
    for (let turns = 0; turns < MOST_TURNS; turns++) {
      const before = this.#accepted;
      await nextTurn();
      if (turns > 0 && this.#accepted === before) break;
    }
    this.destroy();
  }

  #accept(socket: net.Socket): void {
    this.#home.turn.enter();
    this.#accepted++;
    if (this.#closed || (this.#paused && this.#held.size >= MOST_HELD)) {
      socket.on("error", ignore);
      socket.destroy();
    } else if (this.#paused) {
      this.#hold(socket);
    } else {
      this.#home.accept(socket, this.#acceptor);
    }
  }

  #hold(socket: net.Socket): void {
    this.#held.add(socket);
    socket.pause();
    socket.on("error", ignore);
    socket.once("close", () => this.#held.delete(socket));
  }

  /** Opens the listening socket again from a descriptor of its own. */
  async #renew(): Promise<void> {
    if (this.#renewing || this.#source.kind !== "descriptor" || this.#source.renew === undefined)
      return;
    this.#renewing = true;
    try {
      const fd = await this.#source.renew();
      const server = await this.#listen({ kind: "descriptor", fd });
      if (this.#paused || this.#closed) server.close();
      else this.#server = server;
    } catch (error) {
      this.#rest(error as Error);
    } finally {
      this.#renewing = false;
    }
    // Paused and resumed meanwhile.
    if (!this.#paused && !this.#closed && this.#server === undefined && !this.#restTimer.armed) {
      await this.#renew();
    }
  }

  #rest(error: Error): void {
    if (this.#closed) return;
    this.#home.turn.enter();
    if (this.#restTimer.armed) return;
    this.#home.turn.timers.schedule(this.#restTimer, REST);
    if (this.#canRenew()) this.#closeServer();
    this.#acceptor.onAcceptFailure(failureOf(nameOf(error), true));
  }

  #canRenew(): boolean {
    return this.#source.kind === "descriptor" && this.#source.renew !== undefined;
  }

  #closeServer(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  #listen(source: ListenSource): Promise<net.Server> {
    return new Promise((resolve, reject) => {
      const server = net.createServer(SOCKET_OPTIONS);
      server.on("connection", (socket) => this.#accept(socket));
      server.once("error", reject);
      const listening = (): void => {
        server.off("error", reject);
        server.on("error", (error) => this.#rest(error));
        resolve(server);
      };
      if (source.kind === "descriptor") server.listen({ fd: source.fd }, BACKLOG, listening);
      else server.listen(optionsOf(source), listening);
    });
  }
}

function ignore(): void {}

function optionsOf({ address, ipv6Only }: ListenSource & { kind: "address" }): net.ListenOptions {
  if (address.kind === "unix") return { path: address.path, backlog: BACKLOG };
  return { host: address.host, port: address.port, ipv6Only: ipv6Only ?? false, backlog: BACKLOG };
}

function addressOf(server: net.Server, source: ListenSource): SocketAddress {
  const bound = server.address();
  if (bound !== null && typeof bound !== "string") {
    return { kind: "tcp", host: plainAddress(bound.address), port: bound.port };
  }
  if (source.kind === "address") return source.address;
  return { kind: "unix", path: bound ?? "" };
}
