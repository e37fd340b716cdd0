/** Which header fields an option of a filter may name: those that the proxy writes itself are not among them. */

import type { Parsed } from "#core/units.ts";

/** The message whose fields are meant. */
export type FieldSide = "request" | "response";

const CONNECTION = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
  "proxy-authenticate",
  "proxy-authorization",
  "trailer",
]);

const FORWARDED = new Set([
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-prefix",
  "x-forwarded-proto",
]);

/**
 * Reads the name of a field that a filter is to change; the spelling is kept. Refuses what is no field name (RFC 9110,
 * 5.1), and the fields that are the proxy's own: those of the connection and of the framing, Host, and what it
 * writes on every request. `_` counts as `-`, as it does to CGI and WSGI backends.
 */
export function parseEditableField(written: string, side: FieldSide): Parsed<string> {
  if (!/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(written)) {
    return {
      ok: false,
      message: `\`${written.slice(0, 80)}\` is not a header name`,
      hint: "letters, digits and dashes, without a colon: `X-Team`",
    };
  }
  const name = written.toLowerCase().replaceAll("_", "-");
  const refusal = refuse(name, side);
  if (refusal === undefined) return { ok: true, value: written };
  return { ok: false, message: `\`${written}\` ${refusal[0]}`, hint: refusal[1] };
}

/** Why not, and what instead. */
function refuse(name: string, side: FieldSide): readonly [string, string] | undefined {
  if (CONNECTION.has(name)) {
    return [
      "belongs to one connection; the proxy writes it for each side itself",
      "remove it; upgrades are allowed by the route's `upgrade:`",
    ];
  }
  if (name === "content-length") {
    return ["says where the body ends; the proxy writes it itself", "remove it"];
  }
  if (side === "response") return undefined;
  if (name === "host") {
    return ["is not set by a filter", "use `host:` of the route: `upstream`, or a name"];
  }
  if (name === "expect") return ["is settled between the client and the backend", "remove it"];
  if (name === "via" || name === "x-request-id") {
    return ["is written by the proxy, on every request", "remove it"];
  }
  if (FORWARDED.has(name)) {
    return [
      "is written by the proxy, on every request",
      "list the proxies in front of this one in `trustedProxies:`",
    ];
  }
  return undefined;
}
