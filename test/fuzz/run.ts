/** `npm run fuzz [-- NAME]`: each fuzz target for FUZZ_SECONDS (5 if not set), in a process of its own. */

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { basename } from "node:path";

const folder = import.meta.dirname;
const names = process.argv.slice(2);
const targets = readdirSync(folder)
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
  .map((file) => basename(file, ".ts"))
  .filter((name) => name !== "run" && (names.length === 0 || names.includes(name)));

if (targets.length === 0) throw new Error(`no fuzz target is called ${names.join(" or ")}`);

for (const target of targets) {
  const { status } = spawnSync(process.execPath, [`${folder}/${target}.ts`], { stdio: "inherit" });
  if (status !== 0) process.exitCode = 1;
}
