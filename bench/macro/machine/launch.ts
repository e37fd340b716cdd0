/** Starts and ends the programs that are measured, and says when they answer. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Address, open } from "../load/address.ts";
import { processTree } from "../measure/process.ts";

/** A program to run. */
export interface Launch extends Address {
  readonly program: string;
  readonly args: readonly string[];
  /** Beside the variables of this process, from which what npm and Node add is left out. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** File for standard error; shown when the program does not come up. */
  readonly messages: string;
  /** File for standard output; without it, it goes where {@link Launch.messages} goes. */
  readonly output?: string;
}

/** A program that answers. */
export interface Running extends Address {
  readonly pid: number;
  /** The folder of its files. */
  readonly folder: string;
  /** Milliseconds from spawn to the end of the first answer. */
  readonly startedIn: number;
  /** Ends it, and resolves when it is gone. */
  stop(): Promise<void>;
}

const START_TIMEOUT = 30_000;
const STOP_TIMEOUT = 3000;
const PROBE = "GET /bare HTTP/1.1\r\nHost: bench.example\r\nConnection: close\r\n\r\n";

const children = new Set<ChildProcess>();

/** Remembers a child for {@link killAll} until it ends. */
export function track(child: ChildProcess): void {
  children.add(child);
  child.on("exit", () => children.delete(child));
}

/** Ends at once whatever is still running; for the end of this process. */
export function killAll(): void {
  for (const child of children) killTree(child);
}

/** A master that is killed leaves its workers behind: so they go with it. */
function killTree({ pid: root }: ChildProcess): void {
  if (root === undefined) return;
  for (const pid of processTree(root)) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended in the meantime.
    }
  }
}

/** A port of 127.0.0.1 that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** The environment of a user's shell, without what `npm run` and a test runner add. */
export function plainEnvironment(): Record<string, string> {
  const added = /^(?:npm_(?!config_(?:cache|registry|userconfig)$)|INIT_CWD$|NODE_|SLUICE_)/iu;
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) =>
      value === undefined || added.test(name) ? [] : [[name, value]],
    ),
  );
}

/** Starts a program and waits until it has answered a request. @throws Error with its messages if it does not */
export async function launch(what: Launch): Promise<Running> {
  const messages = openSync(what.messages, "a");
  const output = what.output === undefined ? messages : openSync(what.output, "a");
  const begin = performance.now();
  const child = spawn(what.program, what.args, {
    cwd: what.cwd,
    env: { ...plainEnvironment(), ...what.env },
    stdio: ["ignore", output, messages],
  });
  track(child);
  let failure: Error | undefined;
  child.on("error", (error) => (failure = error));
  closeSync(messages);
  if (output !== messages) closeSync(output);

  while (!(await answers(what))) {
    const isLate = performance.now() - begin > START_TIMEOUT;
    const isGone = failure !== undefined || child.exitCode !== null || child.signalCode !== null;
    if (isLate || isGone) {
      await end(child);
      const said = readFileSync(what.messages, "utf8").slice(-2000);
      throw new Error(`${what.program} does not answer: ${failure?.message ?? said}`);
    }
    await sleep(2);
  }
  const startedIn = performance.now() - begin;
  return {
    port: what.port,
    ca: what.ca,
    pid: child.pid ?? 0,
    folder: what.cwd,
    startedIn,
    stop: () => end(child),
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => killTree(child), STOP_TIMEOUT);
  await exited;
  clearTimeout(timer);
}

/** Whether a whole answer with status 200 comes back. */
async function answers(address: Address): Promise<boolean> {
  const socket = open(address);
  socket.setTimeout(2000, () => socket.destroy());
  let text = "";
  socket.on("connect", () => socket.write(PROBE));
  socket.on("data", (bytes: Buffer) => (text += bytes.toString("latin1")));
  return new Promise((resolve) => {
    socket.on("error", () => resolve(false));
    socket.on("close", () => resolve(text.startsWith("HTTP/1.1 200")));
  });
}
