/**
 * What servers make of one path. They differ in what they decode, in which order, and how often:
 *
 *     path                  nginx               WHATWG URL            Tomcat
 *     /public/..%2Fadmin    /admin              /public/..%2Fadmin    refused
 *     /public/..;/admin     /public/..;/admin   /public/..;/admin     /admin
 *     //admin               /admin              //admin               /admin
 *     /public/..\admin      /public/..\admin    /admin                refused
 *
 * A proxy that checks one of these and forwards the bytes to a server that reads another has checked nothing. So
 * each habit is a step here that rewrites a path, and the readings are everything that any steps in any order
 * make of it. That holds the combinations (a URL parser before a decoder before a servlet container) without
 * listing them.
 */

import { UNRESERVED_CHARS } from "./chars.ts";
import { escapedByte, isPlainPath, normalise, removeDotSegments, respell } from "./path.ts";

/** Paths that are meant to be read have a handful of readings; what has more than this is an attack. */
const MAX_READINGS = 32;
/** Bounds the work for long paths: a path of 8 KiB may have 16 readings. */
const MAX_CHARACTERS = 128 * 1024;

/**
 * Characters that paths write as themselves (`pchar`, RFC 3986, 3.3), but `;`, which has its own step. Servers
 * decode the others too, but what is not a `pchar` cannot be written in a route but as its escape, so that here
 * its escape is its spelling.
 */
const DECODED: Uint8Array = UNRESERVED_CHARS.map((unreserved, byte) =>
  unreserved === 1 || "!$&'()*+,=:@".includes(String.fromCharCode(byte)) ? 1 : 0,
);

/** One habit of servers. Gives the same string if it has nothing to do. */
type Step = (path: string) => string;

const STEPS: readonly Step[] = [
  // Dot segments are resolved; a slash behind the last one is kept (RFC 3986) or is not (Go's path.Clean).
  removeDotSegments,
  (path) => (/.\/\.{1,2}$/.test(path) ? removeDotSegments(path).replace(/(.)\/$/, "$1") : path),
  // Empty segments are dropped.
  (path) => (path.includes("//") ? path.replaceAll(/\/{2,}/g, "/") : path),
  // An escaped slash separates segments.
  (path) => path.replaceAll("%2F", "/"),
  // A backslash separates segments, or is a character like others.
  (path) => path.replaceAll("\\", "/"),
  (path) => path.replaceAll("\\", "%5C"),
  (path) => path.replaceAll("%5C", "/"),
  // Segments carry parameters, which are not part of their name; escaped or not.
  (path) => (path.includes(";") ? path.replaceAll(/;[^/]*/g, "") : path),
  (path) => path.replaceAll("%3B", ";"),
  // Escapes are decoded once more. `%2500` stays: after it there would be no path to speak of.
  (path) =>
    path.includes("%25") ? spell(path.replaceAll(/%25(?!00)(?=[0-9A-Fa-f]{2})/g, "%")) : path,
  // Overlong UTF-8 is ASCII; bytes that are not UTF-8 are left out.
  (path) => rewriteUtf8(path, true),
  (path) => rewriteUtf8(path, false),
];

/**
 * The readings of a path that differ from its normalised form, the raw path among them (with its hex digits in
 * upper case, as in all of them). Spelled so that they can be routed: characters that a path may hold stand for
 * themselves, everything else is escaped. Some still have dot segments: not every server resolves them.
 *
 * @param path a path that `normalise` takes
 * @returns null if there are too many readings to tell; the path is then ambiguous whatever the routes are
 */
export function interpretations(path: string): readonly string[] | null {
  if (isPlainPath(path)) return [];
  const raw = respell(path, NOTHING);
  const normalised = normalise(path);
  if (raw === null || normalised === null) return [];
  const readings = new Set([spell(raw)]);
  let characters = path.length;
  // A Set is walked in the order of insertion, and what is added on the way is walked too.
  for (const reading of readings) {
    for (const step of STEPS) {
      const next = step(reading);
      if (next === reading || readings.has(next)) continue;
      characters += next.length;
      if (readings.size === MAX_READINGS || characters > MAX_CHARACTERS) return null;
      readings.add(next);
    }
  }
  readings.add(raw);
  readings.delete(normalised);
  return [...readings];
}

const NOTHING = new Uint8Array(256);

/** Brings a path with well-formed escapes to the spelling that all readings have. */
function spell(path: string): string {
  const decoded = respell(path, DECODED) ?? path;
  return decoded.replaceAll(/["<>^`{|}]/g, (char) => escapeOf(char.charCodeAt(0)));
}

/** A byte as readings spell it. */
function spellByte(byte: number): string {
  if (DECODED[byte] === 1 || byte === 0x2f || byte === 0x3b || byte === 0x5c) {
    return String.fromCharCode(byte);
  }
  return escapeOf(byte);
}

function escapeOf(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
}

/**
 * Decodes overlong sequences of ASCII characters (`%C0%AE` is `.` to a decoder that does not check), or leaves
 * out each byte that is not part of well-formed UTF-8 (RFC 3629).
 */
function rewriteUtf8(path: string, overlong: boolean): string {
  if (!/%[89A-F]/.test(path)) return path;
  let result = "";
  let copied = 0;
  for (let at = path.indexOf("%"); at >= 0;) {
    const lead = escapedByte(path, at);
    const length = lead < 0x80 ? 1 : sequenceLength(path, at, lead);
    const value = length > 1 ? codePoint(path, at, lead, length) : -1;
    let end = at + 3 * length;
    if (overlong ? value >= 0 && value < 0x80 : lead >= 0x80 && !isMinimal(value, length)) {
      if (!overlong) end = at + 3;
      result += path.slice(copied, at) + (overlong ? spellByte(value) : "");
      copied = end;
    }
    at = path.indexOf("%", end);
  }
  return result + path.slice(copied);
}

/** How many escapes the sequence led by `lead` has, by the old rule of up to six; 1 if some are missing. */
function sequenceLength(path: string, at: number, lead: number): number {
  // A lead byte has as many ones at its front as its sequence has bytes: count the zeros of the inverse.
  const length = lead < 0xc0 || lead > 0xfd ? 1 : Math.clz32(~(lead << 24));
  for (let i = 1; i < length; i++) {
    const byte = escapedByte(path, at + 3 * i);
    if (byte < 0x80 || byte > 0xbf) return 1;
  }
  return length;
}

function codePoint(path: string, at: number, lead: number, length: number): number {
  let value = lead & (0x7f >> length);
  for (let i = 1; i < length; i++) value = value * 64 + (escapedByte(path, at + 3 * i) & 0x3f);
  return value;
}

/** Whether a code point has this many bytes in well-formed UTF-8. */
function isMinimal(value: number, length: number): boolean {
  if (value >= 0xd800 && value <= 0xdfff) return false;
  if (length === 2) return value >= 0x80;
  if (length === 3) return value >= 0x800;
  return length === 4 && value >= 0x1_0000 && value <= 0x10_ffff;
}
