/** Where Sluice keeps what it makes itself: certificates, keys, accounts. */

import { chmod, mkdir, open, rm, stat } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";

import { DataError } from "./data-error.ts";

/** What decides about the folder. */
export interface DataFolderOptions {
  /** `--data`, if it was given. */
  readonly data?: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where relative names begin. */
  readonly directory: string;
  readonly home: string;
  /** The user's number; -1 where there are none. */
  readonly uid: number;
}

/** Path of the folder; it may not exist. */
export function dataFolder(options: DataFolderOptions): string {
  const { data, environment, directory, home, uid } = options;
  if (data !== undefined) return resolve(directory, data);
  const xdg = environment["XDG_DATA_HOME"];
  // The XDG specification wants relative ones to be ignored.
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, "sluice");
  return uid === 0 ? "/var/lib/sluice" : join(home, ".local/share/sluice");
}

/**
 * Makes `folder` with its parents if need be, for this user alone, and tries whether it can be written to.
 * @throws DataError
 */
export async function openFolder(folder: string): Promise<void> {
  const hint = "name another folder with --data, or give this one to the user that Sluice runs as";
  try {
    const made = await mkdir(folder, { recursive: true, mode: 0o700 });
    const found = await stat(folder);
    if (!found.isDirectory()) throw new DataError(`${folder} is no folder`, hint);
    // One that was there may be meant to be seen by others; what lies in it is closed to them all the same.
    if (made !== undefined) await chmod(folder, 0o700);
    const probe = join(folder, `.probe-${process.pid}-${process.hrtime.bigint()}`);
    await (await open(probe, "wx", 0o600)).close();
    await rm(probe);
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(`${folder} cannot be written to: ${reasonOf(error)}`, hint);
  }
}

/** What the system says, without the path, which the sentence has already. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const known: Readonly<Record<string, string>> = {
    EACCES: "this user may not",
    EPERM: "this user may not",
    EROFS: "the file system is read-only",
    ENOSPC: "the disk is full",
    EDQUOT: "the user's quota is used up",
    ENOTDIR: "a part of the path is no folder",
    EEXIST: "something else has that name",
  };
  return known[code] ?? message;
}
