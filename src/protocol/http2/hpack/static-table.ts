/** The static table of HPACK (RFC 7541 appendix A), as lines that can be copied into the arena of a header list. */

import { headerIdOf } from "#core/http/header-names.ts";

/** Names with their values, from index 1 on. */
const ENTRIES: readonly (readonly [name: string, value: string])[] = [
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  [":status", "200"],
  [":status", "204"],
  [":status", "206"],
  [":status", "304"],
  [":status", "400"],
  [":status", "404"],
  [":status", "500"],
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ["accept-language", ""],
  ["accept-ranges", ""],
  ["accept", ""],
  ["access-control-allow-origin", ""],
  ["age", ""],
  ["allow", ""],
  ["authorization", ""],
  ["cache-control", ""],
  ["content-disposition", ""],
  ["content-encoding", ""],
  ["content-language", ""],
  ["content-length", ""],
  ["content-location", ""],
  ["content-range", ""],
  ["content-type", ""],
  ["cookie", ""],
  ["date", ""],
  ["etag", ""],
  ["expect", ""],
  ["expires", ""],
  ["from", ""],
  ["host", ""],
  ["if-match", ""],
  ["if-modified-since", ""],
  ["if-none-match", ""],
  ["if-range", ""],
  ["if-unmodified-since", ""],
  ["last-modified", ""],
  ["link", ""],
  ["location", ""],
  ["max-forwards", ""],
  ["proxy-authenticate", ""],
  ["proxy-authorization", ""],
  ["range", ""],
  ["referer", ""],
  ["refresh", ""],
  ["retry-after", ""],
  ["server", ""],
  ["set-cookie", ""],
  ["strict-transport-security", ""],
  ["transfer-encoding", ""],
  ["user-agent", ""],
  ["vary", ""],
  ["via", ""],
  ["www-authenticate", ""],
];

/** The highest index of the static table. */
export const STATIC_ENTRIES: number = ENTRIES.length;

/** One entry. */
export interface StaticEntry {
  readonly name: string;
  readonly value: string;
  /** `name: value` and CRLF. */
  readonly line: Uint8Array;
  readonly nameLength: number;
  readonly valueLength: number;
  /** Known header id of the name. */
  readonly id: number;
}

/** By index less one. */
export const STATIC_TABLE: readonly StaticEntry[] = ENTRIES.map(([name, value]) => ({
  name,
  value,
  line: Uint8Array.from(`${name}: ${value}\r\n`, (char) => char.charCodeAt(0)),
  nameLength: name.length,
  valueLength: value.length,
  id: headerIdOf(name),
}));

const INDEX_BY_NAME: ReadonlyMap<string, number> = new Map(
  ENTRIES.map(([name], at): [string, number] => [name, at + 1]).toReversed(),
);

/** The lowest index of an entry of that name; 0: there is none. */
export function staticIndexOfName(name: string): number {
  return INDEX_BY_NAME.get(name) ?? 0;
}
