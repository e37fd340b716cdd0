import * as net from "node:net";
import { hostOf, type ListenAddress } from "./address.ts";
import type { Copier, Copy, RawHandle } from "./copier.ts";
import { inodeOf } from "./loans.ts";
import { unixPathOf } from "./owner.ts";
import { inodeOfPath, prepare, publish } from "./unix-path.ts";

/** Connections that wait in the kernel, which cuts this down to its own limit. */
const BACKLOG = 4096;

/** A socket that is bound and listens, and that nobody has to accept from. */
export interface BoundSocket {
  /** Owns the control thread's descriptor. Null where sockets cannot be shared: then nothing is bound any more. */
  readonly handle: RawHandle | null;
  /** The address really bound. */
  readonly address: ListenAddress;
  /** Identity of the socket; 0 without a handle. */
  readonly inode: number;
  /** The path that has to be removed in the end, and the identity of what is there. */
  readonly path: { readonly name: string; readonly inode: number } | null;
}

/**
 * Binds an address and listens.
 *
 * @param copier null where sockets cannot be shared: it is tried whether the address is free.
 * @param mode permissions of a unix socket. @throws Error of the system, or ListenError.
 */
export async function bind(
  address: ListenAddress,
  copier: Copier | null,
  mode: number,
): Promise<BoundSocket> {
  if (address.kind === "tcp") return bindTcp(address, copier);
  const { path } = address;
  const temporary = await prepare(path);
  const { handle } = await listen(copier, { path: temporary }, () => {
    if (copier !== null) publish(temporary, path, mode);
  });
  const name = handle === null ? null : { name: path, inode: inodeOfPath(path) };
  return { handle, address, inode: inodeOfHandle(handle), path: name };
}

/** Takes over a descriptor that listens; the number itself is closed. @throws Error if it is no listening stream socket. */
export async function takeOver(fd: number, copier: Copier): Promise<BoundSocket> {
  const inode = inodeOf(fd);
  const { handle, bound } = await listen(copier, { fd });
  const address: ListenAddress =
    bound === null
      ? { kind: "unix", path: unixPathOf(inode) ?? "" }
      : { kind: "tcp", host: bound.address, port: bound.port };
  return { handle, address, inode, path: null };
}

async function bindTcp(
  address: ListenAddress & { kind: "tcp" },
  copier: Copier | null,
): Promise<BoundSocket> {
  const on = (host: string): Promise<Listening> =>
    listen(copier, { host, port: address.port, exclusive: true });
  let listening: Listening;
  try {
    listening = await on(hostOf(address));
  } catch (error) {
    // "Every address" on a machine without IPv6.
    const code = (error as NodeJS.ErrnoException).code;
    if (address.host !== "" || code !== "EAFNOSUPPORT") throw error;
    listening = await on("0.0.0.0");
  }
  const { handle, bound } = listening;
  return {
    handle,
    address: { ...address, port: bound?.port ?? address.port },
    inode: inodeOfHandle(handle),
    path: null,
  };
}

interface Listening {
  readonly handle: RawHandle | null;
  /** Null for a unix socket. */
  readonly bound: net.AddressInfo | null;
}

type Options = net.ListenOptions | { readonly fd: number };

function listen(copier: Copier | null, options: Options, onBound?: () => void): Promise<Listening> {
  return copier === null
    ? listenAndCopy(null, options, onBound)
    : copier.use((copy) => listenAndCopy(copy, options, onBound));
}

/**
 * Listens, copies the socket and closes the original. A server accepts as soon as its loop turns, so there is no
 * turn between its listening and its end: events and promises that are due are handled before the loop goes on.
 */
async function listenAndCopy(
  copy: Copy | null,
  options: Options,
  onBound: (() => void) | undefined,
): Promise<Listening> {
  const server = net.createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    if ("fd" in options) server.listen({ fd: options.fd }, BACKLOG, resolve);
    else server.listen({ ...options, backlog: BACKLOG }, resolve);
  });
  let copied: Promise<RawHandle> | null;
  let bound: net.AddressInfo | string | null;
  try {
    onBound?.();
    bound = server.address();
    copied = copy === null ? null : copy(handleOf(server));
  } finally {
    server.close();
  }
  return { handle: await copied, bound: typeof bound === "string" ? null : bound };
}

/** The handle inside a server. Not documented, and the only way to send a socket without a server that accepts from it. */
function handleOf(server: net.Server): RawHandle {
  return (server as unknown as { _handle: RawHandle })._handle;
}

function inodeOfHandle(handle: RawHandle | null): number {
  return handle === null ? 0 : inodeOf(handle.fd);
}
