/**
 * A filter on a made-up exchange, without sockets: its options are read by its schema as from a configuration, cross to
 * the "worker" as a structured clone, and its hooks run through the data plane's own chain and view.
 */

import assert from "node:assert/strict";
import { normalise, splitTarget } from "#core/http/path.ts";
import { type BodyFraming, RequestHead, ResponseHead } from "#core/http/message.ts";
import type { Decision } from "#dataplane/decision.ts";
import type { FilterAction } from "#model/record.ts";
import { FilterRun } from "#dataplane/filter/run.ts";
import type { FilterSubject } from "#dataplane/filter/view.ts";
import type { LinkedRoute } from "#dataplane/linked.ts";
import { Plan } from "#dataplane/plan.ts";
import { FILTERS } from "#filters/runtime.ts";
import { FILTER_SCHEMAS } from "#filters/schemas.ts";
import { linkFilters } from "#link/filters.ts";
import type { FilterData } from "#model/snapshot.ts";
import type { FilterSchema } from "#sdk/config.ts";
import type { Answer, LocalResponse, Outcome, Question, RequestView } from "#sdk/index.ts";
import { TestFilterRuntime } from "./filter-runtime.ts";

/** The name of a built-in filter. */
export type FilterName = keyof typeof FILTER_SCHEMAS;

/** Fields of a message: name and value. */
export type Fields = readonly (readonly [name: string, value: string])[];

/** A request as a test makes it up; everything has a default. */
export interface FakeRequest {
  readonly method?: string;
  readonly target?: string;
  readonly host?: string;
  readonly scheme?: string;
  readonly headers?: Fields;
  readonly clientIp?: string;
  readonly requestId?: string;
  readonly route?: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly framing?: BodyFraming;
  readonly contentLength?: number;
}

/** What the schema makes of options as they are written. Throws the sentences of what it refuses. */
export function readOptions(name: FilterName, written: unknown): unknown {
  const { schema }: FilterSchema = FILTER_SCHEMAS[name];
  const result = schema.safeParse(written);
  if (result.success) return structuredClone(result.data);
  throw new Error(sentences(result.error.issues).join("\n"));
}

/** Messages of the innermost issues: those of a union's forms instead of its own. */
function sentences(issues: readonly object[]): string[] {
  return issues.flatMap((issue) => {
    const {
      message,
      errors,
      issues: inner,
    } = issue as {
      message: string;
      errors?: readonly (readonly object[])[];
      issues?: readonly object[];
    };
    const nested = inner ?? errors?.flat();
    return nested === undefined ? [message] : sentences(nested);
  });
}

/** What a worker gives to filters; a test may share it between exchanges, and say who answers their questions. */
export interface FakeWorker {
  readonly runtime?: TestFilterRuntime;
  readonly ask?: (upstream: string, question: Question) => Promise<Answer>;
}

/** The steps of a route as data of a snapshot. */
export function filterData(use: readonly Partial<Record<FilterName, unknown>>[]): FilterData[] {
  return use.flatMap((step) =>
    (Object.entries(step) as [FilterName, unknown][]).map(([name, written], index) => {
      const schema: FilterSchema = FILTER_SCHEMAS[name];
      const config = readOptions(name, written);
      const memory = schema.memory?.(config) ?? null;
      return {
        kind: "built-in" as const,
        name,
        place: `routes[0].use[${index}]`,
        config,
        observe: schema.mode?.(config) === "observe",
        slot: index,
        memory: memory === null ? null : { perWorker: 0, ...memory, key: memory.identity },
      };
    }),
  );
}

/** One exchange on a route with these filters, in the order written: `{ stripPrefix: "/api" }`. */
export function startExchange(
  use: readonly Partial<Record<FilterName, unknown>>[],
  request: FakeRequest = {},
  worker: FakeWorker = {},
): FakeExchange {
  return new FakeExchange(filterData(use), request, worker);
}

