/** `Vary`: which of several answers of one URL is meant for a request (RFC 9111 §4.1). */

import type { HeaderList } from "#core/http/header-list.ts";

/** Answers that vary by more than this are not worth keeping. */
const MOST_NAMES = 16;

/** The names in `Vary`, lower case, sorted, each once; null if there are too many. `*` has been looked at before. */
export function varyNames(headers: HeaderList): readonly string[] | null {
  const written = headers.get("vary");
  if (written === undefined) return [];
  const names = written
    .split(",")
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "");
  const unique = [...new Set(names)].sort();
  return unique.length > MOST_NAMES ? null : unique;
}

/** Names of this form stand for a cookie. */
const COOKIE = "cookie;";

/** What a request says in these fields, in a form in which only differences that mean something are some. */
export function variantOf(request: HeaderList, names: readonly string[]): string {
  return names
    .map((name) =>
      name.startsWith(COOKIE)
        ? `${name}:${cookieOf(request, name.slice(COOKIE.length))}`
        : `${name}:${normalised(name, request.get(name))}`,
    )
    .join("\n");
}

/** Of two cookies of one name servers take this one or that: both count. */
function cookieOf(request: HeaderList, name: string): string {
  const values: string[] = [];
  for (const line of request.getAll("cookie")) {
    for (const pair of line.split(";")) {
      const equals = pair.indexOf("=");
      if (equals >= 0 && pair.slice(0, equals).trim() === name) {
        values.push(`=${pair.slice(equals + 1).trim()}`);
      }
    }
  }
  return values.length === 0 ? "-" : values.join("\t");
}

function normalised(name: string, value: string | undefined): string {
  // That a field is empty and that it is not there are two things (RFC 9110 §12.5.3 for one).
  if (value === undefined) return "-";
  const members = value.split(",").map((member) => member.trim());
  if (name === "accept-language") return `=${members.map(compact).sort().join(",")}`;
  if (name !== "accept-encoding") return `=${members.join(",")}`;
  // A coding that is accepted is accepted, however much it is liked and wherever it stands.
  const accepted = members
    .map(compact)
    .map((member) => (/;q=0(?:\.0*)?$/.test(member) ? member : member.replace(/;q=.*$/, "")))
    .filter((member) => member !== "");
  return `=${[...new Set(accepted)].sort().join(",")}`;
}

/** Neither case nor blanks mean anything in these. */
function compact(member: string): string {
  return member.toLowerCase().replaceAll(/[ \t]/g, "");
}
