/**
 * The admin listener: metrics, and whether the process is alive and ready. Everything that it serves is read-only
 * and costs little; it runs in the control thread, so it answers while the workers are busy.
 */

import { Buffer } from "node:buffer";
import { lstatSync, rmSync } from "node:fs";
import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";
import { connect } from "node:net";

import type { ListenAddress } from "#model/snapshot.ts";
import { createHostCheck } from "./host-check.ts";

/** Whether traffic should be sent here. */
export interface Readiness {
  readonly ready: boolean;
  /** Why not, each in a few words. */
  readonly reasons: readonly string[];
}

/** A body with its type. */
export interface AdminContent {
  readonly contentType: string;
  readonly body: string;
}

/** What the admin listener serves, and where. */
export interface AdminOptions {
  readonly address: ListenAddress;
  /** The metrics in a format that the `Accept` field asks for. */
  readonly metrics: (accept: string | undefined) => AdminContent;
  readonly ready: () => Readiness;
  /** Names other than this machine's that it may be asked by. */
  readonly hosts?: readonly string[];
  /** Told of errors of our own: the request gets a 500. */
  readonly onError: (error: unknown) => void;
}

/** An admin listener that is open. */
export interface Admin {
  /** Where it listens: with the port that was given for port 0. */
  readonly address: ListenAddress;
  /** Stops listening and closes all connections. */
  close(): Promise<void>;
}

/** Why there is no admin listener. */
export interface AdminFailure {
  /** `address_in_use` is worth a warning only, if nobody asked for that address. */
  readonly code: "address_in_use" | "address_denied" | "address_unavailable";
  readonly message: string;
}

export type AdminResult =
  | { readonly ok: true; readonly admin: Admin }
  | { readonly ok: false; readonly failure: AdminFailure };

/** Most connections at once: a scraper and some curious people. */
const MAX_CONNECTIONS = 64;

/** Opens the admin listener. Never rejects. */
export async function createAdmin(options: AdminOptions): Promise<AdminResult> {
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 10_000 }, handler(options));
  server.maxConnections = MAX_CONNECTIONS;
  // Also for those who do not read their answer.
  server.timeout = 30_000;
  const error = await listen(server, options.address);
  if (error !== null) return { ok: false, failure: failureOf(error, options.address) };
  server.on("error", options.onError);
  return {
    ok: true,
    admin: { address: addressOf(server, options.address), close: () => close(server) },
  };
}

interface Answer extends AdminContent {
  readonly status: number;
}

function handler(
  options: AdminOptions,
): (request: IncomingMessage, response: ServerResponse) => void {
  const allowed = createHostCheck(options.address, options.hosts ?? []);
  return (request, response) => {
    let answer: Answer;
    try {
      answer = allowed(request.headers.host)
        ? answerTo(request, options)
        : text(403, "This listener is not served by that name; use an address or localhost.\n");
    } catch (error) {
      options.onError(error);
      answer = text(500, "An error of our own; the log has it.\n");
    }
    response.writeHead(answer.status, {
      "content-type": answer.contentType,
      "content-length": Buffer.byteLength(answer.body),
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
      ...(answer.status === 405 && { allow: "GET, HEAD" }),
    });
    response.end(request.method === "HEAD" ? undefined : answer.body);
  };
}

const INDEX = `Sluice admin

/metrics   metrics for Prometheus
/healthz   200 while the process is alive
/readyz    200 while it takes traffic, else 503 and the reasons
`;

function answerTo(request: IncomingMessage, options: AdminOptions): Answer {
  if (request.method !== "GET" && request.method !== "HEAD") {
    return text(405, "Everything here is read with GET.\n");
  }
  switch (request.url?.split("?", 1)[0]) {
    case "/":
      return text(200, INDEX);
    case "/metrics":
      return { status: 200, ...options.metrics(request.headers.accept) };
    case "/healthz":
      return text(200, "ok\n");
    case "/readyz": {
      const { ready, reasons } = options.ready();
      if (ready) return text(200, "ready\n");
      return text(503, reasons.map((reason) => `not ready: ${reason}\n`).join("") || "not ready\n");
    }
    default:
      return text(404, "There is no such page; / lists what there is.\n");
  }
}

function text(status: number, body: string): Answer {
  return { status, contentType: "text/plain; charset=utf-8", body };
}

/** @returns null, or why it does not listen */
async function listen(server: Server, address: ListenAddress): Promise<Error | null> {
  if (address.kind === "tcp") {
    const host = address.host === "" ? {} : { host: address.host };
    return attempt(server, { port: address.port, ...host, exclusive: true });
  }
  const error = await attempt(server, { path: address.path });
  if (error === null || codeOf(error) !== "EADDRINUSE") return error;
  if (!(await abandoned(address.path))) return error;
  rmSync(address.path, { force: true });
  return attempt(server, { path: address.path });
}

function attempt(
  server: Server,
  options: { port: number; host?: string; exclusive: boolean } | { path: string },
): Promise<Error | null> {
  return new Promise((resolve) => {
    const failed = (error: Error): void => resolve(error);
    server.once("error", failed);
    server.listen(options, () => {
      server.removeListener("error", failed);
      resolve(null);
    });
  });
}

/** Whether a socket was left behind by a process that was killed. Any other file is somebody's. */
function abandoned(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    if (!lstatSync(path, { throwIfNoEntry: false })?.isSocket()) return resolve(false);
    const socket = connect({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve(false);
    });
    socket.once("error", (error) => resolve(codeOf(error) === "ECONNREFUSED"));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    // Answers are made at once; who has not read theirs by now would keep us waiting.
    server.closeAllConnections();
  });
}

function addressOf(server: Server, wanted: ListenAddress): ListenAddress {
  const bound = server.address();
  if (bound === null || typeof bound === "string" || wanted.kind === "unix") return wanted;
  return { kind: "tcp", host: wanted.host, port: bound.port };
}

function failureOf(error: Error, address: ListenAddress): AdminFailure {
  const where = addressText(address);
  switch (codeOf(error)) {
    case "EADDRINUSE":
      return {
        code: "address_in_use",
        message: `the admin address ${where} is in use by another process`,
      };
    case "EACCES":
    case "EPERM":
      return {
        code: "address_denied",
        message: `this user may not listen on the admin address ${where}`,
      };
    default:
      return {
        code: "address_unavailable",
        message: `the admin listener cannot listen on ${where}: ${error.message}`,
      };
  }
}

function addressText(address: ListenAddress): string {
  if (address.kind === "unix") return `unix:${address.path}`;
  return address.host.includes(":")
    ? `[${address.host}]:${address.port}`
    : `${address.host}:${address.port}`;
}

function codeOf(error: Error): unknown {
  return "code" in error ? error.code : undefined;
}
