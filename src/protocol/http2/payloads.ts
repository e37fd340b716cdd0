/** Parts of the payloads of frames. */

/** Where nothing is said (RFC 9218 §4.1). */
export const DEFAULT_URGENCY = 3;

const EQUALS = 0x3d;
const LETTER_U = 0x75;
const ZERO = 0x30;
const SP = 0x20;
const COMMA = 0x2c;

/** 31 bits; the highest of the four bytes' bits is reserved. */
export function readUint31(bytes: Uint8Array, at: number): number {
  return (
    ((bytes[at]! & 0x7f) << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
  );
}

/** The urgency in a `Priority` field or PRIORITY_UPDATE (RFC 9218 §4.1); 3 where it says none. */
export function readPriority(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at + 2 < end; at++) {
    const before = at === start ? COMMA : bytes[at - 1]!;
    if (before !== COMMA && before !== SP) continue;
    if (bytes[at] !== LETTER_U || bytes[at + 1] !== EQUALS) continue;
    const urgency = bytes[at + 2]! - ZERO;
    return urgency >= 0 && urgency <= 7 ? urgency : DEFAULT_URGENCY;
  }
  return DEFAULT_URGENCY;
}
