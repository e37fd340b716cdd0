/**
 * What a test needs of the machine. A test that cannot run is skipped by name, with the reason:
 *
 *     test("nginx accepts what we send", { skip: missing("nginx") }, async () => { … });
 *
 * With SLUICE_TEST_REQUIRE=all nothing is skipped: the reason is thrown instead, and the file fails.
 */

import { execFileSync } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";

const requireAll = process.env["SLUICE_TEST_REQUIRE"] === "all";

/** Folders that hold daemons and are often missing from the PATH of a user other than root. */
const daemonFolders = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** The absolute path of the program `name`, or undefined when the machine has none. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), ...daemonFolders];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/** The absolute path of the program `name`. Throws when it is missing: guard with {@link missing}. */
export function requireProgram(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new Error(reasonFor([name]));
  return path;
}

/** `false` when the machine has all `programs`, else the reason to skip. */
export function missing(...programs: readonly string[]): string | false {
  const absent = programs.filter((name) => findProgram(name) === undefined);
  return absent.length === 0 ? false : skip(reasonFor(absent));
}

/** `false` when `holds`, else the `reason` to skip: for needs other than a program. */
export function unless(holds: boolean, reason: string): string | false {
  return holds ? false : skip(reason);
}

/** The path of a Node.js older than the one that Sluice needs, if there is one on the PATH. */
export function findOldNode(): string | undefined {
  return (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, "node"))
    .filter(isExecutable)
    .find((path) => {
      const [major = 0, minor = 0] = nodeVersion(path);
      return major < 24 || (major === 24 && minor < 11);
    });
}

function nodeVersion(path: string): number[] {
  return execFileSync(path, ["--version"], { encoding: "utf8" }).slice(1).split(".").map(Number);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function reasonFor(programs: readonly string[]): string {
  return `${programs.join(", ")} not installed`;
}

function skip(reason: string): string {
  if (requireAll) throw new Error(`SLUICE_TEST_REQUIRE=all, and ${reason}`);
  return reason;
}
