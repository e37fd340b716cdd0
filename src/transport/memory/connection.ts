import type { Slice } from "#core/bytes/slice.ts";
import type { Random } from "#core/random.ts";
import { Timer, type TimerOwner, type Timers } from "#core/time/timers.ts";
import {
  type Connection,
  type ConnectionHandler,
  HIGH_MARK,
  LOW_MARK,
  type SocketAddress,
  type TransportFailure,
} from "../contract.ts";
import { CLOSE, END, LINGER, LINGER_IDLE, LINGER_TOTAL, NO_HANDLER, STAY } from "../endings.ts";
import { Block, type BlockLedger } from "./block.ts";
import { Pipe, pickSize } from "./pipe.ts";

const CONNECT_TIMER = 0;
const LINGER_IDLE_TIMER = 1;
const LINGER_TOTAL_TIMER = 2;

/** What a connection can do next; the network chooses one at random. */
export type Step = "connect" | "send" | "finish" | "writable" | "data" | "end" | "reset" | "close";

/** What a connection needs of its network. */
export interface ConnectionHome extends BlockLedger {
  readonly random: Random;
  readonly timers: Timers;
  readonly window: number;
  /** There may be something to do. */
  wake(): void;
}

/** One side of a connection through the network. */
export class MemoryConnection implements Connection, TimerOwner {
  handler: ConnectionHandler = NO_HANDLER;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
  readonly security = null;
  queued = 0;
  taken = 0;
  takenAt = 0;
  closed = false;

  /** What comes in. */
  readonly incoming: Pipe;
  /** The other side; null while there is none. */
  peer: MemoryConnection | null = null;
  /** Called when it is gone. */
  readonly #forget: (connection: MemoryConnection) => void;
  readonly #network: ConnectionHome;
  readonly #timer: Timer = new Timer(this, LINGER_IDLE_TIMER);
  readonly #totalTimer: Timer = new Timer(this, LINGER_TOTAL_TIMER);
  readonly #connectTimer: Timer = new Timer(this, CONNECT_TIMER);

  #queue: Slice[] = [];
  #paused = false;
  #blocked = false;
  #connected: boolean;
  #connectReady = false;
  #after = STAY;
  #deaf = false;
  #ended = false;
  #endSeen = false;
  #closeDue = false;
  #failure: TransportFailure | null = null;

  constructor(
    network: ConnectionHome,
    local: SocketAddress,
    remote: SocketAddress,
    connected: boolean,
    forget: (connection: MemoryConnection) => void,
  ) {
    this.#network = network;
    this.localAddress = local.kind === "tcp" ? local.host : "";
    this.localPort = local.kind === "tcp" ? local.port : 0;
    this.remoteAddress = remote.kind === "tcp" ? remote.host : "";
    this.remotePort = remote.kind === "tcp" ? remote.port : 0;
    this.incoming = new Pipe(network.window);
    this.#connected = connected;
    this.#forget = forget;
  }

  /** It is up; `onConnect` is due. */
  established(peer: MemoryConnection): void {
    this.peer = peer;
    this.#connectReady = true;
  }

  /** Gives up after `ms` without a connection. */
  connectWithin(ms: number): void {
    this.#network.timers.schedule(this.#connectTimer, ms);
  }

