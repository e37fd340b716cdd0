/** Entity tags and dates: is what the client has still current (RFC 9110 §13)? */

import { HEADER } from "#core/http/header-names.ts";
import type { HeaderList } from "#core/http/header-list.ts";
import { parseHttpDate } from "./numbers.ts";

const TAG = /(W\/)?"[\u0021\u0023-\u007e\u0080-\u00ff]*"/g;

/** Do two tags name the same representation, at least roughly (RFC 9110 §8.8.3.2)? */
function matchesWeakly(one: string, other: string): boolean {
  return one.replace(/^W\//, "") === other.replace(/^W\//, "");
}

/**
 * Would a conditional GET be answered by 304, given this stored answer (§13.2.2, RFC 9111 §4.3.2)?
 *
 * @param now epoch milliseconds
 */
export function isNotModified(request: HeaderList, stored: HeaderList, now: number): boolean {
  const wanted = request.get("if-none-match");
  if (wanted !== undefined) {
    if (wanted.trim() === "*") return true;
    const at = stored.indexOf(HEADER.etag);
    if (at < 0) return false;
    const tag = stored.valueAt(at);
    return (wanted.match(TAG) ?? []).some((one) => matchesWeakly(one, tag));
  }
  const since = request.get("if-modified-since");
  if (since === undefined) return false;
  const limit = parseHttpDate(since, now);
  if (Number.isNaN(limit)) return false;
  // Without Last-Modified its date stands for it (RFC 9111 §4.3.2).
  const at = stored.indexOf(HEADER["last-modified"]);
  const index = at >= 0 ? at : stored.indexOf(HEADER.date);
  if (index < 0) return false;
  const modified = parseHttpDate(stored.valueAt(index), now);
  return !Number.isNaN(modified) && modified <= limit;
}

/** May the range of a request with `If-Range` be served (§13.1.5)? Without the field it may. */
export function rangeStillApplies(request: HeaderList, stored: HeaderList): boolean {
  const condition = request.get("if-range");
  if (condition === undefined) return true;
  if (/^(?:W\/)?"/.test(condition)) {
    const at = stored.indexOf(HEADER.etag);
    return at >= 0 && !condition.startsWith("W/") && stored.valueAt(at) === condition;
  }
  const at = stored.indexOf(HEADER["last-modified"]);
  return at >= 0 && stored.valueAt(at) === condition;
}

/** The fields that make a request conditional, or ask for a part: whoever asks for a whole answer sends none. */
const CONDITIONS = [
  HEADER["if-none-match"],
  HEADER["if-modified-since"],
  HEADER["if-range"],
  HEADER.range,
];

/** Makes the request one for the whole, whatever was asked. */
export function makeUnconditional(request: HeaderList): void {
  for (const id of CONDITIONS) request.deleteId(id);
}

/** Makes it one that asks whether a stored answer is still good (RFC 9111 §4.3.1). */
export function makeConditional(request: HeaderList, stored: HeaderList): void {
  const tag = stored.indexOf(HEADER.etag);
  if (tag >= 0) request.appendUnchecked("If-None-Match", stored.valueAt(tag));
  const modified = stored.indexOf(HEADER["last-modified"]);
  if (modified >= 0) request.appendUnchecked("If-Modified-Since", stored.valueAt(modified));
}

/** Can it be asked about at all? */
export function hasValidator(stored: HeaderList): boolean {
  return stored.indexOf(HEADER.etag) >= 0 || stored.indexOf(HEADER["last-modified"]) >= 0;
}
