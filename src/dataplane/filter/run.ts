/**
 * Runs the filters of a route over one exchange: requests in the order written, responses backwards.
 * Synchronous as long as every verdict is; a hook that throws ends the exchange with `filter_failed`.
 *
 * A filter that only observes is given copies of the heads (`shadow.ts`), and whatever it says, the exchange goes on; what
 * it would have done is kept for log and metrics.
 */

import { failure } from "#core/errors.ts";
import type { FilterAction } from "#model/record.ts";
import { CONTINUE, type Outcome, type RequestView, type Verdict } from "#sdk/filter.ts";
import type { Decision } from "../decision.ts";
import type { FilterChain, LinkedRoute } from "../linked.ts";
import { Shadow } from "./shadow.ts";
import { ExchangeView, HookContext, type FilterSubject } from "./view.ts";

/** Which of the hooks that a filter has for heads. */
type Hook = "onRequestHead" | "onResponseHead";

/** The filters of one exchange. Only made for routes that have some. */
export class FilterRun {
  readonly request: RequestView;
  /** What filters did other than letting it pass, or would have done; null: nothing. */
  actions: FilterAction[] | null = null;
  readonly #chain: FilterChain;
  #contexts: HookContext[] = [];
  /** By index, those of filters that observe; null if none does. */
  #shadows: (Shadow | undefined)[] | null = null;
  /** Set if the state of a filter could not be made: then no hook is called. */
  #unable: Decision | null = null;
  /** Filters whose request hooks were reached: those are told the end. */
  #reached = 0;
  #ended = false;

  constructor(subject: FilterSubject, route: LinkedRoute) {
    const view = new ExchangeView(subject);
    this.request = view;
    this.#chain = route.filters;
    for (const [index, { filter, observe }] of route.filters.all.entries()) {
      try {
        if (observe) this.#contexts.push(this.#observer(index, subject, route.name));
        else this.#contexts.push(new HookContext(view, subject, route.name, filter.start?.()));
      } catch (error) {
        this.#unable = this.#failed(index, error);
        // What these have begun is nobody's to end: to them, there is no exchange.
        this.#contexts = [];
        return;
      }
    }
  }

