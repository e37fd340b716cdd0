/**
 * The contract of filters: what a step on the request or response of a route may see and do. Built-in
 * filters use nothing else.
 *
 * A filter answers each call with a **verdict**. Verdicts are synchronous unless the filter truly has to
 * wait; then it returns a promise, and the exchange waits with its client paused.
 */

import type { FailureCode } from "#core/errors.ts";
import type { HeaderList } from "#core/http/header-list.ts";

/** Go on with the next filter, then with the exchange. */
export interface Continue {
  readonly kind: "continue";
}

/** Answer now; the backend is not asked (or, in a response hook, its answer is dropped). */
export interface Respond {
  readonly kind: "respond";
  readonly response: LocalResponse;
}

/** End the exchange without an answer: the client's connection or stream is reset. */
export interface Reset {
  readonly kind: "reset";
}

/**
 * Answer with the proxy's own page for a failure: status, sentence, `Proxy-Status`, log and metrics are as its code has
 * them. If an answer has begun it is broken off.
 */
export interface Refuse {
  readonly kind: "refuse";
  readonly code: FailureCode;
  /** For the log; the client does not see it. */
  readonly detail: string;
}

/** What a hook decides. */
export type Verdict = Continue | Respond | Reset | Refuse;

/** An answer that the proxy makes itself. */
export interface LocalResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Text is sent as UTF-8. */
  readonly body?: string | Uint8Array;
}

/** The verdict of nearly every call: made once. */
export const CONTINUE: Continue = Object.freeze({ kind: "continue" });

/** End without an answer. */
export const RESET: Reset = Object.freeze({ kind: "reset" });

/** Answer with this. */
export function respond(response: LocalResponse): Respond {
  return { kind: "respond", response };
}

/** Answer with the page for this failure. */
export function refuse(code: FailureCode, detail = ""): Refuse {
  return { kind: "refuse", code, detail };
}

/** The request as filters see and change it, before it is sent to the backend. */
export interface RequestView {
  readonly method: string;
  /** `http` or `https`, as the client used it. */
  readonly scheme: string;
  /** Host with its port as the client sent it. */
  readonly authority: string;
  /** Host that is sent to the backend. Assign to rewrite it. */
  host: string;
  /**
   * Path and query that are sent to the backend, byte for byte as the client sent them unless assigned.
   * @throws TypeError when assigned something that is not an origin-form target
   */
  target: string;
  /** Path as the route saw it: unreserved characters decoded, dot segments resolved, without query. */
  readonly path: string;
  /** What follows `?`, "" if there is none. */
  readonly query: string;
  /** Values of the `:name` segments of the route's match. */
  readonly params: Readonly<Record<string, string>>;
  /** The prefix that filters have taken off so far; told to the backend as `X-Forwarded-Prefix`. */
  strippedPrefix: string;
  /** Fields as they will be sent; hop-by-hop fields and forwarded fields are the proxy's. */
  readonly headers: HeaderList;
  /**
   * Says of a field that it is the filter's and never the client's: deletes it in every spelling that a backend could
   * take for it, also behind the body, and sets these values.
   * @throws TypeError on a name or value that may not be sent
   */
  own(name: string, values: readonly string[]): void;
  /** Bytes of the body as announced, 0 without a body, -1 if unknown. */
  readonly contentLength: number;
}

/** The response as filters see and change it, before it is sent to the client. */
export interface ResponseView {
  status: number;
  readonly headers: HeaderList;
  /** True when the proxy made this answer itself. */
  readonly local: boolean;
}

/** How an exchange ended. */
export interface Outcome {
  /** Status that the client got; 0 if none. */
  readonly status: number;
  /** The failure code, "" if all went well. */
  readonly failure: string;
  readonly requestBytes: number;
  readonly responseBytes: number;
  /** Milliseconds from the first byte of the request to the end of the answer. */
  readonly duration: number;
}

