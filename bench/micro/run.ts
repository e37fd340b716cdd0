/** `npm run bench:micro [-- NAME] [-- --quick]`: runs the micro-benchmarks one after the other, each in a process of its own. */

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { basename } from "node:path";

const folder = import.meta.dirname;
const options = process.argv.slice(2).filter((argument) => argument.startsWith("-"));
const names = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
const benches = readdirSync(folder)
  .filter((file) => /^[^.]+\.ts$/.test(file) && file !== basename(import.meta.filename))
  .filter((file) => names.length === 0 || names.includes(basename(file, ".ts")));

for (const bench of benches) {
  console.log(`\n── ${basename(bench, ".ts")}`);
  const { status } = spawnSync(
    process.execPath,
    [...process.execArgv, `${folder}/${bench}`, ...options],
    { stdio: "inherit" },
  );
  if (status !== 0) process.exitCode = 1;
}
