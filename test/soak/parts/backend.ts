/** The backend of numbered requests, as a process of its own: says its port, ends with its parent. */

import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

import { Xorshift } from "#core/random.ts";
import { type Asked, BodyCheck, bodyOf, parsePath } from "./content.ts";

const random = new Xorshift(Number(process.argv[2] ?? 1));

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  void answer(request, response).catch(() => request.socket.destroy());
});
server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
  response.writeContinue();
  void answer(request, response).catch(() => request.socket.destroy());
});
server.on("upgrade", (_request, socket: Socket, head: Buffer) => {
  socket.on("error", () => socket.destroy());
  socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
  socket.write(head);
  socket.pipe(socket);
});
server.listen(0, "127.0.0.1", 4096, () => process.send?.((server.address() as AddressInfo).port));
process.on("disconnect", () => process.exit(0));

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const asked = parsePath(request.url ?? "");
  response.on("error", () => undefined);
  if (asked === null) return void response.writeHead(404).end();
  const { id, manner, size, sends } = asked;
  response.setHeader("X-Id", id);
  // Said here, it is not said for how long: the proxy keeps unused connections for its own, shorter, time.
  if (manner !== "close") response.setHeader("Connection", "keep-alive");
  if (manner === "broken") return breakOff(request, response, asked);
  if (manner === "echo") {
    request.pipe(response);
    return;
  }
  const check = new BodyCheck(id, sends);
  for await (const piece of request) check.add(piece as Buffer);
  response.setHeader("X-Body", check.complete ? "right" : "wrong");
  const body = bodyOf(id, size);
  switch (manner) {
    case "204":
    case "304":
      response.writeHead(Number(manner), { ETag: `"${id}"` }).end();
      return;
    case "hints":
      response.writeEarlyHints({ link: `</${id}>; rel=preload` });
      break;
    case "close":
      response.shouldKeepAlive = false;
      response.useChunkedEncodingByDefault = false;
      response.removeHeader("Transfer-Encoding");
      break;
    case "length":
    case "chunked":
    case "slow":
      break;
  }
  if (manner === "length" || manner === "hints") response.setHeader("Content-Length", size);
  if (request.method === "HEAD" || manner === "length" || manner === "hints") {
    response.end(body);
    return;
  }
  for (let at = 0; at < size;) {
    const length = 1 + random.int(manner === "slow" ? 4096 : 60_000);
    const more = response.write(body.subarray(at, at + length));
    at += length;
    if (manner === "slow") await sleep(random.int(4));
    // Never waits for longer than the connection is there.
    else if (!more) await drained(response);
    if (response.destroyed) return;
  }
  response.end();
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    response.once("drain", resolve);
    response.once("close", resolve);
  });
}

/** Not at all, within the head, or within the body; now and then before the request is read. */
function breakOff(
  request: IncomingMessage,
  response: ServerResponse,
  { id, size }: Omit<Asked, "method">,
): void {
  const { socket } = request;
  request.resume();
  const leave = (): void => {
    if (random.int(2) === 0) socket.destroy();
    else socket.resetAndDestroy();
  };
  const way = random.int(4);
  if (way === 0) return leave();
  if (way === 1) {
    socket.write("HTTP/1.1 200 OK\r\nContent-Le", leave);
    return;
  }
  response.setHeader("Content-Length", size + 10);
  response.write(bodyOf(id, size), way === 2 ? leave : undefined);
  if (way === 3) setTimeout(leave, random.int(30));
}
