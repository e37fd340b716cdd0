/** A whole proxy in this process (control plane, workers, real sockets), with a backend and clients for it. */

import { once } from "node:events";
import { Agent, type IncomingMessage, type RequestListener, createServer, get } from "node:http";
import { type AddressInfo, type Socket, connect } from "node:net";
import type { TestContext } from "node:test";

import type { ConfigSource } from "#api.ts";
import { type App, type AppOptions, createApp } from "#app.ts";

/** Starts a proxy; it is closed when the test ends. */
export async function startApp(
  t: TestContext,
  source: ConfigSource,
  options: Partial<AppOptions> = {},
): Promise<App> {
  const app = await createApp({
    source,
    directory: process.cwd(),
    environment: {},
    watch: false,
    accessLog: "off",
    defaultAdmin: false,
    color: false,
    ...options,
  });
  app.on("log", ({ level, message }) => {
    if (level === "warn" || level === "error") t.diagnostic(`${level}: ${message}`);
  });
  t.after(() => app.close({ drain: 0 }));
  await app.listen();
  return app;
}

/** Port of the first TCP address that it listens on. */
export function portOf(app: App): number {
  for (const { url } of app.addresses) {
    if (url.startsWith("http:")) return Number(new URL(url).port);
  }
  throw new Error("it listens on no port");
}

/** A backend that answers with `handler`, echoes on upgraded connections, and ends with the test. */
export async function startBackend(t: TestContext, handler: RequestListener): Promise<number> {
  const server = createServer(handler);
  const upgraded = new Set<Socket>();
  server.on("upgrade", (_request, socket: Socket) => {
    upgraded.add(socket);
    socket.on("error", () => socket.destroy());
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n",
    );
    socket.pipe(socket);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => {
    for (const socket of upgraded) socket.destroy();
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** One GET; the answer with its body. Rejects when there is none. */
export function fetchText(
  port: number,
  path: string,
  agent: Agent | false = false,
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const outgoing = get({ port, host: "127.0.0.1", path, agent }, (response) => {
      textOf(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    outgoing.on("error", reject);
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of response) text += String(chunk);
  return text;
}

/** What a load came to. */
export interface LoadResult {
  readonly requests: number;
  readonly failures: readonly string[];
}

/** Requests `path` over `connections` kept connections, one after the other on each, until it is stopped. */
export function startLoad(
  port: number,
  path: string,
  connections: number,
): { stop(): Promise<LoadResult> } {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const failures: string[] = [];
  let requests = 0;
  const state = { running: true };
  const client = async (): Promise<void> => {
    while (state.running) {
      requests++;
      try {
        const { status } = await fetchText(port, path, agent);
        if (status !== 200) failures.push(`status ${status}`);
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
      }
    }
  };
  const clients = Promise.all(Array.from({ length: connections }, client));
  return {
    stop: async () => {
      state.running = false;
      await clients;
      agent.destroy();
      return { requests, failures };
    },
  };
}

/** An upgraded connection that the backend echoes on. */
export class Tunnel {
  readonly #socket: Socket;
  #received = "";
  #wake: (() => void) | null = null;
  closed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => {
      this.#received += chunk;
      this.#wake?.();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.closed = true;
      this.#wake?.();
    });
  }

  static async open(port: number, path: string): Promise<Tunnel> {
    const tunnel = new Tunnel(connect(port, "127.0.0.1"));
    tunnel.#socket.write(
      `GET ${path} HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n`,
    );
    await tunnel.until("\r\n\r\n");
    return tunnel;
  }

  /** Sends `text` and waits until it has come back. */
  async echo(text: string): Promise<void> {
    this.#socket.write(text);
    await this.until(text);
  }

  /** Waits for `text`, and forgets what came up to its end. @throws if the connection closes before */
  async until(text: string): Promise<void> {
    while (!this.#received.includes(text)) {
      if (this.closed) throw new Error("the tunnel was closed");
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    this.#received = this.#received.slice(this.#received.indexOf(text) + text.length);
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** Waits until nobody listens there any more. */
export async function closed(port: number, host: string): Promise<void> {
  for (;;) {
    const refused = await new Promise<boolean>((resolve) => {
      const socket = connect(port, host);
      socket.once("connect", () => {
        socket.destroy();
        resolve(false);
      });
      socket.once("error", () => resolve(true));
    });
    if (refused) return;
  }
}