  /** Ends it, with what is queued; `onClose` is due. The peer gets a reset unless `orderly`. */
  fail(failure: TransportFailure | null, orderly = false): void {
    if (this.#closeDue) return;
    this.closed = true;
    this.#closeDue = true;
    this.#failure = failure;
    this.#network.timers.cancel(this.#timer);
    this.#network.timers.cancel(this.#totalTimer);
    this.#network.timers.cancel(this.#connectTimer);
    for (const slice of this.#queue) slice.release();
    this.#queue = [];
    this.queued = 0;
    const unread = this.incoming.length > 0;
    this.incoming.clear();
    // As a kernel does it: closing a socket with unread bytes resets the connection.
    if (!orderly || unread) this.peer?.reset();
  }

  /** The peer has reset the connection: what it had sent is lost with it. */
  reset(): void {
    this.incoming.clear();
    const delivered = this.#after >= CLOSE && this.#ended;
    this.fail(delivered ? null : { code: "reset", detail: "ECONNRESET" }, true);
  }

  write(slices: readonly Slice[]): boolean {
    if (this.closed || this.#after !== STAY) {
      for (const slice of slices) slice.release();
      if (this.closed) return true;
      throw new Error("write after end, close or lingerClose");
    }
    for (const slice of slices) {
      if (slice.length === 0) {
        slice.release();
      } else {
        this.queued += slice.length;
        this.#queue.push(slice);
      }
    }
    this.#network.wake();
    if (this.queued <= HIGH_MARK) return true;
    this.#blocked = true;
    return false;
  }

  pause(): void {
    if (!this.#deaf) this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#network.wake();
  }

  end(): void {
    this.#finish(END);
  }

  close(): void {
    this.#deaf = true;
    this.#finish(CLOSE);
  }

  lingerClose(): void {
    this.#deaf = true;
    this.resume();
    this.#finish(LINGER);
  }

  abort(): void {
    if (this.closed) return;
    this.fail(null);
    this.#network.wake();
  }

  onTimer(timer: Timer): void {
    if (timer.kind === CONNECT_TIMER) this.fail({ code: "connect-timeout", detail: "ETIMEDOUT" });
    else this.fail(null, true);
  }

  /** Adds what it can do now to `steps`. */
  listSteps(steps: Step[]): void {
    if (this.#closeDue) {
      steps.push("close");
      return;
    }
    if (this.#connectReady) {
      steps.push("connect");
      return;
    }
    if (!this.#connected || this.peer === null) return;
    if (this.#queue.length > 0) {
      if (this.peer.incoming.room > 0 || this.peer.incoming.exhausted || this.peer.closed)
        steps.push("send");
    } else if (this.#after !== STAY && !this.#ended) {
      steps.push("finish");
    }
    if (this.#blocked && this.queued <= LOW_MARK && this.#after === STAY) steps.push("writable");
    const { incoming } = this;
    if (incoming.broken && incoming.length === 0) {
      steps.push("reset");
      return;
    }
    if (this.#paused || incoming.stalled || (this.#after === CLOSE && this.#deaf)) return;
    if (incoming.length > 0) steps.push("data");
    else if (incoming.finished && !this.#endSeen) steps.push("end");
  }

  /** Does one of them. */
  perform(step: Step): void {
    switch (step) {
      case "connect":
        this.#connectReady = false;
        this.#connected = true;
        this.#network.timers.cancel(this.#connectTimer);
        this.handler.onConnect(this);
        return;
      case "send":
        this.#send();
        return;
      case "finish":
        this.#sendEnd();
        return;
      case "writable":
        this.#blocked = false;
        this.handler.onWritable(this);
        return;
      case "data":
        this.#receive();
        return;
      case "end":
        this.#receiveEnd();
        return;
      case "reset":
        this.reset();
        return;
      case "close":
        this.#closeDue = false;
        this.#forget(this);
        this.handler.onClose(this, this.#failure);
        this.handler = GONE;
        return;
    }
  }

  #finish(after: number): void {
    if (this.closed || this.#after >= after) return;
    this.#after = after;
    if (this.#ended) this.#afterEnd();
    this.#network.wake();
  }

  #send(): void {
    const peer = this.peer!;
    if (peer.closed) {
      this.fail({ code: "reset", detail: "EPIPE" }, true);
      return;
    }
    const pipe = peer.incoming;
    if (pipe.exhausted) {
      pipe.broken = true;
      this.reset();
      return;
    }
    let left = pickSize(this.#network.random, Math.min(pipe.room, this.queued));
    while (left > 0) {
      const slice = this.#queue[0]!;
      const size = Math.min(left, slice.length);
      pipe.put(slice.bytes.subarray(slice.offset, slice.offset + size));
      this.taken += size;
      this.takenAt = this.#network.timers.now;
      this.queued -= size;
      left -= size;
      if (size === slice.length) {
        this.#queue.shift();
        slice.release();
      } else {
        slice.offset += size;
        slice.length -= size;
      }
    }
  }

  #sendEnd(): void {
    this.#ended = true;
    if (!this.peer!.closed) this.peer!.incoming.finished = true;
    this.#afterEnd();
  }

  #afterEnd(): void {
    if (this.#after === CLOSE || this.#endSeen) {
      this.fail(null, true);
    } else if (this.#after === LINGER) {
      this.#network.timers.schedule(this.#timer, LINGER_IDLE);
      this.#network.timers.schedule(this.#totalTimer, LINGER_TOTAL);
    }
  }

  #receive(): void {
    const block = new Block(
      this.#network,
      this.incoming.pick(this.#network.random),
      "received bytes",
    );
    this.incoming.take(block.bytes);
    if (this.#deaf) {
      if (this.#totalTimer.armed) this.#network.timers.schedule(this.#timer, LINGER_IDLE);
      block.release();
      return;
    }
    const slice = block.slice();
    this.handler.onData(this, slice);
    slice.release();
  }

  #receiveEnd(): void {
    this.#endSeen = true;
    if (!this.#deaf) this.handler.onEnd(this);
    if (this.#ended) this.fail(null, true);
  }
}

const GONE: ConnectionHandler = {
  onConnect: accuse,
  onData: accuse,
  onEnd: accuse,
  onWritable: accuse,
  onClose: accuse,
};

function accuse(): never {
  throw new Error("a handler was called after onClose");
}
