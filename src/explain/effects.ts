/** What would be done to a request on its way: filters, fields of the proxy, and what is sent in the end. */

import { ByteWriter } from "#core/bytes/writer.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import type { FilterAction } from "#model/record.ts";
import { FilterRun } from "#dataplane/filter/run.ts";
import { dropClientClaims, prepareRequestFields } from "#dataplane/forward/request-fields.ts";
import type { LinkedFilter, LinkedRoute, LinkedSnapshot } from "#dataplane/linked.ts";
import type { Plan } from "#dataplane/plan.ts";
import { writeRequestHead } from "#protocol/http1/serializer.ts";
import type { LocalResponse } from "#sdk/filter.ts";
import type { ReadyRequest } from "./request.ts";

/** A field, or a part of the request line, before and after. Several fields of one name stand together. */
export interface Edit {
  /** `target`, `host`, or `header x-beta`. */
  readonly what: string;
  readonly before: readonly string[];
  readonly after: readonly string[];
}

/** What a filter does to this request. */
export interface FilterResult {
  readonly name: string;
  readonly place: string;
  /**
   * `ran`: it was run, and `edits` is what it did. `would run`: what it does depends on more than the request.
   * `observed`: it was run, and `problem` is what it would have done if it did not only observe.
   * `response only`: it changes nothing but the response, of which there is none here. `not reached`: one before it
   * has answered.
   */
  readonly outcome:
    | "ran"
    | "answered"
    | "refused"
    | "would reset"
    | "failed"
    | "would run"
    | "observed"
    | "response only"
    | "not reached";
  readonly edits: readonly Edit[];
  /** Why it failed, the code with which it refused, or what it would have done; else "". */
  readonly problem: string;
  /** What it is set to, and that it only observes; "" where it was run. */
  readonly summary: string;
}

/** What the filters of a route come to. */
export interface FilterEffects {
  /** What the client may not say, and the proxy deletes before the filters run. */
  readonly dropped: readonly Edit[];
  readonly filters: readonly FilterResult[];
  /** The answer of a filter, in the place of the backend's. */
  readonly answer: LocalResponse | null;
}

/** The id that stands for the one each request gets. */
const REQUEST_ID = "(made for each request)";

/**
 * Runs the filters that depend on the request alone; `request.head` and `plan` are changed as they say. `cache`: where
 * the route's cache is written, which comes behind all of them.
 */
export async function runFilters(
  route: LinkedRoute,
  request: ReadyRequest,
  plan: Plan,
  cache: string | null,
): Promise<FilterEffects> {
  const received = stateOf(request.head.headers, plan);
  dropClientClaims(request.head.headers, request.trusted);
  const dropped = difference(received, stateOf(request.head.headers, plan));
  const results: FilterResult[] = [];
  let answer: LocalResponse | null = null;
  let isOver = false;
  for (const filter of route.filters.all) {
    const { name, place } = filter;
    const result = { name, place, edits: [], problem: "", summary: "" };
    if (isOver) {
      results.push({ ...result, outcome: "not reached" });
    } else if (!filter.pure) {
      results.push({ ...result, outcome: "would run", summary: summaryOf(filter) });
    } else if (isForResponses(filter.filter)) {
      results.push({ ...result, outcome: "response only", summary: summaryOf(filter) });
    } else {
      const before = stateOf(request.head.headers, plan);
      const { decision, actions } = await runOne(filter, route, request, plan);
      const edits = difference(before, stateOf(request.head.headers, plan));
      isOver = decision.kind !== "continue";
      if (decision.kind === "respond") answer = decision.response;
      results.push({
        ...result,
        outcome: filter.observe ? "observed" : OUTCOMES[decision.kind],
        edits,
        problem: filter.observe ? wouldHave(actions) : problemOf(decision),
      });
    }
  }
  if (cache !== null) {
    const outcome = isOver ? "not reached" : "would run";
    results.push({ name: "cache", place: cache, edits: [], problem: "", summary: "", outcome });
  }
  return { dropped, filters: results, answer };
}

