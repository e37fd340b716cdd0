/**
 * The fields of a request that are the proxy's: hop-by-hop fields go, forwarded fields, `Via` and the
 * request's id are set (wire rules "Hop-by-hop", "Forwarded fields and identity"). Done once per exchange,
 * before the first attempt.
 */

import { fieldLines, fieldName } from "#core/http/field-lines.ts";
import { dropNominated } from "#core/http/hop-by-hop.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import { HEADER, HEADER_NAMES, LOWER_CASE, UNKNOWN_HEADER } from "#core/http/header-names.ts";
import type { LinkedSnapshot } from "../linked.ts";
import type { Plan } from "../plan.ts";
import { viaLines } from "../via.ts";
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
    readonly tls: { readonly certificate: string } | null;
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
  "x-request-id",
] as const;

/** By header id: 1 = in the list above. */
const IS_SET_ANEW = idTable((name) => SET_ANEW.some((own) => own === name));

/** By header id: 1 = a client may not speak for it. */
const IS_IDENTITY = idTable((name) => isIdentityField(name));

/** RFC 9440. */
const CLIENT_CERT = fieldName("Client-Cert");
const FORWARDED_FOR = fieldName("X-Forwarded-For");
const FORWARDED_HOST = fieldName("X-Forwarded-Host");
const FORWARDED_PORT = fieldName("X-Forwarded-Port");
const REQUEST_ID = fieldName("X-Request-Id");
const PROTO_HTTP = fieldLines([["X-Forwarded-Proto", "http"]]);
const PROTO_HTTPS = fieldLines([["X-Forwarded-Proto", "https"]]);
const PORT_80 = fieldLines([["X-Forwarded-Port", "80"]]);

const ZERO = 0x30;
const COLON = 0x3a;

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

/** What a trusted peer says; "" where it says nothing. */
interface Reported {
  readonly proto: string;
  readonly host: string;
  readonly port: string;
  readonly prefix: string;
  readonly hops: string;
  readonly forwarded: string;
}

const NOTHING_REPORTED: Reported = {
  proto: "",
  host: "",
  port: "",
  prefix: "",
  hops: "",
  forwarded: "",
};

function reportedBy(headers: HeaderList): Reported {
  return {
    proto: reportedProto(headers),
    host: keptSingle(headers, "x-forwarded-host"),
    port: keptPort(headers),
    prefix: headers.get("x-forwarded-prefix") ?? "",
    hops: headers.get("x-forwarded-for") ?? "",
    forwarded: headers.get("forwarded") ?? "",
  };
}

/** Adds the proxy's own fields, in the place of those that a trusted peer has sent. `trusted`: its word counts. */
export function prepareRequestFields(exchange: FieldSubject, trusted: boolean): void {
  const { client, request, snapshot, plan } = exchange;
  const { headers } = request;
  const peer = client.peerAddress;
  const reported = trusted ? reportedBy(headers) : NOTHING_REPORTED;
  dropSetAnew(headers);

  if (peer !== "" || reported.hops !== "") {
    headers.appendNamed(FORWARDED_FOR, joined(reported.hops, peer));
  }
  const proto = reported.proto || client.scheme;
  headers.appendLines(proto === "https" ? PROTO_HTTPS : PROTO_HTTP);
  const host = reported.host || request.authority;
  if (host !== "") headers.appendNamed(FORWARDED_HOST, host);
  const port = reported.port || publicPort(exchange);
  if (port === "80") headers.appendLines(PORT_80);
  else headers.appendNamed(FORWARDED_PORT, port);
  const prefix = reported.prefix + plan.strippedPrefix;
  if (prefix !== "") headers.appendUnchecked("X-Forwarded-Prefix", prefix);
  if (snapshot.data.forwarded || reported.forwarded !== "") {
    headers.appendUnchecked("Forwarded", joined(reported.forwarded, forwardedElement(exchange)));
  }
  const certificate = client.tls === null ? "" : client.tls.certificate;
  if (certificate !== "") {
    headers.deleteFolded("client-cert");
    // The issuers that a trusted peer has written down are those of another certificate.
    headers.deleteFolded("client-cert-chain");
    headers.appendNamed(CLIENT_CERT, certificate);
  }
  headers.appendNamed(REQUEST_ID, exchange.requestId);
  headers.appendLines(viaLines(request.version, snapshot.data.instance));
}

/** Deletes the fields that are set anew, under every spelling that a CGI or WSGI backend folds together. */
function dropSetAnew(headers: HeaderList): void {
  for (let i = 0; i < headers.count; i++) {
    const id = headers.idAt(i);
    // One pass for all names: another spelling has no id, and a dash in it, so it begins with an x.
    if (id === UNKNOWN_HEADER ? isShadow(headers, i) : IS_SET_ANEW[id] === 1) headers.deleteAt(i);
  }
}

function isShadow(headers: HeaderList, index: number): boolean {
  if (LOWER_CASE[headers.bytes[headers.nameStartAt(index)]!] !== 0x78) return false;
  for (const name of SET_ANEW) if (headers.foldsAt(index, name)) return true;
  return false;
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
    const id = headers.idAt(i);
    if (id !== UNKNOWN_HEADER) {
      if (!trusted && IS_IDENTITY[id] === 1) headers.deleteAt(i);
      continue;
    }
    const first = LOWER_CASE[headers.bytes[headers.nameStartAt(i)]!];
    // x, f or c: nearly every field is let go after this one look.
    if (first !== 0x78 && first !== 0x66 && first !== 0x63) continue;
    const name = headers.nameAt(i).toLowerCase();
    const folded = name.replaceAll("_", "-");
    // What a trusted proxy says passes, but for spellings that would shadow it.
    if (isIdentityField(folded) && (!trusted || name !== folded)) headers.deleteAt(i);
  }
}

function isIdentityField(folded: string): boolean {
  return IDENTITY_FIELDS.some((identity) =>
    identity.endsWith("-") || identity === "client-cert"
      ? folded.startsWith(identity)
      : folded === identity,
  );
}

function idTable(belongs: (name: string) => boolean): Uint8Array {
  return Uint8Array.from(HEADER_NAMES, (name) => (belongs(name) ? 1 : 0));
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

/** By which scheme a trusted peer says that the client came; "" if it does not say. */
export function reportedProto(headers: HeaderList): "http" | "https" | "" {
  const value = keptSingle(headers, "x-forwarded-proto").toLowerCase();
  return value === "http" || value === "https" ? value : "";
}

function keptPort(headers: HeaderList): string {
  const value = keptSingle(headers, "x-forwarded-port");
  return /^[0-9]{1,5}$/.test(value) && Number(value) <= 65535 ? value : "";
}

/** The port that the client used, as far as it said; else the listener's. */
function publicPort(exchange: FieldSubject): string {
  const { authority } = exchange.request;
  if (authority === "") return String(exchange.client.localPort);
  // `:` and one to five digits at the end.
  let start = authority.length;
  while (authority.length - start < 5 && isDigit(authority.charCodeAt(start - 1))) start--;
  if (start < authority.length && authority.charCodeAt(start - 1) === COLON) {
    return authority.slice(start);
  }
  return exchange.client.scheme === "https" ? "443" : "80";
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= ZERO + 9;
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
