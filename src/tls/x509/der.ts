/**
 * DER, as certificates and OCSP messages are written in it (X.690): tag, length, content. Only what these need: tags of
 * one byte, lengths that are known. Dates are in `time.ts`.
 */

/** Universal tags, as they stand in the bytes. */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bits: 0x03,
  octets: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8: 0x0c,
  ia5: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmp: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One element. */
export interface DerValue {
  readonly tag: number;
  readonly content: Uint8Array;
  /** With tag and length. */
  readonly raw: Uint8Array;
}

/** Bytes that are not what they should be. */
export class DerError extends Error {}

/**
 * The element that begins at `at`.
 * @throws DerError if it is cut off, or is no DER
 */
export function readDer(bytes: Uint8Array, at = 0): DerValue {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) throw new DerError("ends too early");
  if ((tag & 0x1f) === 0x1f) throw new DerError("a tag of several bytes");
  let start = at + 2;
  let length = first;
  if (first >= 0x80) {
    const digits = first & 0x7f;
    if (digits === 0 || digits > 4) throw new DerError("a length that is unknown or too large");
    length = 0;
    for (let i = 0; i < digits; i++) length = length * 256 + (bytes[start + i] ?? 0);
    start += digits;
  }
  const end = start + length;
  if (end > bytes.length) throw new DerError("ends too early");
  return { tag, content: bytes.subarray(start, end), raw: bytes.subarray(at, end) };
}

/** The elements that `content` is made of. @throws DerError */
export function readAll(content: Uint8Array): DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < content.length;) {
    const value = readDer(content, at);
    values.push(value);
    at += value.raw.length;
  }
  return values;
}

/** The elements inside `value`. @throws DerError if it is not of this tag */
export function childrenOf(value: DerValue | undefined, tag: number = TAG.sequence): DerValue[] {
  if (value?.tag !== tag) throw new DerError("another kind of element than expected");
  return readAll(value.content);
}

/** An object identifier as `1.2.840.…`. @throws DerError */
export function readOid(value: DerValue | undefined): string {
  if (value?.tag !== TAG.oid) throw new DerError("no object identifier");
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of value.content) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    arcs.push(arc);
    arc = 0;
  }
  const [joint = 0, ...rest] = arcs;
  const top = Math.min(Math.floor(joint / 40), 2);
  return [top, joint - top * 40, ...rest].join(".");
}

/** An element of this tag around `parts`. */
export function der(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const head = [tag];
  if (length < 0x80) head.push(length);
  else {
    const digits: number[] = [];
    for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
    head.push(0x80 | digits.length, ...digits);
  }
  const bytes = new Uint8Array(head.length + length);
  bytes.set(head);
  let at = head.length;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** A SEQUENCE. */
export function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return der(TAG.sequence, ...parts);
}

/** A context-specific element with others inside. */
export function tagged(number: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return der(0xa0 | number, ...parts);
}

/** An INTEGER that is not negative: big-endian bytes. */
export function integer(bytes: Uint8Array): Uint8Array {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const digits = bytes.subarray(start);
  return (digits[0] ?? 0) >= 0x80
    ? der(TAG.integer, Uint8Array.of(0), digits)
    : der(TAG.integer, digits);
}

/** A BIT STRING. `unused`: how many bits at its end are none. */
export function bits(bytes: Uint8Array, unused = 0): Uint8Array {
  return der(TAG.bits, Uint8Array.of(unused), bytes);
}

/** An OBJECT IDENTIFIER from `1.2.840.…`. */
export function oid(text: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const digits = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) {
      digits.unshift((left % 128) | 0x80);
    }
    bytes.push(...digits);
  }
  return der(TAG.oid, Uint8Array.from(bytes));
}

/** A text in UTF-8. */
export function utf8(text: string): Uint8Array {
  return der(TAG.utf8, new TextEncoder().encode(text));
}

/** TRUE. */
export const TRUE: Uint8Array = der(TAG.boolean, Uint8Array.of(0xff));
