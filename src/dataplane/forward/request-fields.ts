/**
 * The fields of a request that are the proxy's: hop-by-hop fields go, forwarded fields, `Via` and the
 * request's id are set (wire rules "Hop-by-hop", "Forwarded fields and identity"). Done once per exchange,
 * before the first attempt.
 */

import { dropNominated } from "#core/http/hop-by-hop.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import { HEADER, LOWER_CASE } from "#core/http/header-names.ts";
import type { LinkedSnapshot } from "../linked.ts";
import type { Plan } from "../plan.ts";
import type { RequestHead } from "#core/http/message.ts";

/** Names that a client may not speak for, spelled with `-`. Those with a trailing dash stand for all that begin so. */
const IDENTITY_FIELDS = [
  "forwarded",
  "x-forwarded-",
  "x-real-ip",
  "x-original-",
  "x-rewrite-",
  "client-cert",
] as const;

/** What the fields are made of; every exchange is one. `sluice explain` has no exchange, but these. */
export interface FieldSubject {
  readonly client: {
    readonly peerAddress: string;
    readonly scheme: "http" | "https";
    readonly localPort: number;
  };
  readonly request: RequestHead;
  readonly plan: Plan;
  readonly snapshot: LinkedSnapshot;
  readonly requestId: string;
}

/** Fields of the proxy on every request. */
const SET_ANEW = [
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-prefix",
  "x-forwarded-proto",
] as const;

/** Has this instance forwarded the request twice already? Once is legitimate (a request that comes back on purpose). */
export function isLoop(headers: HeaderList, instance: string): boolean {
  let passes = 0;
  for (let i = headers.indexOf(HEADER.via); i >= 0; i = headers.indexOf(HEADER.via, i + 1)) {
    for (const hop of headers.valueAt(i).split(",")) {
      if (hop.trim().split(/\s+/)[1] === instance) passes++;
    }
  }
  return passes >= 2;
}

/**
 * Deletes what a client may not say: the fields that its `Connection` names, and what speaks of its identity, unless
 * the peer is trusted. Done before the filters run, so that none of theirs can be taken away or be shadowed.
 */
export function dropClientClaims(headers: HeaderList, trusted: boolean): void {
  dropNominated(headers);
  dropIdentityFields(headers, trusted);
}

/** Adds the proxy's own fields, in the place of those that a trusted peer has sent. `trusted`: its word counts. */
export function prepareRequestFields(exchange: FieldSubject, trusted: boolean): void {
  const { client, request, snapshot, plan } = exchange;
  const { headers } = request;
  const peer = client.peerAddress;
  const proto = trusted ? keptProto(headers) : "";
  const host = trusted ? keptSingle(headers, "x-forwarded-host") : "";
  const port = trusted ? keptPort(headers) : "";
  const prefix = trusted ? (headers.get("x-forwarded-prefix") ?? "") : "";
  const hops = trusted ? (headers.get("x-forwarded-for") ?? "") : "";
  const forwarded = trusted ? (headers.get("forwarded") ?? "") : "";
  for (const name of SET_ANEW) headers.deleteFolded(name);

  if (peer !== "" || hops !== "") headers.appendUnchecked("X-Forwarded-For", joined(hops, peer));
  headers.appendUnchecked("X-Forwarded-Proto", proto || client.scheme);
  if (host !== "" || request.authority !== "") {
    headers.appendUnchecked("X-Forwarded-Host", host || request.authority);
  }
  headers.appendUnchecked("X-Forwarded-Port", port || publicPort(exchange));
  if (plan.strippedPrefix !== "" || prefix !== "") {
    headers.appendUnchecked("X-Forwarded-Prefix", prefix + plan.strippedPrefix);
  }
  if (snapshot.data.forwarded) {
    headers.appendUnchecked("Forwarded", joined(forwarded, forwardedElement(exchange)));
  } else if (forwarded !== "") {
    headers.appendUnchecked("Forwarded", joined(forwarded, forwardedElement(exchange)));
  }
  headers.deleteFolded("x-request-id");
  headers.appendUnchecked("X-Request-Id", exchange.requestId);
  headers.appendUnchecked("Via", `1.${request.version === 10 ? 0 : 1} ${snapshot.data.instance}`);
}

/** The id that a trusted proxy has given the request, if it can be used, else "". */
export function reportedRequestId(headers: HeaderList, trusted: boolean): string {
  if (!trusted) return "";
  const id = headers.get("x-request-id") ?? "";
  return /^[A-Za-z0-9._:+/=-]{1,128}$/.test(id) ? id : "";
}

/** Deletes what speaks of the client's identity, under every spelling that a CGI or WSGI backend folds together. */
function dropIdentityFields(headers: HeaderList, trusted: boolean): void {
  for (let i = 0; i < headers.count; i++) {
    if (headers.idAt(i) < 0) continue;
    const start = headers.nameStartAt(i);
    const first = LOWER_CASE[headers.bytes[start]!];
    // x, f or c: nearly every field is let go after this one look.
    if (first !== 0x78 && first !== 0x66 && first !== 0x63) continue;
    const name = headers.nameAt(i).toLowerCase();
    const folded = name.replaceAll("_", "-");
    const field = IDENTITY_FIELDS.find((identity) =>
      identity.endsWith("-") || identity === "client-cert"
        ? folded.startsWith(identity)
        : folded === identity,
    );
    if (field === undefined) continue;
    // What a trusted proxy says passes, but for spellings that would shadow it.
    if (!trusted || name !== folded) headers.deleteAt(i);
  }
}

function joined(before: string, value: string): string {
  if (before === "") return value;
  return value === "" ? before : `${before}, ${value}`;
}

function keptSingle(headers: HeaderList, name: string): string {
  const values = headers.getAll(name);
  const value = values.length === 1 ? values[0]! : "";
  return /^[A-Za-z0-9._~\-[\]:]{1,255}$/.test(value) ? value : "";
}

function keptProto(headers: HeaderList): string {
  const value = keptSingle(headers, "x-forwarded-proto").toLowerCase();
  return value === "http" || value === "https" ? value : "";
}

function keptPort(headers: HeaderList): string {
  const value = keptSingle(headers, "x-forwarded-port");
  return /^[0-9]{1,5}$/.test(value) && Number(value) <= 65535 ? value : "";
}

/** The port that the client used, as far as it said; else the listener's. */
function publicPort(exchange: FieldSubject): string {
  const port = /:(\d{1,5})$/.exec(exchange.request.authority);
  if (port !== null) return port[1]!;
  if (exchange.request.authority !== "") return exchange.client.scheme === "https" ? "443" : "80";
  return String(exchange.client.localPort);
}

/** RFC 7239 §4. */
function forwardedElement(exchange: FieldSubject): string {
  const peer = exchange.client.peerAddress;
  const node = peer === "" ? "unknown" : peer.includes(":") ? `"[${peer}]"` : peer;
  const { authority } = exchange.request;
  const host =
    authority === "" ? "" : `;host=${/^[\w.-]+$/.test(authority) ? authority : `"${authority}"`}`;
  return `for=${node}${host};proto=${exchange.client.scheme}`;
}
