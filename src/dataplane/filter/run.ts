/**
 * Runs the filters of a route over one exchange: requests in the order written, responses backwards.
 * Synchronous as long as every verdict is; a hook that throws ends the exchange with `filter_failed`.
 */

import { failure } from "#core/errors.ts";
import { CONTINUE, type Outcome, type RequestView, type Verdict } from "#sdk/filter.ts";
import type { Decision } from "../decision.ts";
import type { FilterChain, LinkedRoute } from "../linked.ts";
import { ExchangeView, HookContext, type FilterSubject } from "./view.ts";

/** The filters of one exchange. Only made for routes that have some. */
export class FilterRun {
  readonly request: RequestView;
  readonly #chain: FilterChain;
  #contexts: HookContext[] = [];
  /** Set if the state of a filter could not be made: then no hook is called. */
  #unable: Decision | null = null;
  /** Filters whose request hooks were reached: those are told the end. */
  #reached = 0;
  #ended = false;

  constructor(subject: FilterSubject, route: LinkedRoute) {
    const view = new ExchangeView(subject);
    this.request = view;
    this.#chain = route.filters;
    for (const [index, { filter }] of route.filters.all.entries()) {
      try {
        this.#contexts.push(new HookContext(view, subject, route.name, filter.start?.()));
      } catch (error) {
        this.#unable = this.#failed(index, error);
        // What these have begun is nobody's to end: to them, there is no exchange.
        this.#contexts = [];
        return;
      }
    }
  }

  /** Runs the request hooks; a promise only if one of them waits. */
  requestHead(): Decision | Promise<Decision> {
    if (this.#unable !== null) return this.#unable;
    return this.#run(this.#chain.requestHead, 0, (index) => {
      this.#reached = Math.max(this.#reached, index + 1);
      return this.#chain.all[index]!.filter.onRequestHead!(this.#contexts[index]!);
    });
  }

  /** Shows the hooks a piece of the request's body. */
  requestData(chunk: Uint8Array): Decision {
    for (const index of this.#chain.requestData) {
      try {
        const { filter } = this.#chain.all[index]!;
        const verdict = filter.onRequestData!(this.#contexts[index]!, chunk);
        if (kindOf(verdict) !== "continue") return verdict;
      } catch (error) {
        return this.#failed(index, error);
      }
    }
    return CONTINUE;
  }

  /** Runs the response hooks, last filter first. */
  responseHead(): Decision | Promise<Decision> {
    if (this.#unable !== null) return CONTINUE;
    return this.#run(this.#chain.responseHead, 0, (index) =>
      this.#chain.all[index]!.filter.onResponseHead!(this.#contexts[index]!),
    );
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

  #run(
    hooks: readonly number[],
    from: number,
    call: (index: number) => Verdict | Promise<Verdict>,
  ): Decision | Promise<Decision> {
    for (let i = from; i < hooks.length; i++) {
      const index = hooks[i]!;
      try {
        const verdict = call(index);
        if (verdict instanceof Promise) return this.#await(verdict, hooks, i, call);
        if (kindOf(verdict) !== "continue") return verdict;
      } catch (error) {
        return this.#failed(index, error);
      }
    }
    return CONTINUE;
  }

  async #await(
    pending: Promise<Verdict>,
    hooks: readonly number[],
    at: number,
    call: (index: number) => Verdict | Promise<Verdict>,
  ): Promise<Decision> {
    try {
      const verdict = await pending;
      if (kindOf(verdict) !== "continue") return verdict;
    } catch (error) {
      return this.#failed(hooks[at]!, error);
    }
    return this.#run(hooks, at + 1, call);
  }

  #failed(index: number, error: unknown): Decision {
    const { name, place } = this.#chain.all[index]!;
    const reason = error instanceof Error ? error.message : String(error);
    const fault = failure("filter_failed", `${name} at ${place}: ${reason}`);
    return { kind: "failed", fault, error };
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
