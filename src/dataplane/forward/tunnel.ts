/**
 * Two connections joined after a protocol switch: bytes go through as they come, half-closes are passed
 * on, and nothing is interpreted.
 */

import type { FailureCode } from "#core/errors.ts";
import type { Slice } from "#core/bytes/slice.ts";
import { Timer, type TimerOwner, type Timers } from "#core/time/timers.ts";
import { WriteWatch, type WriteWatchUser } from "../write-watch.ts";
import type { Connection, ConnectionHandler, TransportFailure } from "#transport/contract.ts";

/** Told once when both sides are gone. `end`: why we ended it, null if one of the sides did. */
export interface TunnelUser {
  onTunnelEnd(tunnel: Tunnel, end: FailureCode | null): void;
}

/** One side; `peer` is the other. */
class Side implements ConnectionHandler {
  readonly connection: Connection;
  readonly #tunnel: Tunnel;
  peer: Side | null = null;
  bytes = 0;
  paused = false;

  constructor(tunnel: Tunnel, connection: Connection) {
    this.#tunnel = tunnel;
    this.connection = connection;
    connection.handler = this;
  }

  onConnect(): void {}

  onData(_connection: Connection, slice: Slice): void {
    this.send(slice.part(0, slice.length));
  }

  /** Passes bytes of this side to the other; ownership passes. */
  send(slice: Slice): void {
    // What still comes after the end was decided has nowhere to go.
    if (this.#tunnel.closing) return slice.release();
    this.bytes += slice.length;
    this.#tunnel.touch();
    const flowing = this.peer!.connection.write([slice]);
    this.#tunnel.watchClient();
    if (flowing || this.paused) return;
    this.paused = true;
    this.connection.pause();
  }

  onWritable(): void {
    this.#tunnel.touch();
    const source = this.peer!;
    if (!source.paused) return;
    source.paused = false;
    source.connection.resume();
  }

  onEnd(): void {
    this.#tunnel.touch();
    this.peer!.connection.end();
  }

  onClose(_connection: Connection, fault: TransportFailure | null): void {
    this.#tunnel.sideClosed(this, fault);
  }
}

/** See the head of this file. */
export class Tunnel implements TimerOwner, WriteWatchUser {
  readonly #client: Side;
  readonly #backend: Side;
  readonly #timers: Timers;
  readonly #user: TunnelUser;
  readonly #timer: Timer = new Timer(this, 0);
  readonly #clientWrites: WriteWatch;
  /** Runs only once the client has left: before that, a backend may take its time. */
  readonly #backendWrites: WriteWatch;
  readonly #idle: number;
  readonly #stall: number;
  #open = 2;
  /** Nothing is passed on any more. */
  closing = false;
  #end: FailureCode | null = null;

  /**
   * @param idle milliseconds without a byte in either direction after which it ends; 0: never
   * @param stall milliseconds in which the client takes no byte of what waits for it
   */
  constructor(
    timers: Timers,
    client: Connection,
    backend: Connection,
    idle: number,
    stall: number,
    user: TunnelUser,
  ) {
    this.#timers = timers;
    this.#idle = idle;
    this.#stall = stall;
    this.#user = user;
    this.#client = new Side(this, client);
    this.#backend = new Side(this, backend);
    this.#clientWrites = new WriteWatch(timers, client, this);
    this.#backendWrites = new WriteWatch(timers, backend, this);
    this.#client.peer = this.#backend;
    this.#backend.peer = this.#client;
    this.touch();
  }

  /** Bytes from the client. */
  get requestBytes(): number {
    return this.#client.bytes;
  }
  /** Bytes from the backend. */
  get responseBytes(): number {
    return this.#backend.bytes;
  }

  /** Passes on what had arrived before the two were joined. */
  begin(fromClient: readonly Slice[], fromBackend: readonly Slice[]): void {
    for (const slice of fromClient) this.#client.send(slice);
    for (const slice of fromBackend) this.#backend.send(slice);
  }

  /** Something happened: the idle clock starts anew. */
  touch(): void {
    if (this.#idle > 0 && this.#open > 0) this.#timers.schedule(this.#timer, this.#idle);
  }

  /** Bytes may wait for the client: it has to take some of them now and then. */
  watchClient(): void {
    if (this.#open === 2) this.#clientWrites.watch(this.#stall);
  }

  onWriteStalled(): void {
    if (!this.closing) this.#end = "client_stalled";
    this.destroy();
  }

  onTimer(): void {
    this.#end = "tunnel_idle";
    this.destroy();
  }

  /** Ends both sides in an orderly way, what is queued is still sent. */
  close(): void {
    this.closing = true;
    this.#client.connection.close();
    this.#backend.connection.close();
  }

  /** Ends both sides at once. */
  destroy(): void {
    this.#client.connection.abort();
    this.#backend.connection.abort();
  }

  sideClosed(side: Side, fault: TransportFailure | null): void {
    this.#open--;
    if (this.#open > 0) {
      this.closing = true;
      if (fault !== null) return side.peer!.connection.abort();
      // What is queued is still sent, but nobody is left to notice that it is not taken.
      side.peer!.connection.close();
      if (side === this.#client) this.#backendWrites.watch(this.#stall);
      return;
    }
    this.#timers.cancel(this.#timer);
    this.#clientWrites.stop();
    this.#backendWrites.stop();
    this.#user.onTunnelEnd(this, this.#end);
  }
}
