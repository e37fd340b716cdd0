/**
 * Who the client is (wire rules "Forwarded fields and identity"): the peer, or, if the peer is a trusted
 * proxy, the rightmost hop that it and other trusted proxies report and that is not one itself.
 */

import type { CidrSet } from "#core/collections/cidr.ts";
import { parseIp } from "#core/collections/ip.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import { HEADER } from "#core/http/header-names.ts";

/** Does the peer's word on forwarded fields count? A unix socket's peer has no address and is not trusted by itself. */
export function isTrusted(peer: string, trusted: CidrSet): boolean {
  return trusted.size > 0 && trusted.has(peer);
}

/** The client's address; the peer's own unless a trusted proxy says otherwise. */
export function clientAddress(peer: string, headers: HeaderList, trusted: CidrSet): string {
  if (!isTrusted(peer, trusted)) return peer;
  let client = peer;
  const hops = reportedHops(headers);
  for (let i = hops.length - 1; i >= 0; i--) {
    const hop = hops[i]!;
    // A hop that is no address ends what can be known: the last one known stays.
    if (!isAddress(hop)) return client;
    client = hop;
    if (!trusted.has(hop)) return client;
  }
  return client;
}

const SCRATCH: Uint32Array = new Uint32Array(4);

function isAddress(text: string): boolean {
  return parseIp(text, SCRATCH) !== 0;
}

/** Addresses that proxies have written down, nearest last. */
function reportedHops(headers: HeaderList): string[] {
  if (headers.indexOf(HEADER["x-forwarded-for"]) >= 0) {
    return headers.getAll("x-forwarded-for").flatMap((value) => value.split(",").map(bareAddress));
  }
  const hops: string[] = [];
  for (const value of headers.getAll("forwarded")) {
    for (const element of value.split(",")) {
      const match = /(?:^|;)\s*for=("?)([^";,]*)\1/i.exec(element);
      // An element that does not say for whom stands for a hop that nobody knows.
      hops.push(match === null ? "" : bareAddress(match[2]!));
    }
  }
  return hops;
}

/** `1.2.3.4:567`, `[::1]:80` and quoted forms without port, brackets and quotes. */
function bareAddress(text: string): string {
  const hop = text.trim();
  if (hop.startsWith("[")) return /^\[([^\]]*)\](?::\d+)?$/.exec(hop)?.[1] ?? "";
  const colon = hop.indexOf(":");
  return colon >= 0 && colon === hop.lastIndexOf(":") ? hop.slice(0, colon) : hop;
}
