import { Buffer } from "node:buffer";
import type { TLSSocket } from "node:tls";
import { GARBAGE_COLLECTED, Slice } from "#core/bytes/slice.ts";
import { Timer, type TimerOwner } from "#core/time/timers.ts";
import {
  type Connection,
  type ConnectionHandler,
  HIGH_MARK,
  LOW_MARK,
  type TransportFailure,
} from "../../contract.ts";
import { CLOSE, END, LINGER, LINGER_IDLE, STAY } from "../../endings.ts";
import type { Security } from "../../tls.ts";
import type { Slab } from "../slab.ts";
import { SliceQueue } from "../../slice-queue.ts";
import { bufferOf, gather } from "../buffers.ts";
import type { Flushable, Turn } from "../turn.ts";
import { Channel, type ChannelOwner } from "./channel.ts";

/** What is encrypted at once: four records. */
const LARGEST_WRITE = 64 * 1024;

const NO_BYTES = Buffer.alloc(0);
const TRUNCATED: TransportFailure = { code: "reset", detail: "TLS_TRUNCATED" };

/** What a connection needs of the transport that it belongs to. */
export interface TlsHome {
  readonly turn: Turn;
  readonly slab: Slab;
}

/** One side of TLS: starts it over a channel, and says what came of it. */
export interface Side {
  /** Begins the handshake. `ready` and `failed` are called later, one of them and once. */
  start(channel: Channel, ready: () => void, failed: (error: Error) => void): TLSSocket;
  /** What was agreed on, or why the peer is refused after all. */
  inspect(socket: TLSSocket): Security | TransportFailure;
}

/**
 * TLS over a raw connection, which goes on to do what it does for plain bytes: queue, linger, reset, keep the time.
 * Slices wait here until their records are taken by the system, at most {@link LARGEST_WRITE} on their way at once.
 */
export class TlsConnection implements Connection, ChannelOwner, Flushable, TimerOwner {
  handler: ConnectionHandler;
  security: Security | null = null;
  closed = false;

  readonly #home: TlsHome;
  readonly #raw: Connection;
  readonly #side: Side;
  readonly #channel: Channel;
  readonly #socket: TLSSocket;
  readonly #received: Slice;

  readonly #queue: SliceQueue = new SliceQueue();
  /** Bytes from the front of the queue that are being encrypted and sent. */
  #sending = 0;
  #flushing = false;
  /** `write` has answered false and `onWritable` has not been called since. */
  #blocked = false;

  /** Nothing that arrives is of interest any more. */
  #deaf = false;
  #after = STAY;
  /** The close_notify was asked for; it is queued; the peer's has come. */
  #ending = false;
  #ended = false;
  #peerEnded = false;
  #rawEnded = false;
  #rawClosed = false;
  #gone = false;
  #failure: TransportFailure | null = null;
  /** Bounds what is done for a peer that its owner has finished with. */
  #timer: Timer | undefined;

