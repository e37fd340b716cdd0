/**
 * The proxy as its users run it: `bin/sluice` as a child process, on a free port. Its output is collected; `stop` ends
 * it as a service manager would and checks that it ended well.
 */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What it never outlives: a test, or something else with an end. */
export interface Lifetime {
  after(end: () => Promise<void>): void;
}

const BIN = join(import.meta.dirname, "../../bin/sluice");
const LISTENING = /listening on (https?:\/\/[^\s"]+)/g;

/** How a test wants it started. */
export interface SluiceOptions {
  /** Arguments of the command line, such as `["--to", url, "--listen", "127.0.0.1:0"]`. Default: `["run"]`. */
  readonly args?: readonly string[];
  /** Files of its working directory by name: `{ "sluice.yaml": … }`. Without them the directory is empty. */
  readonly files?: Readonly<Record<string, string>>;
  /** Beside the variables of the test. */
  readonly environment?: Readonly<Record<string, string>>;
  /** How many TCP addresses it listens on. Default: 1. */
  readonly listeners?: number;
  /** A line of `sh` that ends in `exec "$0" "$@"`, in whose surroundings it is to run: `ulimit -n 80; exec "$0" "$@"`. */
  readonly shell?: string;
  /** Descriptors of this process that it inherits, from number 3 on. */
  readonly inherits?: readonly number[];
}

/** How a command ended. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A proxy that runs. */
export interface Sluice {
  readonly pid: number;
  /** Its working directory. */
  readonly directory: string;
  /** The first address, as `http://127.0.0.1:12345`. */
  readonly url: string;
  /** All addresses, in the order of the configuration. */
  readonly urls: readonly string[];
  /** What it has written to standard output so far: the access log. */
  stdout(): string;
  /** What it has written to standard error so far: its own messages. */
  stderr(): string;
  /** Resolves once the text stands in its output, which it may already. */
  said(words: RegExp): Promise<void>;
  signal(name: NodeJS.Signals): void;
  /** Sends SIGTERM and waits for the end; fails unless the exit code is 0. */
  stop(): Promise<void>;
}

/** Starts it and waits until it listens. It never outlives the test. */
export async function startSluice(t: Lifetime, options: SluiceOptions): Promise<Sluice> {
  const { child, directory, output, ended } = launch(t, options);

  const gone = ended.then(([code]) => {
    throw new Error(`sluice ended with code ${code} before it was ready:\n${output.stderr}`);
  });
  const urls = (): string[] =>
    [...output.stderr.matchAll(LISTENING)].map((found) => found[1] ?? "");
  const ready = output.until(() => urls().length >= (options.listeners ?? 1));
  await Promise.race([ready, gone]);
  gone.catch(() => undefined);

  return {
    pid: child.pid ?? assert.fail("a child that runs has an id"),
    directory,
    url: urls()[0] ?? "",
    urls: urls(),
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    said: (words) => output.until(() => words.test(output.stdout) || words.test(output.stderr)),
    signal: (name) => void child.kill(name),
    stop: async () => {
      child.kill("SIGTERM");
      const [code, signal] = await ended;
      assert.deepEqual({ code, signal }, { code: 0, signal: null }, output.stderr);
    },
  };
}

/** Runs a command that ends by itself: `check`, `explain`, or `run` with something that keeps it from starting. */
export async function runSluice(t: Lifetime, options: SluiceOptions): Promise<Finished> {
  const { output, ended } = launch(t, options);
  const [code] = await ended;
  return { code, stdout: output.stdout, stderr: output.stderr };
}

/** A child that was started and that never outlives the test. */
interface Launched {
  readonly child: ChildProcess;
  readonly directory: string;
  readonly output: Output;
  readonly ended: Promise<[code: number | null, signal: string | null]>;
}

function launch(t: Lifetime, options: SluiceOptions): Launched {
  const directory = mkdtempSync(join(tmpdir(), "sluice-run-"));
  for (const [name, text] of Object.entries(options.files ?? {})) {
    writeFileSync(join(directory, name), text);
  }
  const command = [process.execPath, BIN, ...(options.args ?? ["run"])];
  if (options.shell !== undefined) command.unshift("/bin/sh", "-c", options.shell);
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    cwd: directory,
    stdio: ["ignore", "pipe", "pipe", ...(options.inherits ?? [])],
    // Its control socket and its data lie there too: instances of tests that run at the same time do not meet.
    env: {
      ...process.env,
      XDG_RUNTIME_DIR: directory,
      XDG_DATA_HOME: directory,
      ...options.environment,
    },
  });
  const output = collect(child);
  const ended = once(child, "close") as Launched["ended"];
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await ended;
    rmSync(directory, { recursive: true, force: true });
  });
  return { child, directory, output, ended };
}

/** What a child writes, and a way to wait for it. */
class Output {
  stdout = "";
  stderr = "";
  readonly #waiting = new Set<() => void>();

  add(stream: "stdout" | "stderr", text: string): void {
    this[stream] += text;
    for (const look of this.#waiting) look();
  }

  until(holds: () => boolean): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      if (!holds()) return;
      this.#waiting.delete(look);
      resolve();
    };
    this.#waiting.add(look);
    look();
    return promise;
  }
}

function collect(child: ChildProcess): Output {
  const output = new Output();
  child.stdout?.setEncoding("utf8").on("data", (text: string) => output.add("stdout", text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => output.add("stderr", text));
  return output;
}
