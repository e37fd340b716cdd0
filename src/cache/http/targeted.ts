/**
 * Cache control that is aimed at this cache (RFC 9213): `CDN-Cache-Control` is a dictionary of structured fields
 * (RFC 9651 §3.2), read strictly, and counts in the place of `Cache-Control` and `Expires` if it can be read.
 */

import { apply, blankDirectives, type Directives } from "./directives.ts";

/** Seconds may not be written otherwise than as whole numbers. */
const AGES = new Set(["max-age", "s-maxage", "stale-while-revalidate", "stale-if-error"]);

const MEMBER =
  /[ \t]*([a-z*][a-z0-9_.*-]*)(?:=(?:(-?\d{1,15})|(-?\d{1,12}\.\d{1,3})|"((?:[ !#-[\]-~]|\\["\\])*)"|([A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*)|\?([01])))?((?:;[ ]*[a-z*][a-z0-9_.*-]*(?:=[^;,]*)?)*)[ \t]*(,|$)/y;

/** @returns null if it is empty or no such dictionary */
export function parseTargeted(value: string): Directives | null {
  const members = new Map<string, string | null>();
  MEMBER.lastIndex = 0;
  for (;;) {
    const match = MEMBER.exec(value);
    if (match === null) return null;
    const [whole, name, integer, decimal, quoted, token, boolean, , comma] = match;
    if (whole === "") return null;
    if (AGES.has(name!)) {
      // Of the wrong type: the member is left out, as any parameter that is not understood.
      if (integer !== undefined) members.set(name!, integer.startsWith("-") ? "0" : integer);
    } else if (boolean === "0") {
      members.delete(name!);
    } else {
      members.set(name!, decimal ?? quoted ?? token ?? null);
    }
    if (comma === "") break;
    if (MEMBER.lastIndex >= value.length) return null;
  }
  if (members.size === 0) return null;
  const found = blankDirectives();
  for (const [name, argument] of members) apply(found, name, argument);
  return found;
}