  constructor(
    home: TlsHome,
    raw: Connection,
    received: readonly Slice[],
    side: Side,
    handler: ConnectionHandler,
  ) {
    this.#home = home;
    this.#raw = raw;
    this.#side = side;
    this.handler = handler;
    this.#received = new Slice(NO_BYTES, 0, 0, GARBAGE_COLLECTED);
    this.#channel = new Channel(raw, this);
    this.#channel.receive(received);
    const socket = side.start(
      this.#channel,
      () => this.#onReady(),
      (error) => this.#fail({ code: "tls", detail: reasonOf(error) }),
    );
    this.#socket = socket;
    socket.on("data", (bytes: Buffer) => this.#onData(bytes));
    socket.on("end", () => this.#onEnd());
    raw.resume();
  }

  get remoteAddress(): string {
    return this.#raw.remoteAddress;
  }

  get remotePort(): number {
    return this.#raw.remotePort;
  }

  get localAddress(): string {
    return this.#raw.localAddress;
  }

  get localPort(): number {
    return this.#raw.localPort;
  }

  get queued(): number {
    return this.#queue.size;
  }

  get taken(): number {
    return this.#raw.taken;
  }

  get takenAt(): number {
    return this.#raw.takenAt;
  }

  write(slices: readonly Slice[]): boolean {
    if (this.closed) {
      for (const slice of slices) slice.release();
      return true;
    }
    if (this.#after !== STAY) {
      for (const slice of slices) slice.release();
      throw new Error("write after end, close or lingerClose");
    }
    for (const slice of slices) this.#queue.push(slice);
    this.#flushSoon();
    if (this.queued <= HIGH_MARK) return true;
    this.#blocked = true;
    return false;
  }

  pause(): void {
    if (!this.#deaf && !this.closed) this.#socket.pause();
  }

  resume(): void {
    if (this.closed) return;
    this.#socket.resume();
    this.#lookForEnd();
  }

  end(): void {
    this.#finish(END);
  }

  close(): void {
    if (this.closed) return;
    this.#deaf = true;
    const idle = this.queued === 0 && this.#after === STAY;
    this.#socket.resume();
    this.#finish(CLOSE);
    // Only the close_notify is left, and nobody has to wait for that: who counts connections relies on it.
    if (idle) this.#leave();
  }

  lingerClose(): void {
    if (this.closed) return;
    this.#deaf = true;
    this.#socket.resume();
    this.#finish(LINGER);
  }

  abort(): void {
    this.closed = true;
    this.#deaf = true;
    this.#raw.abort();
  }

  /** Encrypts and hands over what was queued in this turn. Called by the turn. */
  flush(): void {
    this.#flushing = false;
    if (this.#rawClosed || this.security === null || this.#sending > 0) return;
    if (this.#queue.size > 0) this.#send();
    else if (this.#after !== STAY && !this.#ending) {
      this.#ending = true;
      this.#socket.end();
    }
  }

  /** The peer does not even take our last record. */
  onTimer(): void {
    this.#raw.abort();
  }

  /** The close_notify is queued. Called by the channel. */
  onFinal(): void {
    this.#ended = true;
    this.#endRaw();
  }

  /** Called by the channel. */
  onRawEnd(): void {
    this.#rawEnded = true;
    this.#lookForEnd();
  }

  /** Called by the channel. */
  onRawClose(failure: TransportFailure | null): void {
    this.#home.turn.enter();
    this.#rawClosed = true;
    this.#note(failure);
    // An orderly end of the raw connection may have overtaken what was decrypted and not read yet.
    if (failure !== null || this.closed || this.#deaf || this.#peerEnded) this.#report();
    else this.#lookForEnd();
  }

  #send(): void {
    const queue = this.#queue;
    let size = queue.at(0).length;
    let count = 1;
    while (count < queue.count) {
      const next = size + queue.at(count).length;
      if (next > LARGEST_WRITE) break;
      size = next;
      count++;
    }
    if (size > LARGEST_WRITE) size = LARGEST_WRITE;
    this.#sending = size;
    const bytes =
      count === 1 ? bufferOf(queue.at(0), size) : gather(queue, count, size, this.#home.slab);
    this.#socket.write(bytes, this.#onWritten);
  }

  readonly #onWritten = (error?: Error | null): void => {
    if (this.#gone || this.#rawClosed || error instanceof Error) return;
    this.#home.turn.enter();
    this.#queue.take(this.#sending);
    this.#sending = 0;
    if (this.#blocked && this.queued <= LOW_MARK && !this.closed) {
      this.#blocked = false;
      if (this.#after === STAY) this.handler.onWritable(this);
    }
    this.#flushSoon();
  };

  #flushSoon(): void {
    if (this.#flushing || this.#gone) return;
    this.#flushing = true;
    this.#home.turn.flushLater(this);
  }

  #finish(after: number): void {
    if (this.closed || this.#after >= after) return;
    this.#after = after;
    if (this.#ended) this.#endRaw();
    else if (this.security === null && this.queued === 0) this.#raw.close();
    else this.#flushSoon();
  }

  /** Our side of TLS has ended: the raw connection goes the same way. */
  #endRaw(): void {
    if (this.#after === LINGER) this.#raw.lingerClose();
    // When both sides have said that they are done, the ends of the raw connection say nothing more.
    else if (this.#after === CLOSE || this.#peerEnded) this.#raw.close();
    else this.#raw.end();
  }

  #onReady(): void {
    if (this.closed) return;
    this.#home.turn.enter();
    const result = this.#side.inspect(this.#socket);
    if ("code" in result) {
      this.#fail(result);
      return;
    }
    this.security = result;
    if (!this.#deaf) this.handler.onConnect(this);
    this.#flushSoon();
  }

  #onData(bytes: Buffer): void {
    this.#channel.bearFruit();
    if (this.closed || this.#deaf) return;
    this.#home.turn.enter();
    const received = this.#received;
    received.bytes = bytes;
    received.length = bytes.length;
    this.handler.onData(this, received);
    received.bytes = NO_BYTES;
    received.length = 0;
    this.#lookForEnd();
  }

  /** The stream has ended: `#lookForEnd` never lets it end but with a close_notify. */
  #onEnd(): void {
    if (this.#gone || this.#peerEnded) return;
    this.#home.turn.enter();
    this.#peerEnded = true;
    if (!this.closed && !this.#deaf) this.handler.onEnd(this);
    if (this.#rawClosed) this.#report();
    else if (this.#ended) this.#endRaw();
  }

  /**
   * After the end of the raw connection nothing can come but what has come. When all of that was delivered and the
   * peer has not said that it is done, it was cut off.
   */
  #lookForEnd(): void {
    if (this.#rawEnded && this.#isDry()) setImmediate(this.#onDry);
  }

  #isDry(): boolean {
    if (this.#peerEnded || this.#gone || this.#deaf || this.closed) return false;
    if (this.#channel.readableLength > 0) return false;
    return this.#socket.readableLength === 0 && !this.#socket.isPaused();
  }

  /** A stream that has been told its end reports it before the loop goes on, if it is dry. */
  readonly #onDry = (): void => {
    if (!this.#isDry()) return;
    this.#home.turn.enter();
    this.#failure ??= TRUNCATED;
    this.closed = true;
    if (this.#rawClosed) this.#report();
    else this.#raw.abort();
  };

  /** Closes the raw connection behind the alert, and reports `failure` then. */
  #fail(failure: TransportFailure): void {
    if (this.#gone) return;
    this.#home.turn.enter();
    this.#note(failure);
    if (this.#rawClosed) {
      this.#report();
      return;
    }
    this.#leave();
    if (!this.#raw.closed) this.#raw.close();
  }

  /** The first failure counts, and none that comes when only our close_notify is left and nobody waits for an answer. */
  #note(failure: TransportFailure | null): void {
    const isOver = this.#ending && (this.#deaf || this.#peerEnded);
    const isLeft = this.#deaf && this.closed;
    if (!isOver && !isLeft) this.#failure ??= failure;
  }

  /** Its owner is done with it; what is still sent has to be taken soon. */
  #leave(): void {
    this.closed = true;
    if (this.#rawClosed || this.#timer !== undefined) return;
    this.#timer = new Timer(this, 0);
    this.#home.turn.timers.schedule(this.#timer, LINGER_IDLE);
  }

  #report(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.closed = true;
    if (this.#timer !== undefined) this.#home.turn.timers.cancel(this.#timer);
    this.#queue.clear();
    this.#socket.destroy();
    this.#channel.destroy();
    this.handler.onClose(this, this.#failure);
  }
}

/** Node's code where it has one of its own, else OpenSSL's reason. */
function reasonOf(error: Error): string {
  const { code, reason } = error as NodeJS.ErrnoException & { reason?: string };
  if (code?.startsWith("ERR_SSL_") === true && reason !== undefined) return reason;
  return code ?? error.message;
}
