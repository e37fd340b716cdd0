/** The command line: `bin/sluice` imports this file, which runs the command and ends the process. */

import { createProgram } from "./program.ts";
import { processTerminal } from "./terminal.ts";

const terminal = processTerminal();

try {
  process.exit(await createProgram(terminal).run(process.argv.slice(2)));
} catch (error) {
  // Whatever users can get wrong was answered before: this is a bug, and its stack helps to find it.
  terminal.err(
    `sluice: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  );
  process.exit(1);
}
