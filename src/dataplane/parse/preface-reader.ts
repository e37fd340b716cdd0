/**
 * The first bytes of a plain connection that may speak HTTP/2 without having said so before (RFC 9113 §3.3): read up to
 * the point where they differ from its preface, or to the preface's end.
 */

import type { Slice } from "#core/bytes/slice.ts";
import { Timer, type TimerOwner } from "#core/time/timers.ts";
import { PREFACE } from "#protocol/http2/codes.ts";
import type { Connection, ConnectionHandler } from "#transport/contract.ts";
import type { DataPlaneContext } from "../context.ts";
import type { ClientConnection } from "./client-connection.ts";

/** Told what it is. The reader has nothing more to do with the connection then, and passes the slices on. */
export interface PrefaceReaderUser {
  onKnown(reader: PrefaceReader, raw: Connection, received: Slice[], isHttp2: boolean): void;
  /** It was closed before. */
  onConnectionClosed(reader: PrefaceReader): void;
}

/** Do bytes begin like the preface, as far as both go? */
export function beginsLikePreface(slice: Slice, matched: number): boolean {
  const length = Math.min(slice.length, PREFACE.length - matched);
  for (let i = 0; i < length; i++) {
    if (slice.bytes[slice.offset + i] !== PREFACE[matched + i]) return false;
  }
  return true;
}

/** See the head of this file. */
export class PrefaceReader implements ClientConnection, ConnectionHandler, TimerOwner {
  readonly listener: string;
  readonly #context: DataPlaneContext;
  readonly #connection: Connection;
  readonly #user: PrefaceReaderUser;
  readonly #timer: Timer = new Timer(this, 0);
  readonly #received: Slice[] = [];
  #matched = 0;

  constructor(
    context: DataPlaneContext,
    connection: Connection,
    listener: string,
    user: PrefaceReaderUser,
  ) {
    this.listener = listener;
    this.#context = context;
    this.#connection = connection;
    this.#user = user;
    connection.handler = this;
    context.transport.timers.schedule(this.#timer, context.snapshot.data.timeouts.head);
  }

  onData(connection: Connection, slice: Slice): void {
    const isLike = beginsLikePreface(slice, this.#matched);
    this.#matched += slice.length;
    this.#received.push(slice.part(0, slice.length));
    if (isLike && this.#matched < PREFACE.length) return;
    this.#context.transport.timers.cancel(this.#timer);
    this.#user.onKnown(this, connection, this.#received.splice(0), isLike);
  }

  onClose(): void {
    this.#context.transport.timers.cancel(this.#timer);
    for (const slice of this.#received.splice(0)) slice.release();
    this.#user.onConnectionClosed(this);
  }

  /** Nothing was asked yet. */
  drain(): void {
    this.#connection.close();
  }
  destroy(): void {
    this.#connection.abort();
  }
  onEnd(): void {
    this.#connection.close();
  }
  /** Part of a request line and no more of it: as HTTP/1 would have it, but there is nothing to answer yet. */
  onTimer(): void {
    this.#connection.close();
  }
  onConnect(): void {}
  onWritable(): void {}
}
