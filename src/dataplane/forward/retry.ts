/** Whether a request is sent again after a failed attempt, and when (wire rules "Retries"). */

import { isIdempotent } from "#core/http/methods.ts";
import { HEADER } from "#core/http/header-names.ts";
import { FAILURES, type Failure } from "#core/errors.ts";
import type { Random } from "#core/random.ts";
import type { ResponseHead } from "#core/http/message.ts";
import type { RetryData } from "#model/snapshot.ts";
import type { ProcessLog } from "../context.ts";
import type { Exchange } from "../exchange.ts";

/** First and longest step of the backoff, milliseconds. */
const BACKOFF_FIRST = 25;
const BACKOFF_LONGEST = 250;
/** A `Retry-After` beyond this is the client's to wait for, milliseconds. */
const RETRY_AFTER_LONGEST = 2000;

/** Requests and retries under way at one upstream in this worker: retries may be a share of them. */
export class RetryBudget {
  #requests = 0;
  #retries = 0;

  begin(): void {
    this.#requests++;
  }
  /** The request has ended, with the retries that it had taken places for. */
  end(retries: number): void {
    this.#requests--;
    this.#retries -= retries;
  }
  /** Takes a place for a retry until the request ends. */
  tryTake(config: RetryData): boolean {
    const allowed = Math.max(config.budgetMinimum, Math.floor(this.#requests * config.budgetRatio));
    if (this.#retries >= allowed) return false;
    this.#retries++;
    return true;
  }
}

/** May this request go to a backend twice? */
function isRepeatable(exchange: Exchange, config: RetryData): boolean {
  const { method, headers } = exchange.request;
  if (isIdempotent(method)) return true;
  return config.idempotencyKey && headers.indexOf(HEADER["idempotency-key"]) >= 0;
}

/** May the request be sent again after this failure? Says nothing about the budget. */
export function mayRetry(exchange: Exchange, fault: Failure, config: RetryData): boolean {
  if (exchange.attempts > config.attempts || exchange.responseStarted) return false;
  switch (fault.retry) {
    case "no":
      return false;
    case "yes":
      return exchange.body.untouched || exchange.body.replayable;
    case "if-reused":
      return exchange.body.replayable && isRepeatable(exchange, config);
  }
}

/**
 * Is this answer one after which the request is sent again? Returns the milliseconds to wait at least
 * (`Retry-After`), or -1 if the answer is to be delivered.
 */
export function retryAfterAnswer(
  exchange: Exchange,
  head: ResponseHead,
  config: RetryData,
): number {
  if (config.statuses.length === 0 || !config.statuses.includes(head.status)) return -1;
  if (exchange.attempts > config.attempts || exchange.responseStarted) return -1;
  if (!exchange.body.replayable || !isRepeatable(exchange, config)) return -1;
  const index = head.headers.indexOf(HEADER["retry-after"]);
  if (index < 0) return 0;
  const value = head.headers.valueAt(index);
  if (!/^\d{1,9}$/.test(value)) return -1;
  const wait = Number(value) * 1000;
  return wait > RETRY_AFTER_LONGEST ? -1 : wait;
}

/** Takes a place in the upstream's retry budget; the exchange gives it back when it ends. */
export function takeRetry(exchange: Exchange, config: RetryData): boolean {
  if (exchange.budget === null || !exchange.budget.tryTake(config)) return false;
  exchange.retries++;
  return true;
}

/** Full jitter: anything between nothing and a step that doubles, milliseconds. */
export function backoff(attempts: number, random: Random): number {
  return random.next() * Math.min(BACKOFF_LONGEST, BACKOFF_FIRST * 2 ** (attempts - 1));
}

/** Tells the log that the exchange is tried again. */
export function logRetry(log: ProcessLog, exchange: Exchange, fault: Failure): void {
  log("info", "retry", FAILURES[fault.code].sentence, {
    requestId: exchange.requestId,
    endpoint: exchange.endpoint!.name,
    failure: fault.code,
    detail: fault.detail,
  });
}
