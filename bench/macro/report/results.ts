/** The record of a whole benchmark, as it is written to JSON. */

import { median } from "./statistics.ts";
import type { Metric, Values } from "./metrics.ts";

/** One measurement of one subject of a scenario. */
export interface Run {
  readonly scenario: string;
  /** Label of the subject. */
  readonly subject: string;
  /** Counted from 1. */
  readonly round: number;
  readonly values: Values;
  /** A run with a problem is invalid, and is counted nowhere. */
  readonly problems: readonly string[];
}

/** Circumstances. */
export interface Context {
  /** Date and time in ISO form. */
  readonly date: string;
  readonly command: string;
  /** The commit of the sources, and whether they were changed since. */
  readonly revision: string;
  readonly kernel: string;
  readonly cpu: string;
  readonly cpus: number;
  readonly memoryGiB: number;
  readonly node: string;
  readonly load: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly warmUp: number;
  /** How Sluice was installed. */
  readonly sluice: string;
  /** Version by name of peer. */
  readonly versions: Readonly<Record<string, string>>;
}

/** A peer that was left out. */
export interface Skipped {
  readonly name: string;
  readonly reason: string;
}

/** Everything. */
export interface Results {
  readonly context: Context;
  readonly skipped: readonly Skipped[];
  readonly runs: readonly Run[];
}

/** Values of a metric by round, of valid runs. */
export function byRound(
  runs: readonly Run[],
  scenario: string,
  subject: string,
  metric: Metric,
): ReadonlyMap<number, number> {
  const found = new Map<number, number>();
  for (const run of runs) {
    if (run.scenario !== scenario || run.subject !== subject || run.problems.length > 0) continue;
    const value = run.values[metric];
    if (value !== undefined) found.set(run.round, value);
  }
  return found;
}

/** The median of the valid runs, or undefined when there is none. */
export function medianOf(
  runs: readonly Run[],
  scenario: string,
  subject: string,
  metric: Metric,
): number | undefined {
  return median([...byRound(runs, scenario, subject, metric).values()]);
}
