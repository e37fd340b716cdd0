import { type Slice, sliceOf } from "#core/bytes/slice.ts";
import { Timer, type TimerOwner } from "#core/time/timers.ts";
import {
  type Connection,
  type ConnectionHandler,
  HIGH_MARK,
  LOW_MARK,
  type TransportFailure,
} from "../../contract.ts";
import { CLOSE, END, LINGER, STAY } from "../../endings.ts";
import type { Security } from "../../tls.ts";
import type { Engine, Party, Stuck } from "../engine.ts";
import { moveToHeap } from "../heap.ts";
import type { Ssl } from "../native/ssl.ts";
import type { SendMemory } from "../send-memory.ts";
import { Decryption, LARGEST_READ } from "./decryption.ts";
import { faultOf, TRUNCATED } from "./faults.ts";
import { type Gathering, Plaintext } from "./plaintext.ts";

/** A record at the most, and what it adds to what is in it: header, explicit nonce, tag (RFC 5288 §3, RFC 8446 §5.2); some to spare. */
const RECORD = 16 * 1024;
const RECORD_OVERHEAD = 64;
/** How long the last record of a connection may take, and its peer to leave when it was told why, in ms. */
const FAREWELL = 2_000;
/**
 * Encrypted bytes that may wait: more than the high mark and what is encrypted at once can only be answers to a peer that asks
 * for ever new keys (RFC 8446 §4.6.3) and reads none of them.
 */
const MOST_QUEUED = 2 * HIGH_MARK;
const FLOODED: TransportFailure = { code: "tls", detail: "too many key updates" };
/** How often a session is looked for: a backend that gives none is not asked for ever. */
const SESSION_LOOKS = 4;

/** Not begun, shaking hands, open. */
const START = 0;
const HANDSHAKE = 1;
const OPEN = 2;

/** The connection underneath. */
export interface RawConnection extends Connection {
  /** Calls `onWritable` when little is queued. @returns false if that is so already */
  callWhenWritable(): boolean;
}

/** What a connection needs of whoever has made it. */
export interface SecureHome {
  readonly engine: Pick<Engine, "flushLater" | "reportLater" | "stuck" | "memory" | "timers">;
  /** Memory that is decrypted into. */
  readonly plain: SendMemory;
  /** Memory that small slices are gathered in, of whoever encrypts. */
  readonly gathering: Gathering;
}

/** The one slice that is written; empty between calls. */
const OUT: Slice[] = [];

/**
 * A connection with TLS over one of io_uring, which belongs to it.
 *
 * What arrives is decrypted at once and shown; while the owner is paused, what had been received already is kept as it came. What is
 * written is gathered until the end of the turn, and encrypted as far as the socket takes it: what waits beyond the high
 * mark waits as plain bytes.
 *
 * The `SSL` is freed as soon as nothing more is to be read or written, before anybody is told; `closed` or `#deaf` then keeps
 * everybody from it.
 */
export class SecureConnection implements Connection, ConnectionHandler, Party, Stuck, TimerOwner {
  handler: ConnectionHandler;
  closed = false;
  security: Security | null = null;

  readonly #home: SecureHome;
  readonly #raw: RawConnection;
  readonly #ssl: Ssl;
  readonly #plaintext: Plaintext;
  readonly #decryption: Decryption;
  /** Of a client: keeps the session, and says whether there is one. */
  readonly #remember: ((ssl: Ssl) => boolean) | null;
  #sessionLooks = SESSION_LOOKS;

  #phase = START;
  /** What has arrived and was not decrypted. */
  #pending: Slice[];
  #paused = false;
  /** Nothing that arrives is of interest any more. */
  #deaf = false;
  /** The peer has said that nothing more comes; and whether the owner was told. */
  #peerEnded = false;
  #endTold = false;
  /** The peer has ended its side of the socket. */
  #rawEnded = false;

  /** `write` has answered false and `onWritable` has not been called since. */
  #blocked = false;
  /** The raw connection has enough to send. */
  #rawBlocked = false;
  #writableDue = false;
  #after = STAY;
  /** We have said that nothing more comes. */
  #ended = false;
  /** What the socket has to take until all of the owner's bytes are on their way. */
  #lastByte = 0;

  #failure: TransportFailure | null = null;
  #gone = false;
  #dirty = false;
  #reporting = false;
  #farewell: Timer | undefined;

