/** Heads between the backend, the store and the client: what is kept, renewed (RFC 9111 §3.1, §3.2) and sent. */

import { HeaderList } from "#core/http/header-list.ts";
import { HEADER, HEADER_NAMES } from "#core/http/header-names.ts";
import { HOP_BY_HOP } from "#core/http/hop-by-hop.ts";

/** By header id: never stored. `Age` is made anew; the length is that of the stored body. */
const NOT_STORED: Uint8Array = HOP_BY_HOP.slice();
NOT_STORED[HEADER.age] = 1;
NOT_STORED[HEADER["content-length"]] = 1;
NOT_STORED[HEADER["proxy-status"]] = 1;

/** Fields for the cache before the client, or for this one alone. */
const OURS: ReadonlySet<string> = new Set(["surrogate-control", "surrogate-key", "cache-tag"]);

/** These say what the stored bytes are: a 304, which has none, cannot change that (RFC 9111 §3.2). */
const NOT_RENEWED: ReadonlySet<string> = new Set([
  "content-encoding",
  "content-md5",
  "content-range",
  "etag",
]);

/** A 304 has none of the fields that describe a body (RFC 9110 §15.4.5). */
const BODY_FIELDS: ReadonlySet<string> = new Set([
  "content-encoding",
  "content-language",
  "content-range",
  "content-type",
]);

const DELETED = -1;

/** The fields of an answer that are stored. `withheld` in lower case. */
export function storedFields(headers: HeaderList, withheld: readonly string[]): HeaderList {
  const stored = new HeaderList(headers.used + 64, Math.max(headers.count, 1));
  for (let i = 0; i < headers.count; i++) {
    if (isStored(headers, i, withheld)) {
      stored.appendUnchecked(headers.nameAt(i), headers.valueAt(i));
    }
  }
  return stored;
}

/** Those that are withheld from the store. */
export function withheldFields(
  headers: HeaderList,
  withheld: readonly string[],
): (readonly [name: string, value: string])[] {
  return withheld.length === 0
    ? []
    : [...headers].filter(([name]) => withheld.includes(name.toLowerCase()));
}

function isStored(headers: HeaderList, index: number, withheld: readonly string[]): boolean {
  const id = headers.idAt(index);
  if (id === DELETED || (id > 0 && NOT_STORED[id] === 1)) return false;
  if (id > 0 && withheld.length === 0) return true;
  const name = id > 0 ? HEADER_NAMES[id]! : headers.nameAt(index).toLowerCase();
  return !OURS.has(name) && !withheld.includes(name);
}

/** The stored fields, renewed by those of a 304. */
export function renewedFields(stored: HeaderList, answer: HeaderList): HeaderList {
  const renewed = new HeaderList();
  const names = new Set<string>();
  for (let i = 0; i < answer.count; i++) {
    if (!isStored(answer, i, [])) continue;
    const name = answer.nameAt(i).toLowerCase();
    if (!NOT_RENEWED.has(name)) names.add(name);
  }
  for (const [name, value] of stored) {
    if (!names.has(name.toLowerCase())) renewed.appendUnchecked(name, value);
  }
  for (let i = 0; i < answer.count; i++) {
    if (isStored(answer, i, []) && names.has(answer.nameAt(i).toLowerCase())) {
      renewed.appendUnchecked(answer.nameAt(i), answer.valueAt(i));
    }
  }
  return renewed;
}

/** Takes the fields away that a 304 does not have. */
export function dropBodyFields(headers: HeaderList): void {
  for (let i = 0; i < headers.count; i++) {
    if (headers.idAt(i) !== DELETED && BODY_FIELDS.has(headers.nameAt(i).toLowerCase())) {
      headers.deleteAt(i);
    }
  }
}

/** Takes away what was said to this cache alone. */
export function dropOwnFields(headers: HeaderList): void {
  for (let i = 0; i < headers.count; i++) {
    if (headers.idAt(i) === 0 && OURS.has(headers.nameAt(i).toLowerCase())) headers.deleteAt(i);
  }
}

/** The names by which an answer can be purged: `Surrogate-Key` between blanks, `Cache-Tag` between commas. */
export function tagsOf(headers: HeaderList): string[] {
  const keys = headers.get("surrogate-key");
  const tags = headers.get("cache-tag");
  if (keys === undefined && tags === undefined) return [];
  const all = [...(keys ?? "").split(/[ ,]+/), ...(tags ?? "").split(/ *, */)];
  return [...new Set(all)].filter((tag) => tag !== "");
}
