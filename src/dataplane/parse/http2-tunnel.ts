/**
 * A stream of HTTP/2 that carries a WebSocket (RFC 8441), as a connection: what comes and goes are the bytes in its DATA
 * frames, END_STREAM is its end, and a reset is a reset. The tunnel that joins it with a backend need not know.
 */

import { Buffer } from "node:buffer";
import type { Slice } from "#core/bytes/slice.ts";
import type { Random } from "#core/random.ts";
import type { Connection, ConnectionHandler, TransportFailure } from "#transport/contract.ts";
import type { Security } from "#transport/tls.ts";
import type { Http2Stream, StreamTunnel } from "./http2-stream.ts";

/** What it asks of the stream's connection. */
export interface TunnelCarrier {
  sendData(stream: Http2Stream, slice: Slice): boolean;
  /** Ends our side once everything has gone out; if `closing`, the client's too. */
  sendEnd(stream: Http2Stream, trailers: null): void;
  resetTunnel(stream: Http2Stream): void;
  defer(task: () => void): void;
}

/** The key of a handshake: sixteen bytes that nobody has used (RFC 6455 §4.1). It is no secret. */
export function websocketKey(random: Random): string {
  const bytes = Uint8Array.from({ length: 16 }, () => random.int(256));
  return Buffer.from(bytes).toString("base64");
}

/** Bytes of a tunnel that nobody takes any more. */
const IGNORING: ConnectionHandler = {
  onConnect(): void {},
  onData(): void {},
  onEnd(): void {},
  onWritable(): void {},
  onClose(): void {},
};

/** See the head of this file. */
export class Http2Tunnel implements Connection, StreamTunnel {
  handler: ConnectionHandler = IGNORING;
  readonly #stream: Http2Stream;
  readonly #connection: Connection;
  readonly #carrier: TunnelCarrier;
  /** Nothing more of the client is wanted either. */
  closing = false;
  #written = 0;
  #ended = false;
  #closed = false;

  /** @param connection that all streams share */
  constructor(stream: Http2Stream, connection: Connection, carrier: TunnelCarrier) {
    this.#stream = stream;
    this.#connection = connection;
    this.#carrier = carrier;
  }

  get remoteAddress(): string {
    return this.#connection.remoteAddress;
  }
  get remotePort(): number {
    return this.#connection.remotePort;
  }
  get localAddress(): string {
    return this.#connection.localAddress;
  }
  get localPort(): number {
    return this.#connection.localPort;
  }
  get security(): Security | null {
    return this.#connection.security;
  }
  get queued(): number {
    return this.#stream.queued;
  }
  get taken(): number {
    return this.#written - this.#stream.queued;
  }
  get takenAt(): number {
    return this.#stream.movedAt;
  }
  get closed(): boolean {
    return this.#closed;
  }

  write(slices: readonly Slice[]): boolean {
    let flowing = true;
    for (const slice of slices) {
      if (this.#ended || this.#closed) slice.release();
      else {
        this.#written += slice.length;
        flowing = this.#carrier.sendData(this.#stream, slice) && flowing;
      }
    }
    return flowing;
  }

  pause(): void {
    this.#stream.pauseBody();
  }

  resume(): void {
    this.#stream.resumeBody();
  }

  end(): void {
    if (this.#ended || this.#closed) return;
    this.#ended = true;
    this.#carrier.sendEnd(this.#stream, null);
  }

  close(): void {
    if (this.#closed || this.closing) return;
    this.closing = true;
    // Our half may have gone already; then this ends the other.
    if (this.#ended && this.#stream.queued === 0) return this.abort();
    if (!this.#ended) this.#carrier.sendEnd(this.#stream, null);
    this.#ended = true;
  }

  lingerClose(): void {
    this.close();
  }

  abort(): void {
    if (this.#closed) return;
    this.#carrier.resetTunnel(this.#stream);
    this.gone(null);
  }

  // ── what the connection tells ───────────────────────────────────────────────────────────────────────

  onBytes(slice: Slice): void {
    if (!this.#closed) this.handler.onData(this, slice);
  }

  onPeerEnd(): void {
    if (!this.#closed) this.handler.onEnd(this);
  }

  onRoom(): void {
    if (!this.#closed) this.handler.onWritable(this);
  }

  /** The stream is closed. Told when whoever has called has returned. */
  gone(failure: TransportFailure | null): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#carrier.defer(() => this.handler.onClose(this, failure));
  }
}
