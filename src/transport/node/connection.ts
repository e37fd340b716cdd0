import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { GARBAGE_COLLECTED, Slice } from "#core/bytes/slice.ts";
import { Timer, type TimerOwner } from "#core/time/timers.ts";
import {
  type Connection,
  type ConnectionHandler,
  HIGH_MARK,
  LOW_MARK,
  type TransportFailure,
} from "../contract.ts";
import { CLOSE, END, LINGER, LINGER_IDLE, LINGER_TOTAL, NO_HANDLER, STAY } from "../endings.ts";
import { failureOf, nameOf } from "../failure.ts";
import { plainAddress } from "./address.ts";
import type { Slab } from "./slab.ts";
import { SliceQueue } from "./../slice-queue.ts";
import { bufferOf, gather } from "./buffers.ts";
import type { Awaiting, Flushable, Turn } from "./turn.ts";

/** What is handed to the system at once: `taken` moves on in steps of at most this. */
const LARGEST_WRITE = 64 * 1024;
/** Several slices that are no longer than this together are copied into one: cheaper than a vectored write. */
const LARGEST_COPY = 16 * 1024;
/** Slices in one vectored write; systems allow 1024. */
const MOST_SLICES = 256;

const CONNECT_TIMER = 0;
const LINGER_IDLE_TIMER = 1;
const LINGER_TOTAL_TIMER = 2;

const NO_BYTES = Buffer.alloc(0);

/** What a connection needs of the transport that it belongs to. */
export interface Home {
  readonly turn: Turn;
  readonly slab: Slab;
  /** The connection is gone. */
  forget(connection: NodeConnection): void;
}

/**
 * A connection over a socket of `node:net`.
 *
 * Slices wait in `#queue` until the system has taken their bytes. At the end of a turn they are handed to the
 * socket, at most {@link LARGEST_WRITE} at a time and never a second time before the first is taken: so the
 * socket itself queues nothing, and `queued` and `taken` are what they say.
 *
 * While paused, Node reads on until it holds 64 KiB. Up to there a reset is noticed and reported at once, an
 * end after `resume`; beyond, neither is noticed before `resume`.
 */
export class NodeConnection implements Connection, TimerOwner, Flushable, Awaiting {
  handler: ConnectionHandler = NO_HANDLER;
  remoteAddress: string;
  remotePort: number;
  taken = 0;
  takenAt = 0;
  closed = false;
  readonly security = null;

  readonly #home: Home;
  readonly #socket: Socket;
  readonly #received: Slice = new Slice(NO_BYTES, 0, 0, GARBAGE_COLLECTED);
  #localAddress: string | undefined;
  #localPort = 0;

  readonly #queue: SliceQueue = new SliceQueue();
  /** Bytes from the front of the queue that the socket is working on. */
  #sending = 0;
  /** Writes that were taken at once and whose callbacks are still to come. */
  #stale = 0;
  #flushing = false;
  /** `write` has answered false and `onWritable` has not been called since. */
  #blocked = false;
  #waking = false;

  #connected: boolean;
  /** Nothing that arrives is of interest any more. */
  #deaf = false;
  #after = STAY;
  #ended = false;
  #failure: TransportFailure | null = null;
  /** Armed in the two phases of its life in which the transport itself keeps the time. */
  #timer: Timer | undefined;
  #totalTimer: Timer | undefined;

