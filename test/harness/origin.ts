/**
 * Backends that answer exactly the bytes that a test wants, when it wants. Connections are handed to the test in
 * the order in which they come, or to a script.
 */

import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { Wire } from "./wire.ts";

/** What a backend does with each connection. Rejections of scripts whose connection broke are no failures. */
export type Script = (wire: Wire, origin: Origin) => Promise<void> | void;

/** See the head of this file. */
export class Origin {
  readonly port: number;
  /** Connections so far. */
  accepted = 0;
  readonly #server: Server;
  readonly #sockets: Set<Socket> = new Set();
  /** Those that the other side has neither ended nor reset. */
  readonly #open: Set<Socket> = new Set();
  readonly #waiting: ((wire: Wire) => void)[] = [];
  readonly #arrived: Wire[] = [];
  readonly #onChange: Set<() => void> = new Set();
  /** What it does with each connection from now on; without it they are the test's to serve. */
  script: Script | undefined;

  constructor(server: Server, script: Script | undefined) {
    this.#server = server;
    this.script = script;
    this.port = (server.address() as AddressInfo).port;
    server.on("connection", (socket) => {
      this.accepted++;
      this.#sockets.add(socket);
      this.#open.add(socket);
      const left = (): void => {
        this.#open.delete(socket);
        for (const notify of this.#onChange) notify();
      };
      socket.once("end", left);
      socket.once("error", left);
      socket.once("close", () => {
        this.#sockets.delete(socket);
        left();
      });
      const wire = new Wire(socket);
      if (this.script !== undefined) {
        void Promise.resolve(this.script(wire, this)).catch(() => socket.destroy());
        return;
      }
      const waiter = this.#waiting.shift();
      if (waiter === undefined) this.#arrived.push(wire);
      else waiter(wire);
    });
  }

  /** Connections that the other side keeps open. */
  get open(): number {
    return this.#open.size;
  }

  /** The next connection. */
  connection(): Promise<Wire> {
    const wire = this.#arrived.shift();
    if (wire !== undefined) return Promise.resolve(wire);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Connections that came and were not asked for. */
  get unasked(): number {
    return this.#arrived.length;
  }

  /** Resolves when the other side keeps at most `count` connections open. */
  async openAtMost(count: number): Promise<void> {
    // The end of a connection is seen by those who read.
    for (const socket of this.#open) socket.resume();
    while (this.#open.size > count) {
      await new Promise<void>((resolve) => {
        const notify = (): void => {
          this.#onChange.delete(notify);
          resolve();
        };
        this.#onChange.add(notify);
      });
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}

/** Starts a backend on a free port of 127.0.0.1. Without a script, connections are the test's to serve. */
export async function startOrigin(script?: Script): Promise<Origin> {
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return new Origin(server, script);
}

/** A port of 127.0.0.1 at which nothing listens. */
export async function closedPort(): Promise<number> {
  const origin = await startOrigin();
  await origin.close();
  return origin.port;
}

/** A response as text, with Content-Length. */
export function response(status: string, body = "", ...fields: string[]): string {
  return `${[`HTTP/1.1 ${status}`, `Content-Length: ${body.length}`, ...fields].join("\r\n")}\r\n\r\n${body}`;
}

/** Answers every request on a connection alike, for as long as the proxy keeps it. */
export function answering(text: string): Script {
  return async (wire) => {
    for (;;) {
      const { startLine } = await wire.readRequest();
      wire.send(startLine.startsWith("HEAD ") ? text.slice(0, text.indexOf("\r\n\r\n") + 4) : text);
    }
  };
}
