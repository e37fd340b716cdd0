/** What the process does when it is told to stop or to read its configuration again. */
export interface SignalHandlers {
  /** SIGHUP says that the terminal is gone, and stops. */
  readonly hangupStops: boolean;
  /** SIGTERM, SIGINT: once. */
  readonly stop: (signal: NodeJS.Signals) => void;
  /** SIGHUP, unless it stops. */
  readonly reload: () => void;
  /** The second SIGTERM or SIGINT: whoever sends it does not want to wait. `code` as shells have it. */
  readonly abort: (code: number) => void;
}

const STOPPING = [
  ["SIGINT", 130],
  ["SIGTERM", 143],
] as const;

/** Installs the handlers. @returns takes them away again */
export function onSignals(handlers: SignalHandlers): () => void {
  let stopping = false;
  const hangup = (): void => {
    if (!handlers.hangupStops) return handlers.reload();
    // The shell and the system both send it when a terminal closes: the second is no hurry.
    if (stopping) return;
    stopping = true;
    handlers.stop("SIGHUP");
  };
  const installed: [NodeJS.Signals, () => void][] = [["SIGHUP", hangup]];
  for (const [signal, code] of STOPPING) {
    installed.push([
      signal,
      () => {
        if (stopping) return handlers.abort(code);
        stopping = true;
        handlers.stop(signal);
      },
    ]);
  }
  for (const [signal, handler] of installed) process.on(signal, handler);
  return () => {
    for (const [signal, handler] of installed) process.off(signal, handler);
  };
}
