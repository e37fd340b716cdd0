import type { Slice } from "#core/bytes/slice.ts";
import { Timer, type TimerOwner } from "#core/time/timers.ts";
import {
  type Connection,
  type ConnectionHandler,
  HIGH_MARK,
  LOW_MARK,
  type TransportFailure,
} from "../contract.ts";
import { CLOSE, END, LINGER, LINGER_IDLE, LINGER_TOTAL, NO_HANDLER, STAY } from "../endings.ts";
import { failureOf } from "../failure.ts";
import type { Engine, Hungry, Party, Stuck } from "./engine.ts";
import { moveToHeap } from "./heap.ts";
import { Incoming } from "./incoming.ts";
import {
  AF_UNIX,
  CQE_MORE,
  EAGAIN,
  ECANCELED,
  EINTR,
  ENOBUFS,
  POLLOUT,
  SHUT_RDWR,
  SHUT_WR,
  SOL_SOCKET,
  SO_ERROR,
  SO_LINGER,
} from "./native/layout.ts";
import { errorName } from "./native/libc.ts";
import { ADDRESS, familyOf, readHost, readPort } from "./native/sockaddr.ts";
import { Operations } from "./operations.ts";
import { Outgoing } from "./outgoing.ts";
import type { Target } from "./slots.ts";

const CONNECT_TIMER = 0;
const LINGER_IDLE_TIMER = 1;
const LINGER_TOTAL_TIMER = 2;

// Operations; none may be under way twice.
const CONNECT = 1;
const SEND = 2;
/** Waits for room. */
const ROOM = 3;
const RECEIVE = 4;
/** Waits for the end of a peer that is not read from. */
const WATCH = 5;
const CANCEL = 6;

/** What a connection needs of the transport that it belongs to. */
export interface Home {
  readonly engine: Engine;
  /** The connection is gone, and nothing of the kernel's is left of it. */
  forget(connection: UringConnection): void;
}

/**
 * A connection over a descriptor of our own.
 *
 * Whatever is wanted of the kernel is noted in fields; `flush`, once a turn, makes the entries for it. No handler runs
 * between an entry and its submission, so no entry ever names a descriptor that was closed meanwhile.
 *
 * Sends never wait in the kernel: one that finds no room fails at once, and it is waited for room without holding any
 * memory there. One is under way at a time, so bytes cannot overtake each other.
 */
export class UringConnection implements Connection, TimerOwner, Target, Party, Hungry, Stuck {
  handler: ConnectionHandler = NO_HANDLER;
  remoteAddress = "";
  remotePort = 0;
  taken = 0;
  takenAt: number;
  closed = false;
  readonly security = null;

  readonly #home: Home;
  readonly #operations: Operations;
  readonly #incoming: Incoming;
  readonly #outgoing: Outgoing;
  #fd: number;
  #localAddress = "";
  #localPort: number;
  /** The own address has been asked for. */
  #local = false;

  #dirty = false;
  #address: Uint8Array | null = null;
  #connected: boolean;
  /** How connecting to a unix socket has ended, until it is told. */
  #connectResult: number | null = null;
  #paused = false;
  /** Nothing that arrives is of interest any more. */
  #deaf = false;
  /** The turn in which bytes were delivered last. */
  #heardIn = -1;
  /** How the last receive has ended: 0, or an error; null while it goes on, or once it is dealt with. */
  #lastResult: number | null = null;
  /** The peer has ended its side, and whether that was told. */
  #peerEnded = false;
  /** There was no buffer to receive into. */
  #hungry = false;
  #endTold = false;
  /** The socket is full. */
  #full = false;
  /** `write` has answered false and `onWritable` has not been called since. */
  #blocked = false;
  #after = STAY;
  #ended = false;
  #failure: TransportFailure | null = null;
  /** What `report` is for. */
  #failing = false;
  #redeliver = false;
  #reporting = false;
  #gone = false;
  #forgotten = false;

  #connectTimer: Timer | undefined;
  #lingerTimer: Timer | undefined;
  #totalTimer: Timer | undefined;
  /** The watch has begun, and is not to begin again: it would see the same end again and again. */
  #watched = false;
  /** The watch has told something while a receive was under way. */
  #alarmed = false;

