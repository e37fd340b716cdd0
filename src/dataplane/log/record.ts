/** Stage 8: what the log and the metrics get to know of an exchange that has ended. */

import type { FailureCode } from "#core/errors.ts";
import { HEADER } from "#core/http/header-names.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import type { ExchangeRecord, FilterAction } from "#model/record.ts";
import type { Outcome } from "#sdk/filter.ts";
import type { Exchange } from "../exchange.ts";

/**
 * The record of one exchange after the other. Nothing is copied: what nobody asks for costs nothing, which is most of it
 * where no access log is written.
 */
export class RecordView implements ExchangeRecord {
  // Of no exchange yet.
  #of!: Exchange;
  #now = 0;

  /** From now on the record is of this exchange. `now` in monotonic milliseconds. */
  begin(exchange: Exchange, now: number): void {
    this.#of = exchange;
    this.#now = now;
  }

  /** What filters get to know of it. */
  outcome(): Outcome {
    const { status, failure, requestBytes, responseBytes, totalMs: duration } = this;
    return { status, failure: failure ?? "", requestBytes, responseBytes, duration };
  }

  get startedWall(): number {
    return this.#of.client.startedWall;
  }
  get requestId(): string {
    return this.#of.requestId;
  }
  get clientIp(): string {
    return this.#of.clientIp;
  }
  get method(): string {
    return this.#of.request.method;
  }
  get scheme(): "http" | "https" {
    return this.#of.scheme;
  }
  get host(): string {
    return this.#of.request.authority;
  }
  get target(): string {
    return this.#of.request.target;
  }
  get version(): number {
    return this.#of.request.version;
  }
  get status(): number {
    return this.#of.status;
  }
  get requestBytes(): number {
    return this.#of.requestBytes;
  }
  get responseBytes(): number {
    return this.#of.responseBytes;
  }
  get fields(): HeaderList {
    return this.#of.request.headers;
  }
  get userAgent(): string {
    return text(this.#of.request.headers, HEADER["user-agent"]);
  }
  get referer(): string {
    return text(this.#of.request.headers, HEADER.referer);
  }
  get route(): string {
    return this.#of.plan.route?.name ?? "";
  }
  get routeSlot(): number {
    return this.#of.plan.route?.slot ?? -1;
  }
  get upstream(): string {
    return this.#of.plan.route?.upstream?.name ?? "";
  }
  get endpoint(): string {
    return this.#of.endpoint?.name ?? "";
  }
  get endpointSlot(): number {
    return this.#of.endpoint?.slot ?? -1;
  }
  get attempts(): number {
    return this.#of.attempts;
  }
  get queueMs(): number {
    return this.#of.queueMs;
  }
  get connectMs(): number {
    return this.#of.connectMs;
  }
  get firstByteMs(): number {
    const { firstByteAt, client } = this.#of;
    return firstByteAt < 0 ? -1 : firstByteAt - client.startedAt;
  }
  get totalMs(): number {
    return this.#now - this.#of.client.startedAt;
  }
  get failure(): FailureCode | null {
    return this.#of.failure;
  }
  get failureDetail(): string {
    return this.#of.failureDetail;
  }
  get filterActions(): readonly FilterAction[] | null {
    return this.#of.filters?.actions ?? null;
  }
  get upgrade(): string {
    return this.#of.upgrade;
  }
}

function text(headers: HeaderList, id: number): string {
  const index = headers.indexOf(id);
  return index < 0 ? "" : headers.valueAt(index);
}
