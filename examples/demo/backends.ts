/**
 * The demo's backends: plain HTTP servers that know of no proxy. Two of them are "app" (a page, events, WebSockets,
 * uploads), one is "api".
 */

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type IncomingMessage, type ServerResponse, createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { WebSocketServer } from "ws";

/** A backend that runs. */
export interface Backend {
  readonly name: string;
  readonly url: string;
  close(): Promise<void>;
}

const PAGE = readFileSync(join(import.meta.dirname, "page.html"), "utf8");

type Handler = (request: IncomingMessage, response: ServerResponse, url: URL) => void;

/** An instance of the app. */
export function startApp(name: string): Promise<Backend> {
  return start(name, (request, response, { pathname }) => {
    switch (`${request.method} ${pathname}`) {
      case "GET /":
        response.setHeader("Content-Type", "text/html; charset=utf-8");
        return response.end(PAGE.replaceAll("%NAME%", name));
      case "GET /healthz":
        return response.end("ok\n");
      case "GET /whoami":
        return json(response, { name, headers: pairs(request.rawHeaders) });
      case "GET /events":
        return events(name, response);
      case "POST /upload":
        return upload(name, request, response);
      default:
        response.statusCode = 404;
        return response.end(`${name} has no ${pathname}\n`);
    }
  });
}

/** The API. */
export function startApi(name: string): Promise<Backend> {
  return start(name, (request, response, { pathname, searchParams }) => {
    if (pathname !== "/hello") {
      response.statusCode = 404;
      return json(response, { error: `${name} has no ${pathname}` });
    }
    const prefix = request.headers["x-forwarded-prefix"] ?? null;
    const hello = searchParams.get("name") ?? "world";
    return json(response, { hello, servedBy: name, askedFor: request.url, prefix });
  });
}

async function start(name: string, handle: Handler): Promise<Backend> {
  const server = createServer((request, response) => {
    handle(request, response, new URL(request.url ?? "/", "http://backend"));
  });
  const sockets = new WebSocketServer({ server, path: "/echo", maxPayload: 65_536 });
  sockets.on("connection", (socket) => {
    socket.on("error", () => socket.terminate());
    socket.on("message", (data: Buffer) => socket.send(`${name}: ${data.toString()}`));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    name,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      for (const socket of sockets.clients) socket.close(1001);
      sockets.close();
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** A counter, once a second, for as long as somebody listens. */
function events(name: string, response: ServerResponse): void {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  let count = 0;
  const send = (): void =>
    void response.write(`data: ${JSON.stringify({ name, count: ++count })}\n\n`);
  send();
  const timer = setInterval(send, 1000);
  response.on("close", () => clearInterval(timer));
}

/** Counts what arrives and keeps nothing. */
function upload(name: string, request: IncomingMessage, response: ServerResponse): void {
  const begun = performance.now();
  let bytes = 0;
  request.on("data", (chunk: Buffer) => (bytes += chunk.length));
  request.on("end", () => {
    const seconds = (performance.now() - begun) / 1000;
    json(response, { name, bytes, seconds: Number(seconds.toFixed(3)) });
  });
}

function json(response: ServerResponse, value: unknown): void {
  response.setHeader("Content-Type", "application/json");
  response.end(`${JSON.stringify(value, null, 2)}\n`);
}

function pairs(raw: readonly string[]): [name: string, value: string][] {
  return raw.flatMap((name, index) => (index % 2 === 0 ? [[name, raw[index + 1] ?? ""]] : []));
}
