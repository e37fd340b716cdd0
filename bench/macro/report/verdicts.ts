/** The targets held against what was measured. */

import type { Target } from "../targets.ts";
import { byRound, type Run } from "./results.ts";
import { judge, ratios, type Spread, spreadOf, type Verdict } from "./statistics.ts";

/** A target with what came of it. */
export interface Judged extends Target {
  /** A ratio, or a value in the unit of the metric; undefined when it was not measured. */
  readonly found: Spread | undefined;
  readonly verdict: Verdict;
}

/** Ratio of two subjects of a scenario over its rounds. */
export function ratioOf(
  runs: readonly Run[],
  { scenario, metric, ours, peer }: Omit<Target, "bound">,
): Spread | undefined {
  const own = byRound(runs, scenario, ours, metric);
  if (peer === undefined) return spreadOf([...own.values()]);
  return spreadOf(ratios(own, byRound(runs, scenario, peer, metric)));
}

/** Judges every target. */
export function judgeAll(targets: readonly Target[], runs: readonly Run[]): readonly Judged[] {
  return targets.map((target) => {
    const found = ratioOf(runs, target);
    return { ...target, found, verdict: judge(found, target.bound) };
  });
}
