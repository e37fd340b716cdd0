/** One request with its response: the record that the stages pass on. */

import type { Failure, FailureCode } from "#core/errors.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import { dropNominated } from "#core/http/hop-by-hop.ts";
import type { FilterAction } from "#model/record.ts";
import type { Outcome } from "#sdk/filter.ts";
import type { RequestHead, ResponseHead } from "#core/http/message.ts";
import type { RetryData } from "#model/snapshot.ts";
import type { LinkedEndpoint, LinkedSnapshot } from "./linked.ts";
import type { CachePass } from "./route-cache.ts";
import type { Plan } from "./plan.ts";
import type { ClientStream } from "./client-stream.ts";
import type { Decision } from "./decision.ts";
import type { RequestBody } from "./request-body.ts";
import type { ResponseHold } from "./response-hold.ts";

/** What the exchange does to its backend, whichever attempt it is at. */
export interface AttemptHandle {
  /** More of the request's body, or its end, is waiting in `exchange.body`. */
  pump(): void;
  /** The client takes bytes again, or does not. */
  pauseResponse(): void;
  resumeResponse(): void;
  /** Ends the attempt at once; nothing is called back any more. */
  abort(): void;
}

/** The retry budget that an exchange is counted in (`forward/retry.ts`). */
export interface BudgetHandle {
  tryTake(config: RetryData): boolean;
  end(retries: number): void;
}

/** The filters of an exchange at work (`filter/run.ts`). */
export interface FilterHandle {
  readonly actions: readonly FilterAction[] | null;
  requestData(chunk: Uint8Array): Decision;
  responseHead(): Decision | Promise<Decision>;
  end(outcome: Outcome, onError: (place: string, error: unknown) => void): void;
}

/** State of one exchange. Made for each request; everything big in it belongs to its streams and is reused. */
export class Exchange {
  readonly client: ClientStream;
  readonly request: RequestHead;
  readonly plan: Plan;
  /** The configuration that it began with and ends on. */
  readonly snapshot: LinkedSnapshot;

  clientIp = "";
  requestId = "";

  // ── request ──
  body: RequestBody;
  requestBytes = 0;
  /** The client has sent all of it. */
  requestComplete = false;

  // ── upstream ──
  attempt: AttemptHandle | null = null;
  attempts = 0;
  /** Attempts beyond the first, as the retry budget counts them. */
  retries = 0;
  /** The upstream's, once it counts this exchange; it may outlive the upstream. */
  budget: BudgetHandle | null = null;
  tried: LinkedEndpoint[] = NONE;
  /** The endpoint of the last attempt, for the log. */
  endpoint: LinkedEndpoint | null = null;

  // ── response ──
  /** The head that is being sent: the backend's, or the proxy's own. Valid until the exchange has ended. */
  response: ResponseHead | null = null;
  status = 0;
  /** The final head has been handed to the client's stream. */
  responseStarted = false;
  responseComplete = false;
  /** The head that went out announces that there is no body: none may follow. */
  bodiless = false;
  responseBytes = 0;
  /** The answer is the proxy's own. */
  local = false;

  /** The route's cache has let it pass, and is told of the answer. */
  pass: CachePass | null = null;
  /** It is the cache's own: no client sent it, and no log has it. */
  isFill = false;
  /** The body of the proxy's own answer. */
  localBody: Uint8Array | null = null;

  filters: FilterHandle | null = null;
  /** A filter thinks about the head of the request: none has seen its body. */
  filtering = false;
  /** The filters have had their say about an answer; no other is shown to them. */
  filtersDone = false;
  /** Set while a filter thinks about the head of the answer. */
  hold: ResponseHold | null = null;
  failure: FailureCode | null = null;
  failureDetail = "";
  /** Token of the protocol that was switched to. */
  upgrade = "";
  /** The log has it; whatever still arrives is ignored. */
  ended = false;

  // ── milliseconds, -1: did not happen ──
  queueMs = 0;
  connectMs = 0;
  firstByteAt = -1;

  constructor(client: ClientStream, snapshot: LinkedSnapshot, body: RequestBody) {
    this.client = client;
    this.request = client.request;
    this.plan = client.plan;
    this.snapshot = snapshot;
    this.body = body;
  }

  /** The client has sent all of it. Fields behind the body pass the rules that those before it have passed. */
  endRequest(trailers: HeaderList): void {
    this.requestComplete = true;
    this.body.complete = true;
    if (trailers.count === 0) return;
    dropNominated(trailers, this.request.headers);
    for (const name of this.plan.ownFields) trailers.deleteFolded(name);
    this.body.trailers = trailers;
  }

  /** What went wrong, for the log; what is noted last counts. */
  note({ code, detail }: Failure): void {
    this.failure = code;
    this.failureDetail = detail;
  }

  get scheme(): "http" | "https" {
    return this.client.scheme;
  }
}

const NONE: LinkedEndpoint[] = [];
