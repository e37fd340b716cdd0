/** Text of bytes. */

/** Texts up to this length are made of an array of their codes. */
const SHORT = 256;

/** Arrays of every short length: the engine spreads these over a call without making anything. */
const CODES: readonly number[][] = Array.from({ length: SHORT + 1 }, (_, length) =>
  Array.from({ length }, () => 0),
);

/** The bytes `start` to `end` (exclusive) as latin1 text. */
export function latin1(bytes: Uint8Array, start: number, end: number): string {
  const length = end - start;
  if (length <= SHORT) {
    const codes = CODES[length]!;
    for (let i = 0; i < length; i++) codes[i] = bytes[start + i]!;
    return String.fromCharCode.apply(null, codes);
  }
  if (length > 4096) {
    let text = "";
    for (let at = start; at < end; at += 4096) text += latin1(bytes, at, Math.min(at + 4096, end));
    return text;
  }
  return String.fromCharCode.apply(null, bytes.subarray(start, end) as unknown as number[]);
}
