/** The contract of a scenario: what is started, and what is measured of it. */

import type { RequestLibrary } from "../load/library.ts";
import type { Running } from "../machine/launch.ts";
import type { StartOptions } from "../peers/peer.ts";
import type { Metric, Values } from "../report/metrics.ts";

/** Options of a start that scenarios decide. */
export type Variant = Partial<Pick<StartOptions, "workers" | "accessLog" | "routes">> & {
  /** TLS with so many certificates; without it none is spoken. */
  readonly certificates?: number;
};

/** A peer as a scenario starts it. */
export interface Subject {
  /** Unique in the scenario; the name of the peer unless it is there more than once. */
  readonly label: string;
  readonly peer: string;
  readonly variant: Variant;
}

/** What a scenario may use while it measures one subject. */
export interface Stage {
  /** Starts the subject; the runner stops it. */
  readonly start: (variant?: Variant) => Promise<Running>;
  readonly subject: Subject;
  /** Whole seconds of a measurement, and of the load before it; the latter may be 0. */
  readonly seconds: number;
  readonly warmUp: number;
  /** Connections of the scenario `idle`. */
  readonly idleConnections: number;
  readonly requests: RequestLibrary;
  /** A folder for scripts. */
  readonly folder: string;
  /** Requests in a second for the scenario `fixed-rate`: the same for all subjects of a round. */
  readonly fixedRate: () => Promise<number>;
}

/** What came of a measurement; with a problem it is invalid. */
export interface Measured {
  readonly values: Values;
  readonly problems: readonly string[];
}

/** One kind of load. */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** What the ratios are made of. */
  readonly main: Metric;
  readonly columns: readonly Metric[];
  readonly subjects: readonly Subject[];
  measure(stage: Stage): Promise<Measured>;
}

/** Peers as subjects, all started in the same way. */
export function subjects(names: readonly string[], variant: Variant = {}): readonly Subject[] {
  return names.map((name) => ({ label: name, peer: name, variant }));
}

/** Sluice on both transports. */
export const ours: readonly string[] = ["sluice-uring", "sluice-node"];
