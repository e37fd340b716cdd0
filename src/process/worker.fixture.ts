/** A worker for the tests of the supervisor: it does what the payload says. */

import { parentPort, workerData } from "node:worker_threads";

import { Heartbeats } from "./heartbeat.ts";
import type { FromWorker, ToWorker, WorkerStart } from "./protocol.ts";

/** How the fixture behaves with a generation; a row in `rows` limits it to these workers. */
export interface Behaviour {
  readonly prepare?: "refuse" | "die" | "hang";
  /** `die`: the first worker does, over this generation's commit. */
  readonly commit?: "die";
  readonly update?: "die" | "hang" | "exhaust";
}

const { row, heartbeats } = workerData as WorkerStart;
const port = parentPort;
if (port === null) throw new Error("the fixture runs in a worker");

const beats = new Heartbeats(heartbeats);
beats.beat(row);
setInterval(() => beats.beat(row), 20);

const say = (message: FromWorker): void => port.postMessage(message);
let running = 0;
let prepared: Behaviour = {};

port.on("message", (message: ToWorker<Behaviour, { row: number } & Behaviour>) => {
  switch (message.type) {
    case "prepare":
      prepared = message.payload;
      if (message.payload.prepare === "die") throw new Error("dies over this generation");
      if (message.payload.prepare === "hang") for (;;);
      if (message.payload.prepare === "refuse" && row === 1) {
        say({ type: "refused", id: message.id, reason: "no such thing", place: "routes[0]" });
      } else {
        say({ type: "prepared", id: message.id });
      }
      break;
    case "commit":
      if (prepared.commit === "die" && row === 0) throw new Error("dies over this commit");
      running = message.id;
      say({ type: "report", report: { row, running, open: message.open, close: message.close } });
      say({ type: "committed", id: message.id });
      break;
    case "update":
      if (message.update.row !== row) break;
      if (message.update.update === "die") throw new Error("told to");
      if (message.update.update === "hang") for (;;);
      if (message.update.update === "exhaust") {
        const kept: unknown[] = [];
        for (;;) kept.push(Array.from({ length: 1000 }, () => ({})));
      }
      break;
    case "drain":
      say({ type: "drained" });
      break;
    default:
      say({ type: "report", report: { row, discarded: message.id } });
  }
});
