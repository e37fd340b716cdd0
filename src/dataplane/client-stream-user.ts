import type { Slice } from "#core/bytes/slice.ts";
import type { FailureCode } from "#core/errors.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import type { ClientStream } from "./client-stream.ts";
import type { Exchange } from "./exchange.ts";

/** What the lifecycle is told about the client's end. */
export interface ClientStreamUser {
  /** A request's head has been read. Returns the exchange that the stream reports to from now on. */
  onRequest(stream: ClientStream): Exchange;
  /** The exchange is known to the stream: begin. */
  onRequestStart(exchange: Exchange): void;
  /** Bytes of the body; the slice is valid during the call. */
  onRequestData(exchange: Exchange, slice: Slice, start: number, end: number): void;
  onRequestEnd(exchange: Exchange, trailers: HeaderList): void;
  /** The request turned out to be wrong or too slow after its head. */
  onRequestFault(exchange: Exchange, code: FailureCode, detail: string): void;
  onClientWritable(exchange: Exchange): void;
  /** The client went away, or was given up (`code`), before the exchange was complete. */
  onClientGone(exchange: Exchange, code: FailureCode, detail: string): void;
  /** A head could not be read: there is no request, only a connection to answer on. */
  onMalformedRequest(stream: ClientStream, code: FailureCode, detail: string): void;
}
