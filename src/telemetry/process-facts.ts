/** What the operating system knows of this process. */

import { readFileSync, readdirSync } from "node:fs";

/** Asked for at each scrape; `null` where the system does not tell. */
export interface ProcessFacts {
  readonly residentBytes: number;
  readonly cpuSeconds: number;
  readonly openFds: number | null;
  readonly maxFds: number | null;
}

/** Reads them. A matter of microseconds; for the control thread. */
export function processFacts(): ProcessFacts {
  const { user, system } = process.cpuUsage();
  return {
    residentBytes: process.memoryUsage.rss(),
    cpuSeconds: (user + system) / 1e6,
    openFds: openFds(),
    maxFds: maxFds(),
  };
}

function openFds(): number | null {
  try {
    // One of them is the folder itself, while it is being read.
    return readdirSync("/proc/self/fd").length - 1;
  } catch {
    return null;
  }
}

function maxFds(): number | null {
  try {
    const line = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"));
    return line === null ? null : Number(line[1]);
  } catch {
    return null;
  }
}
