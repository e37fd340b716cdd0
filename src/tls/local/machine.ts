/** What this machine is called by the machines around it. */

import { parseIp } from "#core/collections/ip.ts";
import { hostName } from "../x509/certificate.ts";

/** A range of addresses, as bytes. */
export interface AddressRange {
  readonly address: readonly number[];
  readonly mask: readonly number[];
}

/** Loopback, private, link-local and shared ranges (RFC 1918, 3927, 4193, 4291, 6598). */
export const PRIVATE_RANGES: readonly AddressRange[] = [
  range([127], 8, 4),
  range([10], 8, 4),
  range([172, 16], 12, 4),
  range([192, 168], 16, 4),
  range([169, 254], 16, 4),
  range([100, 64], 10, 4),
  range([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], 128, 16),
  range([0xfc], 7, 16),
  range([0xfe, 0x80], 10, 16),
];

/** What the system says of itself. */
export interface Machine {
  readonly hostname: string;
  /** Of all its interfaces, without zones. */
  readonly addresses: readonly string[];
}

/** Names that every certificate of the local authority is made out to on this machine. */
export function machineNames({ hostname, addresses }: Machine): string[] {
  const host = hostName(hostname);
  const names = ["localhost", "*.localhost", "127.0.0.1", "::1"];
  if (host !== null) names.push(host);
  // Multicast DNS (RFC 6762) knows it by this one.
  if (host !== null && !host.includes(".")) names.push(`${host}.local`);
  // Link-local addresses are no use without a zone, which no certificate can have.
  const useful = addresses.filter((address) => !/^fe[89ab]/i.test(address));
  return [...new Set([...names, ...useful.filter(isPrivate)])];
}

/** Whether an address is of no use outside its network. */
export function isPrivate(address: string): boolean {
  const bytes = bytesOf(address);
  return (
    bytes !== null &&
    PRIVATE_RANGES.some(
      (one) =>
        one.address.length === bytes.length &&
        bytes.every((byte, i) => (byte & one.mask[i]!) === one.address[i]),
    )
  );
}

/** An address as the 4 or 16 bytes that certificates have; null if it is none. */
export function bytesOf(address: string): Uint8Array | null {
  const words = new Uint32Array(4);
  const family = parseIp(address, words);
  if (family === 0) return null;
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  for (const [i, word] of words.entries()) view.setUint32(i * 4, word);
  return family === 4 ? bytes.subarray(12) : bytes;
}

function range(start: readonly number[], prefix: number, length: number): AddressRange {
  const address = Array.from({ length }, (_, i) => start[i] ?? 0);
  const mask = address.map((_, i) => {
    const bits = Math.min(Math.max(prefix - i * 8, 0), 8);
    return 0xff & ~(0xff >> bits);
  });
  return { address, mask };
}
