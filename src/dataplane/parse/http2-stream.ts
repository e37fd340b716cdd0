/**
 * One stream of a client's HTTP/2 connection: a request with its answer, as the lifecycle sees it. What concerns other
 * streams too (windows, turns, frames) is the connection's.
 */

import type { Slice } from "#core/bytes/slice.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import { type BodyFraming, RequestHead, type ResponseHead } from "#core/http/message.ts";
import { StreamState } from "#protocol/http2/stream-state.ts";
import type { Connection, TransportFailure } from "#transport/contract.ts";
import type { ClientStream, ClientTls } from "../client-stream.ts";
import type { Exchange } from "../exchange.ts";
import { Plan } from "../plan.ts";
import type { BodyClock, BodyClockUser } from "./body-clock.ts";

/** The memory of a request, lent to streams: what a head is read into, and a record for its plan. */
export class StreamRecord {
  readonly request: RequestHead = new RequestHead();
  readonly plan: Plan = new Plan();
}

/** Records that are kept for the next who needs one, per worker. */
const MOST_KEPT = 256;
/** Arenas that grew beyond this for one large head are not kept. */
const KEPT_ARENA = 4 * 1024;
const KEPT: StreamRecord[] = [];

/** What has become of the stream of a WebSocket (`http2-tunnel.ts`). */
export interface StreamTunnel {
  /** Neither half is wanted any more. */
  readonly closing: boolean;
  /** Bytes of the client; valid during the call. */
  onBytes(slice: Slice): void;
  onPeerEnd(): void;
  /** What was queued has gone out. */
  onRoom(): void;
  /** The stream is closed. */
  gone(failure: TransportFailure | null): void;
}

/** What a stream asks of its connection. */
export interface StreamCarrier {
  readonly scheme: "http" | "https";
  readonly peerAddress: string;
  readonly localPort: number;
  readonly listener: string;
  readonly tls: ClientTls | null;
  /** A head, final or interim; `length` -1: not said. `ends`: nothing follows. */
  sendHead(stream: Http2Stream, head: ResponseHead, length: number, ends: boolean): void;
  sendData(stream: Http2Stream, slice: Slice): boolean;
  sendEnd(stream: Http2Stream, trailers: HeaderList | null): void;
  abortStream(stream: Http2Stream): void;
  /** Says that the backend has agreed to an extended CONNECT; the stream is a connection from then on. */
  openTunnel(stream: Http2Stream, head: ResponseHead): { connection: Connection; early: Slice[] };
  /** The body may come again: what was withheld of its window is given back. */
  onBodyResumed(stream: Http2Stream): void;
  onBodyTooSlow(stream: Http2Stream, detail: string): void;
}

/** See the head of this file. */
export class Http2Stream extends StreamState implements ClientStream, BodyClockUser {
  readonly request: RequestHead;
  readonly plan: Plan;
  readonly startedWall: number;
  readonly startedAt: number;
  /** Null before the head is read, and when the answer is complete or nobody wants it any more. */
  exchange: Exchange | null = null;
  /** Made for requests with a body. */
  clock: BodyClock | null = null;
  bodyPaused = false;
  /** Bytes of the body that came while it was paused: the client is told when it is resumed. */
  withheld = 0;

  // an extended CONNECT
  connects = false;
  /** Our half has ended, the client's goes on. */
  ended = false;
  /** Bytes that came before the backend has agreed; `withheld`, so they are few. */
  early: Slice[] = NONE;
  /** Once it has. */
  tunnel: StreamTunnel | null = null;

  // the answer
  /** Its head has said that nothing follows. */
  headEnds = false;
  /** Bytes of the body that wait for a window, or for their turn. */
  queue: Slice[] = NONE;
  queued = 0;
  /** Everything has been queued; `trailers` follow. */
  ending = false;
  trailers: HeaderList | null = null;
  /** When it last sent something, or began to wait, by the wheel's `now`. */
  movedAt = 0;
  /** When its queue was last empty before. */
  queuedAt = 0;

  readonly #carrier: StreamCarrier;
  #record: StreamRecord | null;

  constructor(id: number, sendWindow: number, carrier: StreamCarrier, wall: number, now: number) {
    super(id, sendWindow);
    this.#carrier = carrier;
    const record = KEPT.pop() ?? new StreamRecord();
    this.#record = record;
    this.request = record.request;
    this.plan = record.plan;
    this.startedWall = wall;
    this.startedAt = now;
  }

  get scheme(): "http" | "https" {
    return this.#carrier.scheme;
  }
  get peerAddress(): string {
    return this.#carrier.peerAddress;
  }
  get localPort(): number {
    return this.#carrier.localPort;
  }
  get listener(): string {
    return this.#carrier.listener;
  }
  get tls(): ClientTls | null {
    return this.#carrier.tls;
  }

  sendInterim(head: ResponseHead): void {
    this.#carrier.sendHead(this, head, -1, false);
  }

  sendHead(head: ResponseHead, framing: BodyFraming, contentLength: number): void {
    this.headEnds = framing === "none" || (framing === "length" && contentLength === 0);
    this.#carrier.sendHead(this, head, contentLength, this.headEnds);
  }

  sendData(slice: Slice): boolean {
    return this.#carrier.sendData(this, slice);
  }

  sendEnd(trailers: HeaderList | null): void {
    this.#carrier.sendEnd(this, trailers);
  }

  /** Other streams go on: there is nothing to close. */
  closeAfterAnswer(): void {}

  abort(): void {
    this.#carrier.abortStream(this);
  }

  pauseBody(): void {
    if (this.bodyPaused) return;
    this.bodyPaused = true;
    this.clock?.pause();
  }

  resumeBody(): void {
    if (!this.bodyPaused) return;
    this.bodyPaused = false;
    if (!this.remoteClosed) this.clock?.resume();
    this.#carrier.onBodyResumed(this);
  }

  switchProtocols(head: ResponseHead): { connection: Connection; early: Slice[] } {
    return this.#carrier.openTunnel(this, head);
  }

  get waitsForContinue(): boolean {
    return this.request.expectContinue && this.clock?.bytes === 0;
  }

  onBodyTooSlow(detail: string): void {
    this.#carrier.onBodyTooSlow(this, detail);
  }

  /** Nothing is sent any more: what waits goes. */
  dropQueue(): void {
    for (const slice of this.queue) slice.release();
    this.queue = NONE;
    this.queued = 0;
    for (const slice of this.early) slice.release();
    this.early = NONE;
  }

  /**
   * The exchange has ended and nothing looks at the request any more: its memory goes to another. Filters may keep what
   * they were shown, against their contract: it must not become another client's request.
   */
  giveBack(exchange: Exchange | null): void {
    const record = this.#record;
    this.#record = null;
    if (record === null || exchange === null || exchange.filters !== null) return;
    if (KEPT.length === MOST_KEPT || record.request.headers.bytes.length > KEPT_ARENA) return;
    record.request.reset();
    KEPT.push(record);
  }
}

const NONE: Slice[] = [];
