/** A transport that only hands over: what is written is counted and released at once. */

import { type Slice, sliceOf } from "#core/bytes/slice.ts";
import { TimerWheel } from "#core/time/wheel.ts";
import type {
  Connection,
  ConnectionHandler,
  SocketAddress,
  Transport,
} from "#transport/contract.ts";

/** A connection whose peer is the bench. */
export class BenchConnection implements Connection {
  handler: ConnectionHandler;
  readonly remoteAddress = "192.0.2.1";
  readonly remotePort = 1;
  readonly localAddress = "192.0.2.2";
  readonly localPort = 80;
  readonly security = null;
  queued = 0;
  taken = 0;
  takenAt = 0;
  closed = false;
  readonly #transport: BenchTransport;
  /** A backend's: something was asked on it and not answered. */
  asked = false;
  connected = false;

  constructor(transport: BenchTransport, handler: ConnectionHandler) {
    this.#transport = transport;
    this.handler = handler;
  }
  write(slices: readonly Slice[]): boolean {
    for (let i = 0; i < slices.length; i++) {
      const slice = slices[i]!;
      this.taken += slice.length;
      slice.release();
    }
    if (this.connected && !this.asked) {
      this.asked = true;
      this.#transport.asked.push(this);
    }
    return true;
  }
  pause(): void {}
  resume(): void {}
  end(): void {}
  close(): void {}
  lingerClose(): void {}
  abort(): void {}
}

const SLAB_BYTES = 1 << 20;

/** See the head of this file. */
export class BenchTransport implements Transport {
  readonly name = "memory";
  readonly timers: TimerWheel = new TimerWheel(0);
  readonly tls = null;
  /** Connections that were begun and are not up. */
  readonly dialed: BenchConnection[] = [];
  /** Connections to backends on which a request waits. */
  readonly asked: BenchConnection[] = [];
  readonly #slab: Uint8Array = new Uint8Array(SLAB_BYTES);
  #used = 0;

  listen(): ReturnType<Transport["listen"]> {
    const address: SocketAddress = { kind: "tcp", host: "192.0.2.2", port: 80 };
    const nothing = (): void => undefined;
    return Promise.resolve({
      address,
      close: () => Promise.resolve(),
      pause: nothing,
      resume: nothing,
    });
  }
  connect(_address: SocketAddress, _timeout: number, handler: ConnectionHandler): Connection {
    const connection = new BenchConnection(this, handler);
    this.dialed.push(connection);
    return connection;
  }
  allocate(size: number): Slice {
    if (this.#used + size > SLAB_BYTES) this.#used = 0;
    const slice = sliceOf(this.#slab);
    slice.offset = this.#used;
    slice.length = size;
    this.#used += size;
    return slice;
  }
  defer(task: () => void): void {
    queueMicrotask(task);
  }
  shutdown(): Promise<void> {
    return Promise.resolve();
  }
}