  /** @param localPort of the own side; 0 when it is not known yet */
  constructor(home: Home, fd: number, connected: boolean, localPort: number) {
    this.#home = home;
    const { engine } = home;
    this.takenAt = engine.timers.now;
    this.#fd = fd;
    this.#connected = connected;
    this.#localPort = localPort;
    this.#operations = new Operations(engine, this, CANCEL);
    this.#incoming = new Incoming(engine.small, engine.large);
    this.#outgoing = new Outgoing(engine.staging);
    if (connected) this.#touch();
  }

  get queued(): number {
    return this.#outgoing.size;
  }

  get localAddress(): string {
    this.#readLocal();
    return this.#localAddress;
  }

  get localPort(): number {
    if (this.#localPort === 0) this.#readLocal();
    return this.#localPort;
  }

  /** Connects as soon as this turn is over, and gives up after `timeout` ms. */
  connect(address: Uint8Array, timeout: number): void {
    this.#address = address;
    this.#connectTimer = this.#arm(undefined, CONNECT_TIMER, timeout);
    this.#touch();
  }

  /** Aborts it and reports `failure`. */
  fail(failure: TransportFailure): void {
    if (this.closed) return;
    this.#failure = failure;
    this.#close(true);
  }

  write(slices: readonly Slice[]): boolean {
    if (this.closed || this.#failing) {
      for (let i = 0; i < slices.length; i++) slices[i]!.release();
      return true;
    }
    if (this.#after !== STAY) {
      for (const slice of slices) slice.release();
      throw new Error("write after end, close or lingerClose");
    }
    for (let i = 0; i < slices.length; i++) this.#outgoing.push(slices[i]!);
    if (this.#full) this.#home.engine.stuck.add(this);
    this.#touch();
    if (this.#outgoing.size <= HIGH_MARK) return true;
    this.#blocked = true;
    return false;
  }

  /**
   * Calls `onWritable` when what is queued falls below the low mark, as if a `write` had answered false.
   *
   * @returns false if it is below already
   */
  callWhenWritable(): boolean {
    if (this.closed || this.#outgoing.size <= LOW_MARK) return false;
    this.#blocked = true;
    return true;
  }

  pause(): void {
    if (this.#paused || this.#deaf || this.closed) return;
    this.#paused = true;
    this.#touch();
  }

  resume(): void {
    if (!this.#paused || this.closed) return;
    this.#paused = false;
    if (!this.#incoming.empty || (this.#peerEnded && !this.#endTold)) {
      this.#redeliver = true;
      this.#reportLater();
    }
    this.#touch();
  }

  end(): void {
    this.#finish(END);
  }

  close(): void {
    this.#deaf = true;
    // With nothing to send it is closed when this returns: who counts connections relies on that.
    if (this.#connected && this.#outgoing.size === 0 && this.#after === STAY) this.#close(false);
    else this.#finish(CLOSE);
  }

  lingerClose(): void {
    if (this.closed) return;
    this.#deaf = true;
    // The peer may not read our answer before it has sent everything: reading begins now.
    this.#incoming.release();
    this.resume();
    this.#finish(LINGER);
  }

  abort(): void {
    this.#close(true);
  }

  // ── what is wanted of the kernel ────────────────────────────────────────────────────────────────────

  /** Makes the entries that are due. Called by the engine. */
  flush(): void {
    this.#dirty = false;
    if (this.closed) return this.#flushClosed();
    if (!this.#connected) return this.#flushConnect();
    if (this.#failing) return;
    // The receive that was to tell it has been taken back meanwhile.
    if (this.#alarmed && this.#paused) this.#onPeerGone();
    if (!this.closed) this.#flushEnd();
    // No entry is made in a flush that has closed the descriptor: another thread may get its number at once.
    if (this.closed) return;
    // The kernel does these in order: what was just received is sent while it is still near, before more takes its place.
    this.#flushSend();
    this.#flushReceive();
    this.#flushWatch();
  }

  #flushConnect(): void {
    const address = this.#address;
    if (address === null) return;
    this.#address = null;
    const { ring, libc } = this.#home.engine;
    if (familyOf(address) === AF_UNIX) {
      // Decided at once. The kernel would wait for room in a full queue, each connection in a thread of its own.
      this.#connectResult = libc.connect(this.#fd, address);
      this.#reportLater();
    } else {
      ring.connect(this.#operations.slot, this.#operations.begin(CONNECT), this.#fd, address);
    }
  }

  #flushReceive(): void {
    const wanted =
      !this.#paused &&
      !this.#peerEnded &&
      !this.#hungry &&
      this.#lastResult === null &&
      this.#incoming.empty;
    const { engine } = this.#home;
    if (this.#operations.has(RECEIVE)) {
      if (!wanted || this.#incoming.inWrongMode) this.#operations.cancel(RECEIVE);
      return;
    }
    if (!wanted) return;
    const tag = this.#operations.begin(RECEIVE);
    const group = this.#incoming.choose();
    if (this.#incoming.large) engine.ring.receiveOnce(this.#operations.slot, tag, this.#fd, group);
    else engine.ring.receiveMany(this.#operations.slot, tag, this.#fd, group);
  }

  /** Ends our side when everything is sent, which may close the descriptor. */
  #flushEnd(): void {
    if (this.#after === STAY || this.#ended || this.#outgoing.size > 0) return;
    if (!this.#operations.has(SEND)) this.#sendEnd();
  }

  #flushSend(): void {
    const { ring } = this.#home.engine;
    if (this.#operations.has(SEND) || this.#outgoing.size === 0) return;
    if (!this.#full) {
      // Without memory to send from it is tried again in the next turn, when others' sends have given theirs back.
      if (this.#outgoing.prepare()) {
        this.#outgoing.send(ring, this.#operations.slot, this.#operations.begin(SEND), this.#fd);
      } else if (!this.#dirty) {
        this.#dirty = true;
        this.#home.engine.flushNextTurn(this);
      }
    } else if (!this.#operations.has(ROOM)) {
      ring.poll(this.#operations.slot, this.#operations.begin(ROOM), this.#fd, POLLOUT);
    }
  }

  /**
   * While nothing is read, a peer that resets would go unnoticed. Once begun, the watch goes on: it harms nobody. It
   * completes for each change, since the end of the peer's side counts as one and a reset may follow.
   */
  #flushWatch(): void {
    if (this.#watched || (!this.#paused && !this.#peerEnded)) return;
    this.#watched = true;
    this.#home.engine.ring.watch(this.#operations.slot, this.#operations.begin(WATCH), this.#fd);
  }

  /** Takes back what is under way, so that the kernel lets go of the socket. */
  #flushClosed(): void {
    for (const operation of [CONNECT, ROOM, RECEIVE, WATCH]) this.#operations.cancel(operation);
    this.#leaveWhenQuiet();
  }

  #touch(): void {
    if (this.#dirty || this.#forgotten) return;
    this.#dirty = true;
    this.#home.engine.flushLater(this);
  }

  // ── what the kernel answers ─────────────────────────────────────────────────────────────────────────

  onCompletion(operation: number, result: number, flags: number): void {
    if (operation === RECEIVE) {
      this.#onReceived(result, flags);
    } else if (operation === CANCEL) {
      if (result === 0 && this.#operations.cancelMissed()) this.#touch();
    } else {
      if ((flags & CQE_MORE) === 0) this.#operations.settle(operation);
      if (operation === SEND) this.#onSent(result);
      else if (!this.closed) this.#onReady(operation, result);
    }
    if (this.closed) this.#leaveWhenQuiet();
  }

  #onReady(operation: number, result: number): void {
    if (operation === CONNECT) this.#onConnected(result);
    else if (operation === ROOM) this.#onRoom();
    else if (result >= 0) this.#onPeerGone();
  }

  #onConnected(result: number): void {
    this.#connectResult = null;
    if (result < 0) return this.#failWith(result, true);
    this.#connected = true;
    this.#home.engine.timers.cancel(this.#connectTimer!);
    this.#readRemote();
    this.#touch();
    this.handler.onConnect(this);
  }

  #onReceived(result: number, flags: number): void {
    const buffer = this.#incoming.bufferOf(flags);
    if ((flags & CQE_MORE) === 0) {
      this.#operations.settle(RECEIVE);
      this.#touch();
    }
    if (result > 0) {
      if (this.closed || this.#deaf) {
        buffer!.release();
        if (!this.closed) this.#heardWhileDeaf();
      } else if (this.#paused || !this.#incoming.empty) {
        this.#incoming.keep(buffer!, result);
      } else {
        this.#heardIn = this.#home.engine.turn;
        this.#incoming.deliver(this, buffer!, result);
        // Much is coming: the entry under way is to be made anew for large buffers.
        if (this.#incoming.inWrongMode) this.#touch();
      }
      return;
    }
    buffer?.release();
    if (this.closed || this.#failing) return;
    const { engine } = this.#home;
    if (result === -ENOBUFS) {
      this.#hungry = true;
      engine.feedLater(this, this.#incoming.group);
    } else if (result !== -ECANCELED && result !== -EINTR) {
      this.#lastResult = result;
      // What arrived in the same turn is to be passed on before somebody answers the end with a reset.
      if (this.#heardIn === engine.turn) engine.reportAfterwards(this);
      else this.#onLast();
    }
  }

  /** There are buffers again. Called by the engine. */
  fed(): void {
    this.#hungry = false;
    if (!this.closed) this.#touch();
  }

  /** The peer has ended its side, or the connection. */
  #onLast(): void {
    const result = this.#lastResult;
    this.#lastResult = null;
    if (result === 0) this.#onPeerEnd();
    else if (result !== null) this.#failWith(result, false);
  }

  #onPeerEnd(): void {
    this.#peerEnded = true;
    if (this.#deaf) {
      if (this.#ended) this.#close(false);
      return;
    }
    if (this.#paused || !this.#incoming.empty) return;
    this.#tellEnd();
  }

  #tellEnd(): void {
    this.#endTold = true;
    this.handler.onEnd(this);
    if (this.#ended) this.#close(false);
  }

  #onSent(result: number): void {
    if (this.closed) {
      this.#outgoing.release();
      return;
    }
    if (result === -EAGAIN) {
      this.#full = true;
      this.#outgoing.settle(0);
      // It may take long: what it waits for must not keep memory that others could use.
      moveToHeap(this.#outgoing, this.#incoming.scarce);
      this.#home.engine.stuck.add(this);
      this.#touch();
      return;
    }
    if (result < 0) {
      this.#outgoing.release();
      return this.#failSoon(result);
    }
    this.taken += result;
    this.takenAt = this.#home.engine.timers.now;
    this.#outgoing.settle(result);
    if (this.#outgoing.size > 0 || this.#after !== STAY) this.#touch();
    if (this.#blocked && this.#outgoing.size <= LOW_MARK) {
      this.#blocked = false;
      if (this.#after === STAY) this.handler.onWritable(this);
    }
  }

  /** Buffers run short: what waits here keeps none. Called by the engine. */
  relieve(): void {
    moveToHeap(this.#outgoing, true);
  }

  #onRoom(): void {
    this.#home.engine.stuck.delete(this);
    this.#full = false;
    this.#touch();
  }

  /** An error or an end. A receive tells it better, unless it is being taken back; what was sent before can still be read. */
  #onPeerGone(): void {
    this.#alarmed = this.#operations.has(RECEIVE);
    if (this.#alarmed) return;
    const error = this.#home.engine.libc.getsockopt(this.#fd, SOL_SOCKET, SO_ERROR);
    if (error > 0) this.#failWith(-error, false);
  }

  /** Called by the engine: ends, and what was put off because its owner was in a call. */
  report(): void {
    this.#reporting = false;
    if (this.#gone) return;
    if (this.closed) {
      this.#gone = true;
      const delivered = this.#after >= CLOSE && this.#ended;
      this.handler.onClose(this, delivered ? null : this.#failure);
      this.#leaveWhenQuiet();
      return;
    }
    if (this.#failing) return this.fail(this.#failure!);
    if (this.#connectResult !== null) return this.#onConnected(this.#connectResult);
    if (this.#lastResult !== null) this.#onLast();
    if (!this.#redeliver) return;
    this.#redeliver = false;
    if (this.#deaf) return;
    const kept = !this.#incoming.empty;
    this.#incoming.deliverKept(this, () => this.#paused || this.closed || this.#deaf);
    if (this.closed || this.#paused || this.#deaf) return;
    this.#touch();
    if (!this.#peerEnded || this.#endTold) return;
    if (!kept) return this.#tellEnd();
    // As with what has just arrived: it is passed on before somebody answers the end with a reset.
    this.#redeliver = true;
    this.#home.engine.reportAfterwards(this);
  }

  #reportLater(): void {
    if (this.#reporting) return;
    this.#reporting = true;
    this.#home.engine.reportLater(this);
  }

  // ── the end ─────────────────────────────────────────────────────────────────────────────────────────

  #finish(after: number): void {
    if (this.closed || this.#after >= after) return;
    this.#after = after;
    if (this.#ended) this.#afterEnd();
    else this.#touch();
  }

  /** Everything is sent: ends our side. */
  #sendEnd(): void {
    this.#ended = true;
    if (this.#after !== CLOSE) this.#home.engine.libc.shutdown(this.#fd, SHUT_WR);
    this.#afterEnd();
  }

  #afterEnd(): void {
    if (this.#after === CLOSE || this.#peerEnded) {
      // An end that its owner has not been told of yet comes first.
      if (this.#after !== END || this.#endTold) this.#close(false);
    } else if (this.#after === LINGER) {
      this.#lingerTimer = this.#arm(this.#lingerTimer, LINGER_IDLE_TIMER, LINGER_IDLE);
      this.#totalTimer = this.#arm(this.#totalTimer, LINGER_TOTAL_TIMER, LINGER_TOTAL);
    }
  }

  #heardWhileDeaf(): void {
    if (this.#lingerTimer?.armed === true) {
      this.#home.engine.timers.schedule(this.#lingerTimer, LINGER_IDLE);
    }
  }

  onTimer(timer: Timer): void {
    if (this.closed) return;
    if (timer.kind === CONNECT_TIMER) this.fail({ code: "connect-timeout", detail: "ETIMEDOUT" });
    else this.#close(false);
  }

  #failWith(result: number, connecting: boolean): void {
    this.fail(failureOf(errorName(-result), connecting));
  }

  /** Fails behind what has arrived already: a peer that answers and resets is heard first. */
  #failSoon(result: number): void {
    if (this.#failing) return;
    this.#failing = true;
    this.#failure = failureOf(errorName(-result), false);
    this.#reportLater();
  }

  /** Closes the descriptor, with a reset if it can be reset. What is under way is cancelled at the end of the turn. */
  #close(reset: boolean): void {
    if (this.closed) return;
    const { engine } = this.#home;
    const dirty = this.#dirty;
    if (this.#fd >= 0) {
      if (!this.#local && this.#connected && this.#localPort === 0) this.#readLocal();
      // A receive under way holds the socket until the end of the turn: closing alone would tell the peer only then.
      if (reset) this.#reset();
      else if (this.#operations.has(RECEIVE)) engine.libc.shutdown(this.#fd, SHUT_RDWR);
      engine.ledger.closing(this.#fd);
      engine.libc.close(this.#fd);
      this.#fd = -1;
    }
    this.closed = true;
    for (const timer of [this.#connectTimer, this.#lingerTimer, this.#totalTimer]) {
      if (timer !== undefined) engine.timers.cancel(timer);
    }
    if (this.#full) engine.stuck.delete(this);
    this.#incoming.release();
    // While a send is under way its memory is the kernel's; it comes back in this turn.
    if (!this.#operations.has(SEND)) this.#outgoing.release();
    if (!dirty) this.#touch();
    this.#reportLater();
  }

  /** Only TCP can be reset. */
  #reset(): void {
    const { libc } = this.#home.engine;
    if (libc.disconnect(this.#fd) < 0) libc.setsockopt(this.#fd, SOL_SOCKET, SO_LINGER, 1, 0);
  }

  /** Nothing is left of it in the kernel, and its owner knows: the slot is free. */
  #leaveWhenQuiet(): void {
    if (this.#forgotten || !this.#gone || this.#dirty || !this.#operations.leave()) return;
    this.#forgotten = true;
    this.#home.forget(this);
  }

  #arm(timer: Timer | undefined, kind: number, delay: number): Timer {
    const armed = timer ?? new Timer(this, kind);
    this.#home.engine.timers.schedule(armed, delay);
    return armed;
  }

  #readRemote(): void {
    if (this.#home.engine.libc.getpeername(this.#fd, ADDRESS) < 0) return;
    this.remoteAddress = readHost();
    this.remotePort = readPort();
  }

  #readLocal(): void {
    if (this.#local || this.#fd < 0 || !this.#connected) return;
    this.#local = true;
    if (this.#home.engine.libc.getsockname(this.#fd, ADDRESS) < 0) return;
    this.#localAddress = readHost();
    this.#localPort = readPort();
  }
}
