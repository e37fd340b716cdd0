/**
 * The way for `sluice reload` and the like to a running instance: a unix socket that only its owner can open.
 * One request and one answer for each connection, each a line of JSON.
 */

import { createHash } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync, rmSync } from "node:fs";
import { type Server, type Socket, connect, createServer } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";

/** What an instance is asked. */
export type ControlRequest =
  | { readonly command: "reload" }
  | { readonly command: "status" }
  | { readonly command: "certificates" }
  /** A new certificate for a name; `revoke`: and the old one is taken back. */
  | { readonly command: "renew" | "revoke"; readonly name: string }
  | { readonly command: "stop" }
  | { readonly command: "cache" }
  | { readonly command: "purge"; readonly what: PurgeWish };

/** What is to be forgotten of the cache. */
export type PurgeWish =
  | { readonly kind: "url"; readonly url: string }
  | { readonly kind: "prefix"; readonly prefix: string }
  | { readonly kind: "tag"; readonly tag: string }
  | { readonly kind: "all" };

/** What it answers. */
export type ControlAnswer =
  | { readonly ok: true; readonly message: string; readonly details?: unknown }
  | { readonly ok: false; readonly message: string };

/** Longest request and longest answer that is read, in characters: thousands of certificates may be listed. */
const MAX_REQUEST = 64 * 1024;
const MAX_ANSWER = 64 * 1024 * 1024;

type PlainCommand = Exclude<ControlRequest["command"], "purge">;

/** Those that are a word alone. */
const COMMANDS: ReadonlySet<string> = new Set<PlainCommand>([
  "cache",
  "reload",
  "status",
  "certificates",
  "renew",
  "revoke",
  "stop",
]);

/** Where sockets lie and how they are named. */
export interface ControlPlace {
  /** `XDG_RUNTIME_DIR`, if it is set. */
  readonly runtimeDir: string | undefined;
  readonly temporaryDir: string;
}

/**
 * Path of the socket of the instance that runs `name`: the absolute path of its configuration, or its listen
 * addresses if there is no file. Hashed, because the path of a socket may have no more than about 100 bytes.
 */
export function controlPath(place: ControlPlace, name: string): string {
  const digest = createHash("sha256").update(name).digest("hex").slice(0, 20);
  if (process.platform === "win32") return `\\\\.\\pipe\\sluice-${userInfo().username}-${digest}`;
  const folder =
    place.runtimeDir === undefined
      ? join(place.temporaryDir, `sluice-${userInfo().uid}`)
      : join(place.runtimeDir, "sluice");
  return join(folder, `${digest}.sock`);
}

/** A control socket that is open. */
export interface ControlServer {
  readonly path: string;
  close(): Promise<void>;
}

/**
 * Opens the socket at `path`. One left by an instance that is gone is replaced.
 * @throws Error if another instance answers there, or the folder belongs to somebody else
 */
export async function serveControl(
  path: string,
  handle: (request: ControlRequest) => Promise<ControlAnswer>,
): Promise<ControlServer> {
  if (process.platform !== "win32") {
    ownFolder(join(path, ".."));
    if (await answers(path)) throw new Error("another instance of the same name is running");
    rmSync(path, { force: true });
  }
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
    void serve(socket, handle);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  if (process.platform !== "win32") chmodSync(path, 0o600);
  server.unref();
  return { path, close: () => close(server, sockets) };
}

/**
 * Asks the instance whose socket is at `path`.
 * @returns null if none is running there
 */
export async function askControl(
  path: string,
  request: ControlRequest,
): Promise<ControlAnswer | null> {
  const socket = connect({ path, allowHalfOpen: true });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once("connect", resolve);
      socket.once("error", reject);
    });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT" || code === "ECONNREFUSED") return null;
    throw error;
  }
  socket.write(`${JSON.stringify(request)}\n`);
  const line = await readLine(socket, MAX_ANSWER);
  socket.destroy();
  const answer: unknown = line === null ? null : JSON.parse(line);
  if (isAnswer(answer)) return answer;
  throw new Error("the instance ended before it answered");
}

/** A folder that nobody else can write to: otherwise another user could lay their socket in our way. */
function ownFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  if (!found.isDirectory() || found.uid !== userInfo().uid || (found.mode & 0o077) !== 0) {
    throw new Error(
      `${folder} has to be a folder of this user with mode 0700: remove it, or set XDG_RUNTIME_DIR`,
    );
  }
}

async function answers(path: string): Promise<boolean> {
  const socket = connect({ path });
  return new Promise((resolve) => {
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

async function serve(
  socket: Socket,
  handle: (request: ControlRequest) => Promise<ControlAnswer>,
): Promise<void> {
  socket.on("error", () => socket.destroy());
  const line = await readLine(socket, MAX_REQUEST);
  if (line === null) {
    socket.destroy();
    return;
  }
  const request = parse(line);
  const answer: ControlAnswer =
    request === null ? { ok: false, message: "unknown command" } : await handle(request);
  if (!socket.destroyed) socket.end(`${JSON.stringify(answer)}\n`);
}

/** The first line that arrives; null if the peer ends, fails, or sends too much before it. */
function readLine(socket: Socket, longest: number): Promise<string | null> {
  return new Promise((resolve) => {
    let text = "";
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => {
      text += chunk;
      const end = text.indexOf("\n");
      if (end >= 0) resolve(text.slice(0, end));
      else if (text.length > longest) resolve(null);
    });
    socket.once("end", () => resolve(null));
    socket.once("close", () => resolve(null));
  });
}

function parse(line: string): ControlRequest | null {
  try {
    const message: unknown = JSON.parse(line);
    if (typeof message !== "object" || message === null || !("command" in message)) return null;
    const { command } = message;
    if (command === "purge") {
      const what = "what" in message ? purgeWish(message.what) : null;
      return what === null ? null : { command, what };
    }
    if (!isCommand(command)) return null;
    if (command !== "renew" && command !== "revoke") return { command };
    const name = "name" in message ? message.name : undefined;
    return typeof name === "string" ? { command, name } : null;
  } catch {
    return null;
  }
}

function isCommand(value: unknown): value is PlainCommand {
  return typeof value === "string" && COMMANDS.has(value);
}

function purgeWish(what: unknown): PurgeWish | null {
  if (typeof what !== "object" || what === null || !("kind" in what)) return null;
  if (what.kind === "all") return { kind: "all" };
  if (what.kind === "url" && "url" in what && typeof what.url === "string") {
    return { kind: "url", url: what.url };
  }
  if (what.kind === "prefix" && "prefix" in what && typeof what.prefix === "string") {
    return { kind: "prefix", prefix: what.prefix };
  }
  if (what.kind === "tag" && "tag" in what && typeof what.tag === "string") {
    return { kind: "tag", tag: what.tag };
  }
  return null;
}

function isAnswer(value: unknown): value is ControlAnswer {
  return (
    typeof value === "object" &&
    value !== null &&
    "ok" in value &&
    typeof value.ok === "boolean" &&
    "message" in value &&
    typeof value.message === "string"
  );
}

async function close(server: Server, sockets: ReadonlySet<Socket>): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => resolve());
    for (const socket of sockets) socket.end();
  });
}
