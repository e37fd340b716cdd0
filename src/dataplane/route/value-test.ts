/** Tests on one value of a header field or query parameter. */

import type { HeaderList } from "#core/http/header-list.ts";
import { compileRegex, type Regex } from "#core/regex/regex.ts";
import type { ValueTest } from "#model/match.ts";

/** A `ValueTest` that is ready to run. */
export class ValueMatcher {
  /** What is wanted: a value that passes, any value, or none at all. */
  readonly wants: "value" | "any" | "none";
  readonly #values: readonly string[];
  readonly #regex: Regex | null;

  /** @throws Error if the regular expression is none; `control/compile` has reported that before */
  constructor(test: ValueTest) {
    this.wants = test.kind === "present" ? "any" : test.kind === "absent" ? "none" : "value";
    this.#values = test.kind === "one-of" ? test.values : [];
    this.#regex = test.kind === "regex" ? requireRegex(test.source) : null;
  }

  /** Does this value pass? Only where a value is wanted. */
  accepts(value: string): boolean {
    if (this.#regex !== null) return this.#regex.test(value);
    return this.#values.includes(value);
  }

  /** As `accepts`, for the value of a field, without making text of it where bytes can be compared. */
  acceptsField(headers: HeaderList, index: number): boolean {
    if (this.#regex !== null) return this.#regex.test(headers.valueAt(index));
    for (const value of this.#values) if (fieldEquals(headers, index, value)) return true;
    return false;
  }
}

/** The expression of a snapshot, compiled. @throws Error if it is none: the control plane let it through */
export function requireRegex(source: string): Regex {
  const compiled = compileRegex(source);
  if (!compiled.ok)
    throw new Error(`the regular expression ${source} is invalid: ${compiled.message}`);
  return compiled.value;
}

function fieldEquals(headers: HeaderList, index: number, value: string): boolean {
  const start = headers.valueStartAt(index);
  if (headers.valueEndAt(index) - start !== value.length) return false;
  const bytes = headers.bytes;
  for (let i = 0; i < value.length; i++) {
    if (bytes[start + i] !== value.charCodeAt(i)) return false;
  }
  return true;
}
