/**
 * The client's end of an exchange, as the lifecycle sees it whichever protocol carries it.
 *
 *     client ── ClientStream ──► lifecycle ──► Attempt ── backend
 *
 * Nothing here calls back before it returns.
 */

import type { Slice } from "#core/bytes/slice.ts";
import type { BodyFraming, RequestHead, ResponseHead } from "#core/http/message.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import type { ClientCertificatesData } from "#model/tls.ts";
import type { Connection } from "#transport/contract.ts";
import type { Security } from "#transport/tls.ts";
import type { Plan } from "./plan.ts";

/** What TLS has shown of a client. */
export interface ClientTls {
  /** Id of the policy that its connection was opened under. */
  readonly policy: string;
  /** Lower case; null: it has sent none. */
  readonly serverName: string | null;
  readonly security: Security;
  /** What it was asked for; null: nothing. */
  readonly clientCertificates: ClientCertificatesData | null;
  /** Its certificate, verified, as the value of `Client-Cert`; "" if it was not asked for one or has shown none. */
  readonly certificate: string;
  /** Answers may carry `Strict-Transport-Security`. */
  readonly hsts: boolean;
}

/** The client's end: one HTTP/1 request with its answer, or one HTTP/2 stream. */
export interface ClientStream {
  readonly scheme: "http" | "https";
  readonly peerAddress: string;
  readonly localPort: number;
  /** Id of the listener where it came in. */
  readonly listener: string;
  /** Null: plain HTTP. */
  readonly tls: ClientTls | null;
  /** The request that is being handled; valid until the exchange has ended. */
  readonly request: RequestHead;
  /** A record for this stream's plans. */
  readonly plan: Plan;
  /** Epoch and monotonic milliseconds of the request's first byte. */
  readonly startedWall: number;
  readonly startedAt: number;

  /** Sends an interim (1xx) answer. Dropped for clients that do not know them. */
  sendInterim(head: ResponseHead): void;
  /** Sends the head of the final answer. `framing` says how its body will end; "none": nothing follows but `sendEnd`. */
  sendHead(head: ResponseHead, framing: BodyFraming, contentLength: number): void;
  /** Sends bytes of the body; ownership passes. False: stop until `onClientWritable`. */
  sendData(slice: Slice): boolean;
  /** The answer is complete. */
  sendEnd(trailers: HeaderList | null): void;
  /** The connection carries no further request after this answer (HTTP/2: without effect). */
  closeAfterAnswer(): void;
  /** Cuts the answer so that the client notices (reset). */
  abort(): void;
  /** Stops reading the request's body. */
  pauseBody(): void;
  resumeBody(): void;
  /** Sends the 101 head and hands the connection over, with bytes that came after the request. */
  switchProtocols(head: ResponseHead): { readonly connection: Connection; readonly early: Slice[] };
}
