import { formatIp, parseIp } from "#core/collections/ip.ts";
import type { SocketAddress } from "../../contract.ts";
import { AF_INET, AF_INET6, AF_UNIX, SOCKADDR_BYTES } from "./layout.ts";

const WORDS = new Uint32Array(4);
const TEXT = new TextEncoder();
/** `sun_path` with its closing NUL. */
const LONGEST_PATH = 108;
const MAPPED = 0xffff;

/** The number of a network interface (`%eth0` or `%2` behind a link-local address); 0 if there is none of that name. */
export type ScopeOf = (zone: string) => number;

/**
 * Writes an address as `struct sockaddr_in`, `sockaddr_in6` or `sockaddr_un`.
 *
 * @returns the bytes; null if it is no numeric address, or a path that is too long for a socket
 */
export function encodeAddress(address: SocketAddress, scopeOf: ScopeOf): Uint8Array | null {
  if (address.kind === "unix") return encodePath(address.path);
  const [host = "", zone] = address.host.split("%");
  const family = parseIp(host, WORDS);
  if (family === 0) return null;
  if (family === 4 && !host.includes(":")) {
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, AF_INET, true);
    view.setUint16(2, address.port);
    view.setUint32(4, WORDS[3]!);
    return bytes;
  }
  const bytes = new Uint8Array(28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET6, true);
  view.setUint16(2, address.port);
  for (let i = 0; i < 4; i++) view.setUint32(8 + 4 * i, WORDS[i]!);
  if (zone !== undefined) view.setUint32(24, scopeOf(zone), true);
  return bytes;
}

function encodePath(path: string): Uint8Array | null {
  const name = TEXT.encode(path);
  // A path with a NUL would name another file, or none (the abstract names of Linux).
  if (name.length === 0 || name.length >= LONGEST_PATH || name.includes(0)) return null;
  const bytes = new Uint8Array(2 + name.length + 1);
  new DataView(bytes.buffer).setUint16(0, AF_UNIX, true);
  bytes.set(name, 2);
  return bytes;
}

/** The family of an encoded address. */
export function familyOf(bytes: Uint8Array): number {
  return bytes[0]! | (bytes[1]! << 8);
}

/** Memory that an address is read into; one for all, used in the same call. */
export const ADDRESS: Uint8Array = new Uint8Array(SOCKADDR_BYTES);
const VIEW = new DataView(ADDRESS.buffer);

/** The port in {@link ADDRESS}; 0 of a unix socket. */
export function readPort(): number {
  const family = familyOf(ADDRESS);
  return family === AF_INET || family === AF_INET6 ? VIEW.getUint16(2) : 0;
}

/** The host in {@link ADDRESS}; an IPv4 peer of a dual-stack socket as IPv4, "" for a unix socket. */
export function readHost(): string {
  const family = familyOf(ADDRESS);
  if (family === AF_INET) {
    return `${ADDRESS[4]}.${ADDRESS[5]}.${ADDRESS[6]}.${ADDRESS[7]}`;
  }
  if (family !== AF_INET6) return "";
  for (let i = 0; i < 4; i++) WORDS[i] = VIEW.getUint32(8 + 4 * i);
  if (WORDS[0] === 0 && WORDS[1] === 0 && WORDS[2] === MAPPED) return formatIp(WORDS, 4);
  const scope = VIEW.getUint32(24, true);
  return scope === 0 ? formatIp(WORDS, 6) : `${formatIp(WORDS, 6)}%${scope}`;
}

/** The path in the first `length` bytes of {@link ADDRESS}. */
export function readPath(length: number): string {
  let end = 2;
  while (end < Math.min(length, SOCKADDR_BYTES) && ADDRESS[end] !== 0) end++;
  return new TextDecoder().decode(ADDRESS.subarray(2, end));
}
