import type { ReadStream } from "node:tty";
import { createInterface } from "node:readline";
import { Writable } from "node:stream";

/** What a command writes to and reads from: the process's own, or a test's. */
export interface Terminal {
  /** Results. */
  out(text: string): void;
  /** Everything else: problems, progress, the process's log. */
  err(text: string): void;
  /** The first line of standard input, without its end; at a terminal it is not shown. */
  readLine(): Promise<string>;
  /** `err` is read by a person. */
  readonly interactive: boolean;
  /** Somebody at a terminal has started it: without that terminal it is to end. */
  readonly attended: boolean;
  /** `out` and `err` may be coloured. */
  readonly color: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where relative names begin. */
  readonly directory: string;
}

/** The process's own. */
export function processTerminal(): Terminal {
  const { stdin, stdout, stderr, env } = process;
  // The terminal may go first: the proxy still ends in order, only that nobody reads what it says.
  stderr.on("error", () => undefined);
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    readLine: () => readLine(stdin, stderr),
    interactive: stderr.isTTY,
    attended: stdin.isTTY,
    // https://no-color.org; dumb terminals have none.
    color: stderr.isTTY && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb",
    environment: env,
    directory: process.cwd(),
  };
}

async function readLine(
  input: NodeJS.ReadStream | ReadStream,
  echo: NodeJS.WriteStream,
): Promise<string> {
  // Whatever readline would show of what is typed goes nowhere.
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input, output, terminal: input.isTTY });
  const line = await new Promise<string>((resolve) => {
    lines.once("line", resolve);
    lines.once("close", () => resolve(""));
  });
  lines.close();
  if (input.isTTY) echo.write("\n");
  return line;
}
