import { TOKEN_CHARS } from "./chars.ts";

/** The methods that have properties of their own here; any other token is a method too. */
export type WellKnownMethod =
  | "GET"
  | "HEAD"
  | "POST"
  | "PUT"
  | "DELETE"
  | "CONNECT"
  | "OPTIONS"
  | "TRACE"
  | "PATCH"
  | "QUERY";

/**
 * The well-known method that these bytes spell, as a shared string; null for any other (which may
 * still be a valid token). Methods are case-sensitive (RFC 9110, 9.1).
 */
export function wellKnownMethod(
  bytes: Uint8Array,
  start: number,
  end: number,
): WellKnownMethod | null {
  switch (end - start) {
    case 3:
      if (spells(bytes, start, "GET")) return "GET";
      return spells(bytes, start, "PUT") ? "PUT" : null;
    case 4:
      if (spells(bytes, start, "POST")) return "POST";
      return spells(bytes, start, "HEAD") ? "HEAD" : null;
    case 5:
      if (spells(bytes, start, "PATCH")) return "PATCH";
      if (spells(bytes, start, "QUERY")) return "QUERY";
      return spells(bytes, start, "TRACE") ? "TRACE" : null;
    case 6:
      return spells(bytes, start, "DELETE") ? "DELETE" : null;
    case 7:
      if (spells(bytes, start, "OPTIONS")) return "OPTIONS";
      return spells(bytes, start, "CONNECT") ? "CONNECT" : null;
    default:
      return null;
  }
}

function spells(bytes: Uint8Array, start: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    if (bytes[start + i] !== text.charCodeAt(i)) return false;
  }
  return true;
}

/** Whether `text` is a token (RFC 9110, 5.6.2): at least one character, all of them `tchar`. */
export function isToken(text: string): boolean {
  const length = text.length;
  for (let i = 0; i < length; i++) {
    // A code unit beyond the table reads undefined, which is not 1 either.
    if (TOKEN_CHARS[text.charCodeAt(i)] !== 1) return false;
  }
  return length > 0;
}

/** Safe methods (RFC 9110, 9.2.1, and QUERY): the client asks for no change of state. */
export function isSafe(method: string): boolean {
  return (
    method === "GET" ||
    method === "HEAD" ||
    method === "OPTIONS" ||
    method === "QUERY" ||
    method === "TRACE"
  );
}

/** Idempotent methods (RFC 9110, 9.2.2): sending the request twice means the same as once. */
export function isIdempotent(method: string): boolean {
  return isSafe(method) || method === "PUT" || method === "DELETE";
}

/**
 * Whether a response with this status to this method ends with its head, whatever its fields say
 * (RFC 9112, 6.3): 1xx, 204, 304, every answer to HEAD and a 2xx answer to CONNECT.
 */
export function hasNoResponseBody(method: string, status: number): boolean {
  return (
    status < 200 ||
    status === 204 ||
    status === 304 ||
    method === "HEAD" ||
    (method === "CONNECT" && status < 300)
  );
}
