/** What the suites of the transports share: two transports, and connections that write down what happens to them. */

import assert from "node:assert/strict";
import { type Slice, type SliceOwner, sliceOf } from "#core/bytes/slice.ts";
import {
  type Connection,
  type ConnectionHandler,
  HIGH_MARK,
  type Listener,
  LOW_MARK,
  type SocketAddress,
  type Transport,
  type TransportFailure,
} from "./contract.ts";

/** Two transports and what their surroundings can do. Made for each test anew. */
export interface TransportBench {
  readonly server: Transport;
  readonly client: Transport;
  /** Where to listen: port 0, or a path that does not exist yet. */
  readonly address: SocketAddress;
  /** An address at which nobody listens. */
  readonly nobody: SocketAddress;
  /** An address without a route, where there is such a thing. */
  readonly unreachable?: SocketAddress;
  /** Whether `abort` is seen as a reset by the peer. */
  readonly resets: boolean;
  /** Waits, and lets the transports work meanwhile. */
  until<T>(promise: Promise<T>): Promise<T>;
  /** Lets the transports do whatever is due now. */
  settle(): Promise<void>;
  /** Moves the time of both. */
  elapse(ms: number): void;
  /** A second listening descriptor for every call, and the address behind it. */
  readonly descriptors?: () => Promise<{ address: SocketAddress; next: () => Promise<number> }>;
  /** Shuts both down and looks for what is left. */
  finish(): Promise<void>;
}

/** Counts how often it was released. */
export class Counter implements SliceOwner {
  references = 1;
  retain(): void {
    this.references++;
  }
  release(): void {
    this.references--;
  }
}

/** Writes down everything that happens to one connection, and objects to what must not. */
export class Recorder implements ConnectionHandler {
  connection: Connection | undefined;
  readonly received: Buffer[] = [];
  size = 0;
  connects = 0;
  ends = 0;
  writables = 0;
  failure: TransportFailure | null = null;
  gone = false;
  /** Set while a method of the connection runs. */
  calling = false;
  onConnectMore: (() => void) | undefined;
  onDataMore: ((slice: Slice) => void) | undefined;
  onEndMore: (() => void) | undefined;
  onWritableMore: (() => void) | undefined;

  readonly #waiting: { ready: () => boolean; resolve: () => void }[] = [];

  /** Calls something of the connection, during which no handler may be called. */
  call<T>(action: (connection: Connection) => T): T {
    assert.ok(this.connection);
    const outer = this.calling;
    this.calling = true;
    try {
      return action(this.connection);
    } finally {
      this.calling = outer;
    }
  }

  write(...slices: Slice[]): boolean {
    return this.call((connection) => connection.write(slices));
  }

  send(text: string): boolean {
    return this.write(sliceOf(Buffer.from(text)));
  }

  get text(): string {
    return Buffer.concat(this.received).toString("latin1");
  }

  when(ready: () => boolean): Promise<void> {
    if (ready()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ ready, resolve }));
  }

  onConnect(connection: Connection): void {
    this.#enter(connection);
    this.connects++;
    this.onConnectMore?.();
    this.#leave();
  }

  onData(connection: Connection, slice: Slice): void {
    this.#enter(connection);
    assert.ok(slice.length > 0);
    assert.equal(this.ends, 0, "bytes after the end");
    this.received.push(Buffer.from(slice.view()));
    this.size += slice.length;
    this.onDataMore?.(slice);
    this.#leave();
  }

  onEnd(connection: Connection): void {
    this.#enter(connection);
    this.ends++;
    assert.equal(this.ends, 1);
    this.onEndMore?.();
    this.#leave();
  }

  onWritable(connection: Connection): void {
    this.#enter(connection);
    this.writables++;
    assert.ok(connection.queued <= LOW_MARK);
    this.onWritableMore?.();
    this.#leave();
  }

  onClose(connection: Connection, failure: TransportFailure | null): void {
    this.#enter(connection);
    this.gone = true;
    this.failure = failure;
    assert.equal(connection.closed, true);
    assert.equal(connection.queued, 0);
    this.#leave();
  }

  #enter(connection: Connection): void {
    assert.equal(this.gone, false, "called after onClose");
    assert.equal(this.calling, false, "called from inside a call of its owner");
    if (this.connection === undefined) assert.fail("called before its owner knows the connection");
    assert.equal(connection, this.connection);
  }

  #leave(): void {
    for (const waiting of this.#waiting.splice(0)) {
      if (waiting.ready()) waiting.resolve();
      else this.#waiting.push(waiting);
    }
  }
}

/** What the tests do with a bench. */
export class Stage {
  readonly bench: TransportBench;
  readonly accepted: Recorder[] = [];
  failures: TransportFailure[] = [];
  listener: Listener | undefined;
  #arrived: () => void = () => undefined;

  constructor(bench: TransportBench) {
    this.bench = bench;
  }

  async listen(address: SocketAddress = this.bench.address): Promise<Listener> {
    this.listener = await this.bench.server.listen({ kind: "address", address }, this);
    return this.listener;
  }

  onConnection(connection: Connection): void {
    const recorder = new Recorder();
    recorder.connection = connection;
    connection.handler = recorder;
    this.accepted.push(recorder);
    this.#arrived();
  }

  onAcceptFailure(failure: TransportFailure): void {
    this.failures.push(failure);
  }

  connect(address: SocketAddress, timeoutMs = 10_000): Recorder {
    const recorder = new Recorder();
    recorder.calling = true;
    recorder.connection = this.bench.client.connect(address, timeoutMs, recorder);
    recorder.calling = false;
    return recorder;
  }

  async accept(count = 1): Promise<Recorder> {
    while (this.accepted.length < count) {
      await this.bench.until(new Promise<void>((resolve) => (this.#arrived = resolve)));
    }
    return this.accepted[count - 1]!;
  }

  /** A listener, and one connection to it that is up. */
  async pair(): Promise<{ client: Recorder; server: Recorder }> {
    const { address } = this.listener ?? (await this.listen());
    const count = this.accepted.length + 1;
    const client = this.connect(address);
    await this.until(client, () => client.connects === 1);
    return { client, server: await this.accept(count) };
  }

  until(recorder: Recorder, ready: () => boolean): Promise<void> {
    return this.bench.until(recorder.when(ready));
  }

  async closed(...recorders: Recorder[]): Promise<void> {
    for (const recorder of recorders) await this.until(recorder, () => recorder.gone);
  }
}

/** Bytes that show every loss, repetition and change of order. */
export function pattern(size: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(size);
  let state = seed;
  for (let i = 0; i < size; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** Writes `bytes` in pieces as fast as it is allowed to, then calls `done`. */
export function pump(recorder: Recorder, bytes: Buffer, piece: number, done: () => void): void {
  let at = 0;
  const go = (): void => {
    while (at < bytes.length) {
      const part = bytes.subarray(at, at + piece);
      at += part.length;
      const more = recorder.write(sliceOf(part));
      const queued = recorder.connection?.queued ?? 0;
      assert.equal(more, queued <= HIGH_MARK);
      assert.ok(queued <= HIGH_MARK + piece, "the queue is bounded by its mark and one write");
      if (!more) return;
    }
    recorder.onWritableMore = undefined;
    done();
  };
  recorder.onWritableMore = go;
  go();
}