  /**
   * @param received what has been read of it already
   * @param remember of a client: keeps the session of the connection, and says whether there is one
   */
  constructor(
    home: SecureHome,
    raw: RawConnection,
    ssl: Ssl,
    handler: ConnectionHandler,
    received: readonly Slice[],
    remember: ((ssl: Ssl) => boolean) | null,
  ) {
    this.#home = home;
    this.#raw = raw;
    this.#ssl = ssl;
    this.handler = handler;
    this.#pending = [...received];
    this.#remember = remember;
    this.#decryption = new Decryption(ssl, home.plain);
    this.#plaintext = new Plaintext(home.gathering);
    raw.handler = this;
    // It was given up before it came here: whoever has it is told.
    if (raw.closed) this.#finish();
    raw.resume();
    this.#reportLater();
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
    return this.#plaintext.size + this.#raw.queued;
  }

  get taken(): number {
    return this.#raw.taken;
  }

  get takenAt(): number {
    return this.#raw.takenAt;
  }

  write(slices: readonly Slice[]): boolean {
    if (this.closed) {
      for (let i = 0; i < slices.length; i++) slices[i]!.release();
      return true;
    }
    if (this.#after !== STAY) {
      for (const slice of slices) slice.release();
      throw new Error("write after end, close or lingerClose");
    }
    for (let i = 0; i < slices.length; i++) this.#plaintext.push(slices[i]!);
    this.#touch();
    if (this.queued <= HIGH_MARK) return true;
    this.#blocked = true;
    return false;
  }

