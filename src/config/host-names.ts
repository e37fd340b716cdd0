/** The names that routes have, as certificates know them. */
import { CidrSet } from "#core/collections/cidr.ts";
import { parseIp } from "#core/collections/ip.ts";
import type { Config } from "./types.ts";

/** Exact hosts, and `*.` before those that are met one label below; addresses without brackets. Each once, sorted. */
export function namesOfRoutes(config: Config): string[] {
  const names = new Set<string>();
  for (const { match } of config.routes) {
    for (const { hosts } of match) {
      for (const host of hosts) {
        if (host.kind === "exact") names.add(host.name.replace(/^\[|\]$/g, ""));
        else if (host.kind === "one-label") names.add(`*.${host.name}`);
      }
    }
  }
  return [...names].toSorted();
}

/** Names that no public authority certifies: `localhost`, what is below it, and addresses of private networks. */
export function isLocalName(domain: string): boolean {
  return /^(?:[^/]+\.)?localhost$/i.test(domain) || PRIVATE.has(domain.replace(/^\[|\]$/g, ""));
}

/** An address, without brackets. */
export function isAddress(name: string): boolean {
  return parseIp(name, new Uint32Array(4)) !== 0;
}

const PRIVATE = new CidrSet([
  "10.0.0.0/8",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "::1",
  "fc00::/7",
  "fe80::/10",
]);
