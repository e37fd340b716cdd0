import { Buffer } from "node:buffer";
import * as fs from "node:fs";
import * as net from "node:net";
import { dirname } from "node:path";
import { temporaryPath } from "./address.ts";
import { ListenError } from "./error.ts";

/** Bytes in the path of a unix socket on the systems with the shortest. */
const LONGEST_PATH = 103;

/**
 * Makes way for a unix socket at `path`: what a process left behind that is gone is removed.
 *
 * @returns the path to bind first. The socket is moved to its own by {@link publish}: Node removes the path that it
 * bound when it closes its handle, long before the socket is done with.
 * @throws ListenError if somebody listens there, or something else is there.
 */
export async function prepare(path: string): Promise<string> {
  const address = { kind: "unix", path } as const;
  const temporary = temporaryPath(path);
  if (Buffer.byteLength(temporary) > LONGEST_PATH) {
    throw Object.assign(new Error("path too long"), { code: "ENAMETOOLONG" });
  }
  // Node calls a missing folder a missing permission.
  fs.accessSync(dirname(path));
  const there = fs.lstatSync(path, { throwIfNoEntry: false });
  if (there !== undefined && !there.isSocket()) {
    throw new ListenError(
      "EEXIST",
      address,
      `unix:${path} exists and is no socket. Remove it, or choose another path.`,
    );
  }
  if (there !== undefined && (await isAnswered(path))) {
    throw Object.assign(new Error("in use"), { code: "EADDRINUSE" });
  }
  fs.rmSync(temporary, { force: true });
  return temporary;
}

/** Gives the socket bound at `temporary` its permissions and its path, in place of whatever is left there. */
export function publish(temporary: string, path: string, mode: number): void {
  fs.chmodSync(temporary, mode);
  fs.renameSync(temporary, path);
}

/** Removes the path, unless another socket has taken it meanwhile. */
export function remove(path: string, inode: number): void {
  const there = fs.lstatSync(path, { throwIfNoEntry: false });
  if (there?.ino === inode) fs.rmSync(path, { force: true });
}

/** The identity of what is at a path. */
export function inodeOfPath(path: string): number {
  return fs.lstatSync(path).ino;
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ path });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED" || error.code === "ENOENT") resolve(false);
      // A full queue is somebody's; for the rest the system's word stands.
      else if (error.code === "EAGAIN") resolve(true);
      else reject(error);
    });
  });
}
