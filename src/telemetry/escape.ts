/**
 * Text of unknown origin in a log. Nothing that a peer sends may end a line, move a terminal's cursor or turn
 * the direction of writing: such characters are written as escapes in every format.
 */

/** C0, DEL and C1, line and paragraph separators, directional marks and overrides, the byte order mark, surrogates. */
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]/;

/** The same, without halves that make a whole, and with what ends a string of JSON. */
const UNSAFE_IN_JSON =
  /["\\\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

const UNSAFE_IN_TEXT = new RegExp(UNSAFE_IN_JSON.source.replace('["\\\\', "["), "g");

/** `text` as the inside of a JSON string. A parser gets back exactly `text`. */
export function escapeJson(text: string): string {
  // Fast path: one look for a character that could need it; nearly no text has one.
  if (!NOT_PLAIN.test(text)) return text;
  return text.replaceAll(UNSAFE_IN_JSON, (char) =>
    char === '"' || char === "\\" ? `\\${char}` : unicode(char),
  );
}

/** `text` for people to read: controls as `\u001b`, everything else as it is. */
export function escapeText(text: string): string {
  return UNSAFE.test(text) ? text.replaceAll(UNSAFE_IN_TEXT, unicode) : text;
}

/** A line of JSON with its controls as escapes; the line break at its end stays. */
export function escapeControls(line: string): string {
  return escapeText(line.trimEnd()) + "\n";
}

function unicode(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

const NOT_PLAIN = /[^\x20-\x7e]|["\\]/;

/** Escapes that Apache's log has names for. */
const NAMED: Readonly<Record<string, string>> = {
  "\b": "\\b",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
  '"': '\\"',
};

/**
 * `text` as Apache writes it into a log: quotes and backslashes with a backslash, everything beyond printable
 * ASCII as `\xhh`, byte for byte. Header values are latin1 texts of bytes; wider characters become UTF-8.
 */
export function escapeApache(text: string): string {
  if (!NOT_PLAIN.test(text)) return text;
  let escaped = "";
  for (const char of text.toWellFormed()) {
    const code = char.codePointAt(0) ?? 0;
    if (NAMED[char] !== undefined) escaped += NAMED[char];
    else if (code >= 0x20 && code <= 0x7e) escaped += char;
    else if (code <= 0xff) escaped += hex(code);
    else for (const byte of encoder.encode(char)) escaped += hex(byte);
  }
  return escaped;
}

const encoder = new TextEncoder();

function hex(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, "0")}`;
}

/** At most `max` characters of `text`, with `...` where it was cut. */
export function clip(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max)}...`;
}