  constructor(home: Home, socket: Socket, connected: boolean) {
    this.#home = home;
    this.takenAt = home.turn.timers.now;
    this.#socket = socket;
    this.#connected = connected;
    this.remoteAddress = plainAddress(socket.remoteAddress);
    this.remotePort = socket.remotePort ?? 0;
    if (!connected) socket.on("connect", () => this.#onConnect());
    socket.on("data", (bytes) => this.#onData(bytes));
    socket.on("end", () => this.#onEnd());
    socket.on("error", (error) => this.#onError(error));
    socket.on("close", () => this.#onClose());
  }

  get queued(): number {
    return this.#queue.size;
  }

  get localAddress(): string {
    this.#readLocal();
    return this.#localAddress ?? "";
  }

  get localPort(): number {
    this.#readLocal();
    return this.#localPort;
  }

  /** Gives up after `ms` without a connection. */
  connectWithin(ms: number): void {
    this.#timer = new Timer(this, CONNECT_TIMER);
    this.#home.turn.timers.schedule(this.#timer, ms);
  }

  /** Aborts it and reports `failure`. */
  fail(failure: TransportFailure): void {
    if (this.closed) return;
    this.#failure = failure;
    this.#reset();
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
    if (!this.#deaf) this.#socket.pause();
  }

  resume(): void {
    if (!this.closed) this.#socket.resume();
  }

  end(): void {
    this.#finish(END);
  }

  close(): void {
    this.#deaf = true;
    // With nothing to send it is closed when this returns: who counts connections relies on that.
    if (this.#connected && this.queued === 0 && this.#after === STAY) this.#destroy();
    else this.#finish(CLOSE);
  }

  lingerClose(): void {
    this.#deaf = true;
    // The peer may not read our answer before it has sent everything: reading begins now.
    this.resume();
    this.#finish(LINGER);
  }

  abort(): void {
    if (!this.closed) this.#reset();
  }

  /** Hands over what was queued in this turn. Called by the turn. */
  flush(): void {
    this.#flushing = false;
    if (this.closed || !this.#connected) return;
    while (this.#sending === 0 && this.#queue.size > 0) {
      if (!this.#send()) return;
    }
    if (this.#sending > 0) return;
    if (this.#after !== STAY && !this.#ended) this.#sendEnd();
    else if (this.#blocked && !this.#waking) {
      this.#waking = true;
      this.#home.turn.wakeLater(this);
    }
  }

  /** Reports that there is room again. Called by the turn. */
  wake(): void {
    this.#waking = false;
    this.#reportRoom();
  }

  onTimer(timer: Timer): void {
    if (this.closed) return;
    if (timer.kind === CONNECT_TIMER) this.fail({ code: "connect-timeout", detail: "ETIMEDOUT" });
    else this.#destroy();
  }

  /** Hands the front of the queue to the socket. False: it is broken, and its end will be reported. */
  #send(): boolean {
    const queue = this.#queue;
    const socket = this.#socket;
    const first = queue.at(0);
    let size = first.length;
    let count = 1;
    const most = Math.min(queue.count, MOST_SLICES);
    while (count < most) {
      const next = size + queue.at(count).length;
      if (next > LARGEST_WRITE) break;
      size = next;
      count++;
    }
    if (count === 1) {
      if (size > LARGEST_WRITE) size = LARGEST_WRITE;
      socket.write(bufferOf(first, size), this.#onWritten);
    } else if (size <= LARGEST_COPY) {
      socket.write(gather(queue, count, size, this.#home.slab), this.#onWritten);
    } else {
      socket.cork();
      for (let i = 0; i < count - 1; i++) socket.write(bufferOf(queue.at(i), queue.at(i).length));
      const last = queue.at(count - 1);
      socket.write(bufferOf(last, last.length), this.#onWritten);
      socket.uncork();
    }
    if (socket.errored !== null) return false;
    this.#sending = size;
    if (socket.writableLength === 0) {
      // Taken at once, the usual case. The callback follows later and has nothing left to say.
      this.#stale++;
      this.#settle();
    }
    return true;
  }

  /** The system has taken what was being sent. */
  #settle(): void {
    const size = this.#sending;
    this.taken += size;
    this.takenAt = this.#home.turn.timers.now;
    this.#sending = 0;
    this.#queue.take(size);
  }

  readonly #onWritten = (): void => {
    if (this.#stale > 0) {
      this.#stale--;
      return;
    }
    // Also called for writes that failed: the socket is destroyed then, and `#onClose` drops the queue.
    if (this.#socket.destroyed || this.#socket.errored !== null) return;
    this.#home.turn.enter();
    this.#settle();
    this.#reportRoom();
    this.#flushSoon();
  };

  #reportRoom(): void {
    if (!this.#blocked || this.queued > LOW_MARK || this.closed) return;
    this.#blocked = false;
    if (this.#after === STAY) this.handler.onWritable(this);
  }

  #flushSoon(): void {
    if (this.#flushing || this.closed) return;
    this.#flushing = true;
    this.#home.turn.flushLater(this);
  }

  #finish(after: number): void {
    if (this.closed || this.#after >= after) return;
    this.#after = after;
    if (this.#ended) this.#afterEnd();
    else this.#flushSoon();
  }

  #sendEnd(): void {
    this.#ended = true;
    this.#socket.end();
    this.#afterEnd();
  }

  /** Our side is ended: what else was asked for begins. */
  #afterEnd(): void {
    if (this.#after === CLOSE) {
      this.#socket.destroySoon();
    } else if (this.#after === LINGER) {
      const timers = this.#home.turn.timers;
      this.#timer = new Timer(this, LINGER_IDLE_TIMER);
      this.#totalTimer = new Timer(this, LINGER_TOTAL_TIMER);
      timers.schedule(this.#timer, LINGER_IDLE);
      timers.schedule(this.#totalTimer, LINGER_TOTAL);
    }
  }

  #onConnect(): void {
    if (this.closed) return;
    this.#home.turn.enter();
    this.#connected = true;
    this.#stopTimers();
    this.remoteAddress = plainAddress(this.#socket.remoteAddress);
    this.remotePort = this.#socket.remotePort ?? 0;
    this.handler.onConnect(this);
    this.#flushSoon();
  }

  #onData(bytes: Buffer): void {
    if (this.closed) return;
    this.#home.turn.enter();
    if (this.#deaf) {
      if (this.#totalTimer !== undefined && this.#timer !== undefined) {
        this.#home.turn.timers.schedule(this.#timer, LINGER_IDLE);
      }
      return;
    }
    const received = this.#received;
    received.bytes = bytes;
    received.offset = 0;
    received.length = bytes.length;
    this.handler.onData(this, received);
    // So that an idle connection does not keep its last 64 KiB alive.
    received.bytes = NO_BYTES;
    received.length = 0;
  }

  #onEnd(): void {
    if (this.closed || this.#deaf) return;
    this.#home.turn.enter();
    this.handler.onEnd(this);
  }

  #onError(error: Error): void {
    this.#failure ??= failureOf(nameOf(error), !this.#connected);
    this.closed = true;
  }

  #onClose(): void {
    this.#home.turn.enter();
    this.closed = true;
    this.#stopTimers();
    // An answer that was sent whole is none the worse for a peer that resets instead of ending.
    const delivered = this.#after >= CLOSE && this.#ended;
    this.#queue.clear();
    this.#home.forget(this);
    this.handler.onClose(this, delivered ? null : this.#failure);
  }

  /** Closes the socket; what the peer has not read yet may still reach it. */
  #destroy(): void {
    this.#markClosed();
    this.#socket.destroy();
  }

  /** Closes the socket with a reset, if it can be reset. */
  #reset(): void {
    this.#markClosed();
    // Only TCP can be, and not while a FIN is just under way: `node:net` would neither reset nor close.
    const finishing = this.#ended && !this.#socket.writableFinished;
    const tcp = this.#connected && this.remoteAddress !== "";
    if (tcp && !finishing && !this.#socket.destroyed) this.#socket.resetAndDestroy();
    else this.#socket.destroy();
  }

  #markClosed(): void {
    this.closed = true;
    this.#stopTimers();
    this.#readLocal();
  }

  #stopTimers(): void {
    const timers = this.#home.turn.timers;
    if (this.#timer !== undefined) timers.cancel(this.#timer);
    if (this.#totalTimer !== undefined) timers.cancel(this.#totalTimer);
  }

  /** Asks the system once, when somebody wants to know. */
  #readLocal(): void {
    if (this.#localAddress !== undefined || this.#socket.localAddress === undefined) return;
    this.#localAddress = plainAddress(this.#socket.localAddress);
    this.#localPort = this.#socket.localPort ?? 0;
  }
}