  pause(): void {
    if (this.#paused || this.#deaf || this.closed) return;
    this.#paused = true;
    // The handshake goes on.
    if (this.#phase === OPEN) this.#raw.pause();
  }

  resume(): void {
    if (!this.#paused || this.closed) return;
    this.#paused = false;
    // After the peer's end nothing is read any more.
    if (this.#peerEnded) {
      if (!this.#endTold) this.#reportLater();
      return;
    }
    if (this.#pending.length > 0 || this.#rawEnded) this.#reportLater();
    this.#raw.resume();
  }

  end(): void {
    this.#endAs(END);
  }

  close(): void {
    if (this.closed) return;
    this.#turnDeaf();
    if (this.queued > 0 || this.#after !== STAY) return this.#endAs(CLOSE);
    // With nothing to send it is closed when this returns; the last record is on its way.
    this.#after = CLOSE;
    this.#sayGoodbye();
    this.#finish();
    this.#raw.close();
    this.#limitFarewell();
  }

  lingerClose(): void {
    if (this.closed) return;
    this.#turnDeaf();
    this.#endAs(LINGER);
  }

  abort(): void {
    if (this.#gone) return;
    this.#finish();
    this.#raw.abort();
  }

  // ── the raw connection ──────────────────────────────────────────────────────────────────────────────

  /** It was up before it came here. */
  onConnect(): void {}

  onData(_raw: Connection, slice: Slice): void {
    if (this.closed || this.#peerEnded) return;
    if (this.#phase === OPEN) {
      if (this.#deaf) return;
      if (!this.#paused && this.#pending.length === 0) return this.#consume(slice);
    }
    this.#pending.push(slice.part(0, slice.length));
    this.#consumePending();
  }

  onEnd(): void {
    this.#rawEnded = true;
    if (this.#pending.length === 0) this.#onRawEnded();
  }

  onWritable(): void {
    this.#rawBlocked = false;
    this.#home.engine.stuck.delete(this);
    if (this.closed) return;
    if (this.#plaintext.size > 0) this.#touch();
    this.#tellWritable();
  }

  onClose(_raw: Connection, failure: TransportFailure | null): void {
    this.#finish();
    this.#tellClosed(failure);
  }

  // ── what the engine calls ───────────────────────────────────────────────────────────────────────────

  /** Encrypts what was written in this turn, as far as the socket takes it. */
  flush(): void {
    this.#dirty = false;
    if (this.closed) return;
    if (this.#phase !== OPEN) {
      // Nothing was said yet, so there is nothing to end.
      if (this.#after >= CLOSE && this.#plaintext.size === 0) this.#endRaw();
      return;
    }
    while (this.#plaintext.size > 0 && !this.#rawBlocked && !this.closed) this.#encrypt();
    if (this.closed) return;
    if (this.#plaintext.size > 0) this.#home.engine.stuck.add(this);
    else if (this.#after !== STAY && !this.#ended) this.#endRaw();
    if (this.#blocked && !this.#raw.callWhenWritable()) {
      this.#writableDue = true;
      this.#reportLater();
    }
  }

  /** What was put off because its owner was in a call. */
  report(): void {
    this.#reporting = false;
    if (this.#gone) return;
    if (this.closed) {
      // Of one that was gone before it came here nobody tells us.
      if (this.#phase === START) this.#tellClosed(null);
      return;
    }
    if (this.#phase === START) {
      this.#phase = HANDSHAKE;
      if (this.#remember !== null) this.#shakeHands();
    }
    this.#consumePending();
    if (this.closed) return;
    if (this.#peerEnded) this.#tellEnd();
    if (this.#writableDue) {
      this.#writableDue = false;
      this.#tellWritable();
    }
  }

  /** Buffers run short: what waits here keeps none. */
  relieve(): void {
    moveToHeap(this.#plaintext, true);
  }

  /** The last record finds no room, or the peer does not leave. */
  onTimer(): void {
    this.#raw.abort();
  }

  // ── reading ─────────────────────────────────────────────────────────────────────────────────────────

  get #reads(): boolean {
    if (this.closed || this.#peerEnded) return false;
    return this.#phase === HANDSHAKE || (this.#phase === OPEN && !this.#paused && !this.#deaf);
  }

  /** Decrypts what was kept, as long as somebody wants it. */
  #consumePending(): void {
    while (this.#pending.length > 0 && this.#reads) {
      const slice = this.#pending.shift()!;
      try {
        this.#consume(slice);
      } finally {
        slice.release();
      }
    }
    if (this.#rawEnded && this.#pending.length === 0) this.#onRawEnded();
  }

  /** Decrypts a slice, or keeps what nobody wants yet. */
  #consume(slice: Slice): void {
    let at = 0;
    while (at < slice.length && this.#reads) {
      const length = Math.min(slice.length - at, LARGEST_READ);
      const start = at;
      at += length;
      if (this.#phase === OPEN) {
        this.#decrypt(slice, start, length);
      } else {
        this.#ssl.feed(slice, start, length);
        const rest = this.#shakeHands();
        if (rest === null) continue;
        if (this.closed) return;
        // What came behind the handshake is read first.
        if (at < slice.length) this.#pending.unshift(slice.part(at, slice.length - at));
        this.#pending.unshift(sliceOf(rest));
        return;
      }
    }
    if (at < slice.length && !this.closed && !this.#peerEnded) {
      this.#pending.unshift(slice.part(at, slice.length - at));
    }
  }

  #decrypt(slice: Slice, start: number, length: number): void {
    const decryption = this.#decryption;
    const plain = decryption.decrypt(slice, start, length);
    const { outcome, failure } = decryption;
    // Whatever was said beside data is answered before anybody else uses the shared memory.
    const alerted = outcome !== null && this.#sendWritten();
    if (this.#raw.queued > MOST_QUEUED) {
      plain.release();
      return this.#fail(FLOODED, false);
    }
    this.#lookForSession();
    this.#show(plain);
    if (this.closed || outcome === null || outcome === "more") return;
    if (outcome === "end") this.#onPeerEnd();
    else this.#fail(failure!, alerted);
  }

  #show(slice: Slice): void {
    try {
      if (slice.length > 0 && !this.#deaf) this.handler.onData(this, slice);
    } finally {
      slice.release();
    }
  }

  #lookForSession(): void {
    if (this.#remember === null || this.#sessionLooks === 0) return;
    this.#sessionLooks = this.#remember(this.#ssl) ? 0 : this.#sessionLooks - 1;
  }

  /** The peer's close_notify. */
  #onPeerEnd(): void {
    this.#peerEnded = true;
    this.#releasePending();
    // What may come now is no part of the conversation.
    this.#raw.pause();
    this.#tellEnd();
  }

  #tellEnd(): void {
    if (this.#endTold || this.#paused || this.#deaf) return;
    this.#endTold = true;
    this.handler.onEnd(this);
    if (!this.closed && this.#ended) this.#raw.close();
  }

  /** The peer's side of the socket has ended. Behind a close_notify that means nothing. */
  #onRawEnded(): void {
    if (this.closed || this.#peerEnded || this.#deaf) return;
    this.#failure = TRUNCATED;
    this.#finish();
    this.#raw.abort();
  }

  // ── shaking hands ───────────────────────────────────────────────────────────────────────────────────

  /** @returns what arrived behind the handshake when it is over; null before, or if it has failed */
  #shakeHands(): Uint8Array | null {
    const ssl = this.#ssl;
    const outcome = ssl.handshake();
    const fault = outcome === "fault" ? faultOf(ssl) : null;
    const alerted = this.#sendWritten();
    if (outcome === "more") return null;
    if (outcome !== "done") {
      this.#fail(fault ?? { code: "tls", detail: "close notify" }, alerted);
      return null;
    }
    const rest = ssl.unread() ?? NOTHING;
    this.security = ssl.security();
    ssl.established();
    this.#phase = OPEN;
    if (this.security.version === "TLSv1.2") this.#lookForSession();
    if (this.#paused) this.#raw.pause();
    this.#touch();
    if (!this.#deaf) this.handler.onConnect(this);
    return rest;
  }

  // ── writing ─────────────────────────────────────────────────────────────────────────────────────────

  #encrypt(): void {
    const ssl = this.#ssl;
    const plaintext = this.#plaintext;
    const length = plaintext.next();
    const records = Math.ceil(length / RECORD);
    const room = length + records * RECORD_OVERHEAD;
    const out = this.#home.engine.memory.cut(room);
    if (!ssl.write(plaintext.owner, plaintext.start, length)) {
      out.release();
      const fault = faultOf(ssl);
      return this.#fail(fault, this.#sendWritten());
    }
    plaintext.take(length);
    out.length = ssl.take(out, 0);
    const full = out.length === room;
    this.#send(out);
    if (full) this.#sendWritten();
  }

  /** Sends what OpenSSL has to say by itself: the handshake, answers, alerts. @returns whether there was anything */
  #sendWritten(): boolean {
    const length = this.#ssl.written();
    if (length === 0) return false;
    const out = this.#home.engine.memory.cut(length);
    this.#ssl.take(out, 0);
    this.#send(out);
    return true;
  }

  #send(slice: Slice): void {
    OUT.push(slice);
    if (!this.#raw.write(OUT)) this.#rawBlocked = true;
    OUT.pop();
  }

  #tellWritable(): void {
    if (!this.#blocked || this.#after !== STAY || this.queued > LOW_MARK) return;
    this.#blocked = false;
    this.handler.onWritable(this);
  }

  // ── the end ─────────────────────────────────────────────────────────────────────────────────────────

  #endAs(after: number): void {
    if (this.closed || this.#after >= after) return;
    this.#after = after;
    if (this.#ended) this.#endRaw();
    else this.#touch();
  }

  /** Everything is encrypted: says so, and ends the raw connection as it was asked for. */
  #endRaw(): void {
    if (!this.#ended) this.#sayGoodbye();
    if (this.#after === LINGER) this.#raw.lingerClose();
    else if (this.#after === CLOSE || (this.#peerEnded && this.#endTold)) this.#raw.close();
    else this.#raw.end();
    if (this.#after >= CLOSE) this.#letGo();
  }

  #sayGoodbye(): void {
    this.#ended = true;
    this.#lastByte = this.#raw.taken + this.#raw.queued;
    if (this.#phase !== OPEN || this.#ssl.freed) return;
    this.#ssl.shutdown();
    this.#sendWritten();
  }

  #turnDeaf(): void {
    this.#deaf = true;
    this.#paused = false;
    if (this.#phase === OPEN) this.#releasePending();
    // Reading goes on, so that the peer's end is seen.
    this.#raw.resume();
  }

  /**
   * Fails, when what is to be said of it has been handed to the raw connection.
   *
   * @param alerted the peer is told why
   */
  #fail(failure: TransportFailure, alerted: boolean): void {
    this.#failure = failure;
    this.#finish();
    // A client that is still sending would be answered with a reset, which destroys the alert that it has not read yet. To a
    // backend nobody owes that, and whoever asked for it waits.
    if (alerted && this.#remember === null) this.#raw.lingerClose();
    else this.#raw.close();
    this.#limitFarewell();
  }

  /** Nobody waits for the end of the raw connection any more: it comes soon. */
  #limitFarewell(): void {
    if (this.#raw.closed) return;
    this.#farewell = new Timer(this, 0);
    this.#home.engine.timers.schedule(this.#farewell, FAREWELL);
  }

  /** Nothing is read or written any more, and nobody has to be told of anything but the end. */
  #finish(): void {
    this.closed = true;
    this.#letGo();
    this.#plaintext.clear();
    this.#home.engine.stuck.delete(this);
  }

  #letGo(): void {
    this.#ssl.free();
    this.#releasePending();
  }

  #releasePending(): void {
    for (const slice of this.#pending.splice(0)) slice.release();
  }

  #tellClosed(failure: TransportFailure | null): void {
    if (this.#gone) return;
    this.#gone = true;
    if (this.#farewell !== undefined) this.#home.engine.timers.cancel(this.#farewell);
    // A peer that has said goodbye need not wait for ours.
    const over = this.#peerEnded && this.#ended && this.#raw.taken >= this.#lastByte;
    this.handler.onClose(this, this.#failure ?? (over ? null : failure));
  }

  #touch(): void {
    if (this.#dirty) return;
    this.#dirty = true;
    this.#home.engine.flushLater(this);
  }

  #reportLater(): void {
    if (this.#reporting) return;
    this.#reporting = true;
    this.#home.engine.reportLater(this);
  }
}

const NOTHING = new Uint8Array(0);
