/** The clients' connections of a worker: which protocol each speaks is found out here, and nowhere else matters. */

import type { Slice } from "#core/bytes/slice.ts";
import type { Abuse } from "#core/http/abuse.ts";
import type { Connection } from "#transport/contract.ts";
import type { ClientStreamUser } from "../client-stream-user.ts";
import type { ClientTls } from "../client-stream.ts";
import type { DataPlaneContext } from "../context.ts";
import type { ClientConnection, ClientConnectionOwner } from "./client-connection.ts";
import { Http1Connection } from "./http1-connection.ts";
import { Http2Connection } from "./http2-connection.ts";
import { PrefaceReader, type PrefaceReaderUser } from "./preface-reader.ts";
import { Readers } from "./readers.ts";

/** What hits a limit hits it often: it is said so at most this often, milliseconds. */
const LOG_INTERVAL = 10_000;

/** See the head of this file. */
export class ClientConnections implements ClientConnectionOwner, PrefaceReaderUser {
  readonly #context: DataPlaneContext;
  readonly #user: ClientStreamUser;
  readonly #onLess: () => void;
  readonly #open: Set<ClientConnection> = new Set();
  readonly #readers: Readers = new Readers();
  readonly #abuseLoggedAt: Map<Abuse, number> = new Map();

  /** @param onLess called when a connection has ended */
  constructor(context: DataPlaneContext, user: ClientStreamUser, onLess: () => void) {
    this.#context = context;
    this.#user = user;
    this.#onLess = onLess;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Takes over a connection on which nothing was read. `tls` null: plain. */
  serve(connection: Connection, listener: string, tls: ClientTls | null): void {
    if (tls !== null && tls.security.protocol === "h2") {
      this.#open.add(this.#http2(connection, listener, tls));
    } else this.#open.add(this.#http1(connection, listener, tls, tls === null));
  }

  /** Ends them as soon as nothing is lost by it. */
  drain(): void {
    for (const connection of this.#open) connection.drain();
  }

  destroy(): void {
    for (const connection of this.#open) connection.destroy();
  }

  #http1(
    connection: Connection,
    listener: string,
    tls: ClientTls | null,
    perhapsHttp2: boolean,
  ): Http1Connection {
    const readers = this.#readers;
    const user = this.#user;
    const opening = { connection, listener, tls, perhapsHttp2 };
    return new Http1Connection(this.#context, opening, readers, user, this);
  }

  #http2(connection: Connection, listener: string, tls: ClientTls | null): Http2Connection {
    return new Http2Connection(this.#context, connection, listener, tls, this.#user, this);
  }

  onPerhapsHttp2(connection: ClientConnection, raw: Connection, first: Slice): void {
    this.#open.delete(connection);
    const { listener } = connection as Http1Connection;
    const reader = new PrefaceReader(this.#context, raw, listener, this);
    this.#open.add(reader);
    reader.onData(raw, first);
  }

  onKnown(reader: PrefaceReader, raw: Connection, received: Slice[], isHttp2: boolean): void {
    const { listener } = reader;
    this.#open.delete(reader);
    const connection = isHttp2
      ? this.#http2(raw, listener, null)
      : this.#http1(raw, listener, null, false);
    this.#open.add(connection);
    for (const slice of received) {
      connection.onData(raw, slice);
      slice.release();
    }
  }

  onConnectionSwitched(connection: ClientConnection): void {
    this.#open.delete(connection);
  }

  onConnectionClosed(connection: ClientConnection): void {
    this.#context.worker.releaseConnection();
    this.#open.delete(connection);
    this.#onLess();
  }

  onAbuse(kind: Abuse, peer: string): void {
    this.#context.worker.countAbuse(kind);
    const { now } = this.#context.transport.timers;
    if (now - (this.#abuseLoggedAt.get(kind) ?? -LOG_INTERVAL) < LOG_INTERVAL) return;
    this.#abuseLoggedAt.set(kind, now);
    this.#context.log("warn", kind, "an HTTP/2 client was cut off for doing too much of this", {
      peer,
    });
  }
}
