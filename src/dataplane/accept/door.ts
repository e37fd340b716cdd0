/** Stage 1: may this connection be served at all? */

import { sliceOf } from "#core/bytes/slice.ts";
import { ByteWriter } from "#core/bytes/writer.ts";
import { FAILURES } from "#core/errors.ts";
import type { ResponseHead } from "#core/http/message.ts";
import { writeResponseHead } from "#protocol/http1/serializer.ts";
import type {
  Acceptor,
  Connection,
  ConnectionHandler,
  TransportFailure,
} from "#transport/contract.ts";
import type { DataPlaneContext } from "../context.ts";

/** What hits a limit hits it often: it is said so at most this often, milliseconds. */
const LOG_INTERVAL = 10_000;
/** Connections that were turned away and still read their answer; beyond these they are cut. */
const READING_MOST = 512;

/** Where connections go. */
export interface DoorUser {
  /** Takes a connection over. Its place among those that the process may hold is given back when it closes. */
  serve(connection: Connection): void;
  /** What those are told that are not served. */
  limitPage(): { readonly head: ResponseHead; readonly body: Uint8Array };
}

/** Lets in as many connections as the process may hold; answers the others without reading from them. */
export class Door implements Acceptor, ConnectionHandler {
  readonly #context: DataPlaneContext;
  readonly #user: DoorUser;
  /** Connections that were turned away and have not closed yet. */
  #turnedAway = 0;
  #loggedAt = -LOG_INTERVAL;

  constructor(context: DataPlaneContext, user: DoorUser) {
    this.#context = context;
    this.#user = user;
  }

  onConnection(connection: Connection): void {
    const { worker, snapshot } = this.#context;
    if (worker.tryReserveConnection(snapshot.data.limits.connections)) this.#user.serve(connection);
    else this.#turnAway(connection);
  }

  #turnAway(connection: Connection): void {
    this.#log("warn", "connection_limit");
    connection.handler = this;
    this.#turnedAway++;
    if (this.#turnedAway > READING_MOST) return connection.abort();
    const { head, body } = this.#user.limitPage();
    const writer = new ByteWriter(1024);
    writeResponseHead(writer, head, "length", body.length, "close", 11);
    connection.write([sliceOf(writer.view().slice()), sliceOf(body)]);
    connection.lingerClose();
  }

  onAcceptFailure(fault: TransportFailure): void {
    this.#log("error", "descriptors_exhausted", { detail: fault.detail });
  }

  #log(
    level: "warn" | "error",
    code: "connection_limit" | "descriptors_exhausted",
    fields: Readonly<Record<string, string>> = {},
  ): void {
    const { now } = this.#context.transport.timers;
    if (now - this.#loggedAt < LOG_INTERVAL) return;
    this.#loggedAt = now;
    this.#context.log(level, code, FAILURES[code].sentence, fields);
  }

  // ── the connections that were turned away: nothing of what they send is looked at ────────────────────

  onClose(): void {
    this.#turnedAway--;
  }
  onConnect(): void {}
  onData(): void {}
  onEnd(): void {}
  onWritable(): void {}
}