function summaryOf({ summary, observe }: LinkedFilter): string {
  return [summary, observe ? "only observes" : ""].filter((part) => part !== "").join(", ");
}

function wouldHave(actions: readonly FilterAction[] | null): string {
  const [first] = actions ?? [];
  return first === undefined ? "nothing" : `${first.action} ${first.detail}`.trimEnd();
}

function isForResponses(hooks: LinkedFilter["filter"]): boolean {
  return hooks.onRequestHead === undefined && hooks.onResponseHead !== undefined;
}

type Decision = Awaited<ReturnType<FilterRun["requestHead"]>>;

const OUTCOMES: Readonly<Record<Decision["kind"], FilterResult["outcome"]>> = {
  continue: "ran",
  respond: "answered",
  reset: "would reset",
  refuse: "refused",
  failed: "failed",
};

function problemOf(decision: Decision): string {
  if (decision.kind === "failed") return decision.fault.detail;
  return decision.kind === "refuse" ? decision.code : "";
}

/** One filter, by the code that runs all of them in the data plane. */
async function runOne(
  filter: LinkedFilter,
  route: LinkedRoute,
  { head, scheme, clientIp }: ReadyRequest,
  plan: Plan,
): Promise<{ decision: Decision; actions: readonly FilterAction[] | null }> {
  const alone: LinkedRoute = {
    ...route,
    filters: {
      all: [filter],
      requestHead: filter.filter.onRequestHead === undefined ? [] : [0],
      requestData: [],
      responseHead: [],
      end: [],
    },
  };
  const subject = {
    request: head,
    plan,
    scheme,
    clientIp,
    requestId: "",
    response: null,
    local: false,
  };
  const run = new FilterRun(subject, alone);
  return { decision: await run.requestHead(), actions: run.actions };
}

/** What the proxy itself changes in the request that the filters have left, by writing it as it would be sent. */
export function ownEdits(
  snapshot: LinkedSnapshot,
  { head, scheme, peer, trusted }: ReadyRequest,
  plan: Plan,
  host: string,
  dropped: readonly Edit[],
): Edit[] {
  const before = stateOf(head.headers, plan);
  for (const edit of dropped) if (!before.has(edit.what)) before.set(edit.what, [...edit.before]);
  const localPort = scheme === "https" ? 443 : 80;
  const client = { peerAddress: peer, scheme, localPort, tls: null };
  prepareRequestFields({ client, request: head, plan, snapshot, requestId: REQUEST_ID }, trusted);
  const writer = new ByteWriter(4096);
  const framing = head.framing === "close" ? "none" : head.framing;
  const connection = head.upgrade === "" ? "keep-alive" : "upgrade";
  writeRequestHead(writer, head, plan.target, host, framing, head.contentLength, connection, false);
  const [, ...lines] = new TextDecoder("latin1").decode(writer.view()).split("\r\n");
  const after = new Map([["target", [plan.target]]]);
  for (const line of lines) {
    const colon = line.indexOf(":");
    if (colon > 0) add(after, line.slice(0, colon), line.slice(colon + 1).trim());
  }
  // Host is a decision of its own, and told as one.
  for (const state of [before, after]) state.delete("header host");
  before.delete("host");
  return difference(before, after);
}

type State = Map<string, string[]>;

function stateOf(headers: HeaderList, plan: Plan): State {
  const state: State = new Map([
    ["target", [plan.target]],
    ["host", [plan.host]],
  ]);
  for (const [name, value] of headers) add(state, name, value);
  return state;
}

function add(state: State, name: string, value: string): void {
  const key = `header ${name.toLowerCase()}`;
  const values = state.get(key);
  if (values === undefined) state.set(key, [value]);
  else values.push(value);
}

function difference(before: State, after: State): Edit[] {
  const edits: Edit[] = [];
  for (const what of new Set([...before.keys(), ...after.keys()])) {
    const old = before.get(what) ?? [];
    const now = after.get(what) ?? [];
    if (old.join("\n") !== now.join("\n") || old.length !== now.length) {
      edits.push({ what, before: old, after: now });
    }
  }
  return edits;
}
