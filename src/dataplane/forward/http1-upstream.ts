/**
 * A connection to a backend that speaks HTTP/1: carries one request at a time, hands its answer to the
 * attempt that asked, and goes back to its pool when both are complete and it may be used again.
 */

import type { Slice } from "#core/bytes/slice.ts";
import { failure, type Failure } from "#core/errors.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import { HEADER } from "#core/http/header-names.ts";
import type { ResponseHead } from "#core/http/message.ts";
import { Timer, type TimerOwner } from "#core/time/timers.ts";
import { DATA, END, FAULT, HEAD, INTERIM, NEED_MORE } from "#protocol/http1/events.ts";
import { ResponseParser } from "#protocol/http1/response-parser.ts";
import type { Connection, ConnectionHandler, TransportFailure } from "#transport/contract.ts";
import type { DataPlaneContext } from "../context.ts";

/** The attempt that uses the connection. */
export interface UpstreamUser {
  onInterim(head: ResponseHead): void;
  onResponseHead(head: ResponseHead): void;
  /** Bytes of the body; the slice is valid during the call. */
  onResponseData(slice: Slice, start: number, end: number): void;
  /** The answer is complete. The connection is no longer the attempt's when this is called. */
  onResponseEnd(trailers: HeaderList): void;
  /** The backend switched protocols: the connection, with what it has sent already, is the attempt's. */
  onSwitched(head: ResponseHead, connection: Connection, early: Slice[]): void;
  onUpstreamWritable(): void;
  /** The connection failed or broke the rules. It is gone. */
  onUpstreamFailed(fault: Failure): void;
  /** The wait that `wait` began is over. */
  onUpstreamTimer(): void;
}

/** Where connections come from and go back to. */
export interface UpstreamOwner {
  /** It can carry another request. */
  onFree(upstream: Http1Upstream): void;
  /** It is gone, or was handed to a tunnel (`kept`), which says so itself when it ends. */
  onGone(upstream: Http1Upstream, kept: boolean): void;
}

/** See the head of this file. */
export class Http1Upstream implements ConnectionHandler, TimerOwner {
  /** Requests that it has carried before the present one. */
  served = 0;
  /** Milliseconds that it may stay unused, as far as the backend has said; -1: it has not. */
  keepAliveHint = -1;
  /** When it became idle, for the log. */
  idleSince = 0;

  readonly connection: Connection;
  readonly #context: DataPlaneContext;
  readonly #owner: UpstreamOwner;
  readonly #parser: ResponseParser = new ResponseParser();
  readonly #timer: Timer = new Timer(this, 0);
  #user: UpstreamUser | null = null;
  /** The request has been written to its end. */
  #requestEnded = false;
  #paused = false;
  #ended = false;

  constructor(context: DataPlaneContext, connection: Connection, owner: UpstreamOwner) {
    this.#context = context;
    this.connection = connection;
    this.#owner = owner;
    connection.handler = this;
  }

  /** Gives it to an attempt. `upgrade`: the token that was asked for, or "". */
  begin(user: UpstreamUser, method: string, upgrade: string): void {
    this.#user = user;
    this.#requestEnded = false;
    // The timer runs on: the attempt says what it waits for before this turn ends, and moving a deadline is cheap.
    this.#parser.expect(method, upgrade);
  }

  /** The request has been written to its end. */
  endRequest(): void {
    this.#requestEnded = true;
  }

  /** Calls `onUpstreamTimer` (or, when unused, closes) unless something moves the deadline. */
  wait(milliseconds: number): void {
    this.#context.transport.timers.schedule(this.#timer, milliseconds);
  }

  stopWaiting(): void {
    this.#context.transport.timers.cancel(this.#timer);
  }

  /** Nothing is read for now. */
  get paused(): boolean {
    return this.#paused;
  }

  pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.connection.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.connection.resume();
  }

  /** Ends it at once; its attempt, if any, is not told. */
  abort(): void {
    this.#user = null;
    this.connection.abort();
    this.#gone(false);
  }

  /** Closes an unused connection. */
  close(): void {
    this.connection.close();
    this.#gone(false);
  }

  onConnect(): void {}

  onData(_connection: Connection, slice: Slice): void {
    if (this.#ended) return;
    // Bytes that nobody asked for: never the beginning of the next answer.
    if (this.#user === null) return this.abort();
    let position = slice.offset;
    const end = slice.offset + slice.length;
    while (!this.#ended) {
      const event = this.#parser.next(slice.bytes, position, end);
      position = this.#parser.position;
      if (event === NEED_MORE) return;
      const user: UpstreamUser | null = this.#user;
      if (user === null) return;
      if (event === DATA) {
        user.onResponseData(slice, this.#parser.dataStart, this.#parser.dataEnd);
      } else if (event === HEAD) {
        this.#noteKeepAlive();
        const { head } = this.#parser;
        if (head.status === 101) return this.#switch(user, slice, position, end);
        // Of a body with a length any byte is data; in chunks the next thing may be a fault.
        head.bodyFollows = head.framing === "length" && head.contentLength > 0 && position < end;
        user.onResponseHead(head);
      } else if (event === INTERIM) {
        user.onInterim(this.#parser.head);
      } else if (event === END) {
        return this.#complete(user, position < end);
      } else if (event === FAULT) {
        return this.#fail(failure(this.#parser.fault, this.#parser.faultDetail));
      }
    }
  }

  /** Learns how long the backend keeps unused connections (`Keep-Alive: timeout=5`). */
  #noteKeepAlive(): void {
    const headers = this.#parser.head.headers;
    const index = headers.indexOf(HEADER["keep-alive"]);
    if (index < 0) return;
    const seconds = /(?:^|[\s,;])timeout\s*=\s*"?(\d{1,6})/i.exec(headers.valueAt(index));
    if (seconds !== null) this.keepAliveHint = Number(seconds[1]) * 1000;
  }

  #complete(user: UpstreamUser, leftover: boolean): void {
    const head = this.#parser.head;
    // A backend that answers without having taken the whole request may still mean to read the rest, or not.
    const taken = this.#requestEnded && this.connection.queued === 0;
    const reusable = head.keepAlive && head.framing !== "close" && taken && !leftover;
    this.#user = null;
    const trailers = this.#parser.trailers;
    if (reusable) {
      this.served++;
      this.resume();
    } else {
      // Closing would wait for a queue that a backend which does not read never empties.
      if (this.connection.queued > 0) this.connection.abort();
      else this.connection.close();
      this.#gone(false);
    }
    user.onResponseEnd(trailers);
    // Only now may another request take it: the head and trailers just handed on live in its parser.
    if (reusable && !this.#ended) this.#owner.onFree(this);
  }

  #switch(user: UpstreamUser, slice: Slice, position: number, end: number): void {
    this.#user = null;
    this.stopWaiting();
    this.#gone(true);
    const early = position < end ? [slice.part(position - slice.offset, end - position)] : [];
    user.onSwitched(this.#parser.head, this.connection, early);
  }

  #fail(fault: Failure): void {
    const user = this.#user;
    this.#user = null;
    this.connection.abort();
    this.#gone(false);
    if (user !== null) user.onUpstreamFailed(fault);
  }

  onEnd(): void {
    if (this.#ended) return;
    const user = this.#user;
    if (user === null) return this.close();
    // The end of the connection may be the end of the answer.
    const event = this.#parser.finish();
    if (event === END) return this.#complete(user, false);
    this.#fail(this.#closedFailure("FIN"));
  }

  onClose(_connection: Connection, fault: TransportFailure | null): void {
    if (this.#ended) return;
    const user = this.#user;
    this.#user = null;
    this.#gone(false);
    if (user !== null) {
      user.onUpstreamFailed(this.#closedFailure(fault === null ? "FIN" : fault.detail));
    }
  }

  /** Why the connection is gone, by how far the answer had come. */
  #closedFailure(detail: string): Failure {
    if (this.#parser.bodyStarted) return failure("response_truncated", detail);
    if (this.served > 0 && !this.#parser.started) {
      const idle = Math.round((this.#context.transport.timers.now - this.idleSince) / 100) / 10;
      return failure("upstream_closed_reused", `${detail} after ${idle} s idle`, "if-reused");
    }
    return failure(detail === "FIN" ? "upstream_closed" : "upstream_reset", detail);
  }

  onWritable(): void {
    if (this.#user !== null) this.#user.onUpstreamWritable();
  }

  onTimer(): void {
    if (this.#user === null) this.close();
    else this.#user.onUpstreamTimer();
  }

  /**
   * Gives the place back, which another may take at once, also in another worker: so only when the connection is
   * closed, or the backend would see one more than it may.
   */
  #gone(kept: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    this.stopWaiting();
    this.#owner.onGone(this, kept);
  }
}
