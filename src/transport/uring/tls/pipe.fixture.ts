/** Two connections in memory under a pair of secure ones, whose bytes a test can cut, spoil and withhold. */

import { Slice, type SliceOwner } from "#core/bytes/slice.ts";
import { TimerWheel } from "#core/time/wheel.ts";
import {
  type ConnectionHandler,
  HIGH_MARK,
  LOW_MARK,
  type TransportFailure,
} from "../../contract.ts";
import { CLOSE, END, LINGER, NO_HANDLER, STAY } from "../../endings.ts";
import type { Party, Stuck } from "../engine.ts";
import { Ledger } from "../ledger.ts";
import { Libc } from "../native/libc.ts";
import { Mapping } from "../native/mapping.ts";
import { SendMemory } from "../send-memory.ts";
import { Gathering, LARGEST_WRITE } from "./plaintext.ts";
import type { RawConnection, SecureHome } from "./secure-connection.ts";

/** Turns that a test makes itself, with memory as the engine has it. */
export class Turns implements SecureHome {
  readonly stuck: Set<Stuck> = new Set();
  readonly timers: TimerWheel = new TimerWheel(0);
  readonly memory: SendMemory;
  readonly plain: SendMemory;
  readonly gathering: Gathering;
  readonly engine: SecureHome["engine"] = this;
  /** Slices of the heap that are not released. */
  kept = 0;
  readonly #flushes: Party[] = [];
  readonly #reports: Party[] = [];

  constructor() {
    const libc = new Libc();
    const ledger = Ledger.alone();
    this.memory = new SendMemory(libc, ledger);
    this.plain = new SendMemory(libc, ledger);
    this.gathering = new Gathering(Mapping.anonymous(libc, ledger, LARGEST_WRITE));
  }

  flushLater(party: Party): void {
    this.#flushes.push(party);
  }

  reportLater(party: Party): void {
    this.#reports.push(party);
  }

  /** Does what was put off, as the engine does: reports before entries. @returns whether there was anything */
  run(): boolean {
    let ran = false;
    for (;;) {
      const report = this.#reports.shift();
      const flush = report === undefined ? this.#flushes.shift() : undefined;
      if (report === undefined && flush === undefined) return ran;
      ran = true;
      report?.report();
      flush?.flush();
    }
  }

  /** Slabs of memory that somebody still has; unmaps the rest. */
  close(): number {
    return this.memory.close() + this.plain.close();
  }
}

/** Whoever looks at bytes after they were released sees rubbish. */
export class Counted implements SliceOwner {
  #references = 1;
  readonly #turns: Turns;
  readonly #bytes: Uint8Array;

  constructor(turns: Turns, bytes: Uint8Array) {
    this.#turns = turns;
    this.#bytes = bytes;
    turns.kept++;
  }

  retain(): void {
    this.#references++;
  }

