/** What trust stores are looked for and changed with; tests pass their own. */

import { spawn } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** A machine, as far as trust stores go. */
export interface TrustSystem {
  readonly platform: NodeJS.Platform;
  readonly home: string;
  /** The user's number; 0 may change everything. */
  readonly uid: number;
  readonly exists: (path: string) => boolean;
  /** The file's text; null if it cannot be read. */
  readonly read: (path: string) => string | null;
  /** Names in a folder; none if it cannot be read. */
  readonly list: (folder: string) => readonly string[];
  /** Path of a program; null if there is none. */
  readonly find: (program: string) => string | null;
  /** Runs a command to its end. */
  readonly run: (command: readonly string[]) => Promise<CommandResult>;
}

/** How a command has ended. */
export interface CommandResult {
  readonly ok: boolean;
  /** All that it has written. */
  readonly output: string;
}

/** Folders of programs that are often missing from the PATH of a user. */
const DAEMONS: readonly string[] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/** This machine. `path`: the PATH of the environment. */
export function thisSystem(path: string, home: string): TrustSystem {
  const find = (program: string): string | null =>
    [...path.split(delimiter), ...DAEMONS]
      .map((folder) => join(folder, program))
      .find(isExecutable) ?? null;
  return {
    platform: process.platform,
    home,
    uid: process.getuid?.() ?? -1,
    exists: existsSync,
    read: (file) => {
      try {
        return readFileSync(file, "utf8");
      } catch {
        return null;
      }
    },
    list: (folder) => {
      try {
        return readdirSync(folder);
      } catch {
        return [];
      }
    },
    find,
    run: ([program = "", ...args]) => runCommand(find(program) ?? program, args),
  };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function runCommand(program: string, args: readonly string[]): Promise<CommandResult> {
  return new Promise((resolve) => {
    // The keyboard stays the user's: macOS may ask for a password.
    const child = spawn(program, args, { stdio: ["inherit", "pipe", "pipe"] });
    let output = "";
    const take = (text: unknown): void => {
      output += String(text);
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    child.once("error", (error) => resolve({ ok: false, output: error.message }));
    child.once("close", (code) => resolve({ ok: code === 0, output: output.trim() }));
  });
}
