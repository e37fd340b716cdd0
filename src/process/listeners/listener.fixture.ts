/** A worker for the tests of the listeners: answers each connection with its name. Told `leave`, it closes its descriptor. */

import * as net from "node:net";
import { parentPort, workerData } from "node:worker_threads";

const { name, fd } = workerData as { name: string; fd: number };
const server = net.createServer((socket) => {
  socket.on("error", () => undefined);
  socket.end(name);
});
server.listen({ fd }, () => parentPort?.postMessage("listening"));
parentPort?.on("message", () => {
  server.close();
  parentPort?.close();
});
