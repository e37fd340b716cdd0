import { formatIp, parseIpv4, parseIpv6 } from "../collections/ip.ts";

/** The longest host that is taken: a domain name has at most 253 characters, an IPv6 literal 47. */
const HOST_MAX = 255;

const DOT = 0x2e;
const COLON = 0x3a;
const LEFT_BRACKET = 0x5b;

const REFUSED = 0;
const PLAIN = 1;
const UPPER = 2;

/**
 * What a host name is made of: `reg-name` of RFC 3986, 3.2.2, with two exceptions. Escapes are refused,
 * because names that differ in them alone would be routed apart and looked up as one. `,` is refused,
 * because a host goes into lists (`X-Forwarded-Host`), where it would count as two. `_` is no part of a host
 * name by the book, but is in use.
 */
const HOST_CHARS: Uint8Array = new Uint8Array(128).map((_, code) => {
  const char = String.fromCharCode(code);
  if (/[A-Z]/.test(char)) return UPPER;
  return /[a-z0-9\-._~!$&'()*+;=]/.test(char) ? PLAIN : REFUSED;
});

/** What stands in `Host`, `:authority` or the authority of an absolute-form target, without userinfo. */
export class Authority {
  /** Lower case, without the trailing dot; IPv6 canonical (RFC 5952) and in brackets. Never empty. */
  readonly hostname: string;
  /** 1 to 65535; 0 if there is none. */
  readonly port: number;
  /** Whether the name ended with a dot (`example.com.`, the absolute form of DNS). */
  readonly rooted: boolean;

  constructor(hostname: string, port: number, rooted: boolean) {
    this.hostname = hostname;
    this.port = port;
    this.rooted = rooted;
  }
}

/** The reading of an address literal; its content means nothing between calls. */
const scratch = new Uint32Array(4);

/**
 * Reads `host`, `host:port` or `[IPv6]:port`. An empty port (`host:`) counts as none.
 *
 * @returns null for anything else: userinfo, escapes, blanks, control characters, empty hosts and labels, zone
 * ids, ports outside of 1 to 65535, and names that end in a number but are no IPv4 address (`127.1`, `0x7f.1`:
 * some resolvers take them for one)
 */
export function parseAuthority(text: string): Authority | null {
  if (text.charCodeAt(0) === LEFT_BRACKET) return parseBracketed(text);
  const length = text.length;
  let end = length;
  let upper = false;
  /** Where the last label starts that is not empty. */
  let label = 0;
  let previous = DOT;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code === COLON) {
      end = i;
      break;
    }
    const kind = code < 128 ? HOST_CHARS[code]! : REFUSED;
    if (kind === REFUSED) return null;
    if (kind === UPPER) upper = true;
    else if (code === DOT && previous === DOT) return null;
    if (previous === DOT) label = i;
    previous = code;
  }
  if (end === 0 || end > HOST_MAX) return null;
  const port = end === length ? 0 : parsePort(text, end + 1);
  if (port < 0) return null;
  if (startsNumber(text, label) && isNumber(text, label, end) && parseIpv4(text, 0, end) < 0) {
    return null;
  }
  const rooted = previous === DOT;
  const nameEnd = rooted ? end - 1 : end;
  // Fast path: most hosts are their own routing name, and no new string is made.
  const name = nameEnd === length ? text : text.slice(0, nameEnd);
  return new Authority(upper ? name.toLowerCase() : name, port, rooted);
}

/**
 * Whether two authorities are the same for a scheme with this default port. A trailing dot makes a difference:
 * what looks at names as strings, certificates for one, tells the two apart.
 */
export function sameAuthority(a: Authority, b: Authority, defaultPort: number): boolean {
  return (
    a.hostname === b.hostname &&
    a.rooted === b.rooted &&
    (a.port === 0 ? defaultPort : a.port) === (b.port === 0 ? defaultPort : b.port)
  );
}

function parseBracketed(text: string): Authority | null {
  const close = text.indexOf("]");
  if (close < 0 || !parseIpv6(text, 1, close, scratch)) return null;
  const end = close + 1;
  let port = 0;
  if (end < text.length) {
    if (text.charCodeAt(end) !== COLON) return null;
    port = parsePort(text, end + 1);
    if (port < 0) return null;
  }
  return new Authority(`[${formatIp(scratch, 6)}]`, port, false);
}

/** The digits from `start` on as a port; 0 if there is nothing, -1 if it is none. */
function parsePort(text: string, start: number): number {
  const length = text.length;
  if (start === length) return 0;
  if (length - start > 5) return -1;
  let port = 0;
  for (let i = start; i < length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    port = port * 10 + digit;
  }
  return port >= 1 && port <= 65535 ? port : -1;
}

/** Whether a label may be a number at all: one look for the most part of names. */
function startsNumber(text: string, label: number): boolean {
  const code = text.charCodeAt(label);
  return code >= 0x30 && code <= 0x39;
}

/** Whether the last label, with or without a dot behind it, is a number as WHATWG URL reads IPv4 parts. */
function isNumber(text: string, label: number, end: number): boolean {
  return /^(?:\d+|0[xX][0-9a-fA-F]*)\.?$/.test(text.slice(label, end));
}
