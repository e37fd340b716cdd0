/** What feeds a client from the cache, in the place of an attempt: an answer of the store, a fill, or both in turn. */

import type { Failure } from "#core/errors.ts";
import { failure } from "#core/errors.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import type { RequestHead, ResponseHead } from "#core/http/message.ts";
import type { Slice } from "#core/bytes/slice.ts";
import type { Transport } from "#transport/contract.ts";
import type { AttemptHandle, Exchange } from "../exchange.ts";
import type { CachedAnswer } from "../route-cache.ts";
import type { FillLeader, FillStream } from "./fill-stream.ts";

/** Bytes that are copied at a time, and at most that many where the length is not known. */
const MOST = 64 * 1024;
const UNKNOWN = 16 * 1024;

/** What is told of the client's answer. */
export interface ReaderUser {
  onCacheHead(exchange: Exchange, head: ResponseHead): void;
  /** Takes the slice. */
  sendData(exchange: Exchange, slice: Slice): void;
  onResponseEnd(exchange: Exchange, trailers: HeaderList | null): void;
  fail(exchange: Exchange, fault: Failure): void;
}

/** See the head of this file. */
export class CacheReader implements AttemptHandle, FillLeader {
  readonly #transport: Transport;
  readonly #exchange: Exchange;
  readonly #user: ReaderUser;
  #answer: CachedAnswer | null = null;
  #stream: FillStream | null;
  /** Bytes that are still to come of a known length; -1: it is not known. */
  #left = -1;
  /** Not before the head has been sent, and not while the client takes nothing. */
  #paused = true;
  #flowing = false;
  #over = false;

  /** @param stream the fill that is waited for; null: `begin` says what is read */
  constructor(
    transport: Transport,
    exchange: Exchange,
    stream: FillStream | null,
    user: ReaderUser,
  ) {
    this.#transport = transport;
    this.#exchange = exchange;
    this.#stream = stream;
    this.#user = user;
  }

  get request(): RequestHead {
    return this.#exchange.request;
  }

  /** The head goes to the client; its body follows when `resumeResponse` is called. */
  begin(head: ResponseHead, answer: CachedAnswer | null): void {
    this.#answer = answer;
    this.#left = head.framing === "length" ? head.contentLength : -1;
    if (answer !== null) answer.onMore = () => this.#flow();
    this.#user.onCacheHead(this.#exchange, head);
  }

  // ── what the fill tells ─────────────────────────────────────────────────────────────────────────────

  onFillHead(head: ResponseHead, answer: CachedAnswer | null): void {
    const { exchange } = this.#stream!;
    if (exchange !== null) takeFigures(exchange, this.#exchange);
    this.begin(head, answer);
  }

  onFillFailed(fault: Failure): void {
    const { exchange } = this.#stream!;
    if (exchange !== null) takeFigures(exchange, this.#exchange);
    this.#fail(fault);
  }

  onFillProgress(): void {
    this.#flow();
  }

  // ── what the client does ────────────────────────────────────────────────────────────────────────────

  pump(): void {}

  pauseResponse(): void {
    this.#paused = true;
  }

  resumeResponse(): void {
    this.#paused = false;
    this.#flow();
  }

  abort(): void {
    if (this.#over) return;
    this.#over = true;
    this.#answer?.release();
    this.#stream?.leave();
  }

  // ── the body ────────────────────────────────────────────────────────────────────────────────────────

  #flow(): void {
    // Sending may call back here.
    if (this.#flowing || this.#paused || this.#over) return;
    this.#flowing = true;
    while (!this.#paused && !this.#over && this.#step());
    this.#flowing = false;
  }

  /** Sends a piece; false: there is none at present, or no more. */
  #step(): boolean {
    const answer = this.#answer;
    if (answer === null) return this.#stepLive();
    if (this.#exchange.bodiless || this.#left === 0) return this.#end(null);
    const size = this.#left < 0 ? UNKNOWN : Math.min(this.#left, MOST);
    const slice = this.#transport.allocate(size);
    let count = answer.read(slice.bytes, slice.offset, size);
    if (count === 0) {
      answer.awaitMore();
      count = answer.read(slice.bytes, slice.offset, size);
    }
    if (count <= 0) {
      slice.release();
      if (count === -1) return this.#end(null);
      return count === -2 && this.#breakOff(answer);
    }
    slice.length = count;
    if (this.#left > 0) this.#left -= count;
    this.#user.sendData(this.#exchange, slice);
    return true;
  }

  /** There is no more of it in the store. True: the fill has the rest. */
  #breakOff(answer: CachedAnswer): boolean {
    const stream = this.#stream;
    if (stream === null || !stream.live) {
      this.#fail(stream?.fault ?? failure("response_truncated", "of a fill that others read"));
      return false;
    }
    answer.release();
    this.#answer = null;
    return true;
  }

  #stepLive(): boolean {
    const stream = this.#stream!;
    const slice = stream.waiting.shift();
    if (slice !== undefined) {
      this.#user.sendData(this.#exchange, slice);
      return true;
    }
    if (!stream.ended) {
      stream.resume();
      return false;
    }
    if (stream.fault === null) return this.#end(stream.trailers);
    this.#fail(stream.fault);
    return false;
  }

  #end(trailers: HeaderList | null): false {
    this.#over = true;
    this.#answer?.release();
    this.#stream?.leave();
    this.#user.onResponseEnd(this.#exchange, trailers);
    return false;
  }

  #fail(fault: Failure): void {
    this.#over = true;
    this.#answer?.release();
    this.#stream?.leave();
    this.#user.fail(this.#exchange, fault);
  }
}

/** For the log, the client's request went where the fill's did. */
function takeFigures(fill: Exchange, client: Exchange): void {
  client.endpoint = fill.endpoint;
  client.attempts = fill.attempts;
  client.retries = fill.retries;
  client.queueMs = fill.queueMs;
  client.connectMs = fill.connectMs;
}
