/** What requests are told apart by, for filters that count: the client's address, a field, a cookie, the route. */

import { parseIp } from "#core/collections/ip.ts";
import type { KeyHash } from "#core/shared/key-hash.ts";
import type { FilterContext } from "./filter.ts";

/** A part of a key. Names of fields are in lower case. */
export type KeyPart =
  /** The client's address by the trusted-proxy rule; of IPv6 the first 64 bits, as one client has all of those below. */
  | { readonly kind: "client-ip" }
  /** A field of the request, as it was sent; requests without it are alike. */
  | { readonly kind: "header"; readonly name: string }
  /** A cookie; requests without it are alike. */
  | { readonly kind: "cookie"; readonly name: string }
  /** Nothing: all requests of the route are alike. */
  | { readonly kind: "route" };

/** Hashes the key of an exchange: the same object each time. */
export type KeyOf = (context: FilterContext) => KeyHash;

/** Makes the function for a key of these parts. */
export function linkKey(parts: readonly KeyPart[], hash: KeyHash): KeyOf {
  const feeds = parts.map(linkPart);
  const [only] = feeds;
  if (only !== undefined && feeds.length === 1) {
    return (context) => {
      hash.begin();
      only(hash, context);
      return hash.finish();
    };
  }
  return (context) => {
    hash.begin();
    for (const feed of feeds) feed(hash, context);
    return hash.finish();
  };
}

/** A key as people know it: `client-ip and header x-api-key`. */
export function keyText(parts: readonly KeyPart[]): string {
  return parts
    .map((part) => ("name" in part ? `${part.kind} ${part.name}` : part.kind))
    .join(" and ");
}

type Feed = (hash: KeyHash, context: FilterContext) => void;

/** The address that is being read; its content means nothing between calls. */
const WORDS = new Uint32Array(4);

function linkPart(part: KeyPart): Feed {
  switch (part.kind) {
    case "client-ip":
      return (hash, { clientIp }) => feedAddress(hash, clientIp);
    case "header":
      return (hash, { request }) => hash.text(request.headers.get(part.name) ?? "");
    case "cookie":
      return (hash, { request }) => hash.text(cookie(request.headers.getAll("cookie"), part.name));
    case "route":
      return (hash) => hash.word(0);
  }
}

function feedAddress(hash: KeyHash, address: string): void {
  const zone = address.indexOf("%");
  const family = parseIp(zone < 0 ? address : address.slice(0, zone), WORDS);
  hash.word(WORDS[0]!).word(WORDS[1]!);
  if (family === 4) hash.word(WORDS[2]!).word(WORDS[3]!);
  // Of sockets of the machine: they have none, and are alike.
  if (family === 0) hash.text(address);
}

/** The value of a cookie (RFC 6265 section 4.2); of several the first, as servers take it. "" if there is none. */
function cookie(fields: readonly string[], name: string): string {
  for (const field of fields) {
    for (const pair of field.split(";")) {
      const [key = "", value = ""] = pair.split(/=(.*)/s, 2);
      if (key.trim() === name) return value.trim();
    }
  }
  return "";
}