/** An exchange on its way through the filters of a route. */
export class FakeExchange implements FilterSubject {
  readonly request: RequestHead = new RequestHead();
  readonly plan: Plan = new Plan();
  readonly scheme: string;
  readonly clientIp: string;
  readonly requestId: string;
  response: ResponseHead | null = null;
  local = false;
  readonly #run: FilterRun;

  constructor(filters: readonly FilterData[], fake: FakeRequest, worker: FakeWorker = {}) {
    const { request, plan } = this;
    const target = fake.target ?? "/";
    const { path, query } = splitTarget(target);
    request.method = fake.method ?? "GET";
    request.target = target;
    request.authority = fake.host ?? "example.com";
    request.framing = fake.framing ?? "none";
    request.contentLength = fake.contentLength ?? -1;
    for (const [name, value] of fake.headers ?? []) request.headers.append(name, value);
    plan.target = target;
    plan.host = request.authority;
    plan.path = target === "*" ? "*" : (normalise(path) ?? assert.fail(`${path} is no path`));
    plan.query = query ?? "";
    for (const [name, value] of Object.entries(fake.params ?? {})) plan.params.set(name, value);
    this.scheme = fake.scheme ?? "http";
    this.clientIp = fake.clientIp ?? "192.0.2.7";
    this.requestId = fake.requestId ?? "id-1";
    const { runtime = new TestFilterRuntime(), ask = noAnswer } = worker;
    for (const filter of filters) {
      if (filter.kind === "built-in") runtime.provide(filter.memory);
    }
    const source = { filters: FILTERS, inline: () => null, runtime, ask };
    const key = JSON.stringify(filters);
    const known = worker.ask === undefined ? runtime.chains.get(key) : undefined;
    const chain = known ?? linkFilters(filters, fake.route ?? "shop", source);
    runtime.chains.set(key, chain);
    const route: Pick<LinkedRoute, "name" | "filters"> = {
      name: fake.route ?? "shop",
      filters: chain,
    };
    // A run reads nothing else of a route.
    this.#run = new FilterRun(this, route as LinkedRoute);
  }

  /** The request as the filters see it. */
  get view(): RequestView {
    return this.#run.request;
  }

  /** What filters did, or would have done. */
  get actions(): readonly FilterAction[] {
    return this.#run.actions ?? [];
  }

  /** Runs the request hooks, however long they take. */
  async requestHeadLate(): Promise<Decision> {
    return this.#run.requestHead();
  }

  /** Tells the filters that it is over. */
  end(outcome: Partial<Outcome> = {}): void {
    const over = { status: 200, failure: "", requestBytes: 0, responseBytes: 0, duration: 1 };
    this.#run.end({ ...over, ...outcome }, (place, error) =>
      assert.fail(`${place}: ${String(error)}`),
    );
  }

  /** Runs the request hooks. */
  requestHead(): Decision {
    const decision = this.#run.requestHead();
    assert.ok(!(decision instanceof Promise), "built-in filters do not wait");
    return decision;
  }

  /** Runs the request hooks, all of which have to let the request pass. */
  pass(): this {
    assert.deepEqual(this.requestHead(), { kind: "continue" });
    return this;
  }

  /** Runs the request hooks, one of which has to answer. */
  answer(): LocalResponse {
    const decision = this.requestHead();
    assert.equal(decision.kind, "respond");
    return decision.kind === "respond" ? decision.response : assert.fail();
  }

  /** Shows the filters a piece of the body. */
  data(chunk: Uint8Array): Decision {
    return this.#run.requestData(chunk);
  }

  /** Runs the response hooks over an answer with these fields. */
  respond(status: number, fields: Fields = [], local = false): ResponseHead {
    const head = new ResponseHead();
    this.local = local;
    head.status = status;
    for (const [name, value] of fields) head.headers.append(name, value);
    this.response = head;
    const decision = this.#run.responseHead();
    assert.ok(!(decision instanceof Promise), "built-in filters do not wait");
    assert.deepEqual(decision, { kind: "continue" });
    return head;
  }
}

function noAnswer(): Promise<Answer> {
  return Promise.resolve({ ok: false, code: "no_endpoint", detail: "" });
}
