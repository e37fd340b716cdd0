/** What Linux knows about processes: their tree, their processor time, their memory. */

import { readdirSync, readFileSync } from "node:fs";

/** Processor time in microseconds. */
export interface CpuTime {
  /** By the scheduler's account, to the nanosecond. */
  readonly total: number;
  /** By the accounts of user and system time, to 10 ms. */
  readonly user: number;
  readonly system: number;
}

/** Resident memory in bytes. */
export interface Memory {
  /** Shared pages counted in every process that maps them. */
  readonly rss: number;
  /** Shared pages divided by the number of processes that map them. */
  readonly pss: number;
}

/** USER_HZ, the unit of time in `/proc`: 100 on every architecture that Node supports. */
const MICROSECONDS_PER_TICK = 10_000;

/** Fields of `/proc/PID/stat` that are of use here. */
export interface Stat {
  readonly parent: number;
  readonly userTicks: number;
  readonly systemTicks: number;
}

/** Reads `/proc/PID/stat`; the name of the program, in parentheses, may hold anything. */
export function parseStat(text: string): Stat {
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return {
    parent: Number(fields[1]),
    userTicks: Number(fields[11]),
    systemTicks: Number(fields[12]),
  };
}

/** Ticks in which some processor was busy, from `/proc/stat`: all but idle, waiting for disks, and stolen. */
export function parseBusyTicks(text: string): number {
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = text
    .slice(0, text.indexOf("\n"))
    .replace(/^cpu +/u, "")
    .split(" ")
    .map(Number);
  return user + nice + system + irq + softirq;
}

/** Rss and Pss of `/proc/PID/smaps_rollup`. */
export function parseRollup(text: string): Memory {
  const kibibytes = (name: string): number =>
    Number(new RegExp(`^${name}: +(\\d+) kB`, "mu").exec(text)?.[1] ?? 0);
  return { rss: kibibytes("Rss") * 1024, pss: kibibytes("Pss") * 1024 };
}

/** Text of a file of `/proc`, or undefined when its process has ended. */
function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** A process and all its descendants. */
export function processTree(root: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync("/proc")) {
    const text = /^\d+$/u.test(name) ? read(`/proc/${name}/stat`) : undefined;
    if (text === undefined) continue;
    const { parent } = parseStat(text);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

/** Processor time that a process, its descendants and all their threads have used. */
export function cpuTime(root: number): CpuTime {
  let nanoseconds = 0;
  let userTicks = 0;
  let systemTicks = 0;
  for (const pid of processTree(root)) {
    const stat = read(`/proc/${pid}/stat`);
    if (stat === undefined) continue;
    const parsed = parseStat(stat);
    userTicks += parsed.userTicks;
    systemTicks += parsed.systemTicks;
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const text = read(`/proc/${pid}/task/${thread}/schedstat`);
      if (text !== undefined) nanoseconds += Number(text.slice(0, text.indexOf(" ")));
    }
  }
  return {
    total: nanoseconds / 1000,
    user: userTicks * MICROSECONDS_PER_TICK,
    system: systemTicks * MICROSECONDS_PER_TICK,
  };
}

/**
 * What was used between two readings. The scheduler's account loses threads that have ended, the other does
 * not: where it is clearly larger, it counts.
 */
export function cpuBetween(before: CpuTime, after: CpuTime): CpuTime {
  const user = after.user - before.user;
  const system = after.system - before.system;
  const scheduled = after.total - before.total;
  const accounted = user + system;
  const total = scheduled < accounted * 0.9 - 2 * MICROSECONDS_PER_TICK ? accounted : scheduled;
  return { total, user, system };
}

/** Microseconds in which the processors of this machine were busy, all together. */
export function machineTime(): number {
  return parseBusyTicks(readFileSync("/proc/stat", "utf8")) * MICROSECONDS_PER_TICK;
}

/** Memory of a process and its descendants. */
export function memory(root: number): Memory {
  let rss = 0;
  let pss = 0;
  for (const pid of processTree(root)) {
    const part = parseRollup(read(`/proc/${pid}/smaps_rollup`) ?? "");
    rss += part.rss;
    pss += part.pss;
  }
  return { rss, pss };
}