  release(): void {
    this.#references--;
    if (this.#references < 0) throw new Error("a slice was released twice");
    if (this.#references > 0) return;
    this.#bytes.fill(0xee);
    this.#turns.kept--;
  }
}

/** One end of a connection without TLS. */
export class Pipe implements RawConnection, Party {
  handler: ConnectionHandler = NO_HANDLER;
  readonly remoteAddress = "";
  readonly remotePort = 0;
  readonly localAddress = "";
  readonly localPort = 0;
  readonly security = null;
  queued = 0;
  taken = 0;
  readonly takenAt = 0;
  closed = false;
  /** What was sent and has not arrived. */
  readonly sent: Buffer[] = [];
  /** What arrived while nothing was read. */
  readonly #kept: Slice[] = [];
  readonly #turns: Turns;
  #paused = false;
  #deaf = false;
  #blocked = false;
  #after = STAY;
  #ended = false;
  /** The end is under way to the other. */
  #endDue = false;
  #peerEnded = false;
  #endTold = false;
  #gone = false;
  #failure: TransportFailure | null = null;
  other!: Pipe;

  private constructor(turns: Turns) {
    this.#turns = turns;
  }

  static pair(turns: Turns): [Pipe, Pipe] {
    const pipes: [Pipe, Pipe] = [new Pipe(turns), new Pipe(turns)];
    pipes[0].other = pipes[1];
    pipes[1].other = pipes[0];
    return pipes;
  }

  write(slices: readonly Slice[]): boolean {
    if (!this.closed && this.#after !== STAY) throw new Error("write after end");
    for (const slice of slices) {
      if (!this.closed) {
        this.sent.push(Buffer.from(slice.view()));
        this.queued += slice.length;
      }
      slice.release();
    }
    if (this.queued <= HIGH_MARK) return true;
    this.#blocked = true;
    return false;
  }

  callWhenWritable(): boolean {
    if (this.closed || this.queued <= LOW_MARK) return false;
    this.#blocked = true;
    return true;
  }

  pause(): void {
    if (!this.#deaf) this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    this.#turns.reportLater(this);
  }

  end(): void {
    this.#after = Math.max(this.#after, END);
  }

  close(): void {
    this.#deaf = true;
    this.#after = Math.max(this.#after, CLOSE);
    if (this.sent.length === 0) this.#end();
  }

  lingerClose(): void {
    this.#deaf = true;
    this.#paused = false;
    this.#after = LINGER;
  }

  abort(): void {
    this.#close(null);
    if (!this.#endDue) this.#reset();
  }

  flush(): void {}

  report(): void {
    if (this.#gone) return;
    if (this.closed) {
      this.#gone = true;
      this.handler.onClose(this, this.#failure);
      return;
    }
    while (this.#kept.length > 0 && !this.#paused && !this.closed) this.#show(this.#kept.shift()!);
    if (this.#peerEnded) this.#tellEnd();
  }

  /** Lets the next piece arrive, or the end behind the last. @returns whether there was any */
  deliver(change: (bytes: Buffer) => Buffer): boolean {
    if (this.#endDue) {
      this.#endDue = false;
      this.other.#onPeerEnd();
      return true;
    }
    if (this.closed) return false;
    const bytes = this.sent.shift();
    if (bytes === undefined) {
      if (this.#after === STAY || this.#ended) return false;
      this.#end();
      return true;
    }
    this.queued -= bytes.length;
    this.taken += bytes.length;
    const changed = change(bytes);
    const owner = new Counted(this.#turns, changed);
    this.other.#receive(new Slice(changed, 0, changed.length, owner));
    if (this.#blocked && this.queued <= LOW_MARK && !this.closed) {
      this.#blocked = false;
      if (this.#after === STAY) this.handler.onWritable(this);
    }
    return true;
  }

  /** The network ends it for both. */
  reset(): void {
    for (const end of [this, this.other]) {
      if (!end.closed) end.#close({ code: "reset", detail: "ECONNRESET" });
    }
  }

  #receive(slice: Slice): void {
    if (this.closed || this.#deaf) slice.release();
    else if (this.#paused || this.#kept.length > 0) this.#kept.push(slice);
    else this.#show(slice);
  }

  #show(slice: Slice): void {
    this.handler.onData(this, slice);
    slice.release();
  }

  #onPeerEnd(): void {
    this.#peerEnded = true;
    if (this.closed) return;
    if (this.#deaf) {
      if (this.#ended) this.#close(null);
    } else if (!this.#paused && this.#kept.length === 0) this.#tellEnd();
  }

  #tellEnd(): void {
    if (this.#endTold || this.#paused || this.closed || this.#deaf) return;
    this.#endTold = true;
    this.handler.onEnd(this);
    if (this.#ended) this.#close(null);
  }

  #close(failure: TransportFailure | null): void {
    if (this.closed) return;
    this.closed = true;
    this.#failure = failure;
    for (const slice of this.#kept.splice(0)) slice.release();
    this.sent.length = 0;
    this.queued = 0;
    this.#turns.reportLater(this);
  }

  /** Everything was sent: the end is under way. */
  #end(): void {
    if (!this.#ended) this.#endDue = true;
    this.#ended = true;
    if (this.#after === CLOSE || this.#peerEnded) this.#close(null);
  }

  #reset(): void {
    if (!this.other.closed) this.other.#close({ code: "reset", detail: "ECONNRESET" });
  }
}
