/**
 * The header names that the proxy itself looks at, as small numbers, so that the hot path compares
 * numbers and not text. Id 0 is every other name.
 */

/** Lower-case names; a name's place in this list is its id. */
export const HEADER_NAMES = [
  "",
  "accept",
  "accept-encoding",
  "accept-language",
  "age",
  "authorization",
  "cache-control",
  "client-cert",
  "client-cert-chain",
  "connection",
  "content-encoding",
  "content-length",
  "content-type",
  "cookie",
  "date",
  "etag",
  "expect",
  "expires",
  "forwarded",
  "host",
  "http2-settings",
  "idempotency-key",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "keep-alive",
  "last-modified",
  "link",
  "location",
  "origin",
  "pragma",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "proxy-status",
  "range",
  "referer",
  "retry-after",
  "sec-websocket-accept",
  "sec-websocket-extensions",
  "sec-websocket-key",
  "sec-websocket-protocol",
  "sec-websocket-version",
  "server",
  "set-cookie",
  "te",
  "traceparent",
  "tracestate",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "user-agent",
  "vary",
  "via",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-prefix",
  "x-forwarded-proto",
  "x-real-ip",
  "x-request-id",
] as const;

/** A header name that has an id. */
export type KnownHeader = Exclude<(typeof HEADER_NAMES)[number], "">;

/** Id by name: `HEADER["content-length"]`. */
export const HEADER: Readonly<Record<KnownHeader, number>> = Object.fromEntries(
  HEADER_NAMES.map((name, id) => [name, id]).slice(1),
) as Record<KnownHeader, number>;

/** Id of a name that the proxy does not look at. */
export const UNKNOWN_HEADER = 0;

/** ASCII lower case by byte; every other byte is itself. */
export const LOWER_CASE: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x41 && byte <= 0x5a ? byte + 32 : byte,
);

const TABLE_SIZE = 512;

/** Length, first, middle and last letter tell all the names above apart but for a few, which share a bucket. */
function hash(length: number, first: number, middle: number, last: number): number {
  return (length * 7 + first * 31 + middle * 131 + last * 17) & (TABLE_SIZE - 1);
}

const LONGEST = Math.max(...HEADER_NAMES.map((name) => name.length));
/** The letters of all names behind each other, and where those of an id begin. */
const LETTERS: Uint8Array = Uint8Array.from(HEADER_NAMES.join(""), (letter) =>
  letter.charCodeAt(0),
);
const LETTERS_AT = new Uint16Array(HEADER_NAMES.length + 1);
for (const [id, name] of HEADER_NAMES.entries()) LETTERS_AT[id + 1] = LETTERS_AT[id]! + name.length;
/** Bucket → first id in it; `NEXT` chains the others. */
const FIRST = new Uint8Array(TABLE_SIZE);
const NEXT = new Uint8Array(HEADER_NAMES.length);
for (let id = HEADER_NAMES.length - 1; id > 0; id--) {
  const at = LETTERS_AT[id]!;
  const { length } = HEADER_NAMES[id]!;
  const bucket = hash(
    length,
    LETTERS[at]!,
    LETTERS[at + (length >> 1)]!,
    LETTERS[at + length - 1]!,
  );
  NEXT[id] = FIRST[bucket]!;
  FIRST[bucket] = id;
}

/** The id of the name at `start` to `end` (exclusive), in any case; 0 if it has none. */
export function headerId(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length === 0 || length > LONGEST) return UNKNOWN_HEADER;
  const bucket = hash(
    length,
    LOWER_CASE[bytes[start]!]!,
    LOWER_CASE[bytes[start + (length >> 1)]!]!,
    LOWER_CASE[bytes[end - 1]!]!,
  );
  for (let id = FIRST[bucket]!; id !== 0; id = NEXT[id]!) {
    const letters = LETTERS_AT[id]!;
    if (LETTERS_AT[id + 1]! - letters !== length) continue;
    let i = 0;
    while (i < length && LOWER_CASE[bytes[start + i]!] === LETTERS[letters + i]) i++;
    if (i === length) return id;
  }
  return UNKNOWN_HEADER;
}

const ID_BY_NAME: ReadonlyMap<string, number> = new Map(
  HEADER_NAMES.map((name, id): [string, number] => [name, id]).slice(1),
);

/** The id of a lower-case name; 0 if it has none. */
export function headerIdOf(lowerCaseName: string): number {
  return ID_BY_NAME.get(lowerCaseName) ?? UNKNOWN_HEADER;
}
