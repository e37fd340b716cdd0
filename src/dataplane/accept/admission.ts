/** Stage 1: may this connection be served at all? */

import { ByteWriter } from "#core/bytes/writer.ts";
import { sliceOf } from "#core/bytes/slice.ts";
import { writeResponseHead } from "#protocol/http1/serializer.ts";
import type { ResponseHead } from "#core/http/message.ts";
import type { Connection, ConnectionHandler } from "#transport/contract.ts";
import type { DataPlaneContext } from "../context.ts";

/** Takes a place for the connection among those that the process may hold; give it back when it closes. */
export function admit(context: DataPlaneContext): boolean {
  return context.worker.tryReserveConnection(context.snapshot.data.limits.connections);
}

/** Connections that were turned away and still read their answer; beyond these they are cut. */
const READING_MOST = 512;

/** Answers connections that are not served, without reading from them, and closes them. */
export class TurnedAway implements ConnectionHandler {
  #reading = 0;

  answer(connection: Connection, head: ResponseHead, body: Uint8Array): void {
    connection.handler = this;
    this.#reading++;
    if (this.#reading > READING_MOST) return connection.abort();
    const writer = new ByteWriter(1024);
    writeResponseHead(writer, head, "length", body.length, "close", 11);
    connection.write([sliceOf(writer.view().slice()), sliceOf(body)]);
    connection.lingerClose();
  }

  onClose(): void {
    this.#reading--;
  }
  onConnect(): void {}
  onData(): void {}
  onEnd(): void {}
  onWritable(): void {}
}
