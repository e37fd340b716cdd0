/**
 * What is known of an exchange when it has ended: the access log writes it, metrics count it. Handed on by the
 * lifecycle, and valid during that call only: it may be a view of the exchange, and the next one's afterwards.
 */

import type { FailureCode } from "#core/errors.ts";
import type { HeaderList } from "#core/http/header-list.ts";

/** Monotonic milliseconds where not said otherwise; -1: it did not happen. */
export interface ExchangeRecord {
  /** Epoch milliseconds of the request's first byte. */
  readonly startedWall: number;
  readonly requestId: string;
  readonly clientIp: string;
  /** "GET"; "" if the request could not be read. */
  readonly method: string;
  readonly scheme: "http" | "https";
  /** Host as sent. */
  readonly host: string;
  /** Path and query as sent by the client. */
  readonly target: string;
  /** 10, 11 or 20. */
  readonly version: number;
  /** Status that the client got (499: it left before), 0 if none. */
  readonly status: number;
  /** Bytes of the bodies. */
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** The request's fields, which `userAgent` and `referer` are of; null: there are these texts alone. */
  readonly fields: HeaderList | null;
  readonly userAgent: string;
  readonly referer: string;
  /** "" if no route was found. */
  readonly route: string;
  /** Row of the route in shared metrics, -1 if none. */
  readonly routeSlot: number;
  readonly upstream: string;
  readonly endpoint: string;
  /** Row of the endpoint in shared metrics, -1 if none. */
  readonly endpointSlot: number;
  /** Tries at endpoints; 0 for the proxy's own answers. */
  readonly attempts: number;
  /** Wait for a free connection to the upstream, all attempts. */
  readonly queueMs: number;
  /** Making the connection; 0 on a reused one. */
  readonly connectMs: number;
  /** From the request's start to the first byte of the answer's head. */
  readonly firstByteMs: number;
  /** From the request's start to the end of the answer. */
  readonly totalMs: number;
  readonly failure: FailureCode | null;
  readonly failureDetail: string;
  /** What filters did other than letting it pass, or would have done; null: nothing. */
  readonly filterActions: readonly FilterAction[] | null;
  /** `websocket` or another token for an upgraded exchange, else "". */
  readonly upgrade: string;
}

/** What a filter did to an exchange. */
export interface FilterAction {
  /** The filter's name. */
  readonly filter: string;
  /** Row of the filter in shared metrics, -1 if it has none. */
  readonly slot: number;
  /** Nothing was done: this is what would have been. */
  readonly observed: boolean;
  readonly action: "responded" | "refused" | "reset" | "failed" | "changed";
  /** A status, a failure code, or the fields that would be others. */
  readonly detail: string;
}

/** Takes the records of a worker: access log, metrics. */
export interface ExchangeSink {
  onExchange(record: ExchangeRecord): void;
}
