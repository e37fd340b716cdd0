/** `HTTP-version` (RFC 9112, 2.3). */

const DOT = 0x2e;
const ZERO = 0x30;
const ONE = 0x31;
const NINE = 0x39;

/** Not `HTTP/` DIGIT `.` DIGIT. */
export const VERSION_MALFORMED = -1;
/** A major version other than 1. */
export const VERSION_UNKNOWN = 0;

/** 10 or 11 (for every minor version but 0), or one of the answers above. */
export function readVersion(bytes: Uint8Array, start: number, end: number): 10 | 11 | 0 | -1 {
  if (
    end - start !== 8 ||
    bytes[start] !== 0x48 ||
    bytes[start + 1] !== 0x54 ||
    bytes[start + 2] !== 0x54 ||
    bytes[start + 3] !== 0x50 ||
    bytes[start + 4] !== 0x2f ||
    bytes[start + 6] !== DOT
  ) {
    return VERSION_MALFORMED;
  }
  const major = bytes[start + 5]!;
  const minor = bytes[start + 7]!;
  if (major < ZERO || major > NINE || minor < ZERO || minor > NINE) return VERSION_MALFORMED;
  if (major !== ONE) return VERSION_UNKNOWN;
  return minor === ZERO ? 10 : 11;
}
