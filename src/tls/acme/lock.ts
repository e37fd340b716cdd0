/**
 * Locks between processes that share a folder: a file that one of them can make. Whoever has it says so every few seconds;
 * one that is silent, or known to be dead, has lost it.
 */

import { randomBytes } from "node:crypto";
import { readlinkSync } from "node:fs";
import { link, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";

import type { Scheduler } from "#core/time/scheduler.ts";
import { createFile } from "../atomic-file.ts";

/** Time between two signs of life, milliseconds. */
const BEAT = 10_000;
/** Silence after which a lock is free. */
const SILENCE = 60_000;

/** What taking a lock needs. */
export interface LockClock {
  readonly scheduler: Scheduler;
  /** Epoch milliseconds. */
  readonly wall: () => number;
}

/** A lock that is held. */
export interface FolderLock {
  release(): Promise<void>;
}

/**
 * Takes the lock that the file `path` is; null: another process has it.
 * @throws what the file system says when no file can be made
 */
export async function takeLock(path: string, clock: LockClock): Promise<FolderLock | null> {
  const begun = Math.floor(clock.wall());
  const owner = `${process.pid} ${machine()} ${begun} ${randomBytes(6).toString("hex")}\n`;
  if (!(await createFile(path, owner, 0o600))) {
    await removeStale(path, clock.wall());
    if (!(await createFile(path, owner, 0o600))) return null;
  }
  let cancel = (): void => undefined;
  const beat = (): void => {
    cancel = clock.scheduler.after(BEAT, () => {
      const seconds = clock.wall() / 1000;
      void utimes(path, seconds, seconds).catch(() => undefined);
      beat();
    });
  };
  beat();
  return {
    release: async () => {
      cancel();
      // Somebody else's by now, if this process was silent for too long.
      if ((await contentOf(path)) === owner) await rm(path, { force: true });
    },
  };
}

/** Takes away a lock whose owner does not live, or has not said so for long. */
async function removeStale(path: string, wall: number): Promise<void> {
  const owner = await contentOf(path);
  const found = await stat(path).catch(() => null);
  if (owner === null || found === null) return;
  const [pid = "", where = "", begun = ""] = owner.trim().split(" ");
  const silent = [found.mtimeMs, Number(begun)].every(
    (sign) => !(Math.abs(wall - sign) <= SILENCE),
  );
  if (!silent && !isDead(Number(pid), where)) return;
  // Of several that come to this, one gets the file; and if a new one has taken its place meanwhile, it is put back.
  const aside = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  if ((await contentOf(aside)) !== owner) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

/** Of other machines and containers nothing is known. */
function isDead(pid: number, where: string): boolean {
  if (where !== machine()) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
}

/** Where numbers of processes mean the same. */
function machine(): string {
  let space = "";
  try {
    space = readlinkSync("/proc/self/ns/pid");
  } catch {
    // Only Linux has it.
  }
  return `${hostname()}${space}`.replace(/\s/g, "");
}

async function contentOf(path: string): Promise<string | null> {
  return readFile(path, "utf8").catch(() => null);
}
