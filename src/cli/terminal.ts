/** What a command writes to and reads from: the process's own, or a test's. */
export interface Terminal {
  /** Results. */
  out(text: string): void;
  /** Everything else: problems, progress, the process's log. */
  err(text: string): void;
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
    interactive: stderr.isTTY,
    attended: stdin.isTTY,
    // https://no-color.org; dumb terminals have none.
    color: stderr.isTTY && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb",
    environment: env,
    directory: process.cwd(),
  };
}
