/** Files that are there completely or not at all, also when the process or the machine stops in between. */

import { randomBytes } from "node:crypto";
import { constants, copyFile, link, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** The calls that write; tests pass some that fail. */
export interface FileWrites {
  readonly open: typeof open;
  readonly link: typeof link;
}

const SYSTEM: FileWrites = { open, link };

/** When what another process has left behind is certainly of no use to it, in milliseconds. */
const ABANDONED = 60 * 60 * 1000;

/** Puts `text` in place of whatever is at `path`. */
export async function replaceFile(path: string, text: string, mode: number): Promise<void> {
  const temporary = await writeTemporary(path, text, mode, SYSTEM);
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

/**
 * Makes the file `path`, unless there is one. Of several processes that do it at once, one succeeds.
 * @returns whether it was this one
 */
export async function createFile(
  path: string,
  text: string,
  mode: number,
  writes: FileWrites = SYSTEM,
): Promise<boolean> {
  const temporary = await writeTemporary(path, text, mode, writes);
  try {
    // rename(2) would replace; link(2) fails if there is one.
    await writes.link(temporary, path);
    await syncFolder(dirname(path));
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EMLINK"].includes(codeOf(error)))
      throw error;
    return await copyOver(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** For file systems without hard links (FAT, some network ones): still one winner, but a crash may leave a part. */
async function copyOver(temporary: string, path: string): Promise<boolean> {
  try {
    await copyFile(temporary, path, constants.COPYFILE_EXCL);
    await syncFolder(dirname(path));
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** Takes away what processes that were killed have left of `path`. `wall`: epoch milliseconds. */
export async function removeLeftovers(path: string, wall: number): Promise<void> {
  const prefix = prefixOf(path);
  for (const name of await readdir(dirname(path)).catch(() => [])) {
    if (!name.startsWith(prefix)) continue;
    const file = join(dirname(path), name);
    const found = await stat(file).catch(() => null);
    if (found !== null && wall - found.mtimeMs > ABANDONED) await rm(file, { force: true });
  }
}

async function writeTemporary(
  path: string,
  text: string,
  mode: number,
  writes: FileWrites,
): Promise<string> {
  const temporary = join(dirname(path), `${prefixOf(path)}${randomBytes(6).toString("hex")}`);
  const handle = await writes.open(temporary, "wx", mode);
  try {
    await handle.writeFile(text);
    // The mode of a new file is cut by the umask.
    await handle.chmod(mode);
    await handle.sync();
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
  return temporary;
}

function prefixOf(path: string): string {
  return `.${basename(path)}.new-`;
}

/** The name of a new file is in its folder, which has to reach the disk as well. */
async function syncFolder(folder: string): Promise<void> {
  // Windows opens no folders.
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  await handle.sync().catch(() => undefined);
  await handle.close();
}

function codeOf(error: unknown): string {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
