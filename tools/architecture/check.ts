/** `npm run architecture`: fails when an import breaks the rules of layers.ts and rules.ts. */

import { join } from "node:path";
import { cruise, installChecker } from "./cruise.ts";

installChecker();
const report = cruise(join(import.meta.dirname, "../.."));

for (const violation of report.violations) {
  process.stdout.write(
    `✘ ${violation.rule}\n    ${violation.from} → ${violation.to}\n    ${violation.comment}\n`,
  );
}
process.stdout.write(
  `${report.modules} modules in src/, ${report.dependencies} dependencies, ` +
    `${report.violations.length} violations\n`,
);
if (report.violations.length > 0) process.exitCode = 1;
