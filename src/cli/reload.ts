/** `sluice reload`: tells the running instance to apply its configuration again. */

import { askControl, controlPath } from "#process/control-socket.ts";
import { type SourceOptions, instanceName } from "./options.ts";
import { controlPlace } from "./run.ts";
import type { Terminal } from "./terminal.ts";

/** @returns the exit code: 0 when the configuration is in use */
export async function reload(terminal: Terminal, options: SourceOptions): Promise<number> {
  const name = await instanceName(options, terminal.directory);
  if (name === null) {
    terminal.err(
      "there is no configuration in this folder: name that of the running instance with -c FILE, or its address with --listen\n",
    );
    return 1;
  }
  const answer = await askControl(controlPath(controlPlace(terminal), name), { command: "reload" });
  if (answer === null) {
    const start =
      options.to === undefined && options.listen === undefined
        ? `sluice run -c ${name}`
        : shortCommand(options);
    terminal.err(`no instance of ${name} is running (of this user): start one with \`${start}\`\n`);
    return 1;
  }
  if (answer.ok) {
    terminal.out(`${answer.message}\n`);
    return 0;
  }
  terminal.err(`${answer.message.trimEnd()}\nthe old configuration stays in use\n`);
  return 1;
}

function shortCommand({ to = ["http://localhost:3000"], listen = [] }: SourceOptions): string {
  const words = [
    ...to.flatMap((url) => ["--to", url]),
    ...listen.flatMap((at) => ["--listen", at]),
  ];
  return ["sluice", ...words].join(" ");
}
