/** The circumstances of a run, for the report. */

import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";

/** What this machine is. */
export function describeMachine(): {
  readonly kernel: string;
  readonly cpu: string;
  readonly cpus: number;
  readonly memoryGiB: number;
  readonly node: string;
  readonly load: string;
} {
  return {
    kernel: `${process.platform} ${release()} ${process.arch}`,
    cpu: cpus()[0]?.model ?? "unknown",
    cpus: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
    load: loadavg()
      .map((value) => value.toFixed(2))
      .join(" "),
  };
}
