import * as fs from "node:fs";
import * as net from "node:net";
import { Buffer } from "node:buffer";
import { basename } from "node:path";
import { type ListenAddress, temporaryPath } from "./address.ts";

/** State of a listening socket in `/proc/net/tcp`. */
const LISTEN = "0A";
/** `SO_ACCEPTCON` among the flags of `/proc/net/unix`. */
const ACCEPTS = 0x1_0000;

interface Owned {
  readonly inode: string;
  /** Null where the system does not say. */
  readonly user: string | null;
}

/**
 * Who listens on an address, for an error message: `nginx (process 812)`, `a process of user 0`. Null if it cannot
 * be found out, as on anything but Linux. Reads all of `/proc`: for the control thread, when something has failed.
 */
export function describeOwner(address: ListenAddress): string | null {
  const owned =
    address.kind === "unix" ? findUnix(address.path) : findTcp(address.host, address.port);
  if (owned === null) return null;
  const pid = findProcess(owned.inode);
  if (pid === null) return owned.user === null ? null : `a process of user ${owned.user}`;
  // The program rather than `comm`, which is the name of a thread: that of Node.js is "MainThread".
  const name = basename(readLink(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, ""));
  return name === "" ? `process ${pid}` : `${name} (process ${pid})`;
}

/** The path that the listening unix socket with this inode is bound to, or null. */
export function unixPathOf(inode: number): string | null {
  for (const row of rows("/proc/net/unix")) {
    if (row[6] === String(inode)) return row[7] ?? null;
  }
  return null;
}

function findTcp(host: string, port: number): Owned | null {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  for (const file of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const row of rows(file)) {
      const [local = "", localPort] = row[1]?.split(":") ?? [];
      if (localPort !== hex || row[3] !== LISTEN || !overlaps(readHost(local), host)) continue;
      return { inode: row[9] ?? "", user: row[7] ?? null };
    }
  }
  return null;
}

function findUnix(path: string): Owned | null {
  // The system remembers the path that was bound, ours before it was moved.
  const names = new Set([path, temporaryPath(path)]);
  for (const row of rows("/proc/net/unix")) {
    const accepts = (Number.parseInt(row[3] ?? "", 16) & ACCEPTS) !== 0;
    if (accepts && names.has(row[7] ?? "")) return { inode: row[6] ?? "", user: null };
  }
  return null;
}

/** Whether two hosts can be in each other's way. A dual-stack wildcard is in everybody's. */
function overlaps(one: string, other: string): boolean {
  const wild = (host: string): boolean => host === "" || host === "0.0.0.0" || host === "::";
  return wild(one) || wild(other) || one === plain(other);
}

function plain(host: string): string {
  return net.isIPv6(host) ? new URL(`http://[${host}]`).hostname.slice(1, -1) : host;
}

/** `0100007F` → `127.0.0.1`: groups of four bytes, each in the byte order of a little-endian machine. */
function readHost(hex: string): string {
  const bytes = Buffer.from(hex, "hex");
  if (bytes.length % 4 !== 0) return "";
  bytes.swap32();
  if (bytes.length === 4) return bytes.join(".");
  const groups = [0, 2, 4, 6, 8, 10, 12, 14].map((at) => bytes.readUInt16BE(at).toString(16));
  if (groups.slice(0, 5).every((group) => group === "0") && groups[5] === "ffff") {
    return bytes.subarray(12).join(".");
  }
  return plain(groups.join(":"));
}

function findProcess(inode: string): string | null {
  const wanted = `socket:[${inode}]`;
  for (const pid of list("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const folder = `/proc/${pid}/fd`;
    if (list(folder).some((fd) => readLink(`${folder}/${fd}`) === wanted)) return pid;
  }
  return null;
}

function rows(file: string): string[][] {
  return readText(file)
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/));
}

// Processes come and go, and those of others cannot be read: what fails is as if it were not there.

function readText(file: string): string {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function list(folder: string): string[] {
  try {
    return fs.readdirSync(folder);
  } catch {
    return [];
  }
}

function readLink(file: string): string {
  try {
    return fs.readlinkSync(file);
  } catch {
    return "";
  }
}
