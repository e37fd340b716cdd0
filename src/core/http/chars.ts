/**
 * Character classes of HTTP, as tables indexed by byte: 1 = belongs to the class, 0 = does not.
 * Parsers read them in their inner loops, one load per byte; nobody writes to them.
 */

function table(belongs: (byte: number) => boolean): Uint8Array {
  const bytes = new Uint8Array(256);
  for (let byte = 0; byte < 256; byte++) bytes[byte] = belongs(byte) ? 1 : 0;
  return bytes;
}

/** Letters and digits of ASCII. */
function isAlphanumeric(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x61 && byte <= 0x7a)
  );
}

function isOneOf(byte: number, characters: string): boolean {
  return characters.includes(String.fromCharCode(byte));
}

/** `tchar` of RFC 9110, 5.6.2: methods, field names and most parameter names. */
export const TOKEN_CHARS: Uint8Array = table(
  (byte) => isAlphanumeric(byte) || isOneOf(byte, "!#$%&'*+-.^_`|~"),
);

/**
 * What a field value may contain (RFC 9110, 5.5): HTAB, SP, visible ASCII and obs-text.
 * Everything else is a control character and is refused.
 */
export const FIELD_VALUE_CHARS: Uint8Array = table(
  (byte) => byte === 0x09 || (byte >= 0x20 && byte !== 0x7f),
);

/** What a request target may contain before its own grammar is looked at: 0x21 to 0x7E without `#`. */
export const TARGET_CHARS: Uint8Array = table(
  (byte) => byte >= 0x21 && byte <= 0x7e && byte !== 0x23,
);

/** `unreserved` of RFC 3986, 2.3: an escape of one of these means the same as the character itself. */
export const UNRESERVED_CHARS: Uint8Array = table(
  (byte) => isAlphanumeric(byte) || isOneOf(byte, "-._~"),
);

/** The value of a hexadecimal digit, either case; -1 for every other byte. */
export const HEX_VALUES: Int8Array = new Int8Array(256).map((_, byte) => {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
});
