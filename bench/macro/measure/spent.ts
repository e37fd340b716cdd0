/** What a process and the machine spend while something runs. */

import { type CpuTime, cpuBetween, cpuTime, machineTime } from "./process.ts";

/** Processor time in microseconds. */
export interface Spent extends CpuTime {
  /** Of all processors of the machine, for whatever they did. */
  readonly machine: number;
}

/** Runs `load`, and says what the process tree of `pid` has spent meanwhile. User and system time add up to the total. */
export async function spentDuring<T>(
  pid: number,
  load: () => Promise<T>,
): Promise<{ readonly result: T; readonly spent: Spent }> {
  const machineBefore = machineTime();
  const before = cpuTime(pid);
  const result = await load();
  const { total, user, system } = cpuBetween(before, cpuTime(pid));
  const machine = machineTime() - machineBefore;
  const accounted = user + system;
  const share = accounted === 0 ? 0 : user / accounted;
  return { result, spent: { total, user: total * share, system: total * (1 - share), machine } };
}
