/** Arithmetic of rounds: ratios, their median, how far they lie apart, and what that says about a bound. */

/** A number from several rounds. */
export interface Spread {
  readonly median: number;
  /** Half the distance between the smallest and the largest. */
  readonly spread: number;
  readonly rounds: number;
}

/** `met` and `missed` are beyond the spread, `within noise` is not. */
export type Verdict = "met" | "met within noise" | "missed" | "not measured";

/** The middle one, or the mean of the two in the middle; undefined of nothing. */
export function median(values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** Median and spread; undefined of nothing. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  const middle = median(values);
  if (middle === undefined) return undefined;
  const spread = (Math.max(...values) - Math.min(...values)) / 2;
  return { median: middle, spread, rounds: values.length };
}

/** `ours` divided by `theirs` for each round that has both: what changes from round to round falls out. */
export function ratios(
  ours: ReadonlyMap<number, number>,
  theirs: ReadonlyMap<number, number>,
): readonly number[] {
  return [...ours].flatMap(([round, value]) => {
    const other = theirs.get(round);
    return other === undefined || other <= 0 ? [] : [value / other];
  });
}

/** What the numbers say about an upper bound. */
export function judge(found: Spread | undefined, bound: number): Verdict {
  if (found === undefined) return "not measured";
  if (found.median + found.spread <= bound) return "met";
  return found.median - found.spread <= bound ? "met within noise" : "missed";
}
