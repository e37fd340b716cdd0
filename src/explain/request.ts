/** The request of `sluice explain`, as the parser would have read it. */

import { clientAddress, isTrusted } from "#dataplane/accept/client-address.ts";
import type { CidrSet } from "#core/collections/cidr.ts";
import { parseIp } from "#core/collections/ip.ts";
import { RequestHead } from "#core/http/message.ts";
import { isToken } from "#core/http/methods.ts";
import { isHeaderName, isHeaderValue } from "#core/http/header-list.ts";
import type { ListenerData } from "#model/snapshot.ts";
import type { Parsed } from "#core/units.ts";

/** A request as a person describes it. */
export interface DescribedRequest {
  readonly method: string;
  /** `http://example.com/path?query`, `example.com/path`, or `/path`, to the Host header's host or the first listener. */
  readonly url: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Address that the connection comes from. */
  readonly clientIp: string;
}

/** A request that can be routed. */
export interface ReadyRequest {
  readonly head: RequestHead;
  readonly scheme: "http" | "https";
  readonly peer: string;
  /** The peer's forwarded fields are believed. */
  readonly trusted: boolean;
  /** The client's address by the trusted-proxy rule. */
  readonly clientIp: string;
  /** What had to be assumed, in a sentence each. */
  readonly notes: readonly string[];
}

/** Makes the head of the request. What no client could send is refused with a reason. */
export function readRequest(
  described: DescribedRequest,
  proxies: CidrSet,
  listeners: readonly ListenerData[],
): Parsed<ReadyRequest> {
  const { method, url, headers, clientIp: peer } = described;
  if (!isToken(method)) return failure(`\`${method}\` is not a method`, "for example `GET`");
  if (parseIp(peer, new Uint32Array(4)) === 0) {
    return failure(`\`${peer}\` is not an address`, "for example `192.0.2.1`");
  }
  const head = new RequestHead();
  head.method = method;
  const notes: string[] = [];
  const secure = /^(https|wss):\/\//i.test(url);
  const rest = /^[a-z][a-z0-9+.-]*:\/\//i.test(url) ? url.slice(url.indexOf("://") + 3) : url;
  // A fragment never leaves the browser.
  const [sent = ""] = rest.split("#", 1);
  const cut = sent === "*" ? 0 : sent.search(/[/?]/);
  head.authority = cut < 0 ? sent : sent.slice(0, cut);
  const target = cut < 0 ? "/" : sent.slice(cut);
  head.target = escaped(target.startsWith("?") ? `/${target}` : target);
  if (/[\u0000-\u0020\u007f]/.test(head.target)) {
    return failure("a URL holds no control characters", "write them as `%0A`");
  }
  let isHostSaid = head.authority !== "";
  for (const [name, value] of headers) {
    if (!isHeaderName(name))
      return failure(`\`${name}\` is not a header name`, "`-H 'name: value'`");
    if (!isHeaderValue(value))
      return failure(`\`${value}\` is not a header value`, "one line of text");
    if (name.toLowerCase() === "host") {
      head.authority = value;
      isHostSaid = true;
    } else head.headers.append(name, value);
  }
  if (!isHostSaid) {
    head.authority = hostOf(listeners);
    notes.push(`no host was given: assumed ${head.authority}, from the first listener`);
  }
  if (head.authority !== "") head.headers.append("Host", head.authority);
  readFraming(head);
  return {
    ok: true,
    value: {
      head,
      scheme: secure ? "https" : "http",
      peer,
      trusted: isTrusted(peer, proxies),
      clientIp: clientAddress(peer, head.headers, proxies),
      notes,
    },
  };
}

/** What a client on this machine would send as Host to reach the first listener. */
function hostOf([first]: readonly ListenerData[]): string {
  if (first === undefined || first.address.kind === "unix") return "localhost";
  const { host, port } = first.address;
  const isAny = host === "" || host === "0.0.0.0" || host === "::";
  const name = isAny ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
  return port === 0 || port === 80 ? name : `${name}:${port}`;
}

function readFraming(head: RequestHead): void {
  const length = head.headers.get("content-length");
  if (length !== undefined && /^\d{1,15}$/.test(length)) {
    head.framing = "length";
    head.contentLength = Number(length);
  } else if (head.headers.has("transfer-encoding")) {
    head.framing = "chunked";
  }
  const options = (head.headers.get("connection") ?? "").toLowerCase().split(/\s*,\s*/);
  if (options.includes("upgrade")) {
    head.upgrade = (head.headers.get("upgrade") ?? "").toLowerCase();
  }
}

/** Browsers and tools escape these before they send a URL. */
function escaped(target: string): string {
  return target
    .toWellFormed()
    .replaceAll(/[ \u0080-\u{10ffff}]/gu, (one) => encodeURIComponent(one));
}

function failure(message: string, hint: string): Parsed<never> {
  return { ok: false, message, hint };
}