/** What every hook of one filter gets, for one exchange. */
export interface FilterContext<State = unknown> {
  readonly request: RequestView;
  /** Only in response hooks and `onEnd`; reading it before throws. */
  readonly response: ResponseView;
  /** What `start` made for this exchange. */
  state: State;
  /** Address of the client by the trusted-proxy rule. */
  readonly clientIp: string;
  /** The id of the exchange, as in the log and in `X-Request-Id`. */
  readonly requestId: string;
  /** The route's name. */
  readonly route: string;
}

/** One configured filter of one route, in one worker. Hooks that are absent cost nothing. */
export interface Filter<State = unknown> {
  /** Makes the state of one exchange, before the first hook. */
  start?(): State;
  /** The head of the request; the body has not been read yet. */
  onRequestHead?(context: FilterContext<State>): Verdict | Promise<Verdict>;
  /** Bytes of the request's body, before they are forwarded; valid during the call. Cannot change them. */
  onRequestData?(context: FilterContext<State>, chunk: Uint8Array): Verdict;
  /** The head of the response, the backend's or the proxy's own. */
  onResponseHead?(context: FilterContext<State>): Verdict | Promise<Verdict>;
  /** Always called once for each exchange whose request hook was reached. */
  onEnd?(context: FilterContext<State>, outcome: Outcome): void;
}

/** What a filter is made with besides its options: what it has of its worker, and of the process. */
export interface FilterEnvironment {
  /** The route's name. */
  readonly route: string;
  /** The memory that the filter's schema has asked for; null if it has asked for none. */
  readonly memory: FilterMemory | null;
  /** Monotonic milliseconds, the same for all workers to within a turn of their loops. */
  readonly now: () => number;
  /** Calls back after so many milliseconds, unless the function that it returns is called before. */
  readonly after: (milliseconds: number, callback: () => void) => () => void;
  /**
   * Sends a request of the filter's own to an upstream of the configuration, over the connections that the proxy keeps
   * to it anyway. Only for upstreams that the filter's schema has named.
   */
  readonly ask: (upstream: string, question: Question) => Promise<Answer>;
}

/** Memory that all workers share; it outlives reloads as long as the filter's schema calls it the same. */
export interface FilterMemory {
  readonly buffer: SharedArrayBuffer;
  /** Random numbers, the same in all workers and as long as there is this memory. */
  readonly seed: Uint32Array;
  /** Where the filter's bytes begin. They were zero in the beginning. */
  readonly offset: number;
  /** The row of this worker. */
  readonly row: number;
}

/** A request of a filter's own; it has no body. */
export interface Question {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** Host; undefined: that of the endpoint. */
  readonly host?: string | undefined;
  readonly headers: HeaderList;
  /** Milliseconds until the answer has to be complete. */
  readonly timeout: number;
  /** The most bytes of a body that are taken; an answer with more fails. */
  readonly maxBody: number;
  /** Ends it when nobody wants to know any more. */
  readonly signal?: AbortSignal | undefined;
}

/** What came of it. */
export type Answer =
  | {
      readonly ok: true;
      readonly status: number;
      readonly headers: HeaderList;
      readonly body: Uint8Array;
    }
  | { readonly ok: false; readonly code: FailureCode; readonly detail: string };

/** How far a filter can be trusted with input (see the filters' READMEs). */
export type SecurityPosture = "untrusted-both" | "untrusted-downstream" | "trusted-only";

/** A kind of filter: what `filters/runtime.ts` lists and plugins export. */
export interface FilterKind<Config = unknown, State = unknown> {
  /** The key under `use`. */
  readonly name: string;
  readonly stability: "stable" | "alpha" | "wip";
  readonly securityPosture: SecurityPosture;
  /**
   * The request hook depends on the request head alone and has no effect outside it: `explain` runs it and shows
   * what it does. Others appear there as "would run".
   */
  readonly pure: boolean;
  /** Makes the filter of one route from its checked configuration; called when a snapshot is linked. */
  create(config: Config, environment: FilterEnvironment): Filter<State>;
  /** For filters that `explain` does not run: what this one is set to, in a few words. */
  summary?(config: Config): string;
}
