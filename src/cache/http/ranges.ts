/** `Range` over a body whose length is known (RFC 9110 §14). */

/** Inclusive offsets. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/** What becomes of a request for parts. */
export type RangeOutcome =
  /** The field is left alone: the whole is the answer. */
  | { readonly kind: "whole" }
  | { readonly kind: "unsatisfiable" }
  | { readonly kind: "parts"; readonly parts: readonly ByteRange[] };

/** More parts than this are nobody's honest wish (§17.15): such requests get the whole. */
const MOST_PARTS = 16;

const SPEC = /^(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))$/;
const WHOLE: RangeOutcome = { kind: "whole" };

/** Reads a `Range`. Parts that overlap make the whole the answer, as do too many. */
export function rangesOf(value: string, length: number): RangeOutcome {
  const bytes = /^bytes=(.*)$/i.exec(value);
  if (bytes === null) return WHOLE;
  const parts: ByteRange[] = [];
  const specs = bytes[1]!.split(",").map((spec) => spec.trim());
  if (specs.length > MOST_PARTS) return WHOLE;
  for (const spec of specs) {
    if (spec === "") continue;
    const match = SPEC.exec(spec);
    if (match === null) return WHOLE;
    const [, first, last, suffix] = match;
    if (suffix !== undefined) {
      const count = Math.min(Number(suffix), length);
      if (count > 0) parts.push({ first: length - count, last: length - 1 });
      continue;
    }
    const from = Number(first);
    const to = last === "" ? length - 1 : Math.min(Number(last), length - 1);
    if (last !== "" && Number(last) < from) return WHOLE;
    if (from < length) parts.push({ first: from, last: to });
  }
  if (parts.length === 0) return { kind: "unsatisfiable" };
  const sorted = [...parts].sort((one, other) => one.first - other.first);
  for (let i = 1; i < sorted.length; i++) {
    if (sorted[i]!.first <= sorted[i - 1]!.last) return WHOLE;
  }
  return { kind: "parts", parts };
}
