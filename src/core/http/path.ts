/**
 * Paths of request targets, as text of the bytes 0x21 to 0x7E. What goes to a backend is the raw path; what
 * routes, filters and logs look at is its normalised form. Other readings of the same path: `interpretations.ts`.
 */

import { HEX_VALUES, UNRESERVED_CHARS } from "./chars.ts";

const PERCENT = 0x25;
const DOT = 0x2e;
const SLASH = 0x2f;
const SEMICOLON = 0x3b;
const BACKSLASH = 0x5c;

/** The two parts of an origin-form target. */
export interface SplitTarget {
  readonly path: string;
  /** What follows the first `?`; null if there is none, "" if nothing follows. */
  readonly query: string | null;
}

/** Takes a target apart at its first `?`. */
export function splitTarget(target: string): SplitTarget {
  const mark = target.indexOf("?");
  if (mark < 0) return { path: target, query: null };
  return { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

/**
 * Fast path, for nearly all requests: whether the path has no `%`, `\`, `;`, `//` and `/.`. Then it is its
 * own normalised form, and no server reads it in another way. One pass, no allocation. False says nothing:
 * the path may be plain all the same (`/.well-known/x`).
 */
export function isPlainPath(path: string): boolean {
  const length = path.length;
  let previous = 0;
  for (let i = 0; i < length; i++) {
    const code = path.charCodeAt(i);
    if (code === PERCENT || code === BACKSLASH || code === SEMICOLON) return false;
    if (previous === SLASH && (code === SLASH || code === DOT)) return false;
    previous = code;
  }
  return true;
}

/**
 * The form that routing sees: escapes of unreserved characters decoded once, the hex digits of the others in
 * upper case, dot segments resolved (RFC 3986, 6.2.2). Normalising it again changes nothing.
 *
 * @returns null if the path is invalid: not beginning with `/`, an escape without two hex digits, or `%00`,
 * which cuts the path short for what is written in C
 */
export function normalise(path: string): string | null {
  if (path.charCodeAt(0) !== SLASH) return null;
  if (isPlainPath(path)) return path;
  const respelled = respell(path, UNRESERVED_CHARS);
  return respelled === null ? null : removeDotSegments(respelled);
}

/**
 * Decodes the escapes of the characters in `decoded` (a table by byte) and gives the others upper-case hex
 * digits. One pass: what a decoded character forms with its neighbours is not an escape.
 *
 * @returns null at an escape without two hex digits, and at `%00`
 */
export function respell(path: string, decoded: Uint8Array): string | null {
  let at = path.indexOf("%");
  if (at < 0) return path;
  let result = "";
  let copied = 0;
  for (; at >= 0; at = path.indexOf("%", at + 3)) {
    const byte = escapedByte(path, at);
    if (byte <= 0) return null;
    result += path.slice(copied, at);
    result +=
      decoded[byte] === 1 ? String.fromCharCode(byte) : path.slice(at, at + 3).toUpperCase();
    copied = at + 3;
  }
  return result + path.slice(copied);
}

/** The byte that the escape at `at` stands for; -1 if there is no escape. */
export function escapedByte(path: string, at: number): number {
  if (path.charCodeAt(at) !== PERCENT || at + 2 >= path.length) return -1;
  const high = HEX_VALUES[path.charCodeAt(at + 1)] ?? -1;
  const low = HEX_VALUES[path.charCodeAt(at + 2)] ?? -1;
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

/**
 * Resolves `.` and `..` in an absolute path (RFC 3986, 5.2.4), never above its root. Empty segments count as
 * segments: `/a//../b` is `/a/b`.
 */
export function removeDotSegments(path: string): string {
  if (!path.includes("/.")) return path;
  const segments = path.split("/");
  const last = segments.length - 1;
  const kept: string[] = [];
  // The text before the first slash is empty and stands for the root.
  for (let i = 1; i <= last; i++) {
    const segment = segments[i]!;
    if (segment !== "." && segment !== "..") {
      kept.push(segment);
      continue;
    }
    if (segment === "..") kept.pop();
    // A dot segment names a folder: at the end its slash stays.
    if (i === last) kept.push("");
  }
  return `/${kept.join("/")}`;
}

/**
 * Puts a prefix before a target. Neither is decoded.
 *
 * @param prefix begins with `/` and does not end with one; or is `/`, which changes nothing
 */
export function joinPrefix(prefix: string, target: string): string {
  return prefix === "/" ? target : prefix + target;
}

/**
 * Takes a prefix off a target, at a segment's end: `/api` off `/api` and `/api/x` gives `/` and `/x`. The rest
 * of the target is left as it is, byte for byte, if the raw path without the prefix is the normalised path
 * without it. If not (`/%61pi/x`, `/x/../api/y`, `/api/../api/y`), its path is the normalised one.
 *
 * @param target path and query, as received
 * @param prefix normalised; begins with `/` and does not end with one, or is `/`, which changes nothing
 * @returns null if the target is not below the prefix, or its path invalid
 */
export function stripPrefix(target: string, prefix: string): string | null {
  if (prefix === "/") return target;
  const mark = target.indexOf("?");
  const path = mark < 0 ? target : target.slice(0, mark);
  const normalised = normalise(path);
  if (normalised === null) return null;
  const stripped = stripLiteral(normalised, prefix);
  if (stripped === null) return null;
  const query = mark < 0 ? "" : target.slice(mark);
  if (path === normalised) return stripped + query;
  const raw = stripLiteral(path, prefix);
  return (raw !== null && normalise(raw) === stripped ? raw : stripped) + query;
}

function stripLiteral(path: string, prefix: string): string | null {
  if (!path.startsWith(prefix)) return null;
  if (path.length === prefix.length) return "/";
  return path.charCodeAt(prefix.length) === SLASH ? path.slice(prefix.length) : null;
}
