/** The circumstances of a run, for the report. */

import { spawnSync } from "node:child_process";
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

/** The commit of a checkout, with `+` when its files are not those of the commit. */
export function describeRevision(folder: string): string {
  const git = (...args: readonly string[]): string =>
    spawnSync("git", args, { cwd: folder, encoding: "utf8" }).stdout ?? "";
  const commit = git("rev-parse", "--short", "HEAD").trim();
  if (commit === "") return "unknown";
  return git("status", "--porcelain", "--untracked-files=no") === "" ? commit : `${commit}+`;
}
