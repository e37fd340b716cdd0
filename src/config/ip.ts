/**
 * Addresses and blocks of addresses as people write them.
 */
import type { Parsed } from "#core/units.ts";
import type { Cidr } from "#model/match.ts";

const CIDR_HINT = "an address or a block: `10.0.0.0/8`, `192.168.1.7`, `2001:db8::/32`";

/** Reads `10.0.0.0/8`, `192.168.1.7` (= `/32`), `2001:db8::/32`. Bits set behind the prefix are refused. */
export function parseCidr(text: string): Parsed<Cidr> {
  const slash = text.indexOf("/");
  const written = slash < 0 ? text : text.slice(0, slash);
  const address = parseIp(written);
  if (address === undefined) {
    return { ok: false, message: `\`${text}\` is not an address block`, hint: CIDR_HINT };
  }
  const width = address.length * 8;
  const bits = slash < 0 ? width : parsePrefixLength(text.slice(slash + 1), width);
  if (bits === undefined) {
    return {
      ok: false,
      message: `\`${text.slice(slash)}\` is not a prefix length`,
      hint: `/0 to /${width}; ${CIDR_HINT}`,
    };
  }
  const network = maskAddress(address, bits);
  const canonical = `${formatIp(network)}/${bits}`;
  if (network.some((byte, index) => byte !== address[index])) {
    return {
      ok: false,
      message: `\`${text}\` has bits set behind its prefix`,
      hint: `did you mean \`${canonical}\` or \`${written}/${width}\`?`,
    };
  }
  return {
    ok: true,
    value: { text: canonical, family: width === 32 ? 4 : 6, address: network, bits },
  };
}

/** The 4 or 16 bytes of an address literal (IPv6 without brackets and zone), or undefined. */
export function parseIp(text: string): number[] | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** Canonical text of 4 or 16 bytes (RFC 5952 for IPv6). */
export function formatIp(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from(
    { length: 8 },
    (_, index) => ((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0),
  );
  const gap = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (gap.length < 2) return hex.join(":");
  return `${hex.slice(0, gap.start).join(":")}::${hex.slice(gap.start + gap.length).join(":")}`;
}

function parseIpv4(text: string): number[] | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  // A leading zero means octal to some readers: refused, as in WHATWG's strict form.
  if (!parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part))) return undefined;
  const bytes = parts.map(Number);
  return bytes.every((byte) => byte <= 255) ? bytes : undefined;
}

function parseIpv6(text: string): number[] | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [before = "", after] = halves;
  const head = parseGroups(before, after === undefined);
  const tail = after === undefined ? [] : parseGroups(after, true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  // "::" stands for at least one group.
  if (after === undefined ? missing !== 0 : missing < 2) return undefined;
  return [...head, ...Array.from({ length: missing }, () => 0), ...tail];
}

function parseGroups(text: string, last: boolean): number[] | undefined {
  if (text === "") return [];
  const bytes: number[] = [];
  const groups = text.split(":");
  for (const [index, group] of groups.entries()) {
    if (last && index === groups.length - 1 && group.includes(".")) {
      const v4 = parseIpv4(group);
      if (v4 === undefined) return undefined;
      bytes.push(...v4);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
      const value = Number.parseInt(group, 16);
      bytes.push(value >> 8, value & 0xff);
    }
  }
  return bytes;
}

function parsePrefixLength(text: string, width: number): number | undefined {
  if (!/^(?:0|[1-9]\d{0,2})$/.test(text)) return undefined;
  const bits = Number(text);
  return bits <= width ? bits : undefined;
}

function maskAddress(bytes: readonly number[], bits: number): number[] {
  return bytes.map((byte, index) => {
    const kept = Math.min(8, Math.max(0, bits - index * 8));
    return byte & (0xff << (8 - kept)) & 0xff;
  });
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (let index = 0; index <= groups.length; index++) {
    if (groups[index] === 0) continue;
    if (index - start > best.length) best = { start, length: index - start };
    start = index + 1;
  }
  return best;
}
