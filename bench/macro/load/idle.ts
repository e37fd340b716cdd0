/** A client that opens many connections, sends one request on each, and leaves them open. */

import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { type Address, open } from "./address.ts";

/** Connections that are open. */
export interface IdleConnections {
  readonly open: number;
  /** Closes all of them. */
  close(): void;
}

/** Connections that are opened at the same time. */
const AT_A_TIME = 64;
const ANSWER_TIMEOUT = 10_000;

/** Opens `count` connections and waits for `bodyBytes` bytes of body on each. @throws Error on the first that fails */
export async function openIdle(
  address: Address,
  count: number,
  request: string,
  bodyBytes: number,
): Promise<IdleConnections> {
  const sockets: Socket[] = [];
  const close = (): void => {
    for (const socket of sockets) {
      // Reset, so that no port is left waiting; Node has no such thing with TLS.
      if (socket instanceof TLSSocket) socket.destroy();
      else socket.resetAndDestroy();
    }
  };
  const opener = async (): Promise<void> => {
    while (sockets.length < count) {
      const socket = open(address);
      sockets.push(socket);
      await exchange(socket, request, bodyBytes);
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_A_TIME }, opener));
  } catch (error) {
    close();
    throw error;
  }
  return {
    get open() {
      return sockets.filter((socket) => !socket.destroyed).length;
    },
    close,
  };
}

async function exchange(socket: Socket, request: string, bodyBytes: number): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let text = "";
  const timer = setTimeout(() => reject(new Error("no answer in time")), ANSWER_TIMEOUT);
  const onClose = (): void => reject(new Error("a connection was closed"));
  const onData = (bytes: Buffer): void => {
    text += bytes.toString("latin1");
    const end = text.indexOf("\r\n\r\n");
    if (end < 0 || text.length < end + 4 + bodyBytes) return;
    if (text.startsWith("HTTP/1.1 200")) resolve();
    else reject(new Error(`answered ${text.slice(0, text.indexOf("\r\n"))}`));
  };
  socket.on("error", reject);
  socket.on("close", onClose);
  socket.on("data", onData);
  socket.write(request);
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    socket.off("data", onData);
    socket.off("close", onClose);
    socket.resume();
  }
}
