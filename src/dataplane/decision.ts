import type { Failure, FailureCode } from "#core/errors.ts";
import type { LocalResponse } from "#sdk/filter.ts";

/** What the filters of a route came to, for one hook. */
export type Decision =
  | { readonly kind: "continue" }
  | { readonly kind: "respond"; readonly response: LocalResponse }
  | { readonly kind: "reset" }
  | { readonly kind: "refuse"; readonly code: FailureCode; readonly detail: string }
  | { readonly kind: "failed"; readonly fault: Failure; readonly error: unknown };
