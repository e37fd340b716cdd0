/** The thread that `loop.ts` measures: waits in a ring, echoes what connections send, and answers questions. */

import { parentPort, workerData } from "node:worker_threads";
import { ECHO } from "#transport/echo.fixture.ts";
import { Timer } from "#core/time/timers.ts";
import { Engine } from "#transport/uring/engine.ts";
import { Ledger } from "#transport/uring/ledger.ts";
import { createUringTransport } from "#transport/uring/transport.ts";

/** How far ahead timers are set, in ms. */
const AHEAD = 10;

const engine = new Engine(new Ledger(workerData as SharedArrayBuffer, 0));
const transport = createUringTransport({ engine });
const listener = await transport.listen(
  { kind: "address", address: { kind: "tcp", host: "127.0.0.1", port: 0 } },
  ECHO,
);

parentPort?.on("message", (what: string) => {
  const due = performance.now() + AHEAD;
  const answer = (): void => parentPort?.postMessage({ late: performance.now() - due });
  if (what === "message") answer();
  else if (what === "setTimeout") setTimeout(answer, AHEAD);
  else engine.timers.schedule(new Timer({ onTimer: answer }, 0), AHEAD);
});
parentPort?.postMessage(listener.address.kind === "tcp" ? listener.address.port : 0);
