/** What must not be read in a log: credentials in header fields and in query parameters. */

/** Stands where a secret was. */
export const REDACTED = "[redacted]";

const SENSITIVE_HEADERS: ReadonlySet<string> = new Set([
  "authorization",
  "cookie",
  "proxy-authorization",
  "set-cookie",
]);

/** The last word of a name that carries a secret: `x-auth-token`, `x-api-key`. */
const SENSITIVE_HEADER_END = /(?:^|-)(?:token|api-key)$/;

/** As a whole key or as its last word, in any case: `token`, `access_token`, `api-key`. */
const SENSITIVE_KEY = /(?:^|[^a-z0-9])(?:token|key|sig|password)$/i;

/** By code of a character: 1 = the last letter of one of these words. */
const ENDS_SENSITIVE: Uint8Array = new Uint8Array(0x80);
for (const letter of "nygdNYGD") ENDS_SENSITIVE[letter.charCodeAt(0)] = 1;

const PERCENT = 0x25;
const EQUALS = 0x3d;

/** Whether the values of a header field are to be kept out of logs. */
export function isSensitiveHeader(name: string): boolean {
  const lower = name.toLowerCase();
  return SENSITIVE_HEADERS.has(lower) || SENSITIVE_HEADER_END.test(lower);
}

/** A path or URL with the values of its sensitive query parameters taken out; nothing else of it is changed. */
export function redactQuery(target: string): string {
  const query = target.indexOf("?");
  // Fast path: no key can end in a word that makes it sensitive, and there is no escape that could hide one.
  if (query < 0 || !mayBeSensitive(target, query)) return target;
  let text = target.slice(0, query + 1);
  let from = query + 1;
  while (from <= target.length) {
    const end = endOfPair(target, from);
    const equals = target.indexOf("=", from);
    const secret = equals >= 0 && equals < end && isSensitiveKey(target.slice(from, equals));
    text += secret ? `${target.slice(from, equals + 1)}${REDACTED}` : target.slice(from, end);
    if (end < target.length) text += target[end];
    from = end + 1;
  }
  return text;
}

function mayBeSensitive(target: string, from: number): boolean {
  let previous = 0;
  for (let at = from; at < target.length; at++) {
    const code = target.charCodeAt(at);
    if (code === PERCENT || (code === EQUALS && ENDS_SENSITIVE[previous] === 1)) return true;
    previous = code;
  }
  return false;
}

/** Some backends separate parameters by `;` too. */
function endOfPair(target: string, from: number): number {
  for (let at = from; at < target.length; at++) {
    const char = target.charCodeAt(at);
    if (char === 0x26 || char === 0x3b) return at;
  }
  return target.length;
}

function isSensitiveKey(key: string): boolean {
  return SENSITIVE_KEY.test(key.includes("%") ? decode(key) : key);
}

function decode(key: string): string {
  return key.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
