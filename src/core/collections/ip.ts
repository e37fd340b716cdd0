/**
 * Addresses as numbers. The same client can be written `1.2.3.4` or, seen through a dual-stack socket,
 * `::ffff:1.2.3.4`; both are IPv4 here.
 */

/** Address family; 0 stands for "not an address". */
export type Family = 0 | 4 | 6;

/** The first 96 bits of an IPv4-mapped address (RFC 4291, 2.5.5.2), as its third word. */
const MAPPED = 0xffff;

const DOT = 0x2e;
const COLON = 0x3a;
const ZERO = 0x30;

/** The groups of the IPv6 address that is being read or written; its content means nothing between calls. */
const groups = new Uint16Array(8);

/**
 * Reads an address literal into `words`, four 32-bit words, most significant first. An IPv4 address is
 * stored in its IPv4-mapped form.
 *
 * Strict: four decimal numbers without leading zeros (to some readers they mean octal), or RFC 4291 text
 * without brackets and zone.
 *
 * @returns 4 for IPv4, mapped or not; 6 for any other IPv6; 0 if it is no address (`words` is then undefined)
 */
export function parseIp(text: string, words: Uint32Array): Family {
  const ipv4 = parseIpv4(text, 0, text.length);
  if (ipv4 >= 0) {
    words[0] = 0;
    words[1] = 0;
    words[2] = MAPPED;
    words[3] = ipv4;
    return 4;
  }
  if (!parseIpv6(text, 0, text.length, words)) return 0;
  return words[0] === 0 && words[1] === 0 && words[2] === MAPPED ? 4 : 6;
}

/** The address that `text[start, end)` writes as four decimal numbers, as a 32-bit number; -1 if it is none. */
export function parseIpv4(text: string, start: number, end: number): number {
  // "0.0.0.0" to "255.255.255.255"
  if (end - start < 7 || end - start > 15) return -1;
  let address = 0;
  let part = -1;
  let dots = 0;
  for (let i = start; i < end; i++) {
    const char = text.charCodeAt(i);
    if (char === DOT) {
      if (part < 0 || ++dots > 3) return -1;
      address = address * 256 + part;
      part = -1;
      continue;
    }
    const digit = char - ZERO;
    // A digit after a part that is 0 makes a leading zero.
    if (digit < 0 || digit > 9 || part === 0) return -1;
    part = part < 0 ? digit : part * 10 + digit;
    if (part > 255) return -1;
  }
  return dots === 3 && part >= 0 ? address * 256 + part : -1;
}

/** Reads `text[start, end)` as an IPv6 literal into four words; false if it is none. */
export function parseIpv6(text: string, start: number, end: number, words: Uint32Array): boolean {
  let count = 0;
  /** How many groups stand before `::`; -1 while there was none. */
  let gap = -1;
  let i = start;
  if (text.charCodeAt(i) === COLON) {
    if (end - start < 2 || text.charCodeAt(i + 1) !== COLON) return false;
    gap = 0;
    i += 2;
  }
  while (i < end) {
    if (count === 8) return false;
    let digits = 0;
    let group = 0;
    const first = i;
    for (; i < end && digits < 5; i++, digits++) {
      const digit = hexValue(text.charCodeAt(i));
      if (digit < 0) break;
      group = group * 16 + digit;
    }
    if (i < end && text.charCodeAt(i) === DOT) {
      const ipv4 = parseIpv4(text, first, end);
      if (ipv4 < 0 || count > 6) return false;
      groups[count++] = ipv4 >>> 16;
      groups[count++] = ipv4 & 0xffff;
      break;
    }
    if (digits === 0 || digits > 4) return false;
    groups[count++] = group;
    if (i === end) break;
    if (text.charCodeAt(i++) !== COLON) return false;
    // A single colon must be followed by a group.
    if (i === end) return false;
    if (text.charCodeAt(i) === COLON) {
      if (gap >= 0) return false;
      gap = count;
      i++;
    }
  }
  if (gap < 0 ? count !== 8 : count > 7) return false;
  if (gap >= 0) {
    groups.copyWithin(8 - count + gap, gap, count);
    groups.fill(0, gap, 8 - count + gap);
  }
  for (let word = 0; word < 4; word++) {
    words[word] = groups[word * 2]! * 0x1_0000 + groups[word * 2 + 1]!;
  }
  return true;
}

/**
 * The canonical text of an address: four decimal numbers for family 4, RFC 5952 for family 6 (with its
 * last 32 bits in decimal if it is IPv4-mapped).
 */
export function formatIp(words: Uint32Array, family: 4 | 6): string {
  if (family === 4) return formatIpv4(words[3]!);
  if (words[0] === 0 && words[1] === 0 && words[2] === MAPPED) {
    return `::ffff:${formatIpv4(words[3]!)}`;
  }
  for (let i = 0; i < 8; i++) {
    const word = words[i >>> 1]!;
    groups[i] = (i & 1) === 0 ? word >>> 16 : word & 0xffff;
  }
  let gap = 8;
  // RFC 5952, 4.2: the longest run of at least two zero groups, the first of equals, becomes `::`.
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let run = 0;
    while (i + run < 8 && groups[i + run] === 0) run++;
    if (run > length) {
      gap = i;
      length = run;
    }
    i += run;
  }
  let text = "";
  for (let i = 0; i < 8; i++) {
    if (i === gap) {
      text += "::";
      i += length - 1;
      continue;
    }
    if (text !== "" && !text.endsWith(":")) text += ":";
    text += groups[i]!.toString(16);
  }
  return text;
}

function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;
}

function hexValue(char: number): number {
  if (char >= 0x30 && char <= 0x39) return char - 0x30;
  const lower = char | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
