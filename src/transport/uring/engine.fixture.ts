/** A thread that waits in a ring, for tests of what wakes it. Says "up", then does what it is told. */

import { setTimeout as sleep } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { Timer } from "#core/time/timers.ts";
import { ECHO } from "../echo.fixture.ts";
import { Engine } from "./engine.ts";
import { Ledger } from "./ledger.ts";
import { createUringTransport } from "./transport.ts";

const { ledger, pause } = workerData as { ledger: SharedArrayBuffer; pause: SharedArrayBuffer };
const engine = new Engine(new Ledger(ledger, 0));
const transport = createUringTransport({ engine });
const port = parentPort ?? undefined;

/** Whoever connects finds an endless loop. */
let spinsOnConnection = false;

const address = { kind: "tcp", host: "127.0.0.1", port: 0 } as const;
const listener = await transport.listen(
  { kind: "address", address },
  {
    ...ECHO,
    onConnection(connection) {
      if (spinsOnConnection) for (;;);
      ECHO.onConnection(connection);
    },
  },
);

/** What can be asked of this thread, by name. */
const deeds: Record<string, () => unknown> = {
  echo: () => "echo",
  // A timer of Node's, and one of the wheel.
  timeout: () => sleep(20),
  wheel: () =>
    new Promise((resolve) => {
      engine.timers.schedule(new Timer({ onTimer: () => resolve(undefined) }, 0), 20);
    }),
  immediates: async () => {
    for (let i = 0; i < 100; i++) await new Promise(setImmediate);
  },
  // Asked for inside a turn of the engine's, where nobody goes back to Node's loop by itself.
  timeoutInTurn: () => inTurn(() => sleep(5)),
  promisesInTurn: () =>
    inTurn(async () => {
      for (let i = 0; i < 1000; i++) await Promise.resolve();
      await new Promise((resolve) => process.nextTick(resolve));
    }),
  immediateInTurn: () => inTurn(() => new Promise(setImmediate)),
  // A descriptor that libuv has to watch from now on.
  fetchInTurn: () =>
    inTurn(async () => {
      const { connect } = await import("node:net");
      const socket = connect((listener.address as { port: number }).port, "127.0.0.1");
      socket.write("ping");
      await new Promise((resolve) => socket.once("data", resolve));
      socket.destroy();
    }),
  /** Waits until the main thread has something to be accepted all at once, of which only the first is looked at. */
  spinOnConnection: () => {
    spinsOnConnection = true;
    const word = new Int32Array(pause);
    Atomics.store(word, 0, 1);
    Atomics.wait(word, 0, 1);
  },
  spin: () => {
    for (;;);
  },
};

function inTurn<T>(deed: () => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = new Timer({ onTimer: () => void deed().then(resolve, reject) }, 0);
    engine.timers.schedule(timer, 1);
  });
}

port?.on("message", (name: string) => {
  void Promise.resolve(deeds[name]?.()).then(() => port.postMessage(name));
});
port?.postMessage((listener.address as { port: number }).port);
