/** Writing generated files, or checking that they are what they would be written as. */

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const root = join(import.meta.dirname, "../..");

/**
 * Writes `text` to `path` (relative to the repository). With `--check` among the arguments it writes nothing and sets
 * the exit code to 1 if the file holds anything else.
 */
export function writeOrCheck(path: string, text: string, generator: string): void {
  const file = join(root, path);
  if (!process.argv.includes("--check")) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return;
  }
  if (read(file) === text) return;
  process.stderr.write(`${path} is stale: run \`node ${relative(root, generator)}\`\n`);
  process.exitCode = 1;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}
