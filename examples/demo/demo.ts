/**
 * `npm run demo`: three backends and Sluice in front of them. Ends cleanly on Ctrl-C; `DEMO_PORT` chooses another port.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Backend, startApi, startApp } from "./backends.ts";

const port = process.env["DEMO_PORT"] ?? "8080";
const address = `http://localhost:${port}`;

/** Longest that the proxy may take to end after Ctrl-C, milliseconds. */
const ENDS_WITHIN = 10_000;

process.exitCode = await main();

async function main(): Promise<number> {
  if (!/^[1-9]\d{0,4}$/.test(port) || Number(port) > 65_535) {
    return fail(`DEMO_PORT is ${JSON.stringify(port)}; it has to be a port, 1 to 65535`);
  }
  const problem = await portProblem(Number(port));
  if (problem !== null) {
    return fail(
      `port ${port} cannot be used (${problem}). Choose another: DEMO_PORT=8081 npm run demo`,
    );
  }
  const backends = await Promise.all([startApp("app-1"), startApp("app-2"), startApi("api")]);
  const sluice = startSluice(backends);
  const ended = once(sluice, "exit") as Promise<[code: number | null, signal: string | null]>;
  const asked = stopRequested(sluice);

  const over = new AbortController();
  void ended.then(() => over.abort());
  const ready = await answers(over.signal);
  if (ready) console.log(welcome(backends));
  const wanted = await Promise.race([ended.then(() => null), asked]);
  // Open streams would keep the proxy from ending; with the backends gone they end.
  await Promise.all(backends.map((backend) => backend.close()));
  const [code, signal] = await ended;
  // Whoever sent SIGTERM to all processes at once has told the proxy twice: it ends at once, as asked.
  if (code === 0 || (wanted === "SIGTERM" && code === 143)) return 0;
  return fail(`sluice ended with ${signal ?? `code ${code}`}`);
}

function startSluice([app1, app2, api]: readonly Backend[]): ChildProcess {
  const bin = join(import.meta.dirname, "../../bin/sluice");
  const config = join(import.meta.dirname, "sluice.yaml");
  return spawn(process.execPath, [bin, "run", "-c", config], {
    stdio: "inherit",
    env: {
      ...process.env,
      DEMO_PORT: port,
      DEMO_APP_1: app1?.url,
      DEMO_APP_2: app2?.url,
      DEMO_API: api?.url,
    },
  });
}

/** Resolves when somebody wants the demo to end, and sees to it that the proxy knows. */
async function stopRequested(sluice: ChildProcess): Promise<NodeJS.Signals> {
  const { promise, resolve } = Promise.withResolvers<NodeJS.Signals>();
  for (const signal of ["SIGTERM", "SIGHUP"] as const) {
    process.once(signal, () => {
      sluice.kill("SIGTERM");
      resolve(signal);
    });
  }
  process.on("SIGINT", () => {
    // Ctrl-C goes to the proxy as well, for which a second signal would mean to end at once.
    setTimeout(() => sluice.kill("SIGTERM"), ENDS_WITHIN).unref();
    resolve("SIGINT");
  });
  return promise;
}

/** Why the port cannot be listened on; null if it can. */
async function portProblem(port: number): Promise<string | null> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<string | null>();
  server.on("error", (error: NodeJS.ErrnoException) => {
    const known: Record<string, string> = { EADDRINUSE: "in use", EACCES: "not allowed" };
    resolve(known[error.code ?? ""] ?? error.message);
  });
  server.listen(port, () => server.close(() => resolve(null)));
  return promise;
}

/** Whether the proxy answers: true as soon as it does, false if it has ended before. */
async function answers(over: AbortSignal): Promise<boolean> {
  while (!over.aborted) {
    const response = await fetch(`${address}/healthz`).catch(() => null);
    await response?.body?.cancel();
    if (response?.ok === true) return true;
    await pause(50);
  }
  return false;
}

function welcome(backends: readonly Backend[]): string {
  return `
  Sluice is on ${address}, in front of ${backends.map(({ name, url }) => `${name} (${url})`).join(", ")}

  Open  ${address}

  Try   curl -i ${address}/whoami            # by turns from app-1 and app-2
        curl -i ${address}/api/hello         # the API is asked for /hello
        curl -N ${address}/events            # a stream
        curl -iL ${address}/hello/you        # a redirect, then the API
        curl -i ${address}/teapot            # an answer of the proxy's own

  Configuration: examples/demo/sluice.yaml (edit it while this runs). Ctrl-C ends the demo.
`;
}

function fail(sentence: string): number {
  console.error(`demo: ${sentence}`);
  return 1;
}
