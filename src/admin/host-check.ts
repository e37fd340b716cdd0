/**
 * The guard against DNS rebinding: a page that a browser has open can let its own name point to this machine and
 * then read what is served here. What gives it away is the Host that it sends. Addresses cannot be rebound.
 */

import { isIP } from "node:net";

import type { ListenAddress } from "#model/snapshot.ts";

/** Whether a request with this `Host` is served; `undefined`: it has none, and so is not a browser's. */
export type HostCheck = (host: string | undefined) => boolean;

/**
 * Makes the check for a listener. On a loopback address only names of this machine and addresses are served,
 * beside `hosts`. Whoever has the admin listener on another address or on a unix socket has decided who may reach
 * it, by whatever name; the check then holds only if `hosts` says which.
 *
 * @param hosts further names, without port
 */
export function createHostCheck(address: ListenAddress, hosts: readonly string[]): HostCheck {
  const names = new Set(hosts.map((name) => name.toLowerCase()));
  if (names.size === 0 && !isLoopback(address)) return () => true;
  return (host) => {
    if (host === undefined) return true;
    const name = hostname(host);
    return isIP(name) !== 0 || isLocalName(name) || names.has(name);
  };
}

function isLoopback(address: ListenAddress): boolean {
  if (address.kind === "unix") return false;
  const { host } = address;
  return host === "::1" || host.startsWith("127.") || isLocalName(host);
}

function isLocalName(name: string): boolean {
  return name === "localhost" || name.endsWith(".localhost");
}

/** `[::1]:9180` → `::1`, `Localhost.:9180` → `localhost`. */
function hostname(host: string): string {
  const literal = /^\[([^\]]*)\](?::\d*)?$/.exec(host);
  if (literal !== null) return literal[1] ?? "";
  return host.replace(/:\d*$/, "").replace(/\.$/, "").toLowerCase();
}
