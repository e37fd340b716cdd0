/** `sluice init`: a configuration to begin with. */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { findConfig } from "#config/read.ts";
import { TYPESCRIPT, YAML } from "./templates.ts";
import type { Terminal } from "./terminal.ts";

/** @returns the exit code */
export async function init(
  terminal: Terminal,
  { ts = false }: { readonly ts?: boolean },
): Promise<number> {
  const found = await findConfig(terminal.directory);
  if (found !== undefined) {
    terminal.err(`${found} is there already, and is left as it is\n`);
    return 1;
  }
  const name = ts ? "sluice.config.ts" : "sluice.yaml";
  // `wx`: also a file that appears in this very moment is not overwritten.
  await writeFile(join(terminal.directory, name), ts ? TYPESCRIPT : YAML, { flag: "wx" });
  terminal.out(`wrote ${name}: put your backend's address into it, then \`sluice run\`\n`);
  return 0;
}
