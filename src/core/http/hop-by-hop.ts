/**
 * Fields that belong to one connection and are never passed on (RFC 9110, 7.6.1), and fields that may
 * stand behind a body (RFC 9110, 6.5.1).
 */

import { UNKNOWN_HEADER, HEADER, HEADER_NAMES, headerId, LOWER_CASE } from "./header-names.ts";
import type { HeaderList } from "./header-list.ts";
import { memberStart, memberStop, spellsIgnoringCase, trimmedEnd } from "./list-value.ts";

/** By header id: 1 = a field of this connection alone. */
export const HOP_BY_HOP: Uint8Array = idTable([
  HEADER.connection,
  HEADER["keep-alive"],
  HEADER["proxy-connection"],
  HEADER.te,
  HEADER["transfer-encoding"],
  HEADER.upgrade,
  HEADER["http2-settings"],
  HEADER["proxy-authenticate"],
  HEADER["proxy-authorization"],
]);

/** By header id: 1 = a `Connection` option of this name takes nothing away. */
const KEPT_IF_NOMINATED = idTable([
  HEADER.host,
  HEADER["content-length"],
  HEADER.cookie,
  HEADER.authorization,
  // These are dropped or written anew in any case; they stay here for those who still look at them.
  HEADER.connection,
  HEADER["keep-alive"],
  HEADER.te,
  HEADER["transfer-encoding"],
  HEADER.upgrade,
]);

/**
 * Deletes every field that a `Connection` option names, but Host, Content-Length, Cookie and Authorization:
 * a client must not be able to take away what a backend relies on. Fields that the proxy itself sets are
 * to be set afterwards. For trailers, `options` is the head that they belong to.
 *
 * @returns whether the peer takes trailers (`TE: trailers`), which is to be said anew to the next server.
 */
export function dropNominated(fields: HeaderList, options: HeaderList = fields): boolean {
  for (let i = options.indexOf(HEADER.connection); i >= 0;) {
    const bytes = options.bytes;
    const start = options.valueStartAt(i);
    const end = options.valueEndAt(i);
    // Fast path: "keep-alive" alone, what nearly all peers say, takes nothing away.
    const alone = spellsIgnoringCase(bytes, start, end, "keep-alive");
    for (let at = alone ? end : memberStart(bytes, start, end); at < end;) {
      const stop = memberStop(bytes, at, end);
      dropNamed(fields, bytes, at, trimmedEnd(bytes, at, stop));
      at = memberStart(bytes, stop, end);
    }
    i = options.indexOf(HEADER.connection, i + 1);
  }
  return takesTrailers(options);
}

function dropNamed(fields: HeaderList, bytes: Uint8Array, start: number, end: number): void {
  const id = headerId(bytes, start, end);
  if (id !== UNKNOWN_HEADER) {
    if (KEPT_IF_NOMINATED[id] !== 1) fields.deleteId(id);
    return;
  }
  const length = end - start;
  // "close", the one option without an id that is common, names no field.
  if (spellsIgnoringCase(bytes, start, end, "close")) return;
  for (let i = 0; i < fields.count; i++) {
    const nameStart = fields.nameStartAt(i);
    if (fields.nameEndAt(i) - nameStart !== length || fields.idAt(i) !== UNKNOWN_HEADER) continue;
    const arena = fields.bytes;
    let same = 0;
    while (
      same < length &&
      LOWER_CASE[arena[nameStart + same]!] === LOWER_CASE[bytes[start + same]!]
    ) {
      same++;
    }
    if (same === length) fields.deleteAt(i);
  }
}

function takesTrailers(fields: HeaderList): boolean {
  for (let i = fields.indexOf(HEADER.te); i >= 0; i = fields.indexOf(HEADER.te, i + 1)) {
    const bytes = fields.bytes;
    const end = fields.valueEndAt(i);
    for (let at = memberStart(bytes, fields.valueStartAt(i), end); at < end;) {
      const stop = memberStop(bytes, at, end);
      if (spellsIgnoringCase(bytes, at, trimmedEnd(bytes, at, stop), "trailers")) return true;
      at = memberStart(bytes, stop, end);
    }
  }
  return false;
}

/**
 * Names that would change framing, routing, authentication, caching or what is known of the client if a
 * backend merged them into the head.
 */
const NEVER_TRAILERS: ReadonlySet<string> = new Set([
  "accept-encoding",
  "age",
  "authorization",
  "cache-control",
  "connection",
  "content-encoding",
  "content-length",
  "content-range",
  "content-type",
  "cookie",
  "date",
  "expect",
  "expires",
  "forwarded",
  "host",
  "http2-settings",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "keep-alive",
  "location",
  "max-forwards",
  "pragma",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "proxy-status",
  "range",
  "retry-after",
  "set-cookie",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "vary",
  "via",
  "warning",
  "www-authenticate",
  "x-http-method-override",
  "x-real-ip",
  "x-request-id",
]);

const NEVER_TRAILER_PREFIXES = ["x-forwarded-", "x-original-", "x-rewrite-", "client-cert", "sec-"];

/**
 * May a field of this name (any case) be a trailer? Underscores count as dashes, as they do to a CGI or
 * WSGI backend.
 */
export function isTrailerAllowed(name: string): boolean {
  const folded = name.toLowerCase().replaceAll("_", "-");
  return (
    !NEVER_TRAILERS.has(folded) &&
    !NEVER_TRAILER_PREFIXES.some((prefix) => folded.startsWith(prefix))
  );
}

function idTable(ids: readonly number[]): Uint8Array {
  const table = new Uint8Array(HEADER_NAMES.length);
  for (const id of ids) table[id] = 1;
  return table;
}