  #observer(index: number, subject: FilterSubject, route: string): HookContext {
    const shadow = new Shadow(subject);
    this.#shadows ??= [];
    this.#shadows[index] = shadow;
    const state = this.#chain.all[index]!.filter.start?.();
    return new HookContext(new ExchangeView(shadow), shadow, route, state);
  }

  /** Runs the request hooks; a promise only if one of them waits. */
  requestHead(): Decision | Promise<Decision> {
    if (this.#unable !== null) return this.#unable;
    return this.#run("onRequestHead", this.#chain.requestHead, 0);
  }

  /** Shows the hooks a piece of the request's body. */
  requestData(chunk: Uint8Array): Decision {
    for (const index of this.#chain.requestData) {
      try {
        const { filter } = this.#chain.all[index]!;
        const verdict = filter.onRequestData!(this.#contexts[index]!, chunk);
        if (kindOf(verdict) === "continue") continue;
        const decision = this.#decide(index, verdict, "");
        if (decision.kind !== "continue") return decision;
      } catch (error) {
        const decision = this.#fail(index, error);
        if (decision.kind !== "continue") return decision;
      }
    }
    return CONTINUE;
  }

  /** Runs the response hooks, last filter first. */
  responseHead(): Decision | Promise<Decision> {
    if (this.#unable !== null) return CONTINUE;
    return this.#run("onResponseHead", this.#chain.responseHead, 0);
  }

  /** Tells the filters how it ended. Errors in them are the caller's to log. */
  end(outcome: Outcome, onError: (place: string, error: unknown) => void): void {
    if (this.#ended || this.#unable !== null) return;
    this.#ended = true;
    for (const index of this.#chain.end) {
      const { filter, place } = this.#chain.all[index]!;
      // Filters without a request hook count as reached: nothing stopped before them on their account.
      if (index >= this.#reached && filter.onRequestHead !== undefined) continue;
      try {
        filter.onEnd!(this.#contexts[index]!, outcome);
      } catch (error) {
        onError(place, error);
      }
    }
  }

  #run(hook: Hook, indexes: readonly number[], from: number): Decision | Promise<Decision> {
    for (let i = from; i < indexes.length; i++) {
      const index = indexes[i]!;
      let decision: Decision;
      try {
        const verdict = this.#call(hook, index);
        if (verdict instanceof Promise) return this.#await(verdict, hook, indexes, i);
        decision = this.#settle(hook, index, verdict);
      } catch (error) {
        decision = this.#fail(index, error);
      }
      if (decision.kind !== "continue") return decision;
    }
    return CONTINUE;
  }

  #call(hook: Hook, index: number): Verdict | Promise<Verdict> {
    const { filter } = this.#chain.all[index]!;
    const context = this.#contexts[index]!;
    const shadow = this.#shadows?.[index];
    if (hook === "onRequestHead") {
      this.#reached = Math.max(this.#reached, index + 1);
      shadow?.takeRequest();
      return filter.onRequestHead!(context);
    }
    shadow?.takeResponse();
    return filter.onResponseHead!(context);
  }

  async #await(
    pending: Promise<Verdict>,
    hook: Hook,
    indexes: readonly number[],
    at: number,
  ): Promise<Decision> {
    let decision: Decision;
    try {
      decision = this.#settle(hook, indexes[at]!, await pending);
    } catch (error) {
      decision = this.#fail(indexes[at]!, error);
    }
    return decision.kind === "continue" ? this.#run(hook, indexes, at + 1) : decision;
  }

  /** What a verdict comes to. @throws TypeError if it is none */
  #settle(hook: Hook, index: number, verdict: Verdict): Decision {
    const isPassing = kindOf(verdict) === "continue";
    const shadow = this.#shadows?.[index];
    if (shadow === undefined) return isPassing ? verdict : this.#decide(index, verdict, "");
    const changes = hook === "onRequestHead" ? shadow.requestChanges() : shadow.responseChanges();
    return isPassing && changes === "" ? verdict : this.#decide(index, verdict, changes);
  }

  /** Notes what a filter does, or would do; what happens now. */
  #decide(index: number, verdict: Verdict, changes: string): Decision {
    const { name, slot, observe } = this.#chain.all[index]!;
    const [action, detail] = actionOf(verdict, changes);
    this.actions ??= [];
    this.actions.push({ filter: name, slot, observed: observe, action, detail });
    return observe ? CONTINUE : verdict;
  }

  #fail(index: number, error: unknown): Decision {
    const { name, slot, observe } = this.#chain.all[index]!;
    const decision = this.#failed(index, error);
    const { detail } = decision.fault;
    this.actions ??= [];
    this.actions.push({ filter: name, slot, observed: observe, action: "failed", detail });
    return observe ? CONTINUE : decision;
  }

  #failed(index: number, error: unknown): Extract<Decision, { kind: "failed" }> {
    const { name, place } = this.#chain.all[index]!;
    const reason = error instanceof Error ? error.message : String(error);
    const fault = failure("filter_failed", `${name} at ${place}: ${reason}`);
    return { kind: "failed", fault, error };
  }
}

function actionOf(verdict: Verdict, changes: string): [FilterAction["action"], string] {
  switch (verdict.kind) {
    case "continue":
      return ["changed", changes];
    case "respond":
      return ["responded", String(verdict.response.status)];
    case "refuse":
      return ["refused", verdict.code];
    case "reset":
      return ["reset", ""];
  }
}

/** Filters are written by users, not all of them in TypeScript. @throws TypeError if this is no verdict */
function kindOf(verdict: Verdict | undefined): Verdict["kind"] {
  const kind = verdict?.kind;
  if (kind !== undefined && KINDS.has(kind)) return kind;
  throw new TypeError(
    "the hook returned no verdict: it has to end with `return CONTINUE` or the like",
  );
}

const KINDS: ReadonlySet<string> = new Set(["continue", "respond", "reset", "refuse"]);
