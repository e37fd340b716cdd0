/** Runs a load generator to its end. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { requireProgram } from "../../../test/harness/requires.ts";
import { track } from "../machine/launch.ts";
import { clientEnvironment } from "./client-tls.ts";

/** Time that a program may take beyond its load, in ms. */
const GRACE = 60_000;

/** All that a program has printed. It is killed if it has not ended a minute after its time; `folder` is for its files. */
export async function outputOf(
  name: string,
  args: readonly string[],
  seconds: number,
  folder: string,
): Promise<string> {
  const child = spawn(requireProgram(name), args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: clientEnvironment(folder),
    timeout: seconds * 1000 + GRACE,
    killSignal: "SIGKILL",
  });
  track(child);
  let output = "";
  child.stdout.on("data", (bytes: Buffer) => (output += bytes.toString("latin1")));
  child.stderr.on("data", (bytes: Buffer) => (output += bytes.toString("latin1")));
  await once(child, "close");
  return output;
}
